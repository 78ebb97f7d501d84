use burn::tensor::Device;
use tinderbox_core::{Seed, nearest};

use crate::image::*;
use crate::{ImageConfig, ImageModel, ModelError};

/// A registered image model and its metadata.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry {
    /// The name, for [`find`].
    pub name: &'static str,
    /// The paper or the section of the course.
    pub paper: &'static str,
    /// Whether it is a model of torchvision; then its parameters have torchvision's names.
    pub standard: bool,
    /// Channels, height and width of an image, as in the course or in the paper.
    pub input: [usize; 3],
    /// Classes, as in the course or in the paper.
    pub classes: usize,
    /// A small height and width for quick trials.
    pub small: usize,
    /// Trainable parameters at this input and number of classes.
    pub parameters: usize,
    /// Multiply-adds for one image, in convolutions and matrix products.
    pub multiply_adds: u64,
    /// The configuration for an input shape and a number of classes.
    pub config: fn(input: [usize; 3], classes: usize) -> ImageConfig,
}

impl ModelEntry {
    /// The model at its default input and classes.
    ///
    /// # Errors
    /// None for a registered model; the type is that of every `init`.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<ImageModel, ModelError> {
        (self.config)(self.input, self.classes).init(seed, device)
    }
}

/// All image models, simplest first.
pub fn registry() -> &'static [ModelEntry] {
    &REGISTRY
}

/// The model with this name.
///
/// # Errors
/// An unknown name; the error suggests the nearest names.
pub fn find(name: &str) -> Result<&'static ModelEntry, ModelError> {
    if let Some(entry) = REGISTRY.iter().find(|entry| entry.name == name) {
        return Ok(entry);
    }
    let names = REGISTRY.iter().map(|entry| entry.name);
    Err(ModelError::Unknown {
        name: name.to_owned(),
        nearest: nearest(name, names, 3),
        among: REGISTRY.len(),
    })
}

/// An entry for the course's settings: grayscale images of this size, ten classes.
macro_rules! course {
    ($name:literal, $paper:literal, $side:literal, $small:expr, $parameters:literal, $madds:literal,
     $config:expr => $variant:ident) => {
        ModelEntry {
            name: $name,
            paper: $paper,
            standard: false,
            input: [1, $side, $side],
            classes: 10,
            small: $small,
            parameters: $parameters,
            multiply_adds: $madds,
            config: |input, classes| ImageConfig::$variant($config(input, classes)),
        }
    };
}

/// An entry for torchvision's settings: colour images of 224 x 224, a thousand classes.
macro_rules! standard {
    ($name:literal, $paper:literal, $parameters:literal, $madds:literal,
     $config:expr => $variant:ident) => {
        ModelEntry {
            name: $name,
            paper: $paper,
            standard: true,
            input: [3, 224, 224],
            classes: 1000,
            small: 32,
            parameters: $parameters,
            multiply_adds: $madds,
            config: |input, classes| ImageConfig::$variant($config(input, classes)),
        }
    };
}

