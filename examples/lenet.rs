//! LeNet: convolutions look at small patches, the same way everywhere in the picture.
//!
//! LeCun et al. 1998; Dive into Deep Learning, "Convolutional Neural Networks (LeNet)". Data:
//! Fashion-MNIST, 60,000 images of 28 x 28 grey pixels, fetched once.
//! `cargo run --example lenet`

use anyhow::Result;
use clap::Parser;
use examples::vision::{Args, Training, fashion_mnist, train};
use tinderbox::models::{ImageConfig, image::LeNetConfig};
use tinderbox::prelude::*;

/// Times that every image is seen.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// How far a step goes: far, because sigmoids pass small gradients on.
const LEARNING_RATE: f64 = 0.9;

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (training, test) = fashion_mnist(args.limit)?;
    let classes = training.classes().names();

    // Twice 5 x 5 convolution, sigmoid, mean of 2 x 2: 1 x 28 x 28 becomes 6 x 14 x 14 and 16 x 5 x 5.
    // Then 400 numbers to 120, 84 and 10. Weights start Xavier-uniform.
    let network = LeNetConfig::new(training.shape(), classes.len());

    let plan = Training {
        config: TrainConfig {
            epochs: common.epochs.unwrap_or(EPOCHS),
            learning_rate: common.lr.unwrap_or(LEARNING_RATE),
            seed: common.seed,
            ..TrainConfig::default()
        },
        batch_size: common.batch_size.unwrap_or(BATCH_SIZE),
        ..Training::new("lenet", common, "lenet", ImageConfig::LeNet(network))
    };
    let trained = train(plan, &training, None, &test)?;
    trained.print(classes);

    // 5 to 95 percent of 193 published runs, all images, 10 epochs.
    trained.expect([0.455, 0.486], [0.815, 0.831], [0.773, 0.824])
}
