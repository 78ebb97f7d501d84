//! Any image model on any images: a data set of the catalog, or a folder with a folder for each class.
//!
//! `cargo run --example image_classifier -- --model lenet --data fashion-mnist`
//! `cargo run --example image_classifier -- --model resnet18 --data FOLDER --resize 64`
//!
//! The run folder gets curves, the confusion matrix, the scores of every class, a grid of
//! predictions and a bundle. With `--weights FILE` training starts from the weights of a file, as
//! torchvision has them; `--freeze layer1 --head-lr 0.1` keeps a part of them and lets the last layer
//! learn faster.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use examples::Common;
use examples::vision::{
    Augment, Normalize, Trained, Training, hold_out, images, limited, prepare, train,
};
use tinderbox::data::images::{Colors, FolderOptions};
use tinderbox::models::find;
use tinderbox::prelude::*;

#[derive(Parser, Debug)]
#[command(about = "Trains an image model: see --example models for their names.")]
pub struct Args {
    /// The name of the model.
    #[arg(long, default_value = "lenet_modern")]
    model: String,
    /// fashion-mnist, mnist, cifar-10, or a folder: CLASS/*.png (or .jpg, .webp, .bmp, .gif, .tiff), with or
    /// without the folders train, valid and test above, or the binary batches of CIFAR-10.
    #[arg(long, default_value = "fashion-mnist")]
    data: String,
    /// Resize images to so many rows and columns; default: the size they have, and 64 for pictures of a folder
    /// that are larger or have different sizes.
    #[arg(long)]
    resize: Option<usize>,
    /// Make the pictures of a folder grey.
    #[arg(long)]
    grey: bool,
    /// The color behind transparent pixels, as #rrggbb.
    #[arg(long, default_value = "#ffffff", value_parser = color)]
    background: Color,
    /// Leave out pictures that cannot be read, and list them.
    #[arg(long)]
    skip_damaged: bool,
    /// Show every image a little different in every epoch: shifted by up to an eighth, and, unless
    /// they are digits, mirrored half of the time.
    #[arg(long)]
    augment: bool,
    /// Shift and scale the pixels: by mean and deviation of the training images, or by ImageNet's,
    /// which the weights of torchvision want.
    #[arg(long, value_enum)]
    normalize: Option<Normalize>,
    /// sgd, momentum, nesterov, adam, adamw, …; default learning rate 0.1 for sgd, 0.01 for momentum
    /// and nesterov, 0.001 for the others.
    #[arg(long, default_value = "adam")]
    optimizer: String,
    /// Label smoothing, at least 0 and less than 1.
    #[arg(long, default_value_t = 0.0)]
    label_smoothing: f32,
    /// Share of the training images that is held out to choose the best epoch; without it, and without a
    /// folder valid beside a folder test, the test images are measured in every epoch, as in the course, and
    /// the last epoch is kept.
    #[arg(long)]
    validation: Option<f64>,
    /// Take only so many of the training images, and of the test images: a quick try.
    #[arg(long)]
    limit: Option<usize>,
    /// Weights to start from: .safetensors, .pt or .pth with PyTorch's names.
    #[arg(long)]
    weights: Option<PathBuf>,
    /// A part of the model that is not trained, by the start of its name (layer1, conv1); may be
    /// given several times.
    #[arg(long, value_name = "PREFIX")]
    freeze: Vec<String>,
    /// Another learning rate for the last layer.
    #[arg(long)]
    head_lr: Option<f64>,
    #[command(flatten)]
    common: Common,
}

/// The longest side of pictures in a folder that are not resized.
const LARGEST: usize = 64;

/// Optimizer steps that a small data set gets at least.
const STEPS: usize = 800;

/// Batch size and epochs for so many images: ten epochs, and more where those are fewer than [`STEPS`].
fn budget(images: usize) -> (usize, usize) {
    let batch = (images / 16).next_power_of_two().clamp(8, 128);
    let steps = images.div_ceil(batch).max(1);
    (batch, STEPS.div_ceil(steps).max(10))
}

/// Red, green and blue.
#[derive(Clone, Copy, Debug)]
struct Color([u8; 3]);

fn color(text: &str) -> Result<Color, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = u32::from_str_radix(digits, 16).ok();
    match number.filter(|_| digits.len() == 6) {
        Some(number) => {
            let [_, red, green, blue] = number.to_be_bytes();
            Ok(Color([red, green, blue]))
        }
        None => Err("write it as #rrggbb, such as #ffffff for white".into()),
    }
}

/// Trains as a command line says, and prints what came out.
pub fn run(args: &Args) -> Result<Trained> {
    let common = &args.common;
    let seed = common.seed();
    let entry = find(&args.model)?;
    let optimizer = OptimizerConfig::by_name(&args.optimizer)?;

    let mut options = FolderOptions::new(if args.grey { Colors::Gray } else { Colors::Rgb });
    options.size = args.resize.map(|side| [side, side]);
    options.square = Some(LARGEST);
    options.background = args.background.0;
    options.skip_damaged = args.skip_damaged;
    let parts = images(&args.data, &options, seed.child("test"))?;
    let (training, test) = limited(parts.train, parts.test, args.limit)?;
    let (training, valid) = match args.validation {
        Some(share) => {
            ensure!(
                share > 0.0 && share < 1.0,
                "--validation {share}: a share more than 0 and less than 1"
            );
            let (training, valid) = hold_out(&training, share, seed.child("validation"))?;
            (training, Some(valid))
        }
        None => (training, parts.valid),
    };
    // Digits have no mirror image.
    let augment = args.augment.then_some(Augment {
        mirror: args.data != "mnist",
    });
    let normalize = args.normalize.map(|how| how.of(&training)).transpose()?;
    let plain = |images| prepare(images, args.resize, None, normalize.as_ref());
    let (test, valid) = (plain(test)?, valid.map(plain).transpose()?);
    let training = prepare(training, args.resize, augment, normalize.as_ref())?;

    let classes = test.classes().names();
    let rate = match args.optimizer.as_str() {
        "sgd" => 0.1,
        "momentum" | "nesterov" => 0.01,
        _ => 0.001,
    };
    let network = (entry.config)(test.shape(), classes.len());
    let (batch_size, epochs) = budget(training.len());
    let batch_size = common.batch_size.unwrap_or(batch_size);
    let plan = Training {
        config: TrainConfig {
            epochs: common.epochs.unwrap_or(epochs),
            learning_rate: common.lr.unwrap_or(rate),
            optimizer,
            seed: common.seed,
            freeze: args.freeze.clone(),
            ..TrainConfig::default()
        },
        batch_size,
        label_smoothing: args.label_smoothing,
        weights: args.weights.clone(),
        head_rate: args.head_lr,
        background: args.background.0,
        ..Training::new("image_classifier", common, entry.name, network)
    };
    let trained = train(plan, &training, valid.as_ref(), &test)?;
    trained.print(classes);
    examples::expected(
        "test accuracy",
        format!("above {:.4}, that of guessing", 1.0 / classes.len() as f64),
        format!("{:.4}", trained.test_accuracy()),
    );
    Ok(trained)
}

fn main() -> Result<()> {
    run(&Args::parse()).map(drop)
}
