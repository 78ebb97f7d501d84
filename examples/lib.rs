//! What every example shares: the common command line and the lines that compare with a reference.
#![recursion_limit = "256"]
#![warn(missing_docs)]

pub mod lesson;
pub mod output;
#[cfg(feature = "tables")]
pub mod read_args;
#[cfg(feature = "tables")]
pub mod table;
pub mod vision;

use std::path::PathBuf;

use anyhow::{Context, Result};
use tinderbox::prelude::*;

pub use output::unless_interrupted;

/// The options that every example takes. What is left out is the example's own choice.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    /// Times that every example of the data is seen.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Examples in a batch.
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// The learning rate.
    #[arg(long, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Average the weights with this decay (0.99, 0.999), and measure and save the average.
    #[arg(long, value_name = "DECAY")]
    pub ema: Option<f64>,
    /// The seed of everything drawn.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, …; default: TINDERBOX_DEVICE, else the
    /// best compiled in.
    #[arg(long)]
    pub device: Option<String>,
    /// The run folder; default: a new one below runs/.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Go on from a checkpoint: latest, last-good (skips damaged ones), or a file.
    #[arg(long, num_args = 0..=1, default_missing_value = "latest", require_equals = true)]
    pub resume: Option<Resume>,
    /// Write a checkpoint after so many optimizer steps instead of after every epoch.
    #[arg(long)]
    pub checkpoint_steps: Option<usize>,
}

impl Common {
    /// The device to compute on.
    pub fn device(&self) -> Result<Device> {
        Ok(device(self.device.as_deref())?)
    }

    /// The seed of everything drawn.
    pub fn seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// The page of a lesson on the terminal; its figures go to `--out`, else to a new folder below
    /// `runs/NAME`.
    pub fn page(&self, name: &str) -> lesson::Page {
        lesson::Page::on_terminal(name, self.out.clone())
    }

    /// Which checkpoint to go on from.
    pub fn resume(&self) -> Resume {
        self.resume.clone().unwrap_or_default()
    }

    /// The run folder: `--out`, else a new folder below `runs/NAME` (the newest one to resume).
    pub fn run(&self, name: &str) -> Result<Run> {
        let parent = PathBuf::from("runs").join(name);
        let run = match (&self.out, &self.resume) {
            (Some(folder), None) => Run::create(folder),
            (Some(folder), Some(_)) => Run::open(folder),
            (None, None) => Run::next(parent),
            (None, Some(Resume::From(file))) => {
                // …/checkpoints/step-….ckpt lies in the run folder that goes on.
                let folder = file.parent().and_then(|folder| folder.parent());
                Run::open(folder.context("--resume=FILE: the file is not in a run folder")?)
            }
            (None, Some(_)) => Run::latest(parent),
        };
        Ok(run?)
    }

    /// A trainer that shows its progress, keeps the run folder (with these settings) and stops well on
    /// Ctrl-C; what it returns goes through [`unless_interrupted`].
    pub fn trainer<M: Module, O>(&self, config: TrainConfig, run: &Run) -> Result<Trainer<M, O>> {
        let config = TrainConfig {
            ema_decay: self.ema.or(config.ema_decay),
            ..config
        };
        run.write_config(&config)?;
        let mut trainer = Trainer::new(config)?
            .callback(Progress::new())
            .run(run.clone())
            .resume(self.resume())
            .stop_flag(StopFlag::on_ctrl_c()?);
        if let Some(steps) = self.checkpoint_steps {
            trainer = trainer.checkpoint(tinderbox::train::Interval::Steps(steps), 2);
        }
        Ok(trainer)
    }
}

/// Prints a figure beside the one that was to be expected.
pub fn expected(what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) {
    crate::say!("{what}: expected {expected}, got {got}");
}

/// The command line of an example without options of its own.
#[derive(clap::Parser, Clone, Debug)]
#[command(about = "An example of Tinderbox; its first lines say what it shows.")]
pub struct Args {
    /// The options that every example takes.
    #[command(flatten)]
    pub common: Common,
}
