//! A multilayer perceptron: a hidden layer and a nonlinearity between pixels and classes.
//!
//! Dive into Deep Learning, "Concise Implementation of Multilayer Perceptrons". Data: Fashion-MNIST,
//! 60,000 images of 28 x 28 grey pixels, fetched once.
//! `cargo run --example mlp`

use anyhow::Result;
use clap::Parser;
use examples::vision::{Args, Training, fashion_mnist, train};
use tinderbox::models::{ImageConfig, image::MlpConfig};
use tinderbox::prelude::*;

/// Times that every image is seen.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// How far a step goes.
const LEARNING_RATE: f64 = 0.1;
/// Units of the hidden layer.
const HIDDEN: usize = 256;

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (training, test) = fashion_mnist(args.limit)?;
    let classes = training.classes().names();

    // 784 pixels to 256 units, max(0, x), 256 units to 10 logits. Without the nonlinearity two linear
    // layers would be one. Weights start as N(0, 0.01), biases as 0.
    let network = MlpConfig {
        hidden: HIDDEN,
        ..MlpConfig::new(training.shape(), classes.len())
    };

    let plan = Training {
        config: TrainConfig {
            epochs: common.epochs.unwrap_or(EPOCHS),
            learning_rate: common.lr.unwrap_or(LEARNING_RATE),
            seed: common.seed,
            ..TrainConfig::default()
        },
        batch_size: common.batch_size.unwrap_or(BATCH_SIZE),
        ..Training::new("mlp", common, "mlp", ImageConfig::Mlp(network))
    };
    let trained = train(plan, &training, None, &test)?;
    trained.print(classes);

    // 5 to 95 percent of 119 published runs, all images, 10 epochs.
    trained.expect([0.380, 0.385], [0.863, 0.866], [0.827, 0.854])
}
