//! Chapters "Linear Regression Implementation from Scratch" and "Concise Implementation".
//!
//! w = [2, -3.4], b = 4.2, noise 0.01, 1000 examples, batch 10, learning rate 0.03, 3 epochs.

use anyhow::{Context, Result, ensure};
use tinderbox::data::synthetic;
use tinderbox::prelude::*;

use super::{Experiment, SeedRun, Work, at_most, band};

/// The file of the example.
#[path = "../../../examples/linear_regression_scratch.rs"]
#[allow(dead_code)] // its `main`
mod lesson;

pub const EXPERIMENTS: &[Experiment] = &[SCRATCH, CONCISE];

/// Half the squared error, by hand, as in the example of the same name.
const SCRATCH: Experiment = Experiment {
    name: "linear-regression-scratch",
    seeds: (25, 5),
    bands: &[
        band("loss, epoch 1", 0.026, 0.037, 0.053),
        band("loss, epoch 2", 9.4e-5, 1.35e-4, 2.4e-4),
        band("loss, epoch 3", 4.7e-5, 5.1e-5, 5.4e-5),
        at_most("largest error of a weight", 1.4e-4, 5e-4, 1.2e-3),
        at_most("error of the bias", 3e-5, 5e-4, 1.1e-3),
    ],
    work: Work::Measure(scratch),
};

/// The squared error without the half: the same learning rate takes steps twice as long.
const CONCISE: Experiment = Experiment {
    name: "linear-regression-concise",
    seeds: (25, 5),
    bands: &[
        band("loss, epoch 1", 1.6e-4, 2.4e-4, 4.1e-4),
        band("loss, epoch 2", 9.4e-5, 1.02e-4, 1.08e-4),
        band("loss, epoch 3", 9.4e-5, 1.02e-4, 1.08e-4),
        at_most("largest error of a weight", 1e-4, 6e-4, 1.3e-3),
        at_most("error of the bias", 3e-5, 4e-4, 1.2e-3),
    ],
    work: Work::Measure(concise),
};

fn scratch(run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let learned = lesson::train(3, 10, 0.03, seed, &run.device)?;
    let errors = lesson::TRUTH
        .0
        .iter()
        .zip(&learned.w)
        .map(|(truth, w)| (truth - w).abs());
    let mut metrics = learned.losses;
    metrics.push(errors.fold(0.0, f64::max));
    metrics.push((lesson::TRUTH.1 - learned.b).abs());
    Ok(metrics)
}

fn concise(run: &SeedRun) -> Result<Vec<f64>> {
    let truth = ([2.0, -3.4], 4.2);
    let seed = Seed::new(run.seed);
    let data = synthetic::linear(&truth.0, truth.1, 0.01, 1000, seed.child("data"))?;
    let train = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    let whole = Loader::for_evaluation(data, 1000)?;
    let config = TrainConfig {
        epochs: 3,
        learning_rate: 0.03,
        seed: run.seed,
        ..TrainConfig::default()
    };
    let model = LinearRegressionConfig::new(2).init(seed.child("weights"), &run.device)?;
    let fitted = Trainer::new(config)?.fit(model, &Regression::default(), &train, Some(&whole))?;
    // The course prints the loss over all examples after each epoch.
    let losses = fitted.history.series("valid_loss");
    ensure!(
        losses.len() == 3,
        "three epochs, but {} losses",
        losses.len()
    );
    let mut metrics: Vec<f64> = losses.into_iter().map(|(_, loss)| loss).collect();
    let layer = &fitted.model.linear;
    let weights = layer.weight.val().try_into_vec_as::<f32>()?;
    let bias = layer.bias.as_ref().context("the model has a bias")?;
    let bias = bias.val().try_into_vec_as::<f32>()?[0];
    let errors = truth
        .0
        .iter()
        .zip(&weights)
        .map(|(truth, w)| (truth - f64::from(*w)).abs());
    metrics.push(errors.fold(0.0, f64::max));
    metrics.push((truth.1 - f64::from(bias)).abs());
    Ok(metrics)
}
