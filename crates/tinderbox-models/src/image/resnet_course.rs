//! ResNet-18 as the course writes it (Dive into Deep Learning, section "Residual Networks"): the
//! convolutions have biases, and the 1 x 1 convolution of the shortcut has no batch norm.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Init, Initializer, Layer, Pool, global_avg_pool, relu};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The settings of the course's ResNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourseResNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// A stem for small images: 3 x 3 with stride 1 and no pooling, as in the course's sections on several devices
    /// and on augmentation.
    #[serde(default)]
    pub small_images: bool,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

/// Two 3 x 3 convolutions with a residual connection.
#[derive(Module, Debug)]
pub struct CourseResidual {
    /// First convolution.
    pub conv1: Conv2d,
    /// After `conv1`.
    pub bn1: BatchNorm,
    /// Second convolution.
    pub conv2: Conv2d,
    /// After `conv2`.
    pub bn2: BatchNorm,
    /// 1 x 1 convolution of the input, where size and channels change.
    pub conv3: Option<Conv2d>,
}

impl CourseResidual {
    fn new(init: &Init, inputs: usize, outputs: usize) -> Self {
        let stride = if inputs == outputs { 1 } else { 2 };
        let first = Conv::new(inputs, outputs, 3).stride(stride).padding(1);
        let shortcut = Conv::new(inputs, outputs, 1).stride(stride);
        Self {
            conv1: init.conv2d("conv1", first),
            bn1: init.batch_norm(outputs),
            conv2: init.conv2d("conv2", Conv::new(outputs, outputs, 3).padding(1)),
            bn2: init.batch_norm(outputs),
            conv3: (stride == 2).then(|| init.conv2d("conv3", shortcut)),
        }
    }
}

impl Layer<4> for CourseResidual {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = relu(self.bn1.apply(self.conv1.apply(input.clone())));
        let maps = self.bn2.apply(self.conv2.apply(maps));
        relu(maps + self.conv3.apply(input))
    }
}

/// A stem, four stages of two blocks, one linear layer.
#[derive(Module, Debug)]
pub struct CourseResNet {
    /// 7 x 7 with stride 2, or 3 x 3 for small images.
    pub conv1: Conv2d,
    /// After `conv1`.
    pub bn1: BatchNorm,
    /// Eight blocks; the third, fifth and seventh halve the size.
    pub blocks: Vec<CourseResidual>,
    /// The output layer.
    pub fc: Linear,
    pool: Option<Pool>,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl CourseResNetConfig {
    /// The course's ResNet-18.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            small_images: false,
            initializer: xavier(),
        }
    }

    /// The course's ResNet-18 for images of about 32 x 32; it has a normal distribution of deviation 0.01 for weights.
    pub fn small(input: [usize; 3], classes: usize) -> Self {
        Self {
            small_images: true,
            initializer: Initializer::Normal { std: 0.01 },
            ..Self::new(input, classes)
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0 or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<CourseResNet, ModelError> {
        let model = "the course's ResNet-18";
        check::image(model, self.input, self.classes, 1)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let widths = [64, 64, 64, 128, 128, 256, 256, 512, 512];
        let in_blocks = init.child("blocks");
        let blocks = widths
            .windows(2)
            .enumerate()
            .map(|(index, pair)| CourseResidual::new(&in_blocks.at(index), pair[0], pair[1]))
            .collect();
        let (stem, pool) = match self.small_images {
            true => (Conv::new(self.input[0], 64, 3).padding(1), None),
            false => {
                let stem = Conv::new(self.input[0], 64, 7).stride(2).padding(3);
                (stem, Some(Pool::max(3, 2).padding(1)))
            }
        };
        Ok(CourseResNet {
            conv1: init.conv2d("conv1", stem),
            bn1: init.batch_norm(64),
            blocks,
            fc: init.linear("fc", 512, self.classes),
            pool,
            input: self.input,
            classes: self.classes,
        })
    }
}

impl CourseResNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = relu(self.bn1.apply(self.conv1.apply(images)));
        let maps = self.pool.apply(maps);
        self.fc.apply(global_avg_pool(self.blocks.apply(maps)))
    }
}

image_network!(CourseResNet);
