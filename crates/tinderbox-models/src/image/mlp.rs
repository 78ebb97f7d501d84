//! The multilayer perceptron of one hidden layer (Dive into Deep Learning, chapter "Multilayer
//! Perceptrons").

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Init, Initializer, Layer, flatten, relu};

use super::blocks::image_network;
use super::check;
use crate::ModelError;

/// The settings of a multilayer perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Units of the hidden layer; the course uses 256.
    #[serde(default = "width")]
    pub hidden: usize,
    /// The initializer of the weights; the course uses N(0, 0.01).
    #[serde(default = "small_normal")]
    pub initializer: Initializer,
}

fn width() -> usize {
    256
}

fn small_normal() -> Initializer {
    Initializer::Normal { std: 0.01 }
}

/// Linear, ReLU, linear.
#[derive(Module, Debug)]
pub struct Mlp {
    /// From pixels to hidden units.
    pub hidden: Linear,
    /// From hidden units to classes.
    pub output: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl MlpConfig {
    /// With the course's 256 hidden units.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            hidden: width(),
            initializer: small_normal(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0 or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Mlp, ModelError> {
        let model = "MLP";
        check::image(model, self.input, self.classes, 1)?;
        check::positive(model, "hidden", self.hidden)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer);
        Ok(Mlp {
            hidden: init.linear("hidden", self.input.iter().product(), self.hidden),
            output: init.linear("output", self.hidden, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl Mlp {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let hidden = relu(self.hidden.apply(flatten(images)));
        self.output.apply(hidden)
    }
}

image_network!(Mlp);
