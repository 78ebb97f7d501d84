//! ResNet (He et al. 2015) and ResNeXt (Xie et al. 2016), in the form and with the names of
//! torchvision.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Init, Initializer, Layer, Pool, global_avg_pool, relu};

use super::blocks::{KAIMING_OUT, image_network};
use super::check;
use crate::ModelError;

/// The two kinds of residual blocks of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// Two 3 x 3 convolutions.
    Basic,
    /// 1 x 1, 3 x 3 (which strides, as in torchvision), 1 x 1 to four times the channels.
    Bottleneck,
}

impl Residual {
    /// Channels of the output, as a multiple of the width of the stage.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// The settings of a ResNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// The kind of block.
    pub block: Residual,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// Groups of the 3 x 3 convolution of a bottleneck; more than 1 makes a ResNeXt.
    #[serde(default = "one_group")]
    pub groups: usize,
    /// Channels of a group in the first stage.
    #[serde(default = "full_width")]
    pub width_per_group: usize,
}

fn one_group() -> usize {
    1
}

fn full_width() -> usize {
    64
}

/// A residual block: `relu(f(x) + x)`.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// First convolution.
    pub conv1: Conv2d,
    /// After `conv1`.
    pub bn1: BatchNorm,
    /// Second convolution.
    pub conv2: Conv2d,
    /// After `conv2`.
    pub bn2: BatchNorm,
    /// Third convolution, of a bottleneck.
    pub conv3: Option<Conv2d>,
    /// After `conv3`.
    pub bn3: Option<BatchNorm>,
    /// Where size or channels change: a 1 x 1 convolution of the input, and its norm.
    pub downsample: Option<(Conv2d, BatchNorm)>,
}

/// Channels and stride of a block.
struct Shape {
    inputs: usize,
    width: usize,
    outputs: usize,
    stride: usize,
    groups: usize,
}

impl ResidualBlock {
    fn new(init: &Init, kind: Residual, shape: Shape) -> Self {
        let Shape {
            inputs,
            width,
            outputs,
            stride,
            groups,
        } = shape;
        let [conv1, conv2] = match kind {
            Residual::Basic => [
                Conv::new(inputs, width, 3).stride(stride).padding(1),
                Conv::new(width, outputs, 3).padding(1),
            ],
            Residual::Bottleneck => [
                Conv::new(inputs, width, 1),
                Conv::new(width, width, 3)
                    .stride(stride)
                    .padding(1)
                    .groups(groups),
            ],
        };
        let third = (kind == Residual::Bottleneck).then(|| Conv::new(width, outputs, 1));
        let downsample = (stride != 1 || inputs != outputs).then(|| {
            let conv = Conv::new(inputs, outputs, 1).stride(stride).no_bias();
            (init.conv2d("downsample", conv), init.batch_norm(outputs))
        });
        Self {
            conv1: init.conv2d("conv1", conv1.no_bias()),
            bn1: init.batch_norm(conv1.outputs()),
            conv2: init.conv2d("conv2", conv2.no_bias()),
            bn2: init.batch_norm(conv2.outputs()),
            conv3: third.map(|conv| init.conv2d("conv3", conv.no_bias())),
            bn3: third.map(|_| init.batch_norm(outputs)),
            downsample,
        }
    }
}

impl Layer<4> for ResidualBlock {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = relu(self.bn1.apply(self.conv1.apply(input.clone())));
        let mut maps = self.bn2.apply(self.conv2.apply(maps));
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            maps = bn3.apply(conv3.apply(relu(maps)));
        }
        relu(maps + self.downsample.apply(input))
    }
}

/// A stem, four stages of residual blocks, one linear layer.
#[derive(Module, Debug)]
pub struct ResNet {
    /// 7 x 7, stride 2.
    pub conv1: Conv2d,
    /// After `conv1`.
    pub bn1: BatchNorm,
    /// First stage.
    pub layer1: Vec<ResidualBlock>,
    /// Second stage, at half the size.
    pub layer2: Vec<ResidualBlock>,
    /// Third stage, at a quarter.
    pub layer3: Vec<ResidualBlock>,
    /// Fourth stage, at an eighth.
    pub layer4: Vec<ResidualBlock>,
    /// The output layer.
    pub fc: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl ResNetConfig {
    /// With one group of full width.
    pub fn new(input: [usize; 3], classes: usize, block: Residual, blocks: [usize; 4]) -> Self {
        Self {
            input,
            classes,
            block,
            blocks,
            groups: one_group(),
            width_per_group: full_width(),
        }
    }

    /// ResNet-18.
    pub fn resnet18(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, Residual::Basic, [2, 2, 2, 2])
    }

