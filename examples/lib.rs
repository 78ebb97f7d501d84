//! Shared parts of the examples: the common command line, and lines that compare a result with a reference.
#![recursion_limit = "256"]
#![warn(missing_docs)]

pub mod lesson;
pub mod output;
pub mod pairs;
pub mod ranks;
#[cfg(feature = "tables")]
pub mod read_args;
pub mod reviews;
pub mod vision;
pub mod words;

use std::path::PathBuf;

use anyhow::{Context, Result};
use tinderbox::image::Training as ImageTraining;
use tinderbox::prelude::*;
#[cfg(feature = "tables")]
use tinderbox::tabular::Training as TableTraining;
#[cfg(feature = "tokenizers")]
use tinderbox::text::FineTuning;
use tinderbox::train::{Interval, Limit};

pub use output::unless_interrupted;

/// The options that every example takes. An option that is not given has the example's own default.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    /// Number of passes over the training data (epochs).
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
    /// Of several processes: batch norms have the statistics of the whole batch, not of each process's part.
    #[arg(long)]
    pub sync_batch_norm: bool,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ws://ADDRESS:PORT (of another machine), …, or several
    /// that train together: cuda:0,cuda:1; default: TINDERBOX_DEVICE, else the best compiled in.
    #[arg(long)]
    pub device: Option<String>,
    /// The run folder; default: a new one below runs/.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Resume from a checkpoint: latest, last-good (skips damaged ones), or a file.
    #[arg(long, num_args = 0..=1, default_missing_value = "latest", require_equals = true)]
    pub resume: Option<Resume>,
    /// Stop the run after this many optimizer steps, unless its epochs end earlier.
    #[arg(long, value_name = "STEPS", value_parser = output::positive::<usize>)]
    pub max_steps: Option<usize>,
    /// Stop the run after this many minutes, unless its epochs end earlier; of several models, all of them
    /// together.
    #[arg(long, value_name = "MINUTES")]
    pub minutes: Option<f64>,
    /// Validate every STEPS optimizer steps instead of every epoch.
    #[arg(long, value_name = "STEPS", value_parser = output::positive::<usize>)]
    pub validate_steps: Option<usize>,
    /// Try the whole run on one batch of everything, within seconds.
    #[arg(long, conflicts_with = "overfit")]
    pub quick_try: bool,
    /// Train on the same first batches in every epoch: without a mistake the loss comes close to 0.
    #[arg(
        long,
        value_name = "BATCHES",
        num_args = 0..=1,
        default_missing_value = "1",
        require_equals = true,
        value_parser = output::positive::<usize>
    )]
    pub overfit: Option<usize>,
    /// Write a checkpoint every STEPS optimizer steps instead of every epoch.
    #[arg(long, value_name = "STEPS", value_parser = output::positive::<usize>)]
    pub checkpoint_steps: Option<usize>,
}

/// Applies the options of the command line: both kinds of training runs have the same methods. Progress is
/// shown, notes are printed, and Ctrl-C stops the run after a checkpoint.
macro_rules! with_options {
    ($common:expr, $name:expr, $training:expr) => {{
        let (common, mut training) = ($common, $training);
        if let Some(epochs) = common.epochs {
            training = training.epochs(epochs);
        }
        if let Some(batch_size) = common.batch_size {
            training = training.batch_size(batch_size);
        }
        if let Some(learning_rate) = common.lr {
            training = training.learning_rate(learning_rate);
        }
        let own = common.clone();
        training = training.configure(move |config| own.change(config));
        if let Some(steps) = common.checkpoint_steps {
            training = training.checkpoint(Interval::Steps(steps), 2);
        }
        training = match common.folder()? {
            Some(folder) => training.run_folder(folder),
            None => training.runs(runs($name)),
        };
        if let Some(ranks) = ranks::ranks()? {
            training = training.communicator(ranks);
        }
        training
            .seed(common.seed)
            .devices(&common.devices()?)
            .resume(common.resume())
            .stop_flag(&StopFlag::on_ctrl_c()?)
            .callback(Progress::new())
            .on_note(|note| say!("{note}"))
    }};
}

/// The folder of the runs of an example.
fn runs(name: &str) -> PathBuf {
    PathBuf::from("runs").join(name)
}

impl Common {
    /// The device to compute on: the first of several.
    pub fn device(&self) -> Result<Device> {
        Ok(self.devices()?.swap_remove(0))
    }

