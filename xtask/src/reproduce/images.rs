//! The course's image models on Fashion-MNIST: 60,000 images to train and 10,000 to test, plain SGD,
//! cross-entropy, 10 epochs, pixels from 0 to 1; the test set is also the validation set, as in the course.
//!
//! Loss and training accuracy are means over the last epoch, measured in training mode while the weights change:
//! that is what the course prints and what the [`Trainer`] records. Their bands are checked. The accuracy on the
//! test set varies far more from run to run, so it is printed with its band and not checked.

mod experiments;
mod training;

use std::fmt;

use anyhow::{Context, Result, ensure};
use tinderbox::models::{ImageConfig, find};
use tinderbox::optim::Per;
use tinderbox::prelude::*;
use tinderbox::train::{Clip, History};

use super::{Band, SeedRun};

pub use experiments::EXPERIMENTS;
pub use training::{Data, train, train_model};

/// A training run on images, in full and small.
pub struct ImageTraining {
    /// As in the course.
    pub full: Settings,
    /// The smaller run of `--quick`.
    pub quick: Settings,
    /// Whether it takes hours or days on a CPU: then it runs only by name or with `--all`.
    pub heavy: bool,
    /// Trains by hand or with the framework.
    pub train: fn(&Settings, &Data, &SeedRun) -> Result<History>,
}

/// The settings of a training run.
#[derive(Clone, Copy)]
pub struct Settings {
    pub model: Model,
    /// Number of images to train and to test: the first of each file.
    pub images: [usize; 2],
    /// Height and width to which images are resized.
    pub side: usize,
    pub batch_size: usize,
    pub epochs: usize,
    /// A name that [`OptimizerConfig::by_name`] knows.
    pub optimizer: &'static str,
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: fn() -> Schedule,
    /// What the schedule counts.
    pub per: Per,
    /// Clipping of the gradients.
    pub clip: Option<Clip>,
}

/// The source of a model.
#[derive(Clone, Copy)]
pub enum Model {
    /// The registry has it under this name.
    Named(&'static str),
    /// Made for images of this shape (channels, height, width) and this number of classes.
    Made(fn([usize; 3], usize) -> ImageConfig),
}

/// The accuracy of chance on ten classes.
const CHANCE: f64 = 0.1;

/// A training run fails if the training accuracy of its last epoch is not above this.
const MIN_ACCURACY: f64 = 2.0 * CHANCE;

/// The settings that most training runs of the course share.
pub const fn full(model: Model, learning_rate: f64) -> Settings {
    Settings {
        model,
        images: [60_000, 10_000],
        side: 28,
        batch_size: 256,
        epochs: 10,
        optimizer: "sgd",
        learning_rate,
        schedule: || Schedule::Constant,
        per: Per::Epoch,
        clip: None,
    }
}

/// A training run of a few seconds for a small model.
pub const fn quick(model: Model, learning_rate: f64) -> Settings {
    Settings {
        images: [10_000, 2_000],
        batch_size: 64,
        epochs: 2,
        ..full(model, learning_rate)
    }
}

impl ImageTraining {
    /// The settings in full, or with `--quick`.
    pub fn settings(&self, quick: bool) -> &Settings {
        if quick { &self.quick } else { &self.full }
    }

    /// Trains, and returns the metrics of the last epoch in the order of the bands.
    ///
    /// # Errors
    /// A loss that is not finite, or a network that does not beat chance.
    pub fn metrics(&self, bands: &[Band], quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
        let settings = self.settings(quick);
        let history = (self.train)(settings, &Data::read(settings)?, run)?;
        check(&history)?;
        let last = history.last().context("there was no epoch")?;
        let metrics = bands.iter().map(|band| {
            // The test set is the validation set here.
            let name = band.metric.replace("test", "valid").replace(' ', "_");
            let value = last.get(&name);
            value.with_context(|| format!("the history has no metric {name}"))
        });
        metrics.collect()
    }
}

/// Whether every loss is finite and the last epoch beats chance.
fn check(history: &History) -> Result<()> {
    for record in &history.epochs {
        let finite = record.get("train_loss").is_some_and(f64::is_finite);
        ensure!(
            finite,
            "the training loss of epoch {} is not finite",
            record.epoch
        );
    }
    let last = history.last().context("there was no epoch")?;
    let accuracy = last.get("train_accuracy").unwrap_or(f64::NAN);
    ensure!(
        accuracy > MIN_ACCURACY,
        "the training accuracy is {accuracy:.4} after epoch {}, where chance is {CHANCE} and more than \
         {MIN_ACCURACY} is required: the network learns nothing",
        last.epoch
    );
    Ok(())
}

impl Model {
    /// The configuration for images of this shape and this number of classes.
    pub fn config(self, shape: [usize; 3], classes: usize) -> Result<ImageConfig> {
        Ok(match self {
            Self::Named(name) => (find(name)?.config)(shape, classes),
            Self::Made(make) => make(shape, classes),
        })
    }
}

/// The settings in words, with the checks that need no band.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [train, test] = self.images;
        let Self {
            side,
            batch_size,
            epochs,
            optimizer,
            learning_rate,
            ..
        } = self;
        write!(
            f,
            "the first {train} images to train and {test} to test, {side} x {side}, batch size {batch_size}, \
             {epochs} epochs, {optimizer}, learning rate {learning_rate}; checked: the loss is finite, the \
             training accuracy above {MIN_ACCURACY}"
        )
    }
}

#[cfg(test)]
#[path = "images/tests.rs"]
mod tests;
