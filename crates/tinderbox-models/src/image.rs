//! Image models: from softmax regression to ConvNeXt, one family per file.
//!
//! Each configuration names the shape of an image as `[channels, height, width]` and the number of
//! classes. The standard models (those of torchvision) have torchvision's names in a state
//! dict; those of the course differ from them where the course does.

mod alexnet;
mod blocks;
mod convnext;
mod densenet;
mod densenet_course;
mod dropout_mlp;
mod efficientnet;
mod googlenet;
mod lenet;
mod lenet_batch_norm;
mod mlp;
mod mobilenet;
mod nin;
mod resnet;
mod resnet_course;
mod softmax_regression;
mod vgg;
mod vit;

use crate::check;

pub use alexnet::{AlexNet, AlexNetConfig};
pub use convnext::{ConvNext, ConvNextConfig};
pub use densenet::{DenseNet, DenseNetConfig};
pub use densenet_course::{CourseDenseNet, CourseDenseNetConfig};
pub use dropout_mlp::{DropoutMlp, DropoutMlpConfig};
pub use efficientnet::{EfficientNet, EfficientNetConfig};
pub use googlenet::{GoogLeNet, GoogLeNetConfig};
pub use lenet::{LeNet, LeNetConfig};
pub use lenet_batch_norm::{BatchNormLeNet, BatchNormLeNetConfig};
pub use mlp::{Mlp, MlpConfig};
pub use mobilenet::{MobileNetV2, MobileNetV2Config};
pub use nin::{Nin, NinConfig};
pub use resnet::{ResNet, ResNetConfig};
pub use resnet_course::{CourseResNet, CourseResNetConfig};
pub use softmax_regression::{SoftmaxRegression, SoftmaxRegressionConfig};
pub use vgg::{Vgg, VggConfig};
pub use vit::{Vit, VitConfig};
