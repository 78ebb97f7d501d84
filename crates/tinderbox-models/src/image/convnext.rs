//! ConvNeXt-T (Liu et al. 2022) in the form and with the names of torchvision.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Activation, ChannelOrder, Conv, DropPath, Init, Initializer, Layer, LayerNorm, LayerNorm2d,
    adaptive_avg_pool, flatten, layer_enum, trace,
};

use super::blocks::image_network;
use super::check;
use crate::ModelError;

/// The smallest height and width: the stem quarters it, three layers halve it.
pub(crate) const SMALLEST: usize = 32;

/// Blocks of a stage and their channels.
const STAGES: [(usize, usize); 4] = [(3, 96), (3, 192), (9, 384), (3, 768)];

/// Added to the variance under the square root.
const EPSILON: f64 = 1e-6;

/// The settings of a ConvNeXt-T.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvNextConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Drop probability of the last block in training; it rises linearly from 0 over the blocks.
    #[serde(default = "tenth")]
    pub stochastic_depth: f64,
}

fn tenth() -> f64 {
    0.1
}

/// 7 x 7 on each channel, then a perceptron for every pixel: `0`, `2`, `3` and `5` of a
/// `Sequential` in torchvision.
type Perceptron = (
    Conv2d,
    ChannelOrder,
    LayerNorm,
    Linear,
    Activation,
    Linear,
    ChannelOrder,
);

/// A residual block whose branch is scaled by a parameter for each channel.
#[derive(Module, Debug)]
pub struct ConvNextBlock {
    /// Starts at 1e-6. Shape `[channels, 1, 1]`.
    pub layer_scale: Param<Tensor<3>>,
    /// The branch.
    pub block: Perceptron,
    drop_path: DropPath,
}

impl ConvNextBlock {
    fn new(init: &Init, channels: usize, drop_path: f64) -> Self {
        let depthwise = Conv::new(channels, channels, 7).padding(3).groups(channels);
        let scale = Initializer::Constant { value: 1e-6 };
        Self {
            layer_scale: init.parameter("layer_scale", [channels, 1, 1], scale),
            block: (
                init.conv2d("0", depthwise),
                ChannelOrder::last(),
                init.layer_norm(channels, EPSILON),
                init.linear("3", channels, 4 * channels),
                Activation::gelu(),
                init.linear("5", 4 * channels, channels),
                ChannelOrder::first(),
            ),
            drop_path: DropPath::new(drop_path),
        }
    }
}

impl Layer<4> for ConvNextBlock {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.block.apply(input.clone());
        let output = output * self.layer_scale.val().unsqueeze_dim(0);
        trace::step(
            "LayerScale",
            || vec![self.layer_scale.id],
            &output.dims(),
            || 0,
        );
        input + self.drop_path.apply(output)
    }
}

layer_enum! {
    /// The layers of the feature extractor: the stem, the stages, and the downsampling between them.
    pub enum ConvNextLayer {
        Stem((Conv2d, LayerNorm2d)),
        Stage(Vec<ConvNextBlock>),
        Halve((LayerNorm2d, Conv2d)),
    }
}

impl Layer<4> for ConvNextLayer {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Stem(part) => part.apply(input),
            Self::Stage(part) => part.apply(input),
            Self::Halve(part) => part.apply(input),
        }
    }
}

/// A stem, 18 blocks in four stages, one linear layer.
#[derive(Module, Debug)]
pub struct ConvNext {
    /// Everything but the last norm and the linear layer.
    pub features: Vec<ConvNextLayer>,
    /// Norm, a place for the flattening, linear layer.
    pub classifier: (LayerNorm2d, Activation, Linear),
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl ConvNextConfig {
    /// ConvNeXt-T.
    pub fn tiny(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            stochastic_depth: tenth(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or a probability outside 0 to 1.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<ConvNext, ModelError> {
        let model = "ConvNeXt";
        check::image(model, self.input, self.classes, SMALLEST)?;
        check::dropout(model, "stochastic_depth", self.stochastic_depth)?;
        // The paper truncates this distribution at 100 standard deviations: not at all.
        let init = Init::new(seed, device, Initializer::Normal { std: 0.02 });
        let in_features = init.child("features");
        let all: usize = STAGES.iter().map(|stage| stage.0).sum();
        let mut features = Vec::new();
        let (mut inputs, mut done) = (self.input[0], 0);
        for (blocks, channels) in STAGES {
            let init = in_features.at(features.len());
            features.push(if features.is_empty() {
                let stem = Conv::new(inputs, channels, 4).stride(4);
                let norm = LayerNorm2d::new(channels, EPSILON, device);
                ConvNextLayer::Stem((init.conv2d("0", stem), norm))
            } else {
                let halve = Conv::new(inputs, channels, 2).stride(2);
                let norm = LayerNorm2d::new(inputs, EPSILON, device);
                ConvNextLayer::Halve((norm, init.conv2d("1", halve)))
            });
            let init = in_features.at(features.len());
            let stage = (0..blocks).map(|block| {
                let drop_path = self.stochastic_depth * done as f64 / (all - 1) as f64;
                done += 1;
                ConvNextBlock::new(&init.at(block), channels, drop_path)
            });
            features.push(ConvNextLayer::Stage(stage.collect()));
            inputs = channels;
        }
        let classifier = (
            LayerNorm2d::new(inputs, EPSILON, device),
            Activation::identity(),
            init.linear("classifier", inputs, self.classes),
        );
        Ok(ConvNext {
            features,
            classifier,
            input: self.input,
            classes: self.classes,
        })
    }
}

impl ConvNext {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let means = adaptive_avg_pool(self.features.apply(images), 1);
        let (norm, _, linear) = &self.classifier;
        linear.apply(flatten(norm.apply(means)))
    }
}

image_network!(ConvNext);
