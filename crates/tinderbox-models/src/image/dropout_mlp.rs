//! The multilayer perceptron with dropout (Dive into Deep Learning, section "Dropout"; Srivastava
//! et al. 2014).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Init, Initializer, Layer, flatten, relu};

use super::blocks::image_network;
use super::check;
use crate::ModelError;

/// The settings of the perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutMlpConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Units of the two hidden layers; the course uses 256 and 256.
    #[serde(default = "widths")]
    pub hidden: [usize; 2],
    /// Dropout after each hidden layer; the course uses 0.2 and 0.5.
    #[serde(default = "probabilities")]
    pub dropout: [f64; 2],
    /// The initializer of the weights; the course uses N(0, 0.01).
    #[serde(default = "small_normal")]
    pub initializer: Initializer,
}

fn widths() -> [usize; 2] {
    [256, 256]
}

fn probabilities() -> [f64; 2] {
    [0.2, 0.5]
}

fn small_normal() -> Initializer {
    Initializer::Normal { std: 0.01 }
}

/// Two hidden layers, each with ReLU and dropout, and a linear output.
#[derive(Module, Debug)]
pub struct DropoutMlp {
    /// From pixels to the first hidden units.
    pub hidden1: Linear,
    /// Dropout of the first hidden units.
    pub dropout1: Dropout,
    /// From the first to the second hidden units.
    pub hidden2: Linear,
    /// Dropout of the second hidden units.
    pub dropout2: Dropout,
    /// From hidden units to classes.
    pub output: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl DropoutMlpConfig {
    /// The course's widths and probabilities.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            hidden: widths(),
            dropout: probabilities(),
            initializer: small_normal(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, a probability outside 0 to 1, or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<DropoutMlp, ModelError> {
        let model = "dropout MLP";
        check::image(model, self.input, self.classes, 1)?;
        for (width, probability) in self.hidden.into_iter().zip(self.dropout) {
            check::positive(model, "hidden", width)?;
            check::dropout(model, "dropout", probability)?;
        }
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer);
        let [first, second] = self.hidden;
        Ok(DropoutMlp {
            hidden1: init.linear("hidden1", self.input.iter().product(), first),
            dropout1: Dropout::new(self.dropout[0]),
            hidden2: init.linear("hidden2", first, second),
            dropout2: Dropout::new(self.dropout[1]),
            output: init.linear("output", second, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl DropoutMlp {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let first = relu(self.hidden1.apply(flatten(images)));
        let first = self.dropout1.apply(first);
        let second = self.dropout2.apply(relu(self.hidden2.apply(first)));
        self.output.apply(second)
    }
}

image_network!(DropoutMlp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_outside_0_to_1_are_refused() {
        let config = DropoutMlpConfig {
            dropout: [0.2, 1.0],
            ..DropoutMlpConfig::new([1, 28, 28], 10)
        };
        let error = config
            .init(Seed::new(1), &Device::flex())
            .unwrap_err()
            .to_string();
        assert!(error.contains("dropout is 1, but"), "{error}");
    }
}
