//! Chapter "Underfitting and Overfitting": polynomials of degree 3, 1 and 19 on 100 + 100 examples.
//!
//! The course publishes one run: degree 3 with weights [5.01, 1.24, -3.42, 5.50] and losses 0.0108 and 0.0106,
//! degree 1 with [3.40, 3.99], 8.43 and 15.6, degree 19 with 0.0121 and 0.0178. Those are the medians below. One
//! run has no percentiles, so the ends of the bands come from 100 runs of the course's procedure in plain Python,
//! `xtask/python/polynomial_bands.py`, which also shows how much a loss depends on the draw of the data.

use anyhow::{Result, ensure};
use tinderbox::data::synthetic;
use tinderbox::prelude::*;

use super::{Experiment, SeedRun, Work, at_most, band};

pub const EXPERIMENTS: &[Experiment] = &[Experiment {
    name: "polynomial",
    seeds: (15, 3),
    bands: &[
        band("degree 3: w0", 4.9787, 5.01, 5.0238),
        band("degree 3: w1", 1.1759, 1.24, 1.2854),
        band("degree 3: w2", -3.4361, -3.42, -3.3559),
        band("degree 3: w3", 5.3475, 5.5, 5.6304),
        band("degree 1: w0", 2.7316, 3.4, 3.8185),
        band("degree 1: w1", 3.0732, 3.99, 5.2884),
        at_most("degree 3: train loss", 0.0076, 0.0108, 0.0132),
        at_most("degree 3: test loss", 0.0082, 0.0106, 0.023),
        band("degree 1: train loss", 3.5725, 8.43, 24.6376),
        band("degree 1: test loss", 4.7702, 15.6, 31.557),
        at_most("degree 19: train loss", 0.0085, 0.0121, 0.0132),
        at_most("degree 19: test loss", 0.009, 0.0178, 0.1035),
    ],
    work: Work::Measure(polynomial),
}];

fn polynomial(run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let data = synthetic::polynomial(&[5.0, 1.2, -3.4, 5.6], 20, 0.1, 200, seed.child("data"))?;
    let (mut metrics, mut losses) = (Vec::new(), Vec::new());
    for (degree, epochs) in [(3, 400), (1, 400), (19, 1500)] {
        let (weights, train, test) = fit(&data, degree + 1, epochs, seed, &run.device)?;
        if degree < 4 {
            metrics.extend(weights);
        }
        losses.extend([train, test]);
    }
    metrics.extend(losses);
    Ok(metrics)
}

/// Weights and the losses on the first 100 rows (trained on) and on the last 100.
fn fit(
    data: &Rows,
    width: usize,
    epochs: usize,
    seed: Seed,
    device: &Device,
) -> Result<(Vec<f64>, f64, f64)> {
    let columns = (0..data.len()).flat_map(|row| &data.features().row(row)[..width]);
    let features = Values::new(columns.copied().collect(), width)?;
    let data = Rows::new(features, data.targets().clone())?;
    let part = |rows: std::ops::Range<usize>| data.gather(&rows.collect::<Vec<_>>());
    let (train, test) = (part(0..100), part(100..200));
    let loader = Loader::new(train, 10)?.shuffle(seed.child("order"));
    // PyTorch's default: U(-1 / sqrt(inputs), 1 / sqrt(inputs)). The column of ones is the bias.
    let bound = 1.0 / (width as f64).sqrt();
    let model = LinearRegressionConfig {
        bias: false,
        initializer: Initializer::Uniform { bound },
        ..LinearRegressionConfig::new(width)
    };
    let model = model.init(seed.child("weights"), device)?;
    let config = TrainConfig {
        epochs,
        learning_rate: 0.01,
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(config)?.fit(model, &Regression::default(), &loader, None)?;
    let weights: Vec<f32> = fitted.model.linear.weight.val().try_into_vec_as()?;
    let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
    ensure!(
        weights.len() == width,
        "{width} weights, but got {}",
        weights.len()
    );
    Ok((
        weights.clone(),
        mse(&weights, loader.data()),
        mse(&weights, &test),
    ))
}

fn mse(weights: &[f64], data: &Rows) -> f64 {
    let error = |row: usize| -> f64 {
        let terms = weights.iter().zip(data.features().row(row));
        let predicted: f64 = terms.map(|(w, x)| w * f64::from(*x)).sum();
        predicted - f64::from(data.targets().row(row)[0])
    };
    (0..data.len()).map(|row| error(row).powi(2)).sum::<f64>() / data.len() as f64
}
