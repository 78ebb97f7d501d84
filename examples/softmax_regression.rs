//! Softmax regression: one linear layer classifies ten kinds of clothes.
//!
//! Dive into Deep Learning, "Concise Implementation of Softmax Regression". Data: Fashion-MNIST,
//! 60,000 images of 28 x 28 gray pixels, fetched once.
//! `cargo run --example softmax_regression`

use anyhow::Result;
use clap::Parser;
use examples::unless_interrupted;
use examples::vision::{Args, expect, fashion_mnist, print_trained};
use tinderbox::image::Training;
use tinderbox::models::{ImageConfig, image::SoftmaxRegressionConfig};
use tinderbox::prelude::*;

/// Number of passes over the training data.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// The learning rate of SGD.
const LEARNING_RATE: f64 = 0.1;

fn main() -> Result<()> {
    let args = Args::parse();

    // Bytes in memory; a batch has numbers from 0 to 1, of shape [256, 1, 28, 28].
    let data = fashion_mnist(args.limit)?;
    let classes = data.train.classes().names().len();

    // 784 pixels to 10 logits: weights start as N(0, 0.01), biases as 0.
    let network = SoftmaxRegressionConfig::new(data.train.shape(), classes);

    // Minibatch SGD on the cross-entropy, with the images in a new order in every epoch. The test images
    // are measured after each epoch and never trained on.
    let training = Training::new("softmax_regression")
        .network(ImageConfig::SoftmaxRegression(network))
        .epochs(EPOCHS)
        .batch_size(BATCH_SIZE)
        .optimizer(OptimizerConfig::default())
        .learning_rate(LEARNING_RATE);
    let training = args.common.image("softmax_regression", training)?;
    let trained = unless_interrupted(training.fit(&data.train, None, &data.test))?;

    print_trained(&trained);
    // 5 to 95 percent of 148 published runs, all images, 10 epochs.
    expect(&trained, [0.4466, 0.4479], [0.8473, 0.8489], [0.824, 0.835])
}
