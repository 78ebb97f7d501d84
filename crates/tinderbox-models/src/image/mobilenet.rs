//! MobileNetV2 (Sandler et al. 2018) in the form and with the names of torchvision.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Activation, Conv, Dropout, Init, Initializer, Layer, global_avg_pool, layer_enum,
};

use super::blocks::{ConvNorm, KAIMING_OUT, conv_norm, image_network};
use super::check;
use crate::ModelError;

/// The settings of a MobileNetV2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileNetV2Config {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Dropout before the linear layer.
    #[serde(default = "probability")]
    pub dropout: f64,
}

fn probability() -> f64 {
    0.2
}

/// Table 2 of the paper: expansion, channels, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

layer_enum! {
    /// A layer of an inverted residual block.
    pub enum InvertedPart { ConvNorm(ConvNorm), Conv(Conv2d), Norm(BatchNorm) }
}

impl Layer<4> for InvertedPart {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::ConvNorm(part) => part.apply(input),
            Self::Conv(part) => part.apply(input),
            Self::Norm(part) => part.apply(input),
        }
    }
}

/// Widen by 1 x 1, filter each channel by 3 x 3, narrow by 1 x 1 without an activation.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    /// The parts in order.
    pub conv: Vec<InvertedPart>,
    #[module(skip)]
    shortcut: bool,
}

impl InvertedResidual {
    fn new(init: &Init, inputs: usize, outputs: usize, expansion: usize, stride: usize) -> Self {
        let hidden = inputs * expansion;
        let mut conv = Vec::new();
        if expansion != 1 {
            let widen = conv_norm(&init.child("widen"), Conv::new(inputs, hidden, 1), relu6());
            conv.push(InvertedPart::ConvNorm(widen));
        }
        let depthwise = Conv::new(hidden, hidden, 3)
            .stride(stride)
            .padding(1)
            .groups(hidden);
        let depthwise = conv_norm(&init.child("depthwise"), depthwise, relu6());
        conv.push(InvertedPart::ConvNorm(depthwise));
        let narrow = init.conv2d("narrow", Conv::new(hidden, outputs, 1).no_bias());
        conv.push(InvertedPart::Conv(narrow));
        conv.push(InvertedPart::Norm(init.batch_norm(outputs)));
        Self {
            conv,
            shortcut: stride == 1 && inputs == outputs,
        }
    }
}

fn relu6() -> Activation {
    Activation::relu6()
}

impl Layer<4> for InvertedResidual {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.conv.apply(input.clone());
        if self.shortcut {
            input + output
        } else {
            output
        }
    }
}

layer_enum! {
    /// The layers of the feature extractor.
    pub enum MobileLayer { ConvNorm(ConvNorm), Block(InvertedResidual) }
}

impl Layer<4> for MobileLayer {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::ConvNorm(part) => part.apply(input),
            Self::Block(part) => part.apply(input),
        }
    }
}

/// A stem, 17 inverted residual blocks, a 1 x 1 convolution, one linear layer.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    /// Everything but the linear layer.
    pub features: Vec<MobileLayer>,
    /// Dropout and the linear layer.
    pub classifier: (Dropout, Linear),
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl MobileNetV2Config {
    /// MobileNetV2 of width 1.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            dropout: probability(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, or a dropout probability outside 0 to 1.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<MobileNetV2, ModelError> {
        let model = "MobileNetV2";
        check::image(model, self.input, self.classes, 1)?;
        check::dropout(model, "dropout", self.dropout)?;
        let linears = Initializer::Normal { std: 0.01 };
        let init = Init::new(seed, device, KAIMING_OUT).linears(linears);
        let in_features = init.child("features");
        let stem = Conv::new(self.input[0], 32, 3).stride(2).padding(1);
        let stem = conv_norm(&in_features.at(0), stem, relu6());
        let mut features = vec![MobileLayer::ConvNorm(stem)];
        let mut inputs = 32;
        for (expansion, channels, blocks, stride) in STAGES {
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let init = in_features.at(features.len());
                let block = InvertedResidual::new(&init, inputs, channels, expansion, stride);
                features.push(MobileLayer::Block(block));
                inputs = channels;
            }
        }
        let last = Conv::new(inputs, 1280, 1);
        let last = conv_norm(&in_features.at(features.len()), last, relu6());
        features.push(MobileLayer::ConvNorm(last));
        let linear = init.linear("classifier", 1280, self.classes);
        Ok(MobileNetV2 {
            features,
            classifier: (Dropout::new(self.dropout), linear),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl MobileNetV2 {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.classifier
            .apply(global_avg_pool(self.features.apply(images)))
    }
}

image_network!(MobileNetV2);
