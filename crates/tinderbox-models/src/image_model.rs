use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Network, layer_enum};

use crate::ModelError;
use crate::image::*;

/// The configuration of any image model; in JSON, the field `family` names the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
#[allow(missing_docs)] // each variant is the family of the same name
pub enum ImageConfig {
    SoftmaxRegression(SoftmaxRegressionConfig),
    Mlp(MlpConfig),
    DropoutMlp(DropoutMlpConfig),
    LeNet(LeNetConfig),
    BatchNormLeNet(BatchNormLeNetConfig),
    AlexNet(AlexNetConfig),
    Vgg(VggConfig),
    Nin(NinConfig),
    GoogLeNet(GoogLeNetConfig),
    ResNet(ResNetConfig),
    CourseResNet(CourseResNetConfig),
    DenseNet(DenseNetConfig),
    CourseDenseNet(CourseDenseNetConfig),
    MobileNetV2(MobileNetV2Config),
    EfficientNet(EfficientNetConfig),
    ConvNext(ConvNextConfig),
    Vit(VitConfig),
}

layer_enum! {
    /// Any image model, so that one program can train the model that the user names.
    ///
    /// Its parameters have the names that they have in the model itself.
    pub enum ImageModel {
        SoftmaxRegression(SoftmaxRegression),
        Mlp(Mlp),
        DropoutMlp(DropoutMlp),
        LeNet(LeNet),
        BatchNormLeNet(BatchNormLeNet),
        AlexNet(AlexNet),
        Vgg(Vgg),
        Nin(Nin),
        GoogLeNet(GoogLeNet),
        ResNet(ResNet),
        CourseResNet(CourseResNet),
        DenseNet(DenseNet),
        CourseDenseNet(CourseDenseNet),
        MobileNetV2(MobileNetV2),
        EfficientNet(EfficientNet),
        ConvNext(ConvNext),
        Vit(Vit),
    }
}

/// One expression for all families.
macro_rules! each_family {
    ($value:expr, $of:ident, $name:ident => $result:expr) => {
        match $value {
            $of::SoftmaxRegression($name) => $result,
            $of::Mlp($name) => $result,
            $of::DropoutMlp($name) => $result,
            $of::LeNet($name) => $result,
            $of::BatchNormLeNet($name) => $result,
            $of::AlexNet($name) => $result,
            $of::Vgg($name) => $result,
            $of::Nin($name) => $result,
            $of::GoogLeNet($name) => $result,
            $of::ResNet($name) => $result,
            $of::CourseResNet($name) => $result,
            $of::DenseNet($name) => $result,
            $of::CourseDenseNet($name) => $result,
            $of::MobileNetV2($name) => $result,
            $of::EfficientNet($name) => $result,
            $of::ConvNext($name) => $result,
            $of::Vit($name) => $result,
        }
    };
}

impl ImageConfig {
    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// Those of the `init` of the family.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<ImageModel, ModelError> {
        each_family!(self, Self, config => config.init(seed, device).map(ImageModel::from))
    }
}

macro_rules! from_family {
    ($($family:ident),+) => {
        $(impl From<$family> for ImageModel {
            fn from(model: $family) -> Self {
                Self::$family(model)
            }
        })+
    };
}

from_family!(
    SoftmaxRegression,
    Mlp,
    DropoutMlp,
    LeNet,
    BatchNormLeNet,
    AlexNet,
    Vgg,
    Nin,
    GoogLeNet,
    ResNet,
    CourseResNet,
    DenseNet,
    CourseDenseNet,
    MobileNetV2,
    EfficientNet,
    ConvNext,
    Vit
);

impl Network<4> for ImageModel {
    /// # Shapes
    /// `[batch, channels, height, width]` in, `[batch, classes]` out.
    fn forward(&self, inputs: Tensor<4>) -> Tensor<2> {
        each_family!(self, Self, model => model.forward(inputs))
    }

    fn input_shape(&self) -> Vec<usize> {
        each_family!(self, Self, model => model.input_shape())
    }

    fn outputs(&self) -> usize {
        each_family!(self, Self, model => model.outputs())
    }
}
