//! LeNet-5 as the course trains it (LeCun et al. 1998; Dive into Deep Learning, section
//! "Convolutional Neural Networks (LeNet)"): sigmoid and average pooling.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Activation, Conv, Init, Initializer, Layer, Pool, flatten};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The smallest height and width: 2 after each of two poolings and a 5 x 5 convolution.
pub(crate) const SMALLEST: usize = 12;

/// The settings of a LeNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// ReLU and max-pooling instead of sigmoid and mean: the variant of the course's section on
    /// learning-rate schedules.
    #[serde(default)]
    pub modern: bool,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

/// Two convolutions with pooling and three linear layers.
#[derive(Module, Debug)]
pub struct LeNet {
    /// 5 x 5, 6 channels, padding 2.
    pub conv1: Conv2d,
    /// 5 x 5, 16 channels.
    pub conv2: Conv2d,
    /// To 120 units.
    pub fc1: Linear,
    /// To 84 units.
    pub fc2: Linear,
    /// The output layer.
    pub fc3: Linear,
    activation: Activation,
    pool: Pool,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl LeNetConfig {
    /// The course's LeNet: sigmoid, mean pooling, Xavier-uniform.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            modern: false,
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<LeNet, ModelError> {
        let model = "LeNet";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let [channels, height, width] = self.input;
        let conv1 = Conv::new(channels, 6, 5).padding(2);
        let conv2 = Conv::new(6, 16, 5);
        let side = |side| conv2.output_side(conv1.output_side(side) / 2) / 2;
        Ok(LeNet {
            conv1: init.conv2d("conv1", conv1),
            conv2: init.conv2d("conv2", conv2),
            fc1: init.linear("fc1", 16 * side(height) * side(width), 120),
            fc2: init.linear("fc2", 120, 84),
            fc3: init.linear("fc3", 84, self.classes),
            activation: if self.modern {
                Activation::relu()
            } else {
                Activation::sigmoid()
            },
            pool: if self.modern {
                Pool::max(2, 2)
            } else {
                Pool::average(2, 2)
            },
            input: self.input,
            classes: self.classes,
        })
    }
}

impl LeNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self
            .pool
            .apply(self.activation.apply(self.conv1.apply(images)));
        let maps = self
            .pool
            .apply(self.activation.apply(self.conv2.apply(maps)));
        let hidden = self.activation.apply(self.fc1.apply(flatten(maps)));
        let hidden = self.activation.apply(self.fc2.apply(hidden));
        self.fc3.apply(hidden)
    }
}

image_network!(LeNet);
