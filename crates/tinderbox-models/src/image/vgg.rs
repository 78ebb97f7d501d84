//! VGG (Simonyan and Zisserman 2014): blocks of 3 x 3 convolutions. In the form of torchvision
//! (without batch norm), which at 224 x 224 is also the course's.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Activation, Conv, Dropout, Init, Initializer, Layer, Pool, adaptive_avg_pool, flatten,
    layer_enum,
};

use super::blocks::{KAIMING_OUT, XAVIER, image_network};
use super::check;
use crate::ModelError;

/// The smallest height and width: five poolings halve it.
pub(crate) const SMALLEST: usize = 32;

/// Height and width before the linear layers.
const POOLED: usize = 7;

/// The settings of a VGG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Convolutions in each of the five blocks.
    pub convolutions: [usize; 5],
    /// Channels of each block.
    #[serde(default = "full_width")]
    pub channels: [usize; 5],
    /// Units of the two hidden linear layers.
    #[serde(default = "hidden")]
    pub hidden: usize,
    /// Dropout after each of them.
    #[serde(default = "half")]
    pub dropout: f64,
    /// The initializer of the convolutions; torchvision uses Kaiming-normal with fan-out.
    #[serde(default = "kaiming")]
    pub convolution_initializer: Initializer,
    /// The initializer of the linear layers; torchvision uses N(0, 0.01).
    #[serde(default = "small_normal")]
    pub linear_initializer: Initializer,
    /// The initializer of all biases; torchvision uses 0.
    #[serde(default = "zeros")]
    pub bias_initializer: Initializer,
}

fn full_width() -> [usize; 5] {
    [64, 128, 256, 512, 512]
}

fn hidden() -> usize {
    4096
}

fn half() -> f64 {
    0.5
}

fn kaiming() -> Initializer {
    KAIMING_OUT
}

fn zeros() -> Initializer {
    Initializer::Zeros
}

fn small_normal() -> Initializer {
    Initializer::Normal { std: 0.01 }
}

layer_enum! {
    /// The layers of the feature extractor.
    pub enum VggLayer { Conv(Conv2d), Activation(Activation), Pool(Pool) }
}

impl Layer<4> for VggLayer {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.apply(input),
            Self::Activation(activation) => activation.apply(input),
            Self::Pool(pool) => pool.apply(input),
        }
    }
}

/// The three linear layers, `0`, `3` and `6` of a `Sequential` in torchvision.
type Classifier = (
    Linear,
    Activation,
    Dropout,
    Linear,
    Activation,
    Dropout,
    Linear,
);

/// Five blocks of convolutions and three linear layers.
#[derive(Module, Debug)]
pub struct Vgg {
    /// Convolutions, ReLUs and poolings.
    pub features: Vec<VggLayer>,
    /// Linear layers with ReLU and dropout between them.
    pub classifier: Classifier,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl VggConfig {
    /// With torchvision's width and initializers.
    pub fn new(input: [usize; 3], classes: usize, convolutions: [usize; 5]) -> Self {
        Self {
            input,
            classes,
            convolutions,
            channels: full_width(),
            hidden: hidden(),
            dropout: half(),
            convolution_initializer: kaiming(),
            linear_initializer: small_normal(),
            bias_initializer: zeros(),
        }
    }

    /// VGG-11, configuration A of the paper.
    pub fn vgg11(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, [1, 1, 2, 2, 2])
    }

    /// VGG-13, configuration B.
    pub fn vgg13(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, [2, 2, 2, 2, 2])
    }

    /// VGG-16, configuration D.
    pub fn vgg16(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, [2, 2, 3, 3, 3])
    }

    /// VGG-19, configuration E.
    pub fn vgg19(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, [2, 2, 4, 4, 4])
    }

    /// The course's VGG-11: Xavier-uniform weights, biases as PyTorch draws them.
    pub fn course(input: [usize; 3], classes: usize) -> Self {
        Self {
            convolution_initializer: XAVIER,
            linear_initializer: XAVIER,
            bias_initializer: Initializer::PYTORCH,
            ..Self::vgg11(input, classes)
        }
    }

    /// The network that the course trains: its VGG-11 with a quarter of the channels.
    pub fn course_narrow(input: [usize; 3], classes: usize) -> Self {
        Self {
            channels: full_width().map(|channels| channels / 4),
            ..Self::course(input, classes)
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid number.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Vgg, ModelError> {
        let model = "VGG";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::positive(model, "hidden", self.hidden)?;
        check::dropout(model, "dropout", self.dropout)?;
        check::initializer(model, self.convolution_initializer)?;
        check::initializer(model, self.linear_initializer)?;
        check::initializer(model, self.bias_initializer)?;
        let init =
            Init::new(seed, device, self.convolution_initializer).biases(self.bias_initializer);
        let mut features = Vec::new();
        let mut inputs = self.input[0];
        let in_features = init.child("features");
        for (&convolutions, &channels) in self.convolutions.iter().zip(&self.channels) {
            check::positive(model, "convolutions", convolutions)?;
            check::positive(model, "channels", channels)?;
            for _ in 0..convolutions {
                let conv = Conv::new(inputs, channels, 3).padding(1);
                let name = features.len().to_string();
                features.push(VggLayer::Conv(in_features.conv2d(&name, conv)));
                features.push(VggLayer::Activation(Activation::relu()));
                inputs = channels;
            }
            features.push(VggLayer::Pool(Pool::max(2, 2)));
        }
        let init = init.child("classifier").linears(self.linear_initializer);
        let classifier = (
            init.linear("0", inputs * POOLED * POOLED, self.hidden),
            Activation::relu(),
            Dropout::new(self.dropout),
            init.linear("3", self.hidden, self.hidden),
            Activation::relu(),
            Dropout::new(self.dropout),
            init.linear("6", self.hidden, self.classes),
        );
        Ok(Vgg {
            features,
            classifier,
            input: self.input,
            classes: self.classes,
        })
    }
}

impl Vgg {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = adaptive_avg_pool(self.features.apply(images), POOLED);
        self.classifier.apply(flatten(maps))
    }
}

image_network!(Vgg);
