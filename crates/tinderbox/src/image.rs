//! Classifiers of pictures, from a trained model to probabilities for files: where images, models
//! and bundles meet.
//!
//! [`ImageClassifierConfig`] saves a model of [`models::registry`](crate::models::registry) with
//! everything that a picture file goes through. [`ImageClassifier`] opens such a bundle.

use std::path::{Path, PathBuf};

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_data::images::{Images, Transform, WHITE, read_image_on};
use tinderbox_data::{Classes, DataError, Examples};
use tinderbox_models::{ImageConfig, ImageModel, ModelError};
use tinderbox_nn::{Network, ShapeError};
use tinderbox_train::{Bundle, TrainError};

/// Pictures that go through the model together.
const PICTURES: usize = 32;

/// What a trained image classifier is: its model, and what a picture file goes through before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageClassifierConfig {
    /// The name of the model in the registry.
    pub model: String,
    /// The configuration of the model.
    pub config: ImageConfig,
    /// The names of the classes, in the order of the model's outputs.
    pub classes: Vec<String>,
    /// What is done to a picture that has the shape `input`, as in training but without the random
    /// transforms (see [`Transform::is_random`]).
    pub transforms: Vec<Transform>,
    /// Channels, height and width of a picture before the transforms; picture files are brought to
    /// it as [`read_image`](tinderbox_data::images::read_image) says.
    pub input: [usize; 3],
    /// Red, green and blue behind transparent pixels.
    #[serde(default = "white")]
    pub background: [u8; 3],
}

fn white() -> [u8; 3] {
    WHITE
}

impl ImageClassifierConfig {
    /// The name under which bundles have it.
    pub const NAME: &'static str = "image_classifier";

    /// Checks that classes, transforms and input fit the model.
    ///
    /// # Errors
    /// Another number of classes than the model has outputs, a random transform, transforms that do
    /// not fit the input, pictures of another shape than the model takes.
    pub fn check(&self, model: &ImageModel) -> Result<(), ImageError> {
        if model.outputs() != self.classes.len() {
            return Err(ImageError::Classes {
                classes: self.classes.len(),
                outputs: model.outputs(),
            });
        }
        if let Some(random) = self.transforms.iter().find(|step| step.is_random()) {
            return Err(ImageError::Random {
                transform: format!("{random:?}"),
            });
        }
        let (shape, expected) = (self.images(Vec::new())?.shape(), model.input_shape());
        if shape[..] != expected[..] {
            return Err(ShapeError {
                expected,
                got: shape.to_vec(),
            }
            .into());
        }
        Ok(())
    }

    /// Writes the model with this description as a bundle, which [`ImageClassifier`] opens.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds, and files that cannot be written.
    pub fn save(
        &self,
        folder: impl Into<PathBuf>,
        model: &ImageModel,
    ) -> Result<Bundle, ImageError> {
        self.check(model)?;
        Ok(Bundle::save(folder, Self::NAME, self, model)?)
    }

    /// Pictures of the shape `input` as they go into the model.
    fn images(&self, pixels: Vec<u8>) -> Result<Images, ImageError> {
        let count = pixels.len() / self.input.iter().product::<usize>().max(1);
        // Their classes are what is asked for.
        let labels = Classes::new(vec![0; count], self.classes.clone())?;
        let images = Images::new(pixels, self.input, labels)?;
        Ok(images.with_transforms(self.transforms.clone())?)
    }
}

/// A trained classifier with its weights: probabilities for picture files.
///
/// It needs nothing but the folder of the bundle.
#[derive(Debug)]
pub struct ImageClassifier {
    config: ImageClassifierConfig,
    model: ImageModel,
    device: Device,
}

impl ImageClassifier {
    /// The classifier of a bundle folder.
    ///
    /// # Errors
    /// A folder that is no bundle, one of another kind of model, damaged files, files that do not
    /// belong together.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, ImageError> {
        let bundle = Bundle::open(folder.as_ref())?;
        let config: ImageClassifierConfig = bundle.config(ImageClassifierConfig::NAME)?;
        // The weights that are drawn here are all replaced by those of the file.
        let model = config.config.init(Seed::new(0), device)?;
        config.check(&model)?;
        Ok(Self {
            model: bundle.load_into(model)?,
            config,
            device: device.clone(),
        })
    }

    /// What the classifier is.
    pub fn config(&self) -> &ImageClassifierConfig {
        &self.config
    }

    /// The model.
    pub fn model(&self) -> &ImageModel {
        &self.model
    }

    /// For each picture file the probability of each class, in the order of
    /// [`ImageClassifierConfig::classes`].
    ///
    /// # Errors
    /// A picture that cannot be read, with its name; see [`read_image_on`].
    pub fn predict<P: AsRef<Path>>(
        &self,
        files: impl IntoIterator<Item = P>,
    ) -> Result<Vec<Vec<f32>>, ImageError> {
        let mut all = Vec::new();
        let mut files = files.into_iter().peekable();
        while files.peek().is_some() {
            let mut pixels = Vec::new();
            for path in files.by_ref().take(PICTURES) {
                let (shape, background) = (self.config.input, self.config.background);
                pixels.extend(read_image_on(path, shape, background)?);
            }
            all.extend(self.probabilities(&self.config.images(pixels)?)?);
        }
        Ok(all)
    }

    fn probabilities(&self, images: &Images) -> Result<Vec<Vec<f32>>, ImageError> {
        let every: Vec<usize> = (0..images.len()).collect();
        // No transform of a classifier draws.
        let batch = images.gather(&every, Seed::new(0))?;
        let inputs = TensorData::new(batch.pixels, batch.shape);
        let logits = self
            .model
            .predict(Tensor::from_data(inputs, &self.device))?;
        let probabilities = softmax(logits, 1).into_data();
        let numbers: Vec<f32> = probabilities.iter::<f32>().collect();
        let rows = numbers.chunks(self.config.classes.len());
        Ok(rows.map(<[f32]>::to_vec).collect())
    }
}

/// What can go wrong with an image classifier. Every message says what, where and what to do next.
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
    /// A picture, or the transforms.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Pictures that the model does not take.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The bundle.
    #[error(transparent)]
    Train(#[from] TrainError),
}
