//! The course's experiments, end to end: median of several seeds against the published band.

mod airfoil;
mod house_prices;
mod images;
mod linear_regression;
mod polynomial;
mod schedules;
mod scratch;
mod table;
mod weight_decay;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use examples::say;
use serde::{Deserialize, Serialize};
use tinderbox::prelude::*;

use images::Training;
use table::{Row, Table};

/// `cargo xtask reproduce [NAME…] [--all] [--quick] [--seeds N] [--resume] [--device D]`
#[derive(clap::Args)]
pub struct Args {
    /// The experiments; without a name, those that a CPU does in an hour or two.
    names: Vec<String>,
    /// Every experiment, also the large networks and the trainings with schedules: without --quick
    /// that takes a CPU days.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// What CI runs: fewer seeds; trainings on images made smaller, which no published band belongs to.
    #[arg(long)]
    quick: bool,
    /// So many seeds, instead of the number that belongs to the experiment.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Takes the seeds that an interrupted run left in --out, and goes on with the one under way.
    #[arg(long)]
    resume: bool,
    /// flex, ndarray, wgpu, …
    #[arg(long)]
    device: Option<String>,
    /// Where tables are written; with --quick, in the folder `quick` below it.
    #[arg(long, default_value = "runs/reproduce")]
    out: PathBuf,
}

/// One experiment of the course.
struct Experiment {
    /// As in the course's address.
    name: &'static str,
    /// Seeds in full and with `--quick`.
    seeds: (u64, u64),
    /// The published band of every figure: 5th percentile, median, 95th percentile.
    bands: &'static [Band],
    work: Work,
}

/// What is done for one seed.
enum Work {
    /// Gives the figures in the order of the bands, the same in full and with `--quick`.
    Figures(fn(&Setting) -> Result<Vec<f64>>),
    /// Trains on images: as the course does, or less with `--quick`.
    Training(Training),
}

/// What a run is told.
struct Setting {
    seed: u64,
    device: Device,
    /// Where a training keeps what it needs to go on after an interruption.
    folder: Option<PathBuf>,
    /// Whether to go on from there.
    resume: bool,
}

/// A published figure over many executions.
struct Band {
    figure: &'static str,
    low: f64,
    median: f64,
    high: f64,
    held: Held,
}

/// What a band decides.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// A median outside is a failure.
    Between,
    /// Only a median above it is: errors have no lower end.
    AtMost,
    /// Nothing: the figure varies so much that the band says little. It is reported.
    Reported,
}

const fn band(figure: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        figure,
        low,
        median,
        high,
        held: Held::Between,
    }
}

/// A band for an error: smaller is never wrong.
const fn at_most(figure: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        held: Held::AtMost,
        ..band(figure, low, median, high)
    }
}

/// A band that decides nothing.
const fn reported(figure: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        held: Held::Reported,
        ..band(figure, low, median, high)
    }
}

const EXPERIMENTS: &[Experiment] = &[
    linear_regression::SCRATCH,
    linear_regression::CONCISE,
    polynomial::POLYNOMIAL,
    weight_decay::SCRATCH,
    weight_decay::CONCISE,
    house_prices::HOUSE_PRICES,
    airfoil::FLOOR,
    airfoil::OPTIMIZERS,
    schedules::SCHEDULES,
    images::SOFTMAX_SCRATCH,
    images::SOFTMAX_CONCISE,
    images::MLP_SCRATCH,
    images::MLP_CONCISE,
    images::DROPOUT_SCRATCH,
    images::DROPOUT_CONCISE,
    images::LENET,
    images::BATCH_NORM_SCRATCH,
    images::BATCH_NORM_CONCISE,
    images::ALEXNET,
    images::VGG,
    images::NIN,
    images::GOOGLENET,
    images::RESNET,
    images::DENSENET,
    schedules::CONSTANT,
    schedules::SQUARE_ROOT,
    schedules::MULTI_STEP,
    schedules::COSINE,
    schedules::WARM_UP,
];

pub fn run(args: Args) -> Result<()> {
    for name in &args.names {
        if !EXPERIMENTS.iter().any(|experiment| experiment.name == name) {
            let known: Vec<_> = EXPERIMENTS.iter().map(|one| one.name).collect();
            let known = known.join(", ");
            bail!("no experiment is called '{name}'; there are {known}");
        }
    }
    let device = device(args.device.as_deref())?;
    let mut failures = Vec::new();
    for experiment in EXPERIMENTS.iter().filter(|one| one.is_chosen(&args)) {
        // One that fails is no reason to leave out the others.
        match experiment.reproduce(&args, &device) {
            Ok(outside) => failures.extend(outside),
            Err(error) => {
                let failure = format!("{}: {error:#}", experiment.name);
                say!("{failure}\n");
                failures.push(failure);
            }
        }
    }
    if failures.is_empty() {
        say!(
            "every median that is held against a published band lies in it; tables in {}",
            args.out.display()
        );
        return Ok(());
    }
    bail!("not reproduced:\n{}", failures.join("\n"))
}

impl Experiment {
    fn is_chosen(&self, args: &Args) -> bool {
        match args.names.is_empty() {
            true => args.all || !matches!(&self.work, Work::Training(training) if training.heavy),
            false => args.names.iter().any(|name| name == self.name),
        }
    }

