//! A multilayer perceptron: a hidden layer and a nonlinearity between pixels and classes.
//!
//! Dive into Deep Learning, "Concise Implementation of Multilayer Perceptrons". Data: Fashion-MNIST,
//! 60,000 images of 28 x 28 gray pixels, fetched once.
//! `cargo run --example mlp`

use anyhow::Result;
use clap::Parser;
use examples::unless_interrupted;
use examples::vision::{Args, expect, fashion_mnist, print_trained};
use tinderbox::image::Training;
use tinderbox::models::{ImageConfig, image::MlpConfig};
use tinderbox::prelude::*;

/// Number of passes over the training data.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// The learning rate of SGD.
const LEARNING_RATE: f64 = 0.1;
/// Units of the hidden layer.
const HIDDEN: usize = 256;

fn main() -> Result<()> {
    let args = Args::parse();
    let data = fashion_mnist(args.limit)?;

    // 784 pixels to 256 units, max(0, x), 256 units to 10 logits. Without the nonlinearity two linear
    // layers would be one. Weights start as N(0, 0.01), biases as 0.
    let network = MlpConfig {
        hidden: HIDDEN,
        ..MlpConfig::new(data.train.shape(), data.train.classes().names().len())
    };

    let training = Training::new("mlp")
        .network(ImageConfig::Mlp(network))
        .epochs(EPOCHS)
        .batch_size(BATCH_SIZE)
        .optimizer(OptimizerConfig::default())
        .learning_rate(LEARNING_RATE);
    let training = args.common.image("mlp", training)?;
    let trained = unless_interrupted(training.fit(&data.train, None, &data.test))?;

    print_trained(&trained);
    // 5 to 95 percent of 119 published runs, all images, 10 epochs.
    expect(&trained, [0.380, 0.385], [0.863, 0.866], [0.827, 0.854])
}
