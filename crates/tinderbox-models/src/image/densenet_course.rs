//! DenseNet as the course writes it (Dive into Deep Learning, section "Densely Connected Networks
//! (DenseNet)"): four blocks of four layers, each one 3 x 3 convolution.

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

/// The smallest height and width: the stem quarters it, three transitions halve it.
pub(crate) const SMALLEST: usize = 29;

/// The settings of the course's DenseNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourseDenseNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Layers in each of the blocks.
    #[serde(default = "four_of_four")]
    pub layers: Vec<usize>,
    /// Channels that each layer adds (growth rate).
    #[serde(default = "growth")]
    pub growth: usize,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

fn four_of_four() -> Vec<usize> {
    vec![4; 4]
}

fn growth() -> usize {
    32
}

/// Batch norm, ReLU, convolution.
#[derive(Module, Debug)]
pub struct NormConv {
    /// Before the convolution.
    pub norm: BatchNorm,
    /// The convolution.
    pub conv: Conv2d,
}

impl NormConv {
    fn new(init: &Init, inputs: usize, conv: Conv) -> Self {
        Self {
            norm: init.batch_norm(inputs),
            conv: init.conv2d("conv", conv),
        }
    }
}

impl Layer<4> for NormConv {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        self.conv.apply(relu(self.norm.apply(input)))
    }
}

/// Layers whose input is the concatenation of the block's input and all earlier outputs.
#[derive(Module, Debug)]
pub struct DenseBlock {
    /// The layers, each of 3 x 3.
    pub layers: Vec<NormConv>,
}

impl DenseBlock {
    fn new(init: &Init, layers: usize, inputs: usize, growth: usize) -> Self {
        let layer = |index: usize| {
            let inputs = inputs + index * growth;
            NormConv::new(
                &init.at(index),
                inputs,
                Conv::new(inputs, growth, 3).padding(1),
            )
        };
        Self {
            layers: (0..layers).map(layer).collect(),
        }
    }
}

impl Layer<4> for DenseBlock {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        self.layers.iter().fold(input, |maps, layer| {
            let more = layer.apply(maps.clone());
            Tensor::cat(vec![maps, more], 1)
        })
    }
}

/// A stem, dense blocks with transitions between them, one linear layer.
#[derive(Module, Debug)]
pub struct CourseDenseNet {
    /// 7 x 7, stride 2.
    pub conv: Conv2d,
    /// After `conv`.
    pub norm: BatchNorm,
    /// The blocks.
    pub blocks: Vec<DenseBlock>,
    /// Half the channels, 1 x 1, after every block but the last.
    pub transitions: Vec<NormConv>,
    /// After the last block.
    pub last_norm: BatchNorm,
    /// The output layer.
    pub fc: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl CourseDenseNetConfig {
    /// The course's network: four blocks of four layers, growth 32.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            layers: four_of_four(),
            growth: growth(),
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, images that are too small, or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<CourseDenseNet, ModelError> {
        let model = "the course's DenseNet";
        check::positive(model, "the number of blocks", self.layers.len())?;
        // More transitions than the course's three need larger images.
        let transitions = self.layers.len() - 1;
        let smallest = match transitions {
            0..=3 => SMALLEST,
            more => SMALLEST << (more - 3).min(20),
        };
        check::image(model, self.input, self.classes, smallest)?;
        for &layers in &self.layers {
            check::positive(model, "layers", layers)?;
        }
        check::positive(model, "growth", self.growth)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let (in_blocks, in_transitions) = (init.child("blocks"), init.child("transitions"));
        let mut channels = 64;
        let (mut blocks, mut halves) = (Vec::new(), Vec::new());
        for (index, &layers) in self.layers.iter().enumerate() {
            blocks.push(DenseBlock::new(
                &in_blocks.at(index),
                layers,
                channels,
                self.growth,
            ));
            channels += layers * self.growth;
            if index < transitions {
                let conv = Conv::new(channels, channels / 2, 1);
                halves.push(NormConv::new(&in_transitions.at(index), channels, conv));
                channels /= 2;
            }
        }
        let stem = Conv::new(self.input[0], 64, 7).stride(2).padding(3);
        Ok(CourseDenseNet {
            conv: init.conv2d("conv", stem),
            norm: init.batch_norm(64),
            blocks,
            transitions: halves,
            last_norm: init.batch_norm(channels),
            fc: init.linear("fc", channels, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl CourseDenseNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = relu(self.norm.apply(self.conv.apply(images)));
        let mut maps = Pool::max(3, 2).padding(1).apply(maps);
        for (index, block) in self.blocks.iter().enumerate() {
            maps = block.apply(maps);
            if let Some(transition) = self.transitions.get(index) {
                maps = Pool::average(2, 2).apply(transition.apply(maps));
            }
        }
        self.fc
            .apply(global_avg_pool(relu(self.last_norm.apply(maps))))
    }
}

image_network!(CourseDenseNet);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::blocks::XAVIER;

    #[test]
    fn the_block_shapes_that_the_course_prints() {
        let device = Device::flex();
        let init = Init::new(Seed::new(1), &device, XAVIER);
        let input = Tensor::<4>::ones([4, 3, 8, 8], &device);
        let maps = DenseBlock::new(&init, 2, 3, 10).apply(input);
        assert_eq!(maps.dims(), [4, 23, 8, 8]);
        let transition = NormConv::new(&init, 23, Conv::new(23, 10, 1));
        let maps = Pool::average(2, 2).apply(transition.apply(maps));
        assert_eq!(maps.dims(), [4, 10, 4, 4]);
    }
}
