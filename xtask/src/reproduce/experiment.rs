//! One experiment: its work for each seed, and its table of results.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use examples::say;
use serde::{Deserialize, Serialize};
use tinderbox::prelude::*;

use super::images::ImageTraining;
use super::sequences::TextTraining;
use super::table::{Row, Table};
use super::translation::TranslationTraining;
use super::{Args, Band};

/// One experiment of the course.
pub struct Experiment {
    /// As in the course's address.
    pub name: &'static str,
    /// Number of seeds in full and with `--quick`.
    pub seeds: (u64, u64),
    /// The published band of every metric.
    pub bands: &'static [Band],
    pub work: Work,
}

/// The work for one seed.
pub enum Work {
    /// Returns the metrics in the order of the bands, the same in full and with `--quick`.
    Measure(fn(&SeedRun) -> Result<Vec<f64>>),
    /// Returns the metrics in the order of the bands, of a smaller run with `--quick`, which `quick` describes.
    Sized {
        measure: fn(bool, &SeedRun) -> Result<Vec<f64>>,
        quick: &'static str,
        /// Whether it is left out unless it is asked for: its data must be downloaded first.
        heavy: bool,
    },
    /// Trains an image model: as the course does, or a smaller run with `--quick`.
    Train(ImageTraining),
    /// Trains a language model, in the same way.
    TrainText(TextTraining),
    /// Trains a translation model, in the same way.
    Translate(TranslationTraining),
}

/// The run of one seed.
pub struct SeedRun {
    pub seed: u64,
    pub device: Device,
    /// The run folder of a training run, for checkpoints.
    pub folder: Option<PathBuf>,
    /// Whether to resume from the checkpoint there.
    pub resume: bool,
}

impl Work {
    /// Whether it runs on request only.
    fn is_heavy(&self) -> bool {
        match self {
            Self::Train(training) => training.heavy,
            Self::Sized { heavy, .. } => *heavy,
            _ => false,
        }
    }
}

impl Experiment {
    /// Whether these arguments select it.
    pub fn is_chosen(&self, args: &Args) -> bool {
        match args.names.is_empty() {
            true => args.all || !self.work.is_heavy(),
            false => args.names.iter().any(|name| name == self.name),
        }
    }

    /// Runs the seeds, prints and writes the table; returns the metrics outside their bands.
    pub fn reproduce(&self, args: &Args, device: &Device) -> Result<Vec<String>> {
        let (full, quick) = self.seeds;
        let seeds = args.seeds.unwrap_or(if args.quick { quick } else { full });
        let folder = match args.quick {
            true => args.out.join("quick").join(self.name),
            false => args.out.join(self.name),
        };
        let mut outcomes = Vec::new();
        for seed in 0..seeds {
            let outcome = self.run_seed(seed, args, device, &folder);
            outcomes.push(outcome.with_context(|| format!("seed {seed}"))?);
        }
        let rows = self.bands.iter().enumerate().map(|(index, band)| {
            let values = outcomes.iter().map(|one| one.metrics[index]).collect();
            Row::new(band, values)
        });
        let table = Table {
            experiment: self.name,
            seconds: outcomes.iter().map(|one| one.seconds).collect(),
            quick: match &self.work {
                Work::Sized { quick, .. } if args.quick => Some((*quick).to_owned()),
                Work::Train(training) if args.quick => Some(training.quick.to_string()),
                Work::TrainText(training) if args.quick => Some(training.quick.to_string()),
                Work::Translate(training) if args.quick => Some(training.quick.to_string()),
                _ => None,
            },
            rows: rows.collect(),
        };
        let text = table.to_markdown();
        say!("{text}");
        tinderbox::write_atomic(folder.join("table.md"), &text)?;
        tinderbox::write_atomic(folder.join("runs.json"), table.to_json())?;
        Ok(table.failures())
    }