    /// Runs the seeds, prints and writes the table; gives the figures outside their bands.
    fn reproduce(&self, args: &Args, device: &Device) -> Result<Vec<String>> {
        let (full, quick) = self.seeds;
        let seeds = args.seeds.unwrap_or(if args.quick { quick } else { full });
        let folder = match args.quick {
            true => args.out.join("quick").join(self.name),
            false => args.out.join(self.name),
        };
        let mut outcomes = Vec::new();
        for seed in 0..seeds {
            let outcome = self.seed(seed, args, device, &folder);
            outcomes.push(outcome.with_context(|| format!("seed {seed}"))?);
        }
        let rows = self.bands.iter().enumerate().map(|(index, band)| {
            Row::new(
                band,
                outcomes.iter().map(|one| one.figures[index]).collect(),
            )
        });
        let table = Table {
            experiment: self.name,
            seconds: outcomes.iter().map(|one| one.seconds).collect(),
            smaller: self
                .smaller(args.quick)
                .map(|training| training.quick.to_string()),
            rows: rows.collect(),
        };
        let text = table.to_markdown();
        say!("{text}");
        tinderbox::write_atomic(folder.join("table.md"), &text)?;
        tinderbox::write_atomic(folder.join("runs.json"), table.to_json())?;
        Ok(table.outside())
    }

    /// The training, where it is a smaller one that has no published band.
    fn smaller(&self, quick: bool) -> Option<&Training> {
        match &self.work {
            Work::Training(training) if quick => Some(training),
            _ => None,
        }
    }

    /// Runs one seed and writes what came out; with `--resume`, reads it if it is there.
    fn seed(&self, seed: u64, args: &Args, device: &Device, folder: &Path) -> Result<Outcome> {
        let settings = match &self.work {
            Work::Figures(_) => format!("{device:?}"),
            Work::Training(training) => format!("{device:?}: {}", training.plan(args.quick)),
        };
        let file = folder.join(format!("seed-{seed}.json"));
        if args.resume
            && let Some(outcome) = Outcome::read(&file)
            && outcome.settings == settings
            && outcome.figures.len() == self.bands.len()
        {
            return Ok(outcome);
        }
        let setting = Setting {
            seed,
            device: device.clone(),
            folder: (!args.quick).then(|| folder.join(format!("seed-{seed}"))),
            resume: args.resume,
        };
        let started = Instant::now();
        let figures = match &self.work {
            Work::Figures(figures) => figures(&setting)?,
            Work::Training(training) => training.figures(self.bands, args.quick, &setting)?,
        };
        let outcome = Outcome {
            settings,
            figures,
            seconds: started.elapsed().as_secs_f64(),
        };
        let text = serde_json::to_string_pretty(&outcome)?;
        tinderbox::write_atomic(&file, text + "\n")?;
        Ok(outcome)
    }
}

/// What one seed gave.
#[derive(Serialize, Deserialize)]
struct Outcome {
    /// The device, and the settings of a training.
    settings: String,
    /// In the order of the bands.
    figures: Vec<f64>,
    seconds: f64,
}

impl Outcome {
    /// What an earlier run wrote, if it did and can be read.
    fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &[&str]) -> Args {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = std::iter::once(&"reproduce").chain(line);
        <Line as clap::Parser>::parse_from(line).args
    }

    fn chosen(line: &[&str]) -> Vec<&'static str> {
        let args = args(line);
        let chosen = EXPERIMENTS.iter().filter(|one| one.is_chosen(&args));
        chosen.map(|one| one.name).collect()
    }

    #[test]
    fn what_takes_days_runs_only_when_asked_for() {
        let usual = chosen(&[]);
        assert!(usual.contains(&"batch-norm-scratch") && usual.contains(&"airfoil-floor"));
        assert!(!usual.contains(&"vgg") && !usual.contains(&"lr-scheduler-cosine"));
        assert_eq!(chosen(&["vgg", "lenet"]), ["lenet", "vgg"]);
        assert_eq!(chosen(&["--all"]).len(), EXPERIMENTS.len());
    }

    #[test]
    fn names_are_unique() {
        for (index, experiment) in EXPERIMENTS.iter().enumerate() {
            let again = EXPERIMENTS[..index]
                .iter()
                .any(|one| one.name == experiment.name);
            assert!(!again, "{} twice", experiment.name);
        }
    }

    fn two(setting: &Setting) -> Result<Vec<f64>> {
        anyhow::ensure!(setting.seed < 2, "no third seed");
        Ok(vec![0.5 + setting.seed as f64])
    }

    const TWO: Experiment = Experiment {
        name: "two",
        seeds: (3, 2),
        bands: &[band("loss", 0.4, 0.5, 0.6)],
        work: Work::Figures(two),
    };

    #[test]
    fn seeds_that_an_interrupted_run_left_are_taken_when_asked_for() {
        let out = tempfile::tempdir().unwrap();
        let run = |line: &[&str]| {
            let mut args = args(line);
            args.out = out.path().to_path_buf();
            TWO.reproduce(&args, &Device::flex())
        };
        let error = format!("{:#}", run(&[]).unwrap_err());
        assert_eq!(error, "seed 2: no third seed");
        // As if something else had been computed for the first seed.
        let file = out.path().join("two/seed-0.json");
        let mut other = Outcome::read(&file).unwrap();
        other.figures = vec![0.25];
        let write = |outcome: &Outcome| {
            std::fs::write(&file, serde_json::to_string(outcome).unwrap()).unwrap();
        };
        write(&other);
        assert!(
            run(&["--seeds", "1"]).unwrap().is_empty(),
            "nobody asked to resume"
        );
        write(&other);
        let outside = run(&["--resume", "--seeds", "1"]).unwrap();
        assert_eq!(outside, ["two: loss 0.2500 is outside 0.4000 to 0.6000"]);
        other.settings = "abacus".into();
        write(&other);
        let outside = run(&["--resume", "--seeds", "1"]).unwrap();
        assert!(
            outside.is_empty(),
            "another device is another run: {outside:?}"
        );
        assert!(out.path().join("two/table.md").is_file());
        run(&["--quick", "--seeds", "1"]).unwrap();
        assert!(out.path().join("quick/two/runs.json").is_file());
    }
}
