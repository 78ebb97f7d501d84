//! AlexNet as the course writes it (Krizhevsky, Sutskever, Hinton 2012; Dive into Deep Learning,
//! section "Deep Convolutional Neural Networks (AlexNet)").

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Dropout, Init, Initializer, Layer, Pool, flatten, relu};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The smallest height and width with one pixel left after three poolings.
pub(crate) const SMALLEST: usize = 65;

/// The settings of an AlexNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlexNetConfig {
    /// Channels, height and width of an image; the paper's is 3 x 224 x 224.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Units of the two hidden linear layers.
    #[serde(default = "width")]
    pub hidden: usize,
    /// Dropout after each of them.
    #[serde(default = "half")]
    pub dropout: f64,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

fn width() -> usize {
    4096
}

fn half() -> f64 {
    0.5
}

/// Five convolutions, three poolings, three linear layers.
#[derive(Module, Debug)]
pub struct AlexNet {
    /// 11 x 11, stride 4, padding 1, 96 channels.
    pub conv1: Conv2d,
    /// 5 x 5, 256 channels.
    pub conv2: Conv2d,
    /// 3 x 3, 384 channels.
    pub conv3: Conv2d,
    /// 3 x 3, 384 channels.
    pub conv4: Conv2d,
    /// 3 x 3, 256 channels.
    pub conv5: Conv2d,
    /// To the first hidden units.
    pub fc1: Linear,
    /// To the second hidden units.
    pub fc2: Linear,
    /// The output layer.
    pub fc3: Linear,
    /// After each of the hidden linear layers.
    pub dropout: Dropout,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl AlexNetConfig {
    /// The course's AlexNet: 4096 hidden units, dropout 0.5.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            hidden: width(),
            dropout: half(),
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid number.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<AlexNet, ModelError> {
        let model = "AlexNet";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::positive(model, "hidden", self.hidden)?;
        check::dropout(model, "dropout", self.dropout)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let [channels, height, width] = self.input;
        let conv1 = Conv::new(channels, 96, 11).stride(4).padding(1);
        // Only the first convolution and the three poolings (window 3, stride 2) change the size.
        let pooled = |side: usize| (side - 3) / 2 + 1;
        let side = |side| pooled(pooled(pooled(conv1.output_side(side))));
        Ok(AlexNet {
            conv1: init.conv2d("conv1", conv1),
            conv2: init.conv2d("conv2", Conv::new(96, 256, 5).padding(2)),
            conv3: init.conv2d("conv3", Conv::new(256, 384, 3).padding(1)),
            conv4: init.conv2d("conv4", Conv::new(384, 384, 3).padding(1)),
            conv5: init.conv2d("conv5", Conv::new(384, 256, 3).padding(1)),
            fc1: init.linear("fc1", 256 * side(height) * side(width), self.hidden),
            fc2: init.linear("fc2", self.hidden, self.hidden),
            fc3: init.linear("fc3", self.hidden, self.classes),
            dropout: Dropout::new(self.dropout),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl AlexNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let pool = Pool::max(3, 2);
        let maps = pool.apply(relu(self.conv1.apply(images)));
        let maps = pool.apply(relu(self.conv2.apply(maps)));
        let maps = relu(self.conv3.apply(maps));
        let maps = relu(self.conv4.apply(maps));
        let maps = pool.apply(relu(self.conv5.apply(maps)));
        let hidden = self.dropout.apply(relu(self.fc1.apply(flatten(maps))));
        let hidden = self.dropout.apply(relu(self.fc2.apply(hidden)));
        self.fc3.apply(hidden)
    }
}

image_network!(AlexNet);
