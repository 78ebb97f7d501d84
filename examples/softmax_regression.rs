//! Softmax regression: one linear layer tells ten kinds of clothes apart.
//!
//! Dive into Deep Learning, "Concise Implementation of Softmax Regression". Data: Fashion-MNIST,
//! 60,000 images of 28 x 28 grey pixels, fetched once.
//! `cargo run --example softmax_regression`

use anyhow::Result;
use clap::Parser;
use examples::vision::{Args, Training, fashion_mnist, train};
use tinderbox::models::{ImageConfig, image::SoftmaxRegressionConfig};
use tinderbox::prelude::*;

/// Times that every image is seen.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// How far a step goes.
const LEARNING_RATE: f64 = 0.1;

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;

    // Bytes in memory; a batch has numbers from 0 to 1, of shape [256, 1, 28, 28].
    let (training, test) = fashion_mnist(args.limit)?;
    let classes = training.classes().names();

    // 784 pixels to 10 logits: weights start as N(0, 0.01), biases as 0.
    let network = SoftmaxRegressionConfig::new(training.shape(), classes.len());

    // Minibatch SGD on the cross-entropy, the images in a new order in every epoch. The test images
    // are measured after each epoch and never trained on.
    let plan = Training {
        config: TrainConfig {
            epochs: common.epochs.unwrap_or(EPOCHS),
            learning_rate: common.lr.unwrap_or(LEARNING_RATE),
            seed: common.seed,
            ..TrainConfig::default()
        },
        batch_size: common.batch_size.unwrap_or(BATCH_SIZE),
        ..Training::new(
            "softmax_regression",
            common,
            "softmax_regression",
            ImageConfig::SoftmaxRegression(network),
        )
    };
    let trained = train(plan, &training, None, &test)?;
    trained.print(classes);

    // 5 to 95 percent of 148 published runs, all images, 10 epochs.
    trained.expect([0.4466, 0.4479], [0.8473, 0.8489], [0.824, 0.835])
}