    /// The devices to train on.
    fn devices(&self) -> Result<Vec<Device>> {
        Ok(tinderbox::devices(self.device.as_deref())?)
    }

    /// The seed of everything random.
    pub fn seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// The page of a lesson on the terminal; its figures are written to `--out`, else to a new folder
    /// below `runs/NAME`.
    pub fn page(&self, name: &str) -> lesson::Page {
        lesson::Page::on_terminal(name, self.out.clone())
    }

    /// Which checkpoint to resume from.
    pub fn resume(&self) -> Resume {
        self.resume.clone().unwrap_or_default()
    }

    /// The run folder: `--out`, else a new folder below `runs/NAME` (the newest one to resume).
    pub fn run(&self, name: &str) -> Result<Run> {
        if let Some(folder) = ranks::scratch()? {
            return Ok(Run::create(folder)?);
        }
        let run = match (self.folder()?, &self.resume) {
            (Some(folder), None) => Run::create(folder),
            (Some(folder), Some(_)) => Run::open(folder),
            (None, None) => Run::next(runs(name)),
            (None, Some(_)) => Run::latest(runs(name)),
        };
        Ok(run?)
    }

    /// The run folder that the command line names: `--out`, or the one of the checkpoint to resume from.
    fn folder(&self) -> Result<Option<PathBuf>> {
        Ok(match (&self.out, &self.resume) {
            (Some(folder), _) => Some(folder.clone()),
            (None, Some(Resume::From(file))) => {
                // RUN/checkpoints/step-….ckpt
                let folder = file.parent().and_then(|folder| folder.parent());
                let folder = folder.context("--resume=FILE: the file is not in a run folder")?;
                Some(folder.to_owned())
            }
            (None, _) => None,
        })
    }

    /// Gives a training run of a table the options of the command line.
    #[cfg(feature = "tables")]
    pub fn tabular(&self, name: &str, training: TableTraining) -> Result<TableTraining> {
        let training = match self.minutes {
            Some(minutes) => training.minutes(minutes),
            None => training,
        };
        Ok(with_options!(self, name, training))
    }

    /// Gives a training run of an image classifier the options of the command line.
    pub fn image(&self, name: &str, training: ImageTraining) -> Result<ImageTraining> {
        Ok(with_options!(self, name, training))
    }

    /// Gives the fine-tuning of an encoder of texts the options of the command line.
    #[cfg(feature = "tokenizers")]
    pub fn fine_tuning(&self, name: &str, training: FineTuning) -> Result<FineTuning> {
        Ok(with_options!(self, name, training))
    }

    /// Applies the options of the command line to any training run.
    fn change(&self, config: &mut TrainConfig) {
        config.ema_decay = self.ema.or(config.ema_decay);
        config.max_steps = self.max_steps.or(config.max_steps);
        config.max_minutes = self.minutes.or(config.max_minutes);
        if let Some(steps) = self.validate_steps {
            config.validate = Interval::Steps(steps);
        }
        config.sync_batch_norm |= self.sync_batch_norm;
        if self.quick_try {
            config.limit = Limit::QuickTry;
        }
        if let Some(batches) = self.overfit {
            config.limit = Limit::Overfit(batches);
        }
    }

    /// A trainer that shows its progress, records the run (with these settings) and writes a checkpoint on
    /// Ctrl-C; pass its result to [`unless_interrupted`].
    pub fn trainer<M: Module, O>(&self, config: TrainConfig, run: &Run) -> Result<Trainer<M, O>> {
        let mut config = config;
        self.change(&mut config);
        run.write_config(&config)?;
        let mut trainer = Trainer::new(config)?
            .callback(Progress::new())
            .devices(self.devices()?)
            .run(run.clone())
            .resume(self.resume())
            .stop_flag(StopFlag::on_ctrl_c()?);
        if let Some(ranks) = ranks::ranks()? {
            trainer = trainer.communicator(ranks);
        }
        if let Some(steps) = self.checkpoint_steps {
            trainer = trainer.checkpoint(Interval::Steps(steps), 2);
        }
        Ok(trainer)
    }
}

/// Prints a number and the one that was expected.
pub fn expected(what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) {
    crate::say!("{what}: expected {expected}, got {got}");
}

/// The command line of an example without options of its own.
#[derive(clap::Parser, Clone, Debug)]
#[command(about = "An example of Tinderbox; its first lines describe it.")]
pub struct Args {
    /// The options that every example takes.
    #[command(flatten)]
    pub common: Common,
}