    /// ResNet-34.
    pub fn resnet34(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, Residual::Basic, [3, 4, 6, 3])
    }

    /// ResNet-50.
    pub fn resnet50(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, Residual::Bottleneck, [3, 4, 6, 3])
    }

    /// ResNet-101.
    pub fn resnet101(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, Residual::Bottleneck, [3, 4, 23, 3])
    }

    /// ResNet-152.
    pub fn resnet152(input: [usize; 3], classes: usize) -> Self {
        Self::new(input, classes, Residual::Bottleneck, [3, 8, 36, 3])
    }

    /// ResNeXt-50 (32 x 4d).
    pub fn resnext50(input: [usize; 3], classes: usize) -> Self {
        Self {
            groups: 32,
            width_per_group: 4,
            ..Self::resnet50(input, classes)
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, or groups in basic blocks, which have none.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<ResNet, ModelError> {
        let model = "ResNet";
        check::image(model, self.input, self.classes, 1)?;
        for blocks in self.blocks {
            check::positive(model, "blocks", blocks)?;
        }
        check::positive(model, "groups", self.groups)?;
        check::positive(model, "width_per_group", self.width_per_group)?;
        let plain = self.groups == one_group() && self.width_per_group == full_width();
        if self.block == Residual::Basic && !plain {
            return Err(ModelError::Setting {
                model,
                field: "groups",
                value: format!("{} of {}", self.groups, self.width_per_group),
                needs: "basic blocks have one group of 64: use the block \"bottleneck\"",
            });
        }
        let init = Init::new(seed, device, KAIMING_OUT).linears(Initializer::PYTORCH);
        let mut inputs = 64;
        let mut stage = |name: &str, index: usize| -> Vec<ResidualBlock> {
            let init = init.child(name);
            let base = 64 << index;
            let outputs = base * self.block.expansion();
            (0..self.blocks[index])
                .map(|block| {
                    let shape = Shape {
                        inputs,
                        width: base * self.width_per_group / 64 * self.groups,
                        outputs,
                        stride: if block == 0 && index > 0 { 2 } else { 1 },
                        groups: self.groups,
                    };
                    inputs = outputs;
                    ResidualBlock::new(&init.at(block), self.block, shape)
                })
                .collect()
        };
        let layer1 = stage("layer1", 0);
        let layer2 = stage("layer2", 1);
        let layer3 = stage("layer3", 2);
        let layer4 = stage("layer4", 3);
        let stem = Conv::new(self.input[0], 64, 7)
            .stride(2)
            .padding(3)
            .no_bias();
        Ok(ResNet {
            conv1: init.conv2d("conv1", stem),
            bn1: init.batch_norm(64),
            layer1,
            layer2,
            layer3,
            layer4,
            fc: init.linear("fc", inputs, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl ResNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = relu(self.bn1.apply(self.conv1.apply(images)));
        let maps = Pool::max(3, 2).padding(1).apply(maps);
        let maps = self.layer1.apply(maps);
        let maps = self.layer2.apply(maps);
        let maps = self.layer3.apply(maps);
        let maps = self.layer4.apply(maps);
        self.fc.apply(global_avg_pool(maps))
    }
}

image_network!(ResNet);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_shapes_that_the_course_prints() {
        let device = Device::flex();
        let init = Init::new(Seed::new(1), &device, KAIMING_OUT);
        let block = |outputs, stride| {
            let shape = Shape {
                inputs: 3,
                width: outputs,
                outputs,
                stride,
                groups: 1,
            };
            ResidualBlock::new(&init, Residual::Basic, shape)
        };
        let input = Tensor::<4>::ones([4, 3, 6, 6], &device);
        assert_eq!(block(3, 1).apply(input.clone()).dims(), [4, 3, 6, 6]);
        assert_eq!(block(6, 2).apply(input).dims(), [4, 6, 3, 3]);
    }

    #[test]
    fn groups_need_bottlenecks() {
        let config = ResNetConfig {
            groups: 32,
            ..ResNetConfig::resnet18([3, 64, 64], 10)
        };
        let error = config
            .init(Seed::new(1), &Device::flex())
            .unwrap_err()
            .to_string();
        assert!(error.contains("bottleneck"), "{error}");
    }
}
