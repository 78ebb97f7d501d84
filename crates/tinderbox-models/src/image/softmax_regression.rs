//! Softmax regression (Dive into Deep Learning, chapter "Linear Neural Networks for
//! Classification"): one linear layer from pixels to classes.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Init, Initializer, Layer, flatten};

use super::blocks::image_network;
use super::check;
use crate::ModelError;

/// The settings of a softmax regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxRegressionConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// The initializer of the weights; the course uses N(0, 0.01).
    #[serde(default = "small_normal")]
    pub initializer: Initializer,
}

fn small_normal() -> Initializer {
    Initializer::Normal { std: 0.01 }
}

/// Softmax regression: logits are a linear map of the pixels.
#[derive(Module, Debug)]
pub struct SoftmaxRegression {
    /// The layer.
    pub linear: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl SoftmaxRegressionConfig {
    /// The course's settings.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            initializer: small_normal(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0 or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<SoftmaxRegression, ModelError> {
        let model = "softmax regression";
        check::image(model, self.input, self.classes, 1)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer);
        Ok(SoftmaxRegression {
            linear: init.linear("linear", self.input.iter().product(), self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl SoftmaxRegression {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.linear.apply(flatten(images))
    }
}

image_network!(SoftmaxRegression);
