//! EfficientNet-B0 (Tan and Le 2019) in the form and with the names of torchvision.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Activation, Conv, DropPath, Dropout, Init, Initializer, Layer, adaptive_avg_pool,
    global_avg_pool, layer_enum,
};

use super::blocks::{ConvNorm, KAIMING_OUT, conv_norm, image_network};
use super::check;
use crate::ModelError;

/// The settings of an EfficientNet-B0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Dropout before the linear layer.
    #[serde(default = "fifth")]
    pub dropout: f64,
    /// Drop probability of the last block in training; it rises linearly from 0 over the blocks.
    #[serde(default = "fifth")]
    pub stochastic_depth: f64,
}

fn fifth() -> f64 {
    0.2
}

/// Table 1 of the paper: expansion, kernel, stride of the first block, channels, blocks.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

/// Squeeze and excitation: scales each channel by a factor that a small network computes from all channel means
/// (Hu, Shen, Sun 2018).
#[derive(Module, Debug)]
pub struct SqueezeExcite {
    /// To fewer channels.
    pub fc1: Conv2d,
    /// Back to all channels.
    pub fc2: Conv2d,
}

impl Layer<4> for SqueezeExcite {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let means = adaptive_avg_pool(input.clone(), 1);
        let hidden = Activation::silu().apply(self.fc1.apply(means));
        input * Activation::sigmoid().apply(self.fc2.apply(hidden))
    }
}

layer_enum! {
    /// A layer of a block.
    pub enum MbPart { ConvNorm(ConvNorm), SqueezeExcite(SqueezeExcite) }
}

impl Layer<4> for MbPart {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::ConvNorm(part) => part.apply(input),
            Self::SqueezeExcite(part) => part.apply(input),
        }
    }
}

/// An inverted residual block with squeeze and excitation.
#[derive(Module, Debug)]
pub struct MbConv {
    /// Widen, filter each channel, scale, narrow.
    pub block: Vec<MbPart>,
    drop_path: DropPath,
    #[module(skip)]
    shortcut: bool,
}

impl MbConv {
    fn new(
        init: &Init,
        (inputs, outputs): (usize, usize),
        (expansion, kernel, stride): (usize, usize, usize),
        drop_path: f64,
    ) -> Self {
        let hidden = inputs * expansion;
        let mut block = Vec::new();
        if expansion != 1 {
            let widen = Conv::new(inputs, hidden, 1);
            let widen = conv_norm(&init.child("widen"), widen, Activation::silu());
            block.push(MbPart::ConvNorm(widen));
        }
        let depthwise = Conv::new(hidden, hidden, kernel)
            .stride(stride)
            .padding((kernel - 1) / 2)
            .groups(hidden);
        let depthwise = conv_norm(&init.child("depthwise"), depthwise, Activation::silu());
        block.push(MbPart::ConvNorm(depthwise));
        // A quarter of the channels before widening, as in the paper's code.
        let squeezed = (inputs / 4).max(1);
        block.push(MbPart::SqueezeExcite(SqueezeExcite {
            fc1: init.conv2d("fc1", Conv::new(hidden, squeezed, 1)),
            fc2: init.conv2d("fc2", Conv::new(squeezed, hidden, 1)),
        }));
        let narrow = Conv::new(hidden, outputs, 1);
        let narrow = conv_norm(&init.child("narrow"), narrow, Activation::identity());
        block.push(MbPart::ConvNorm(narrow));
        Self {
            block,
            drop_path: DropPath::new(drop_path),
            shortcut: stride == 1 && inputs == outputs,
        }
    }
}

impl Layer<4> for MbConv {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.block.apply(input.clone());
        if self.shortcut {
            input + self.drop_path.apply(output)
        } else {
            output
        }
    }
}

layer_enum! {
    /// The parts of the feature extractor: the first and the last layer, and the stages.
    pub enum EfficientLayer { ConvNorm(ConvNorm), Stage(Vec<MbConv>) }
}

impl Layer<4> for EfficientLayer {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::ConvNorm(part) => part.apply(input),
            Self::Stage(part) => part.apply(input),
        }
    }
}

/// A stem, 16 blocks in seven stages, a 1 x 1 convolution, one linear layer.
#[derive(Module, Debug)]
pub struct EfficientNet {
    /// Everything but the linear layer.
    pub features: Vec<EfficientLayer>,
    /// Dropout and the linear layer.
    pub classifier: (Dropout, Linear),
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl EfficientNetConfig {
    /// EfficientNet-B0.
    pub fn b0(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            dropout: fifth(),
            stochastic_depth: fifth(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, or a probability outside 0 to 1.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<EfficientNet, ModelError> {
        let model = "EfficientNet";
        check::image(model, self.input, self.classes, 1)?;
        check::dropout(model, "dropout", self.dropout)?;
        check::dropout(model, "stochastic_depth", self.stochastic_depth)?;
        let init = Init::new(seed, device, KAIMING_OUT).linears(Initializer::PYTORCH);
        let in_features = init.child("features");
        let stem = Conv::new(self.input[0], 32, 3).stride(2).padding(1);
        let stem = conv_norm(&in_features.at(0), stem, Activation::silu());
        let mut features = vec![EfficientLayer::ConvNorm(stem)];
        let all: usize = STAGES.iter().map(|stage| stage.4).sum();
        let (mut inputs, mut done) = (32, 0);
        for (expansion, kernel, stride, channels, blocks) in STAGES {
            let init = in_features.at(features.len());
            let stage = (0..blocks).map(|block| {
                let stride = if block == 0 { stride } else { 1 };
                let drop_path = self.stochastic_depth * done as f64 / all as f64;
                let shape = (std::mem::replace(&mut inputs, channels), channels);
                done += 1;
                MbConv::new(
                    &init.at(block),
                    shape,
                    (expansion, kernel, stride),
                    drop_path,
                )
            });
            features.push(EfficientLayer::Stage(stage.collect()));
        }
        let last = Conv::new(inputs, 4 * inputs, 1);
        let last = conv_norm(&in_features.at(features.len()), last, Activation::silu());
        features.push(EfficientLayer::ConvNorm(last));
        let linear = init.linear("classifier", 4 * inputs, self.classes);
        Ok(EfficientNet {
            features,
            classifier: (Dropout::new(self.dropout), linear),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl EfficientNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.classifier
            .apply(global_avg_pool(self.features.apply(images)))
    }
}

image_network!(EfficientNet);
