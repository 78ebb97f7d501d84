//! GoogLeNet as the course writes it, without batch norm and auxiliary heads (Szegedy et al. 2015;
//! Dive into Deep Learning, section "Multi-Branch Networks (GoogLeNet)").

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Conv, Init, Initializer, Layer, Pool, global_avg_pool, relu};

use super::blocks::{image_network, xavier};
use super::check;
use crate::ModelError;

/// The settings of a GoogLeNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogLeNetConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// The initializer of the weights; the course uses Xavier-uniform.
    #[serde(default = "xavier")]
    pub initializer: Initializer,
}

/// Channels of the paths of an inception block: 1x1; 1x1 then 3x3; 1x1 then 5x5; pooling then 1x1.
type Paths = (usize, [usize; 2], [usize; 2], usize);

/// The nine inception blocks (table 1 of the paper), by stage.
const STAGES: [&[Paths]; 3] = [
    &[
        (64, [96, 128], [16, 32], 32),
        (128, [128, 192], [32, 96], 64),
    ],
    &[
        (192, [96, 208], [16, 48], 64),
        (160, [112, 224], [24, 64], 64),
        (128, [128, 256], [24, 64], 64),
        (112, [144, 288], [32, 64], 64),
        (256, [160, 320], [32, 128], 128),
    ],
    &[
        (256, [160, 320], [32, 128], 128),
        (384, [192, 384], [48, 128], 128),
    ],
];

/// Four paths side by side, their channels joined.
#[derive(Module, Debug)]
pub struct Inception {
    /// 1 x 1.
    pub path1: Conv2d,
    /// 1 x 1 before 3 x 3.
    pub path2_reduce: Conv2d,
    /// 3 x 3.
    pub path2: Conv2d,
    /// 1 x 1 before 5 x 5.
    pub path3_reduce: Conv2d,
    /// 5 x 5.
    pub path3: Conv2d,
    /// 1 x 1 after 3 x 3 max-pooling.
    pub path4: Conv2d,
}

impl Inception {
    fn new(init: &Init, inputs: usize, (one, three, five, pooled): Paths) -> Self {
        Self {
            path1: init.conv2d("path1", Conv::new(inputs, one, 1)),
            path2_reduce: init.conv2d("path2_reduce", Conv::new(inputs, three[0], 1)),
            path2: init.conv2d("path2", Conv::new(three[0], three[1], 3).padding(1)),
            path3_reduce: init.conv2d("path3_reduce", Conv::new(inputs, five[0], 1)),
            path3: init.conv2d("path3", Conv::new(five[0], five[1], 5).padding(2)),
            path4: init.conv2d("path4", Conv::new(inputs, pooled, 1)),
        }
    }
}

impl Layer<4> for Inception {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let path1 = relu(self.path1.apply(input.clone()));
        let path2 = relu(self.path2_reduce.apply(input.clone()));
        let path2 = relu(self.path2.apply(path2));
        let path3 = relu(self.path3_reduce.apply(input.clone()));
        let path3 = relu(self.path3.apply(path3));
        let path4 = relu(self.path4.apply(Pool::max(3, 1).padding(1).apply(input)));
        Tensor::cat(vec![path1, path2, path3, path4], 1)
    }
}

/// A stem, nine inception blocks in three stages, one linear layer.
#[derive(Module, Debug)]
pub struct GoogLeNet {
    /// 7 x 7, stride 2.
    pub conv1: Conv2d,
    /// 1 x 1.
    pub conv2: Conv2d,
    /// 3 x 3.
    pub conv3: Conv2d,
    /// Two blocks.
    pub inception3: Vec<Inception>,
    /// Five blocks.
    pub inception4: Vec<Inception>,
    /// Two blocks.
    pub inception5: Vec<Inception>,
    /// The output layer.
    pub fc: Linear,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl GoogLeNetConfig {
    /// The course's network.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            initializer: xavier(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0 or an invalid initializer.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<GoogLeNet, ModelError> {
        let model = "GoogLeNet";
        check::image(model, self.input, self.classes, 1)?;
        check::initializer(model, self.initializer)?;
        let init = Init::new(seed, device, self.initializer).biases(Initializer::PYTORCH);
        let mut channels = 192;
        let mut stage = |name: &str, index: usize| -> Vec<Inception> {
            let init = init.child(name);
            let paths = STAGES[index].iter().enumerate();
            paths
                .map(|(block, &paths)| {
                    let inputs = channels;
                    channels = paths.0 + paths.1[1] + paths.2[1] + paths.3;
                    Inception::new(&init.at(block), inputs, paths)
                })
                .collect()
        };
        let inception3 = stage("inception3", 0);
        let inception4 = stage("inception4", 1);
        let inception5 = stage("inception5", 2);
        let stem = Conv::new(self.input[0], 64, 7).stride(2).padding(3);
        Ok(GoogLeNet {
            conv1: init.conv2d("conv1", stem),
            conv2: init.conv2d("conv2", Conv::new(64, 64, 1)),
            conv3: init.conv2d("conv3", Conv::new(64, 192, 3).padding(1)),
            inception3,
            inception4,
            inception5,
            fc: init.linear("fc", channels, self.classes),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl GoogLeNet {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let pool = Pool::max(3, 2).padding(1);
        let maps = pool.apply(relu(self.conv1.apply(images)));
        let maps = relu(self.conv2.apply(maps));
        let maps = pool.apply(relu(self.conv3.apply(maps)));
        let maps = pool.apply(self.inception3.apply(maps));
        let maps = pool.apply(self.inception4.apply(maps));
        let maps = self.inception5.apply(maps);
        self.fc.apply(global_avg_pool(maps))
    }
}

image_network!(GoogLeNet);
