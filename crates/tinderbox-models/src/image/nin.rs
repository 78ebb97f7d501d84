//! Network in network (Lin, Chen, Yan 2013; Dive into Deep Learning, section "Network in Network
//! (NiN)").

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Dropout, Init, Initializer, Layer, Pool, global_avg_pool, relu};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The smallest height and width with one pixel left after three poolings.
pub(crate) const SMALLEST: usize = 67;

/// The settings of a network in network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NinConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Dropout before the last block.
    #[serde(default = "half")]
    pub dropout: f64,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

fn half() -> f64 {
    0.5
}

/// A convolution and two 1 x 1 convolutions, which are a perceptron for every pixel.
#[derive(Module, Debug)]
pub struct NinBlock {
    /// The spatial convolution.
    pub conv: Conv2d,
    /// First layer of the perceptron.
    pub mlp1: Conv2d,
    /// Second layer of the perceptron.
    pub mlp2: Conv2d,
}

impl NinBlock {
    fn new(init: &Init, conv: Conv) -> Self {
        let channels = conv.outputs();
        Self {
            conv: init.conv2d("conv", conv),
            mlp1: init.conv2d("mlp1", Conv::new(channels, channels, 1)),
            mlp2: init.conv2d("mlp2", Conv::new(channels, channels, 1)),
        }
    }
}

impl Layer<4> for NinBlock {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = relu(self.conv.apply(input));
        let maps = relu(self.mlp1.apply(maps));
        relu(self.mlp2.apply(maps))
    }
}

/// Four blocks with pooling between them; the last has one map per class.
#[derive(Module, Debug)]
pub struct Nin {
    /// 11 x 11, stride 4, 96 channels.
    pub block1: NinBlock,
    /// 5 x 5, 256 channels.
    pub block2: NinBlock,
    /// 3 x 3, 384 channels.
    pub block3: NinBlock,
    /// Before the last block.
    pub dropout: Dropout,
    /// 3 x 3, one channel per class.
    pub block4: NinBlock,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl NinConfig {
    /// The course's network.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            dropout: half(),
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid number.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Nin, ModelError> {
        let model = "NiN";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::dropout(model, "dropout", self.dropout)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let block = |name: &str, conv| NinBlock::new(&init.child(name), conv);
        Ok(Nin {
            block1: block("block1", Conv::new(self.input[0], 96, 11).stride(4)),
            block2: block("block2", Conv::new(96, 256, 5).padding(2)),
            block3: block("block3", Conv::new(256, 384, 3).padding(1)),
            dropout: Dropout::new(self.dropout),
            block4: block("block4", Conv::new(384, self.classes, 3).padding(1)),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl Nin {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let pool = Pool::max(3, 2);
        let maps = pool.apply(self.block1.apply(images));
        let maps = pool.apply(self.block2.apply(maps));
        let maps = pool.apply(self.block3.apply(maps));
        global_avg_pool(self.block4.apply(self.dropout.apply(maps)))
    }
}

image_network!(Nin);
