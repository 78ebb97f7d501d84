//! Chapters "Linear Regression Implementation from Scratch" and "Concise Implementation".
//!
//! w = [2, -3.4], b = 4.2, noise 0.01, 1000 examples, batch 10, learning rate 0.03, 3 epochs.

use anyhow::{Context, Result, ensure};
use tinderbox::data::synthetic;
use tinderbox::prelude::*;
use xshell::{Shell, cmd};

use super::{Experiment, Setting, at_most, band};

/// Half the squared error, by hand: what the example of the same name prints.
pub const SCRATCH: Experiment = Experiment {
    name: "linear-regression-scratch",
    seeds: (25, 5),
    bands: &[
        band("loss, epoch 1", 0.026, 0.037, 0.053),
        band("loss, epoch 2", 9.4e-5, 1.35e-4, 2.4e-4),
        band("loss, epoch 3", 4.7e-5, 5.1e-5, 5.4e-5),
        at_most("largest error of a weight", 1.4e-4, 5e-4, 1.2e-3),
        at_most("error of the bias", 3e-5, 5e-4, 1.1e-3),
    ],
    run: scratch,
};

/// The squared error without the half: the effective step is twice as long.
pub const CONCISE: Experiment = Experiment {
    name: "linear-regression-concise",
    seeds: (25, 5),
    bands: &[
        band("loss, epoch 1", 1.6e-4, 2.4e-4, 4.1e-4),
        band("loss, epoch 2", 9.4e-5, 1.02e-4, 1.08e-4),
        band("loss, epoch 3", 9.4e-5, 1.02e-4, 1.08e-4),
        at_most("largest error of a weight", 1e-4, 6e-4, 1.3e-3),
        at_most("error of the bias", 3e-5, 4e-4, 1.2e-3),
    ],
    run: concise,
};

fn scratch(setting: &Setting) -> Result<Vec<f64>> {
    let shell = Shell::new()?;
    let seed = setting.seed.to_string();
    let mut command = cmd!(
        shell,
        "cargo run --release --quiet --example linear_regression_scratch --"
    )
    .arg("--seed")
    .arg(seed);
    if let Some(device) = &setting.device_name {
        command = command.arg("--device").arg(device);
    }
    let text = command.quiet().read()?;
    let after = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.with_context(|| format!("the example printed no line '{start}…':\n{text}"))
    };
    let numbers = |list: &str| -> Result<Vec<f64>> {
        let parts = list.trim_matches(['[', ']']).split(", ");
        parts.map(|part| Ok(part.parse::<f64>()?)).collect()
    };
    let mut figures = Vec::new();
    for epoch in 1..=3 {
        figures.push(after(&format!("epoch {epoch}, loss "))?.parse()?);
    }
    for start in ["w error: ", "b error: "] {
        let errors = numbers(after(start)?)?;
        figures.push(errors.into_iter().map(f64::abs).fold(0.0, f64::max));
    }
    Ok(figures)
}

fn concise(setting: &Setting) -> Result<Vec<f64>> {
    let truth = ([2.0, -3.4], 4.2);
    let seed = Seed::new(setting.seed);
    let data = synthetic::linear(&truth.0, truth.1, 0.01, 1000, seed.child("data"))?;
    let train = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    let whole = Loader::for_evaluation(data, 1000)?;
    let config = TrainConfig {
        epochs: 3,
        learning_rate: 0.03,
        seed: setting.seed,
        ..TrainConfig::default()
    };
    let model = LinearRegressionConfig::new(2).init(seed.child("weights"), &setting.device)?;
    let fitted = Trainer::new(config)?.fit(model, &Regression::default(), &train, Some(&whole))?;
    // The course prints the loss over all examples after each epoch.
    let losses = fitted.history.series("valid_loss");
    ensure!(losses.len() == 3, "three epochs, but {} losses", losses.len());
    let mut figures: Vec<f64> = losses.into_iter().map(|(_, loss)| loss).collect();
    let layer = &fitted.model.linear;
    let weights = layer.weight.val().try_into_vec_as::<f32>()?;
    let bias = layer.bias.as_ref().context("the model has a bias")?;
    let bias = bias.val().try_into_vec_as::<f32>()?[0];
    let errors = truth.0.iter().zip(&weights).map(|(truth, w)| (truth - f64::from(*w)).abs());
    figures.push(errors.fold(0.0, f64::max));
    figures.push((truth.1 - f64::from(bias)).abs());
    Ok(figures)
}
