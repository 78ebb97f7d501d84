use std::path::PathBuf;

use tinderbox_core::WriteError;
use tinderbox_data::DataError;
use tinderbox_models::ModelError;
use tinderbox_nn::ShapeError;
use tinderbox_plot::PlotError;
use tinderbox_train::{TrainError, WeightsReport};

use crate::DeviceError;

/// What to do without a copy of CIFAR-10 that can be read.
const CIFAR_ADVICE: &str = "CIFAR-10: the copy of the catalog holds lossless WebP images, which are not \
    unpacked here. Get the binary version (cifar-10-binary.tar.gz) from \
    https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and give the folder that holds \
    data_batch_1.bin to test_batch.bin instead of the name";

/// The errors of image classifiers and of their training. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Another number of classes than outputs.
    #[error(
        "{classes} classes, but the model has {outputs} outputs; name each class once, in the order \
         of the labels"
    )]
    Classes {
        /// Names of classes.
        classes: usize,
        /// Outputs of the model.
        outputs: usize,
    },
    /// A transform that draws.
    #[error(
        "{transform} is random, and predictions are not; leave it out of the transforms of the \
         classifier"
    )]
    Random {
        /// The transform.
        transform: String,
    },
    /// Weights to start from that are those of another model.
    #[error(
        "weights {} do not fit this model: {report}; only those of the last layer, {head}, may differ", path.display()
    )]
    OtherWeights {
        /// The file.
        path: PathBuf,
        /// The name of the last layer.
        head: String,
        /// The names that do not fit.
        report: Box<WeightsReport>,
    },
    /// A model without weights.
    #[error("the model has no layer with weights; choose one of the registry (models::registry)")]
    NoWeights,
    /// A share of validation images that leaves nothing to train or to validate on.
    #[error(
        "a validation share of {share}: the share of the images that is held out must be more than 0 and \
         less than 1; 0.1 is common"
    )]
    Share {
        /// The share.
        share: f64,
    },
    /// Statistics for another number of channels.
    #[error(
        "the mean and deviation of ImageNet are for images of 3 channels, these have {channels}; \
         normalize with the statistics of the training images instead"
    )]
    Channels {
        /// The channels of the images.
        channels: usize,
    },
    /// A metric that was not measured.
    #[error("no metric is called '{name}'; there are: {}", available.join(", "))]
    NoMetric {
        /// The requested name.
        name: String,
        /// The available metrics.
        available: Vec<String>,
    },
    /// Neither a data set nor a folder.
    #[error("{name} is neither a data set nor a folder: {source}")]
    Source {
        /// The name.
        name: String,
        /// The error about the data set, with the nearest name.
        source: Box<DataError>,
    },
    /// Two folders with the same meaning.
    #[error("{} and {} are both there; rename one", first.display(), second.display())]
    TwoFolders {
        /// A folder.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// CIFAR-10, whose copy in the catalog cannot be read.
    #[error("{CIFAR_ADVICE}: {0}")]
    Cifar(#[source] DataError),
    /// An image, or the transforms.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Images that the model does not take.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Training, or the bundle.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A chart.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
