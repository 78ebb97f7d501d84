//! A table that need not fit into memory: the delay of a flight, by a linear model that reads a stream.
//!
//! Data: US flights of early 2001, 1,000,000 rows (Parquet); `--repeat 4` reads the file four times, to
//! see that memory does not grow.
//! `cargo run --example streaming_flights`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{Common, expected, say, unless_interrupted};
use polars::prelude::{col, lit};
use tinderbox::data::fetch;
use tinderbox::prelude::*;
use tinderbox::tables::{
    ColumnSpec, DatePart, DateSpec, FeatureSpec, Impute, ReadOptions, Step, StreamLoader,
    TargetSpec, Task,
};

/// Rows in the shuffle buffer.
const BUFFER: usize = 65_536;
/// Number of passes over the training data.
const EPOCHS: usize = 1;
/// Rows whose mean gradient makes one step.
const BATCH_SIZE: usize = 1024;
/// The learning rate of Adam.
const LEARNING_RATE: f64 = 0.02;

#[derive(Parser, Debug)]
#[command(about = "One pass over a million flights in bounded memory.")]
struct Args {
    /// Number of copies of the file that make up the table.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Parts of the table that are read at the same time: of several ranks each reads its own ones only.
    #[arg(long, default_value_t = 1)]
    parts: usize,
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let device = common.device()?;
    let file = fetch("flights")?.join("flights-1m.parquet");
    let frame = ReadOptions::default().read_files(&vec![file; args.repeat.max(1)])?;
    // A few flights are hours late: clipped, they do not dominate the squared error.
    let frame = frame.with_column(col("delay").clip(lit(-30), lit(120)));

    // One pass for means, standard deviations and the airports.
    let features = flights().fit(&frame)?;
    say!("{} features", features.width());
    let mut config = LinearRegressionConfig::new(features.width());
    config.initializer = Initializer::Zeros;
    let model = config.init(common.seed(), &device)?;
    let bundled = features.clone();
    let batch_size = common.batch_size.unwrap_or(BATCH_SIZE);
    let loader = StreamLoader::<Values>::new(frame, features, batch_size)?
        .shuffle(common.seed().child("order"), BUFFER)
        .interleave(args.parts)?;
    let train = TrainConfig {
        epochs: common.epochs.unwrap_or(EPOCHS),
        learning_rate: common.lr.unwrap_or(LEARNING_RATE),
        optimizer: OptimizerConfig::adam().into(),
        seed: common.seed,
        ..TrainConfig::default()
    };
    let run = common.run("streaming_flights")?;
    let fitted = common
        .trainer(train, &run)?
        .metric(RegressionMetrics::new(&[
            RegressionMetric::Rmse,
            RegressionMetric::R2,
        ]))
        .fit(model, &Regression::default(), &loader, None)?;
    let fitted = unless_interrupted(fitted.finished())?;
    let bundle = Bundle::save(run.bundle(), "linear_regression", &config, &fitted.model)?;
    bundle.save_part("features", &bundled)?;

    let last = fitted.history.last().context("at least one epoch")?;
    let r2 = last.get("train_r2").context("the metric is measured")?;
    say!("bundle: {}", run.bundle().display());
    expected(
        "share of the variance explained",
        "above 0.04",
        format!("{r2:.4}"),
    );
    match tinderbox::peak_memory() {
        Some(megabytes) => expected("peak memory", "below 1000 MB", format!("{megabytes:.0} MB")),
        None => say!("peak memory: not known on this system"),
    }
    Ok(())
}

/// Distance, hour and weekday as numbers, the airports one-hot; the delay in minutes.
fn flights() -> FeatureSpec {
    let mut spec = FeatureSpec::default();
    spec.target = Some(TargetSpec::new(["delay"], Task::Regression));
    let when = DateSpec {
        name: "date".into(),
        parts: vec![DatePart::Hour, DatePart::Weekday],
        impute: Impute::Error,
        missing_indicator: false,
        steps: vec![Step::Standardize],
    };
    spec.columns = vec![
        ColumnSpec::numeric("distance"),
        ColumnSpec::Date(when),
        ColumnSpec::one_hot("origin"),
        ColumnSpec::one_hot("destination"),
    ];
    spec
}
