//! ResNet-18: layers that add to their input, so that many of them can be trained.
//!
//! He et al. 2015; Dive into Deep Learning, "Residual Networks (ResNet) and ResNeXt". Data:
//! Fashion-MNIST, 60,000 images, resized to 96 x 96 on the batch. On a CPU an epoch takes hours:
//! `--limit 500 --epochs 1` is a quick try.
//! `cargo run --example resnet`

use anyhow::Result;
use clap::Parser;
use examples::unless_interrupted;
use examples::vision::{Args, expect, fashion_mnist, print_trained};
use tinderbox::image::Training;
use tinderbox::models::{ImageConfig, image::CourseResNetConfig};
use tinderbox::prelude::*;

/// Number of passes over the training data.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// The learning rate of SGD.
const LEARNING_RATE: f64 = 0.05;
/// Height and width of an image in the model.
const SIDE: usize = 96;

fn main() -> Result<()> {
    let args = Args::parse();
    let data = fashion_mnist(args.limit)?;

    // A 7 x 7 convolution and max-pooling, then four stages of two blocks; from stage to stage the
    // channels double (64 to 512) and the sides halve. Each block is two 3 x 3 convolutions with
    // batch norm, added to its input. Then the mean of every channel, and 512 numbers to 10.
    let network = CourseResNetConfig::new([1, SIDE, SIDE], data.train.classes().names().len());

    let training = Training::new("resnet18_course")
        .network(ImageConfig::CourseResNet(network))
        .resize(SIDE)
        .epochs(EPOCHS)
        .batch_size(BATCH_SIZE)
        .optimizer(OptimizerConfig::default())
        .learning_rate(LEARNING_RATE);
    let training = args.common.image("resnet", training)?;
    let trained = unless_interrupted(training.fit(&data.train, None, &data.test))?;

    print_trained(&trained);
    // 5 to 95 percent of 123 published runs, all images, 10 epochs.
    expect(&trained, [0.009, 0.051], [0.982, 0.998], [0.848, 0.922])
}
