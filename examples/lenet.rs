//! LeNet: convolutions apply the same small filters everywhere in the image.
//!
//! LeCun et al. 1998; Dive into Deep Learning, "Convolutional Neural Networks (LeNet)". Data:
//! Fashion-MNIST, 60,000 images of 28 x 28 gray pixels, fetched once.
//! `cargo run --example lenet`

use anyhow::Result;
use clap::Parser;
use examples::unless_interrupted;
use examples::vision::{Args, expect, fashion_mnist, print_trained};
use tinderbox::image::Training;
use tinderbox::models::{ImageConfig, image::LeNetConfig};
use tinderbox::prelude::*;

/// Number of passes over the training data.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// A large learning rate, because the gradients of sigmoids are small.
const LEARNING_RATE: f64 = 0.9;

fn main() -> Result<()> {
    let args = Args::parse();
    let data = fashion_mnist(args.limit)?;

    // Twice a 5 x 5 convolution, sigmoid and the mean of 2 x 2: 1 x 28 x 28 becomes 6 x 14 x 14 and
    // 16 x 5 x 5. Then 400 numbers to 120, 84 and 10. Weights start Xavier-uniform.
    let network = LeNetConfig::new(data.train.shape(), data.train.classes().names().len());

    let training = Training::new("lenet")
        .network(ImageConfig::LeNet(network))
        .epochs(EPOCHS)
        .batch_size(BATCH_SIZE)
        .optimizer(OptimizerConfig::default())
        .learning_rate(LEARNING_RATE);
    let training = args.common.image("lenet", training)?;
    let trained = unless_interrupted(training.fit(&data.train, None, &data.test))?;

    print_trained(&trained);
    // 5 to 95 percent of 193 published runs, all images, 10 epochs.
    expect(&trained, [0.455, 0.486], [0.815, 0.831], [0.773, 0.824])
}