    /// Runs one seed and writes its metrics; with `--resume`, reads them if they are there.
    fn run_seed(&self, seed: u64, args: &Args, device: &Device, folder: &Path) -> Result<Outcome> {
        let settings = match &self.work {
            Work::Measure(_) => format!("{device:?}"),
            Work::Sized { quick, .. } if args.quick => format!("{device:?}: {quick}"),
            Work::Sized { .. } => format!("{device:?}"),
            Work::Train(training) => format!("{device:?}: {}", training.settings(args.quick)),
            Work::TrainText(training) => format!("{device:?}: {}", training.settings(args.quick)),
            Work::Translate(training) => format!("{device:?}: {}", training.settings(args.quick)),
        };
        let file = folder.join(format!("seed-{seed}.json"));
        if args.resume
            && let Some(outcome) = Outcome::read(&file)
            && outcome.settings == settings
            && outcome.metrics.len() == self.bands.len()
        {
            return Ok(outcome);
        }
        let run = SeedRun {
            seed,
            device: device.clone(),
            folder: (!args.quick).then(|| folder.join(format!("seed-{seed}"))),
            resume: args.resume,
        };
        let started = Instant::now();
        let metrics = match &self.work {
            Work::Measure(measure) => measure(&run)?,
            Work::Sized { measure, .. } => measure(args.quick, &run)?,
            Work::Train(training) => training.metrics(self.bands, args.quick, &run)?,
            Work::TrainText(training) => training.metrics(args.quick, &run)?,
            Work::Translate(training) => training.metrics(args.quick, &run)?,
        };
        let outcome = Outcome {
            settings,
            metrics,
            seconds: started.elapsed().as_secs_f64(),
        };
        let text = serde_json::to_string_pretty(&outcome)?;
        tinderbox::write_atomic(&file, text + "\n")?;
        Ok(outcome)
    }
}

/// The result of one seed.
#[derive(Serialize, Deserialize)]
struct Outcome {
    /// The device, and the settings of a training run.
    settings: String,
    /// In the order of the bands.
    metrics: Vec<f64>,
    seconds: f64,
}

impl Outcome {
    /// The result that an earlier run wrote; `None` if there is none or it cannot be read.
    fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{band, tests::args};
    use super::*;

    fn two(run: &SeedRun) -> Result<Vec<f64>> {
        anyhow::ensure!(run.seed < 2, "no third seed");
        Ok(vec![0.5 + run.seed as f64])
    }

    const TWO: Experiment = Experiment {
        name: "two",
        seeds: (3, 2),
        bands: &[band("loss", 0.4, 0.5, 0.6)],
        work: Work::Measure(two),
    };

    #[test]
    fn finished_seeds_are_reused_with_resume_only() {
        let out = tempfile::tempdir().unwrap();
        let run = |line: &[&str]| {
            let mut args = args(line);
            args.out = out.path().to_path_buf();
            TWO.reproduce(&args, &Device::flex())
        };
        let error = format!("{:#}", run(&[]).unwrap_err());
        assert_eq!(error, "seed 2: no third seed");
        // As if the first seed had another result.
        let file = out.path().join("two/seed-0.json");
        let mut other = Outcome::read(&file).unwrap();
        other.metrics = vec![0.25];
        let write = |outcome: &Outcome| {
            std::fs::write(&file, serde_json::to_string(outcome).unwrap()).unwrap();
        };
        write(&other);
        assert!(
            run(&["--seeds", "1"]).unwrap().is_empty(),
            "without --resume"
        );
        write(&other);
        let failures = run(&["--resume", "--seeds", "1"]).unwrap();
        assert_eq!(failures, ["two: loss 0.2500 is outside 0.4000 to 0.6000"]);
        other.settings = "abacus".into();
        write(&other);
        let failures = run(&["--resume", "--seeds", "1"]).unwrap();
        assert!(
            failures.is_empty(),
            "another device is another run: {failures:?}"
        );
        assert!(out.path().join("two/table.md").is_file());
        run(&["--quick", "--seeds", "1"]).unwrap();
        assert!(out.path().join("quick/two/runs.json").is_file());
    }
}
