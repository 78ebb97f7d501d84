//! ResNet-18: layers that add to their input, so that many of them can be trained.
//!
//! He et al. 2015; Dive into Deep Learning, "Residual Networks (ResNet) and ResNeXt". Data:
//! Fashion-MNIST, 60,000 images, resized to 96 x 96 on the batch. On a CPU an epoch takes hours:
//! `--limit 500 --epochs 1` is a quick try.
//! `cargo run --example resnet`

use anyhow::Result;
use clap::Parser;
use examples::vision::{Args, Training, fashion_mnist, prepare, train};
use tinderbox::models::{ImageConfig, image::CourseResNetConfig};
use tinderbox::prelude::*;

/// Times that every image is seen.
const EPOCHS: usize = 10;
/// Images whose mean gradient makes one step.
const BATCH_SIZE: usize = 256;
/// How far a step goes.
const LEARNING_RATE: f64 = 0.05;
/// Height and width of an image in the model.
const SIDE: usize = 96;

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (training, test) = fashion_mnist(args.limit)?;
    let training = prepare(training, Some(SIDE), None, None)?;
    let test = prepare(test, Some(SIDE), None, None)?;
    let classes = training.classes().names();

    // 7 x 7 convolution and max-pooling, then four stages of two blocks; from stage to stage the
    // channels double (64 to 512) and the sides halve. Each block is two 3 x 3 convolutions with
    // batch norm, added to its input. Then the mean of every map, and 512 numbers to 10.
    let network = CourseResNetConfig::new(training.shape(), classes.len());

    let plan = Training {
        config: TrainConfig {
            epochs: common.epochs.unwrap_or(EPOCHS),
            learning_rate: common.lr.unwrap_or(LEARNING_RATE),
            seed: common.seed,
            ..TrainConfig::default()
        },
        batch_size: common.batch_size.unwrap_or(BATCH_SIZE),
        ..Training::new(
            "resnet",
            common,
            "resnet18_course",
            ImageConfig::CourseResNet(network),
        )
    };
    let trained = train(plan, &training, None, &test)?;
    trained.print(classes);

    // 5 to 95 percent of 123 published runs, all images, 10 epochs.
    trained.expect([0.009, 0.051], [0.982, 0.998], [0.848, 0.922])
}
