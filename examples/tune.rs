//! A search for good settings: many small networks for an epoch or two, the best of them for longer.
//!
//! Data: any table (`tune FILE --target NAME`), else NASA's airfoil self-noise; in three parts: for training, for
//! choosing settings, and for the final test. The learning-rate finder suggests the first settings, the others are
//! random; successive halving compares them. Every trial is written to the run folder when it ends; a search that was
//! interrupted continues with the same command and `--resume --out FOLDER`.
//! `cargo run --example tune`

#[path = "tune/data.rs"]
mod data;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use data::{Data, Train, batches, train};
use examples::read_args::ReadArgs;
use examples::{expected, say, unless_interrupted};
use polars::prelude::DataFrame;
use tinderbox::data::fetch;
use tinderbox::prelude::*;
use tinderbox::tables::{ReadOptions, collect};
use tinderbox::tabular::Scores;
use tinderbox::train::{Search, SearchStrategy, Settings, Space, StepError, TrainError, Trial};

#[derive(clap::Parser)]
#[command(
    about = "Random search with successive halving over learning rate, batch size, optimizer and width of an MLP."
)]
struct Args {
    /// The table: a file, a folder of files, or a pattern in quotes; default: NASA's airfoil self-noise.
    #[arg(requires = "target")]
    file: Option<PathBuf>,
    /// The column to predict.
    #[arg(long, requires = "file")]
    target: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    common: examples::Common,
    /// Number of settings to start with.
    #[arg(long, default_value_t = 27)]
    trials: usize,
    /// Trials in parallel; default: one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// Runs of every trial, of which the median score counts.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

const OPTIMIZERS: [&str; 4] = ["sgd", "momentum", "adam", "rmsprop"];

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (device, seed) = (common.device()?, common.seed());
    let data = match (&args.file, &args.target) {
        (Some(file), Some(target)) => {
            let frame = collect(&args.read.options()?.read(file)?)?;
            let data = Data::new(&frame, target, seed);
            data.with_context(|| file.display().to_string())?
        }
        _ => Data::new(&airfoil()?, "pressure", seed)?,
    };
    // An RMSE in the units of the table, or the mean of -ln(probability of the true class).
    let score = match &data.train {
        Train::Numbers(_) => "rmse",
        Train::Classes(_) => "log_loss",
    };
    let run = common.run("tune")?;
    let stop = StopFlag::on_ctrl_c()?;
    let space = Space::new()
        .log_uniform("learning_rate", 1e-4, 1.0)
        .choice("batch_size", [8.0, 32.0, 128.0])
        .choice("units", [16.0, 64.0])
        .choice("optimizer", OPTIMIZERS);

    // The learning rate that the finder suggests for each optimizer: four trials that are not random.
    let mut first = Vec::new();
    for optimizer in OPTIMIZERS {
        let Some(rate) = data.suggest(optimizer, seed, &device)? else {
            continue;
        };
        say!("{optimizer}: the finder suggests {rate:.2e}");
        let settings = Settings::default()
            .with("learning_rate", rate.clamp(1e-4, 1.0))
            .with("batch_size", 32.0)
            .with("units", 64.0)
            .with("optimizer", optimizer);
        first.push(settings);
    }

    // Trains a network with the settings of a trial.
    let fit = |trial: &Trial<'_>| -> Result<Predictor> {
        let config = TrainConfig {
            epochs: trial.budget,
            learning_rate: trial.settings.number("learning_rate")?,
            optimizer: OptimizerConfig::by_name(trial.settings.text("optimizer")?)?,
            ..TrainConfig::default()
        };
        let (units, batch) = (
            trial.settings.count("units")?,
            trial.settings.count("batch_size")?,
        );
        let model_config = data.config(units)?;
        let model = model_config.init(trial.seed.child("weights"), &device)?;
        let order = trial.seed.child("order");
        let model = match &data.train {
            Train::Numbers(rows) => train(
                config,
                model,
                &Regression::default(),
                batches(rows, batch, order)?,
                &stop,
            )?,
            Train::Classes(rows) => train(
                config,
                model,
                &Classification::default(),
                batches(rows, batch, order)?,
                &stop,
            )?,
        };
        Ok(Predictor::new(
            data.features.clone(),
            model_config,
            model,
            &device,
        )?)
    };
    let on = |predictor: &Predictor, rows: &DataFrame, score: &str| -> Result<f64> {
        let value = Scores::of(predictor, rows)?.get(score);
        value.with_context(|| format!("there is no {score} of this target"))
    };

    let most = common.epochs.unwrap_or(54);
    let mut search = Search::new(SearchStrategy::SuccessiveHalving {
        trials: args.trials,
        min_budget: (most / 27).max(1),
        max_budget: most,
        factor: 3,
    });
    search.seed = seed;
    search.runs = args.runs;
    search.first = first;
    search.threads = args.threads.unwrap_or(search.threads);
    search.file = Some(run.folder().join("trials.jsonl"));
    search.resume = common.resume.is_some();
    search.data = data.identity()?;
    search.stop = stop.clone();
    let report = unless_interrupted(search.run(&space, |trial| {
        let score = fit(trial).and_then(|model| on(&model, &data.valid, score));
        score.map_err(StepError::from)
    }))?;
    say!("\n{}", report.to_markdown());

    tinderbox::write_atomic(run.folder().join("trials.md"), report.to_markdown())?;
    tinderbox::write_atomic(run.folder().join("trials.csv"), report.to_csv())?;
    for (name, _) in space.ranges() {
        let svg = report.plot(name)?;
        tinderbox::write_atomic(run.folder().join(format!("{name}.svg")), svg)?;
    }
    say!("table and plots: {}", run.folder().display());

    // The best settings once more, measured on rows that were not used to choose them.
    let best = report.best();
    let model = fit(&Trial {
        number: best.number,
        settings: &best.settings,
        budget: best.budget,
        seed: seed.child("final"),
    });
    if stop.is_set() {
        let (done, file) = (report.records.len(), search.file.clone());
        unless_interrupted(Err::<(), _>(TrainError::SearchInterrupted { done, file }))?;
    }
    let model = model?;
    say!("best: {}", best.settings);
    let (name, side) = match &data.train {
        Train::Numbers(_) => ("rmse", "below"),
        Train::Classes(_) => ("accuracy", "about"),
    };
    let line = match data.exact(&model, name)? {
        Some(line) => format!("{side} {line:.3} (exact linear model)"),
        None => "nothing: the table is too large for the exact linear model".into(),
    };
    expected(
        &format!("{} on the test rows", name.replace("rmse", "RMSE")),
        line,
        format!("{:.3}", on(&model, &data.test, name)?),
    );
    Ok(())
}

/// NASA's airfoil self-noise: five columns of physics, then the sound pressure level in decibels.
fn airfoil() -> Result<DataFrame> {
    let names = [
        "frequency",
        "angle",
        "chord",
        "velocity",
        "thickness",
        "pressure",
    ];
    let file = fetch("airfoil")?.join("airfoil_self_noise.dat");
    Ok(collect(&ReadOptions::default().names(names).read(&file)?)?)
}
