//! LeNet with batch norm (Dive into Deep Learning, section "Batch Normalization"; Ioffe and
//! Szegedy 2015).

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Init, Initializer, Layer, Pool, flatten, sigmoid};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The smallest height and width: 1 after two 5 x 5 convolutions, each halved.
pub(crate) const SMALLEST: usize = 16;

/// The settings of a LeNet with batch norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormLeNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

/// LeNet without padding, a batch norm before every sigmoid.
#[derive(Module, Debug)]
pub struct BatchNormLeNet {
    /// 5 x 5, 6 channels.
    pub conv1: Conv2d,
    /// After `conv1`.
    pub bn1: BatchNorm,
    /// 5 x 5, 16 channels.
    pub conv2: Conv2d,
    /// After `conv2`.
    pub bn2: BatchNorm,
    /// To 120 units.
    pub fc1: Linear,
    /// After `fc1`.
    pub bn3: BatchNorm,
    /// To 84 units.
    pub fc2: Linear,
    /// After `fc2`.
    pub bn4: BatchNorm,
    /// The output layer.
    pub fc3: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl BatchNormLeNetConfig {
    /// The course's network.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<BatchNormLeNet, ModelError> {
        let model = "batch-norm LeNet";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let [channels, height, width] = self.input;
        let conv1 = Conv::new(channels, 6, 5);
        let conv2 = Conv::new(6, 16, 5);
        let side = |side| conv2.output_side(conv1.output_side(side) / 2) / 2;
        Ok(BatchNormLeNet {
            conv1: init.conv2d("conv1", conv1),
            bn1: init.batch_norm(6),
            conv2: init.conv2d("conv2", conv2),
            bn2: init.batch_norm(16),
            fc1: init.linear("fc1", 16 * side(height) * side(width), 120),
            bn3: init.batch_norm(120),
            fc2: init.linear("fc2", 120, 84),
            bn4: init.batch_norm(84),
            fc3: init.linear("fc3", 84, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl BatchNormLeNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let pool = Pool::average(2, 2);
        let maps = sigmoid(self.bn1.apply(self.conv1.apply(images)));
        let maps = pool.apply(maps);
        let maps = sigmoid(self.bn2.apply(self.conv2.apply(maps)));
        let maps = pool.apply(maps);
        let hidden = sigmoid(self.bn3.apply(self.fc1.apply(flatten(maps))));
        let hidden = sigmoid(self.bn4.apply(self.fc2.apply(hidden)));
        self.fc3.apply(hidden)
    }
}

image_network!(BatchNormLeNet);
