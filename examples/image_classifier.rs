//! Any image model on any images: a data set of the catalog, or a folder with a folder for each class.
//!
//! `cargo run --example image_classifier -- --model lenet --data fashion-mnist`
//! `cargo run --example image_classifier -- --model resnet18 --data FOLDER --resize 64`
//!
//! The run folder gets curves, the confusion matrix, the scores of every class, a grid of
//! predictions and a bundle. With `--weights FILE` training starts from the weights of a file, such as
//! those of torchvision; `--freeze layer1 --head-lr 0.1` keeps a part of them fixed and gives the last
//! layer its own learning rate.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use examples::vision::{limited, print_trained};
use examples::{Common, output, say, unless_interrupted};
use tinderbox::data::images::{Colors, FolderOptions};
use tinderbox::image::{Augment, Normalize, Parts, Trained, Training};
use tinderbox::models::find;
use tinderbox::prelude::*;

/// The longest side of images in a folder that are not resized.
const LARGEST: usize = 64;

/// How pixels are shifted and scaled.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Statistics {
    /// By mean and standard deviation of the training images.
    Data,
    /// By those of ImageNet, for the weights of torchvision.
    Imagenet,
}

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
    /// Resize images to this many rows and columns; default: the size they have, and 64 for images of a
    /// folder that are larger or have different sizes.
    #[arg(long, value_name = "SIDE", value_parser = output::positive::<usize>)]
    resize: Option<usize>,
    /// Convert the images of a folder to grayscale.
    #[arg(long)]
    grey: bool,
    /// The color behind transparent pixels, as #rrggbb.
    #[arg(long, default_value = "#ffffff", value_parser = color)]
    background: Color,
    /// Leave out images that cannot be read, and list them.
    #[arg(long)]
    skip_damaged: bool,
    /// Change every training image at random in every epoch: shifted by up to an eighth of its size and,
    /// except for digits, mirrored half of the time.
    #[arg(long)]
    augment: bool,
    /// Shift and scale the pixels: by mean and standard deviation of the training images, or by those of
    /// ImageNet, which the weights of torchvision need.
    #[arg(long, value_enum)]
    normalize: Option<Statistics>,
    /// sgd, momentum, nesterov, adam, adamw, …; default learning rate 0.1 for sgd, 0.01 for momentum
    /// and nesterov, 0.001 for the others.
    #[arg(long, default_value = "adam")]
    optimizer: String,
    /// Label smoothing, at least 0 and less than 1.
    #[arg(long, default_value_t = 0.0)]
    label_smoothing: f32,
    /// Share of the training images that is held out to choose the best epoch. Without it, and without a
    /// folder valid next to a folder test, the test images are measured in every epoch, as in the course,
    /// and the last epoch is kept.
    #[arg(long)]
    validation: Option<f64>,
    /// Use only this many of the training images and of the test images: a quick try.
    #[arg(long, value_name = "IMAGES", value_parser = output::positive::<usize>)]
    limit: Option<usize>,
    /// Weights to start from: .safetensors, .pt or .pth with PyTorch's names.
    #[arg(long)]
    weights: Option<PathBuf>,
    /// A part of the model that is not trained, by the prefix of its name (layer1, conv1); may be given
    /// several times.
    #[arg(long, value_name = "PREFIX")]
    freeze: Vec<String>,
    /// Another learning rate for the last layer.
    #[arg(long)]
    head_lr: Option<f64>,
    #[command(flatten)]
    common: Common,
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

/// Trains with the settings of a command line, and prints the scores.
pub fn run(args: &Args) -> Result<Trained> {
    find(&args.model)?;
    if let Some(share) = args.validation {
        ensure!(
            share > 0.0 && share < 1.0,
            "--validation {share}: a share more than 0 and less than 1"
        );
    }
    let mut options = FolderOptions::new(if args.grey { Colors::Gray } else { Colors::Rgb });
    options.size = args.resize.map(|side| [side, side]);
    options.square = Some(LARGEST);
    options.background = args.background.0;
    options.skip_damaged = args.skip_damaged;
    let data = Parts::read(&args.data, &options, args.common.seed().child("test"))?;
    for note in data.notes.iter().map(ToString::to_string) {
        if !note.is_empty() {
            say!("{note}");
        }
    }
    let data = limited(data, args.limit)?;

    let mut training = Training::new(&args.model)
        .optimizer(OptimizerConfig::by_name(&args.optimizer)?)
        .label_smoothing(args.label_smoothing)
        .background(args.background.0);
    if args.augment {
        // Mirrored digits are not digits.
        let mirror = args.data != "mnist";
        training = training.augment(Augment { mirror });
    }
    if let Some(statistics) = args.normalize {
        training = training.normalize(match statistics {
            Statistics::Data => Normalize::Data,
            Statistics::Imagenet => Normalize::ImageNet,
        });
    }
    if let Some(side) = args.resize {
        training = training.resize(side);
    }
    if let Some(weights) = &args.weights {
        training = training.weights(weights);
    }
    if let Some(learning_rate) = args.head_lr {
        training = training.head_learning_rate(learning_rate);
    }
    let freeze = args.freeze.clone();
    training = training.configure(move |config| config.freeze.clone_from(&freeze));
    let valid = match args.validation {
        Some(share) => {
            training = training.validation_share(share);
            None
        }
        None => data.valid.as_ref(),
    };
    let training = args.common.image("image_classifier", training)?;
    let trained = unless_interrupted(training.fit(&data.train, valid, &data.test))?;

    print_trained(&trained);
    let classes = data.test.classes().names().len();
    examples::expected(
        "test accuracy",
        format!("above {:.4}, that of chance", 1.0 / classes as f64),
        format!("{:.4}", trained.test_accuracy()),
    );
    Ok(trained)
}

fn main() -> Result<()> {
    run(&Args::parse()).map(drop)
}
