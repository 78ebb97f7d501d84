//! Linear regression the framework's way: a table in a file, features, a loader, a trainer, a bundle.
//!
//! Data: NASA's airfoil self-noise, 1503 rows, 5 features; it ships with this repository.
//! `cargo run --example linear_regression`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{expected, say, unless_interrupted};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::optim::least_squares;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, ReadOptions, take};

/// Optimizer steps, whatever the number of rows.
const STEPS: usize = 3_000;
/// Rows whose mean gradient makes one step.
const BATCH_SIZE: usize = 32;
/// The learning rate at the start.
const LEARNING_RATE: f64 = 0.01;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let device = args.device()?;
    let seed = args.seed();

    // A table without a header: five columns of physics, then the sound pressure level in decibels.
    let names = [
        "frequency",
        "angle",
        "chord",
        "velocity",
        "thickness",
        "pressure",
    ];
    let file = fetch("airfoil")?.join("airfoil_self_noise.dat");
    let frame = ReadOptions::default().names(names).read(&file)?.collect()?;

    // A fifth of the rows is held out. Means and standard deviations are those of the training rows.
    let parts = split(
        frame.height(),
        &[0.8, 0.2],
        seed.child("split"),
        &Strategy::Random,
    )?;
    let train = take(&frame, &parts[0])?;
    let features = FeatureSpec::infer(&train, "pressure")?.fit(&train)?;
    let train = features.transform(&train)?.regression()?;
    let valid = features
        .transform(&take(&frame, &parts[1])?)?
        .regression()?;

    let loader = Loader::new(train.clone(), args.batch_size.unwrap_or(BATCH_SIZE))?
        .shuffle(seed.child("order"));
    let valid_loader = Loader::for_evaluation(valid.clone(), 256)?;
    let model_config = LinearRegressionConfig::new(train.features().width());
    let model = model_config.init(seed.child("weights"), &device)?;
    // With a learning rate that falls to 0 the weights converge.
    let epochs = args.epochs.unwrap_or(loader.epochs_for_steps(STEPS));
    let config = TrainConfig {
        epochs,
        learning_rate: args.lr.unwrap_or(LEARNING_RATE),
        seed: args.seed,
        optimizer: OptimizerConfig::sgd().momentum(0.9).into(),
        schedule: RateSchedule::per_step(Schedule::cosine(epochs * loader.num_batches())),
        ..TrainConfig::default()
    };
    let run = args.run("linear_regression")?;
    let fitted = args
        .trainer(config, &run)?
        .metric(RegressionMetrics::new(&[
            RegressionMetric::Rmse,
            RegressionMetric::R2,
        ]))
        .fit(model, &Regression::default(), &loader, Some(&valid_loader))?;
    let fitted = unless_interrupted(fitted.finished())?;
    let bundle = Bundle::save(
        run.bundle(),
        "linear_regression",
        &model_config,
        &fitted.model,
    )?;
    features.save(bundle.folder().join("features.json"))?;

    // The exact solution on the same rows: no trained model has a smaller error on them.
    let width = train.features().width();
    let targets = train.targets().as_slice();
    let exact = least_squares(train.features().as_slice(), width, targets, 1)?;
    let rmse = |predicted: &[f64], truth: &[f32]| {
        let errors = predicted
            .iter()
            .zip(truth)
            .map(|(p, t)| (p - f64::from(*t)).powi(2));
        (errors.sum::<f64>() / truth.len() as f64).sqrt()
    };
    let best = rmse(
        &exact.predict(valid.features().as_slice())?,
        valid.targets().as_slice(),
    );
    let last = fitted.history.last().context("at least one epoch")?;
    let got = last.get("valid_rmse").context("the metric is measured")?;
    say!("run folder: {}", run.folder().display());
    expected(
        "validation RMSE",
        format!("{best:.4} (exact least squares)"),
        format!("{got:.4}"),
    );
    Ok(())
}