static REGISTRY: [ModelEntry; 29] = [
    course!("softmax_regression", "Dive into Deep Learning, Softmax Regression",
        28, 2, 7_850, 7_840, SoftmaxRegressionConfig::new => SoftmaxRegression),
    course!("mlp", "Dive into Deep Learning, Multilayer Perceptrons",
        28, 2, 203_530, 203_264, MlpConfig::new => Mlp),
    course!("dropout_mlp", "Srivastava et al. 2014, Dropout",
        28, 2, 269_322, 268_800, DropoutMlpConfig::new => DropoutMlp),
    course!("lenet", "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition",
        28, 12, 61_706, 416_520, LeNetConfig::new => LeNet),
    course!("lenet_modern", "Dive into Deep Learning, Learning Rate Scheduling: ReLU, max-pooling",
        28, 12, 61_706, 416_520, modern => LeNet),
    course!("lenet_batch_norm", "Ioffe and Szegedy 2015, Batch Normalization",
        28, 16, 44_878, 281_640, BatchNormLeNetConfig::new => BatchNormLeNet),
    course!("alexnet", "Krizhevsky et al. 2012, ImageNet Classification with Deep CNNs",
        224, 65, 46_764_746, 938_146_176, AlexNetConfig::new => AlexNet),
    course!("vgg11_course", "Simonyan and Zisserman 2014, arXiv:1409.1556; all Xavier-uniform",
        224, 32, 128_806_154, 7_547_232_256, VggConfig::course => Vgg),
    course!("vgg11_narrow", "Dive into Deep Learning, VGG: a quarter of the channels",
        224, 32, 43_093_322, 512_155_648, VggConfig::course_narrow => Vgg),
    course!("nin", "Lin, Chen, Yan 2013, Network in Network, arXiv:1312.4400",
        224, 67, 1_992_166, 762_297_352, NinConfig::new => Nin),
    course!("googlenet", "Szegedy et al. 2015, Going Deeper with Convolutions, arXiv:1409.4842",
        96, 32, 5_977_530, 276_066_304, GoogLeNetConfig::new => GoogLeNet),
    course!("resnet18_course", "Dive into Deep Learning, ResNet: biases, plain shortcuts",
        96, 32, 11_178_378, 318_657_536, CourseResNetConfig::new => CourseResNet),
    course!("resnet18_small", "Dive into Deep Learning, Training on Multiple GPUs: for small images",
        28, 8, 11_175_818, 455_800_832, CourseResNetConfig::small => CourseResNet),
    course!("densenet_course", "Dive into Deep Learning, DenseNet: 4 blocks of 4 layers",
        96, 32, 758_226, 129_077_168, CourseDenseNetConfig::new => CourseDenseNet),
    course!("vit_course", "Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv:2010.11929",
        96, 32, 6_457_866, 240_311_296, VitConfig::course => Vit),
    standard!("vgg11", "Simonyan and Zisserman 2014, arXiv:1409.1556",
        132_863_336, 7_609_090_048, VggConfig::vgg11 => Vgg),
    standard!("vgg13", "Simonyan and Zisserman 2014, arXiv:1409.1556",
        133_047_848, 11_308_466_176, VggConfig::vgg13 => Vgg),
    standard!("vgg16", "Simonyan and Zisserman 2014, arXiv:1409.1556",
        138_357_544, 15_470_264_320, VggConfig::vgg16 => Vgg),
    standard!("vgg19", "Simonyan and Zisserman 2014, arXiv:1409.1556",
        143_667_240, 19_632_062_464, VggConfig::vgg19 => Vgg),
    standard!("resnet18", "He et al. 2015, Deep Residual Learning, arXiv:1512.03385",
        11_689_512, 1_814_073_344, ResNetConfig::resnet18 => ResNet),
    standard!("resnet34", "He et al. 2015, Deep Residual Learning, arXiv:1512.03385",
        21_797_672, 3_663_761_408, ResNetConfig::resnet34 => ResNet),
    standard!("resnet50", "He et al. 2015, Deep Residual Learning, arXiv:1512.03385",
        25_557_032, 4_089_184_256, ResNetConfig::resnet50 => ResNet),
    standard!("resnet101", "He et al. 2015, Deep Residual Learning, arXiv:1512.03385",
        44_549_160, 7_801_405_440, ResNetConfig::resnet101 => ResNet),
    standard!("resnet152", "He et al. 2015, Deep Residual Learning, arXiv:1512.03385",
        60_192_808, 11_513_626_624, ResNetConfig::resnet152 => ResNet),
    standard!("resnext50_32x4d", "Xie et al. 2016, Aggregated Residual Transformations, arXiv:1611.05431",
        25_028_904, 4_230_479_872, ResNetConfig::resnext50 => ResNet),
    standard!("densenet121", "Huang et al. 2016, Densely Connected CNNs, arXiv:1608.06993",
        7_978_856, 2_834_161_664, DenseNetConfig::densenet121 => DenseNet),
    standard!("mobilenet_v2", "Sandler et al. 2018, Inverted Residuals, arXiv:1801.04381",
        3_504_872, 300_774_272, MobileNetV2Config::new => MobileNetV2),
    standard!("efficientnet_b0", "Tan and Le 2019, EfficientNet, arXiv:1905.11946",
        5_288_548, 385_814_752, EfficientNetConfig::b0 => EfficientNet),
    standard!("convnext_tiny", "Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545",
        28_589_128, 4_455_531_264, ConvNextConfig::tiny => ConvNext),
];

fn modern(input: [usize; 3], classes: usize) -> LeNetConfig {
    LeNetConfig {
        modern: true,
        ..LeNetConfig::new(input, classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_comes_with_the_nearest() {
        let error = find("resnet8").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no model \"resnet8\"; did you mean one of resnet"),
            "{error}"
        );
        let error = find("LeNet").unwrap_err().to_string();
        assert!(error.contains("lenet"), "{error}");
        let error = find("zzzzzzzzzzzzzzzzzzzz").unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
        assert_eq!(find("lenet").unwrap().parameters, 61_706);
    }

    #[test]
    fn names_are_unique_and_can_be_typed() {
        for (index, entry) in registry().iter().enumerate() {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(entry.name.chars().all(plain), "{}", entry.name);
            let again = registry()[..index]
                .iter()
                .any(|other| other.name == entry.name);
            assert!(!again, "{} twice", entry.name);
        }
    }
}
