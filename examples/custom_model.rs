//! A custom model with a custom loss, as in CONTRIBUTING.md.
//!
//! `cargo run --example custom_model`

use anyhow::Result;
use clap::Parser;
use examples::{expected, unless_interrupted};
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::nn::{Linear, LinearConfig};
use tinderbox::data::synthetic;
use tinderbox::prelude::*;
use tinderbox::train::StepError;

// A cubic polynomial, fitted to data of one: y = 5 + 1.2 x - 3.4 x²/2! + 5.6 x³/3! + noise.
#[derive(Module, Debug)]
struct Cubic {
    terms: Linear,
}

// One step: from a batch to its mean loss and the number of its examples.
fn huber(model: &Cubic, batch: Batch) -> Result<Step, StepError> {
    let examples = batch.targets.dims()[0];
    let error = (model.terms.forward(batch.inputs) - batch.targets).abs();
    let small = error.clone().clamp_max(1.0);
    let loss = small.clone().square() * 0.5 + (error - small);
    Ok(Step::mean(loss.mean(), examples))
}

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let device = args.device()?;
    let data = synthetic::polynomial(&[5.0, 1.2, -3.4, 5.6], 4, 0.1, 200, args.seed())?;
    let loader = Loader::new(data, args.batch_size.unwrap_or(10))?.shuffle(args.seed());
    // Burn's layers take random numbers from a global generator: `seeded` seeds it.
    let model = seeded(args.seed(), &device, |device| Cubic {
        terms: LinearConfig::new(4, 1).with_bias(false).init(device),
    });
    let config = TrainConfig {
        epochs: args.epochs.unwrap_or(200),
        learning_rate: args.lr.unwrap_or(0.05),
        ..TrainConfig::default()
    };
    let run = args.run("custom_model")?;
    let fitted = args
        .trainer(config, &run)?
        .fit(model, &huber, &loader, None)?;
    let fitted = unless_interrupted(fitted.finished())?;

    let weights = fitted.model.terms.weight.val().try_into_vec_as::<f32>()?;
    expected(
        "coefficients",
        "[5.0, 1.2, -3.4, 5.6]",
        format!("{weights:.1?}"),
    );
    Ok(())
}
