//! The course's experiments, end to end: the median of several seeds, compared with the published band.

mod airfoil;
mod band;
mod devices;
mod experiment;
mod house_prices;
mod images;
mod linear_regression;
mod polynomial;
mod schedules;
mod scratch;
mod sequences;
mod sine;
mod snli_bert;
mod table;
mod texts;
mod translation;
mod weight_decay;
mod words;

use std::path::PathBuf;

use anyhow::{Result, bail};
use examples::say;
use tinderbox::prelude::*;

use band::{Band, at_most, band, one_run, reported, unpublished};
use experiment::{Experiment, SeedRun, Work};

/// `cargo xtask reproduce [NAME…] [--all] [--quick] [--seeds N] [--resume] [--device D]`
#[derive(clap::Args)]
pub struct Args {
    /// The experiments; without a name, those that a CPU finishes in an hour or two.
    names: Vec<String>,
    /// Run every experiment, also the large networks, the learning-rate schedules and those whose data must be
    /// downloaded first; without --quick that takes days on a CPU.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Run what CI runs: fewer seeds, and smaller training runs on images, which have no published band.
    #[arg(long)]
    quick: bool,
    /// Number of seeds; default: the experiment's own.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Keep the seeds that an interrupted run finished in --out, and resume the one it was training.
    #[arg(long)]
    resume: bool,
    /// flex, ndarray, wgpu, …
    #[arg(long)]
    device: Option<String>,
    /// The folder for the tables; with --quick, its subfolder `quick`.
    #[arg(long, default_value = "runs/reproduce")]
    out: PathBuf,
}

/// All experiments, in the order of the course.
fn experiments() -> impl Iterator<Item = &'static Experiment> {
    [
        linear_regression::EXPERIMENTS,
        polynomial::EXPERIMENTS,
        weight_decay::EXPERIMENTS,
        house_prices::EXPERIMENTS,
        airfoil::EXPERIMENTS,
        schedules::CURVES,
        images::EXPERIMENTS,
        schedules::TRAINING_RUNS,
        sine::EXPERIMENTS,
        sequences::EXPERIMENTS,
        translation::EXPERIMENTS,
        devices::EXPERIMENTS,
        words::EXPERIMENTS,
        texts::EXPERIMENTS,
        snli_bert::EXPERIMENTS,
    ]
    .into_iter()
    .flatten()
}

pub fn run(args: Args) -> Result<()> {
    for name in &args.names {
        if !experiments().any(|experiment| experiment.name == name) {
            let known: Vec<_> = experiments().map(|one| one.name).collect();
            let known = known.join(", ");
            bail!("no experiment is called '{name}'; there are {known}");
        }
    }
    let device = device(args.device.as_deref())?;
    let mut failures = Vec::new();
    for experiment in experiments().filter(|one| one.is_chosen(&args)) {
        // The others still run if one fails.
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
        let out = args.out.display();
        say!("every median that is checked lies inside its published band; tables in {out}");
        return Ok(());
    }
    bail!("not reproduced:\n{}", failures.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn args(line: &[&str]) -> Args {
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
        let chosen = experiments().filter(|one| one.is_chosen(&args));
        chosen.map(|one| one.name).collect()
    }

    #[test]
    fn experiments_of_days_run_only_on_request() {
        let usual = chosen(&[]);
        assert!(usual.contains(&"batch-norm-scratch") && usual.contains(&"airfoil-floor"));
        assert!(!usual.contains(&"vgg") && !usual.contains(&"lr-scheduler-cosine"));
        assert_eq!(chosen(&["vgg", "lenet"]), ["lenet", "vgg"]);
        assert_eq!(chosen(&["--all"]).len(), experiments().count());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = experiments().map(|experiment| experiment.name).collect();
        names.sort();
        let again = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(again, None);
        assert_eq!(names.len(), 52);
    }
}
