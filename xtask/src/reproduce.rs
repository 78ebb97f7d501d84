//! The course's experiments, end to end: median of several seeds against the published band.

mod airfoil;
mod house_prices;
mod linear_regression;
mod polynomial;
mod schedules;
mod table;
mod weight_decay;

use std::path::PathBuf;

use anyhow::{Result, bail};
use tinderbox::prelude::*;

use table::{Row, Table};

/// `cargo xtask reproduce [NAME…] [--quick] [--device D]`
#[derive(clap::Args)]
pub struct Args {
    /// The experiments; all of them if none is named.
    names: Vec<String>,
    /// Every experiment.
    #[arg(long)]
    all: bool,
    /// Fewer seeds: what CI runs.
    #[arg(long)]
    quick: bool,
    /// flex, ndarray, wgpu, …
    #[arg(long)]
    device: Option<String>,
    /// Where tables are written.
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
    /// Runs one seed; gives the figures in the order of the bands.
    run: fn(&Setting) -> Result<Vec<f64>>,
}

/// What a run is told.
struct Setting {
    seed: u64,
    device: Device,
}

/// A published figure over many executions.
struct Band {
    figure: &'static str,
    low: f64,
    median: f64,
    high: f64,
    /// Whether a value below the band is wrong too. Errors have no lower end.
    two_sided: bool,
}

const fn band(figure: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        figure,
        low,
        median,
        high,
        two_sided: true,
    }
}

/// A band for an error: smaller is never wrong.
const fn at_most(figure: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        two_sided: false,
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
];

pub fn run(args: Args) -> Result<()> {
    let known = || {
        EXPERIMENTS
            .iter()
            .map(|e| e.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    for name in &args.names {
        if !EXPERIMENTS.iter().any(|experiment| experiment.name == name) {
            bail!("no experiment is called '{name}'; there are {}", known());
        }
    }
    let device = device(args.device.as_deref())?;
    let mut outside = Vec::new();
    for experiment in EXPERIMENTS {
        let chosen = args.all || args.names.is_empty();
        if !chosen && !args.names.iter().any(|name| name == experiment.name) {
            continue;
        }
        let seeds = match args.quick {
            true => experiment.seeds.1,
            false => experiment.seeds.0,
        };
        let mut runs = Vec::new();
        for seed in 0..seeds {
            runs.push((experiment.run)(&Setting {
                seed,
                device: device.clone(),
            })?);
        }
        let rows = experiment.bands.iter().enumerate().map(|(index, band)| {
            Row::new(band, runs.iter().map(|figures| figures[index]).collect())
        });
        let table = Table {
            experiment: experiment.name,
            seeds,
            rows: rows.collect(),
        };
        let text = table.to_markdown();
        println!("{text}");
        let folder = args.out.join(experiment.name);
        tinderbox::write_atomic(folder.join("table.md"), &text)?;
        tinderbox::write_atomic(folder.join("runs.json"), table.to_json())?;
        outside.extend(table.outside());
    }
    if outside.is_empty() {
        println!(
            "every median lies in its published band; tables in {}",
            args.out.display()
        );
        return Ok(());
    }
    bail!("outside the published band: {}", outside.join("; "))
}
