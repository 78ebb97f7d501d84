//! DenseNet (Huang et al. 2016) in the form and with the names of torchvision.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Init, Initializer, Layer, Numbered, Pool, global_avg_pool, relu};

use super::blocks::image_network;
use super::check;
use crate::ModelError;

/// The smallest height and width: the stem quarters it, three transitions halve it.
pub(crate) const SMALLEST: usize = 29;

/// The settings of a DenseNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Layers in each of the four blocks.
    pub layers: [usize; 4],
    /// Channels that each layer adds (growth rate).
    pub growth: usize,
    /// Channels of the stem.
    pub stem: usize,
}

/// 1 x 1 to four times the growth, then 3 x 3 to the growth; each after a norm and ReLU.
#[derive(Module, Debug)]
pub struct DenseLayer {
    /// Before `conv1`.
    pub norm1: BatchNorm,
    /// 1 x 1.
    pub conv1: Conv2d,
    /// Before `conv2`.
    pub norm2: BatchNorm,
    /// 3 x 3.
    pub conv2: Conv2d,
}

/// The input and the output of the layer, concatenated.
impl Layer<4> for DenseLayer {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.conv1.apply(relu(self.norm1.apply(input.clone())));
        let maps = self.conv2.apply(relu(self.norm2.apply(maps)));
        Tensor::cat(vec![input, maps], 1)
    }
}

/// Half the channels at half the size.
#[derive(Module, Debug)]
pub struct Transition {
    /// Before `conv`.
    pub norm: BatchNorm,
    /// 1 x 1.
    pub conv: Conv2d,
}

impl Layer<4> for Transition {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.conv.apply(relu(self.norm.apply(input)));
        Pool::average(2, 2).apply(maps)
    }
}

/// Everything but the linear layer.
#[derive(Module, Debug)]
pub struct DenseFeatures {
    /// 7 x 7, stride 2.
    pub conv0: Conv2d,
    /// After `conv0`.
    pub norm0: BatchNorm,
    /// First block.
    pub denseblock1: Numbered<DenseLayer>,
    /// After the first block.
    pub transition1: Transition,
    /// Second block.
    pub denseblock2: Numbered<DenseLayer>,
    /// After the second block.
    pub transition2: Transition,
    /// Third block.
    pub denseblock3: Numbered<DenseLayer>,
    /// After the third block.
    pub transition3: Transition,
    /// Fourth block.
    pub denseblock4: Numbered<DenseLayer>,
    /// After the fourth block.
    pub norm5: BatchNorm,
}

/// A stem, four dense blocks with transitions between them, one linear layer.
#[derive(Module, Debug)]
pub struct DenseNet {
    /// Everything but the linear layer.
    pub features: DenseFeatures,
    /// The output layer.
    pub classifier: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl DenseNetConfig {
    /// DenseNet-121.
    pub fn densenet121(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            layers: [6, 12, 24, 16],
            growth: 32,
            stem: 64,
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, or images that are too small.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<DenseNet, ModelError> {
        let model = "DenseNet";
        check::image(model, self.input, self.classes, SMALLEST)?;
        for layers in self.layers {
            check::positive(model, "layers", layers)?;
        }
        check::positive(model, "growth", self.growth)?;
        check::positive(model, "stem", self.stem)?;
        let kaiming = Initializer::KaimingNormal {
            gain: std::f64::consts::SQRT_2,
        };
        let init = Init::new(seed, device, kaiming).linears(Initializer::PYTORCH);
        let mut channels = self.stem;
        let (denseblock1, transition1) = self.stage(&init.child("1"), 0, &mut channels);
        let (denseblock2, transition2) = self.stage(&init.child("2"), 1, &mut channels);
        let (denseblock3, transition3) = self.stage(&init.child("3"), 2, &mut channels);
        let denseblock4 = self.block(&init.child("4"), 3, &mut channels);
        let stem = Conv::new(self.input[0], self.stem, 7).stride(2).padding(3);
        let features = DenseFeatures {
            conv0: init.conv2d("conv0", stem.no_bias()),
            norm0: init.batch_norm(self.stem),
            denseblock1,
            transition1,
            denseblock2,
            transition2,
            denseblock3,
            transition3,
            denseblock4,
            norm5: init.batch_norm(channels),
        };
        Ok(DenseNet {
            features,
            classifier: init.linear("classifier", channels, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }

    fn block(&self, init: &Init, index: usize, channels: &mut usize) -> Numbered<DenseLayer> {
        let layers = (0..self.layers[index]).map(|layer| {
            let init = init.at(layer);
            let middle = 4 * self.growth;
            let inputs = *channels;
            *channels += self.growth;
            let wide = Conv::new(inputs, middle, 1).no_bias();
            let narrow = Conv::new(middle, self.growth, 3).padding(1).no_bias();
            DenseLayer {
                norm1: init.batch_norm(inputs),
                conv1: init.conv2d("conv1", wide),
                norm2: init.batch_norm(middle),
                conv2: init.conv2d("conv2", narrow),
            }
        });
        Numbered::new("denselayer", layers.collect())
    }

    /// A block and the transition after it.
    fn stage(
        &self,
        init: &Init,
        index: usize,
        channels: &mut usize,
    ) -> (Numbered<DenseLayer>, Transition) {
        let block = self.block(init, index, channels);
        let inputs = *channels;
        *channels /= 2;
        let transition = Transition {
            norm: init.batch_norm(inputs),
            conv: init.conv2d("transition", Conv::new(inputs, *channels, 1).no_bias()),
        };
        (block, transition)
    }
}

impl DenseNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let features = &self.features;
        let maps = relu(features.norm0.apply(features.conv0.apply(images)));
        let maps = Pool::max(3, 2).padding(1).apply(maps);
        let maps = features.transition1.apply(features.denseblock1.apply(maps));
        let maps = features.transition2.apply(features.denseblock2.apply(maps));
        let maps = features.transition3.apply(features.denseblock3.apply(maps));
        let maps = relu(features.norm5.apply(features.denseblock4.apply(maps)));
        self.classifier.apply(global_avg_pool(maps))
    }
}

image_network!(DenseNet);
