//! Data and models that the benches share; the programs in `benchmarks/pytorch` use the same.
#![recursion_limit = "256"]

use tinderbox::data::images::Images;
use tinderbox::data::{Classes, Result, Rows, Values};
use tinderbox::models::{ImageModel, ModelError, find};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, TrainError};

/// Standard normal features and one target, as `torch.randn` makes them.
pub fn regression(examples: usize, width: usize) -> Result<Rows> {
    let mut draw = Seed::new(0).rng();
    let features = (0..examples * width)
        .map(|_| draw.normal() as f32)
        .collect();
    let targets = (0..examples).map(|_| draw.normal() as f32).collect();
    Rows::new(Values::new(features, width)?, Values::new(targets, 1)?)
}

/// Standard normal features and a class in `0..classes`.
pub fn classification(examples: usize, width: usize, classes: usize) -> Result<Rows<Classes>> {
    let mut draw = Seed::new(0).rng();
    let features = (0..examples * width)
        .map(|_| draw.normal() as f32)
        .collect();
    let labels = (0..examples)
        .map(|_| draw.below(classes as u64) as i32)
        .collect();
    let names = (0..classes).map(|class| class.to_string()).collect();
    Rows::new(Values::new(features, width)?, Classes::new(labels, names)?)
}

/// Gray images of random bytes in ten classes, of the size that the course uses.
pub fn images(examples: usize, side: usize) -> Result<Images> {
    let mut draw = Seed::new(0).rng();
    let pixels = (0..examples * side * side).map(|_| draw.below(256) as u8);
    let pixels = pixels.collect();
    let labels = (0..examples).map(|_| draw.below(10) as i32).collect();
    let names = (0..10).map(|class| class.to_string()).collect();
    Images::new(pixels, [1, side, side], Classes::new(labels, names)?)
}

/// A training run of an image model.
pub struct ImageTraining {
    /// The name in results.
    pub name: &'static str,
    /// The name in the registry.
    pub model: &'static str,
    /// Height and width of the images.
    pub side: usize,
    /// Number of images in a batch.
    pub batch: usize,
    /// Number of batches in an epoch.
    pub batches: usize,
    /// A name that [`OptimizerConfig::by_name`] knows.
    pub optimizer: &'static str,
    /// The learning rate.
    pub rate: f64,
}

/// The course's settings.
const fn small(
    name: &'static str,
    model: &'static str,
    batches: usize,
    rate: f64,
) -> ImageTraining {
    ImageTraining {
        name,
        model,
        side: 28,
        batch: 256,
        batches,
        optimizer: "sgd",
        rate,
    }
}

/// A large network with the image size, the batch size and the optimizer of `cargo xtask reproduce --quick`.
const fn quick(
    model: &'static str,
    [side, batch]: [usize; 2],
    optimizer: &'static str,
    rate: f64,
) -> ImageTraining {
    ImageTraining {
        name: model,
        model,
        side,
        batch,
        batches: 4,
        optimizer,
        rate,
    }
}

/// The image models that are measured; `pytorch/images.py` has the same list.
pub const IMAGE_TRAINING_RUNS: [ImageTraining; 10] = [
    small("softmax", "softmax_regression", 60, 0.1),
    small("mlp", "mlp", 60, 0.1),
    small("lenet", "lenet", 10, 0.9),
    small("lenet_batch_norm", "lenet_batch_norm", 10, 1.0),
    ImageTraining {
        name: "resnet18",
        model: "resnet18_course",
        side: 96,
        batch: 32,
        batches: 3,
        optimizer: "sgd",
        rate: 0.05,
    },
    quick("alexnet", [65, 32], "adam", 0.001),
    quick("vgg11_narrow", [32, 16], "adam", 0.0005),
    quick("nin", [67, 16], "adam", 0.0005),
    quick("googlenet", [32, 32], "adam", 0.0005),
    quick("densenet_course", [32, 32], "sgd", 0.1),
];

impl ImageTraining {
    /// Number of images in an epoch.
    pub fn examples(&self) -> usize {
        self.batch * self.batches
    }

    /// The model with its initial weights.
    ///
    /// # Errors
    /// None for the models listed here.
    pub fn model(&self, device: &Device) -> std::result::Result<ImageModel, ModelError> {
        let config = find(self.model)?.config;
        config([1, self.side, self.side], 10).init(Seed::new(2), device)
    }

    /// The shuffled batches.
    ///
    /// # Errors
    /// None for the models listed here.
    pub fn loader(&self) -> Result<Loader<Images>> {
        let loader = Loader::new(images(self.examples(), self.side)?, self.batch)?;
        Ok(loader.shuffle(Seed::new(1)))
    }

    /// Trains for some epochs: batches, forward, loss, accuracy, backward, step.
    ///
    /// # Errors
    /// A loss that is not finite.
    pub fn train(
        &self,
        model: ImageModel,
        batches: &dyn Batches<Batch = Batch<Tensor<4>, Tensor<1, Int>>>,
        epochs: usize,
    ) -> std::result::Result<Fitted<ImageModel>, TrainError> {
        let config = TrainConfig {
            epochs,
            optimizer: OptimizerConfig::by_name(self.optimizer)?,
            learning_rate: self.rate,
            ..TrainConfig::default()
        };
        let trainer = Trainer::new(config)?.metric(Accuracy::default());
        trainer.fit(model, &Classification::default(), batches, None)
    }
}

/// Peak memory, each measurement in a process of its own, for a bench that is started with `--memory [FILTER]`: prints
/// a line of JSON for each of `names` that contains the filter. Returns whether it was started like that.
///
/// # Errors
/// Those of `measure`, which does the work with this name.
pub fn peaks(names: &[&str], measure: impl Fn(&str) -> Outcome) -> Outcome<bool> {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |option: &str| -> Option<&str> {
        let at = arguments.iter().position(|argument| argument == option)?;
        Some(arguments.get(at + 1).map_or("", String::as_str))
    };
    if let Some(name) = after("--memory-of") {
        measure(name)?;
        if let Some(megabytes) = tinderbox::peak_memory() {
            println!("{{\"name\": \"{name}\", \"megabytes\": {megabytes:.1}}}");
        }
        return Ok(true);
    }
    let Some(filter) = after("--memory") else {
        return Ok(false);
    };
    for name in names.iter().filter(|name| name.contains(filter)) {
        let this = std::env::current_exe()?;
        let mut child = std::process::Command::new(this);
        if !child.args(["--memory-of", name]).status()?.success() {
            return Err(format!("{name} failed").into());
        }
    }
    Ok(true)
}

/// What a bench returns.
pub type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
