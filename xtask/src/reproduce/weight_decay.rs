//! Chapter "Weight Decay": 200 inputs, 20 training examples, 100 test examples.
//!
//! Batch 5, rate 0.003, 100 epochs, weights from N(0, 1). From scratch: half the squared error, the penalty
//! `lambda / 2 * |w|^2` in the loss, a bias that starts at 0. Concise: the squared error, weight decay in the
//! optimizer for the weights alone, a bias from N(0, 1).

use anyhow::{Context, Result};
use tinderbox::data::synthetic;
use tinderbox::optim::{GradientsParams, ParameterGroup, Reduction};
use tinderbox::prelude::*;

use super::{Experiment, SeedRun, Work, at_most, band};

pub const EXPERIMENTS: &[Experiment] = &[SCRATCH, CONCISE];

/// The penalty as a term of the loss.
///
/// The course publishes percentiles of the test losses. Training losses and norms are published for one run; their
/// bands are a factor of ten and a tenth around it.
const SCRATCH: Experiment = Experiment {
    name: "weight-decay-scratch",
    seeds: (25, 9),
    bands: &[
        at_most("lambda 0: train loss", 1e-6, 1e-5, 1e-4),
        band("lambda 0: test loss", 64.9, 87.5, 116.6),
        band("lambda 0: norm of w", 11.7, 12.96, 14.3),
        band("lambda 3: train loss", 1e-4, 1e-3, 1e-2),
        band("lambda 3: test loss", 0.062, 0.085, 0.160),
        band("lambda 3: norm of w", 0.320, 0.356, 0.392),
    ],
    work: Work::Measure(|run| measure(run, Version::Scratch)),
};

/// The penalty in the optimizer.
const CONCISE: Experiment = Experiment {
    name: "weight-decay-concise",
    seeds: (25, 9),
    bands: &[
        band("weight_decay 0: test loss", 131.0, 183.0, 238.0),
        band("weight_decay 0: norm of w", 12.4, 13.73, 15.1),
        band("weight_decay 3: test loss", 0.152, 0.354, 2.36),
        band("weight_decay 3: norm of w", 0.350, 0.389, 0.428),
    ],
    work: Work::Measure(|run| measure(run, Version::Concise)),
};

#[derive(Clone, Copy, PartialEq)]
enum Version {
    Scratch,
    Concise,
}

fn measure(run: &SeedRun, version: Version) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let data = synthetic::high_dimensional(200, 120, seed.child("data"))?;
    let part = |rows: std::ops::Range<usize>| data.gather(&rows.collect::<Vec<_>>());
    let (train, test) = (part(0..20), part(20..120));
    let mut metrics = Vec::new();
    for decay in [0.0, 3.0] {
        let model = fit(&train, decay, version, seed, &run.device)?;
        if version == Version::Scratch {
            metrics.push(loss(&model, &train, version, &run.device)?);
        }
        metrics.push(loss(&model, &test, version, &run.device)?);
        metrics.push(
            model
                .linear
                .weight
                .val()
                .square()
                .sum()
                .sqrt()
                .try_into_scalar()?,
        );
    }
    Ok(metrics)
}

fn fit(
    train: &Rows,
    decay: f64,
    version: Version,
    seed: Seed,
    plain: &Device,
) -> Result<LinearRegression> {
    let device = plain.clone().autodiff();
    let loader = Loader::new(train.clone(), 5)?.shuffle(seed.child("order"));
    let config = LinearRegressionConfig {
        initializer: Initializer::Normal { std: 1.0 },
        ..LinearRegressionConfig::new(200)
    };
    let mut model = config.init(seed.child("weights"), plain)?;
    if version == Version::Concise {
        let bias = model.linear.bias.take().context("the model has a bias")?;
        let first = Tensor::from_data([seed.child("bias").rng().normal() as f32], plain);
        model.linear.bias = Some(bias.map(|_| first));
    }
    let mut model = model.train();
    let in_optimizer = if version == Version::Concise {
        decay
    } else {
        0.0
    };
    let optimizer = OptimizerConfig::from(OptimizerConfig::sgd().weight_decay(in_optimizer));
    let (mut optimizer, rates) =
        optimizer.build_with_groups(&[ParameterGroup::no_decay_on_vectors()], &model)?;
    for epoch in 0..100 {
        for batch in loader.epoch(epoch, 0, &device)? {
            let Batch { inputs, targets } = batch?;
            let predicted = model.forward(inputs);
            let mut loss = version
                .loss()
                .forward(predicted, targets, Reduction::Mean)?;
            if version == Version::Scratch {
                loss = loss + model.linear.weight.val().square().sum() * (0.5 * decay);
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(rates.at(0.003), model, gradients);
        }
    }
    Ok(model.valid())
}

impl Version {
    fn loss(self) -> Loss {
        match self {
            Self::Scratch => Loss::HalfSquared,
            Self::Concise => Loss::Squared,
        }
    }
}

/// The loss without the penalty.
fn loss(model: &LinearRegression, data: &Rows, version: Version, device: &Device) -> Result<f64> {
    let predicted = model.forward(data.features().clone().into_tensor(device));
    let targets = data.targets().clone().into_tensor(device);
    let loss = version
        .loss()
        .forward(predicted, targets, Reduction::Mean)?;
    Ok(loss.try_into_scalar()?)
}
