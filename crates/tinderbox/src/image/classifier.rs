use std::path::{Path, PathBuf};

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_data::images::{Images, Transform, WHITE, read_image_on};
use tinderbox_data::{Classes, Examples};
use tinderbox_models::{ImageConfig, ImageModel};
use tinderbox_nn::{Network, ShapeError};
use tinderbox_train::Bundle;

use super::ImageError;

/// Images in a batch.
const PICTURES: usize = 32;

/// The description of a trained image classifier: its model, and how an image file becomes its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageClassifierConfig {
    /// The name of the model in the registry.
    pub model: String,
    /// The configuration of the model.
    pub config: ImageConfig,
    /// The names of the classes, in the order of the model's outputs.
    pub classes: Vec<String>,
    /// The transforms of an image that has the shape `input`: those of training without the random ones
    /// (see [`Transform::is_random`]).
    pub transforms: Vec<Transform>,
    /// Channels, height and width of an image before the transforms; image files are converted to
    /// it as by [`read_image`](tinderbox_data::images::read_image).
    pub input: [usize; 3],
    /// Red, green and blue behind transparent pixels.
    #[serde(default = "white")]
    pub background: [u8; 3],
}

fn white() -> [u8; 3] {
    WHITE
}

impl ImageClassifierConfig {
    /// The name of the model in bundles.
    pub const NAME: &'static str = "image_classifier";

    /// Checks that classes, transforms and input fit the model.
    ///
    /// # Errors
    /// Another number of classes than the model has outputs, a random transform, transforms that do
    /// not fit the input, images of another shape than the model takes.
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

    /// Images of the shape `input` as they go into the model.
    fn images(&self, pixels: Vec<u8>) -> Result<Images, ImageError> {
        let count = pixels.len() / self.input.iter().product::<usize>().max(1);
        // Their classes are to be predicted.
        let labels = Classes::new(vec![0; count], self.classes.clone())?;
        let images = Images::new(pixels, self.input, labels)?;
        Ok(images.with_transforms(self.transforms.clone())?)
    }
}

/// A trained classifier with its weights: probabilities for image files.
///
/// It needs only the folder of the bundle.
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
    /// A folder that is not a bundle, one of another kind of model, damaged files, files that do not
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

    /// A classifier of this model.
    ///
    /// # Errors
    /// What [`ImageClassifierConfig::check`] finds.
    pub fn new(
        config: ImageClassifierConfig,
        model: ImageModel,
        device: &Device,
    ) -> Result<Self, ImageError> {
        config.check(&model)?;
        Ok(Self {
            config,
            model,
            device: device.clone(),
        })
    }

    /// Writes the classifier as a bundle, which [`open`](Self::open) opens.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, ImageError> {
        self.config.save(folder, &self.model)
    }

    /// The description of the model and of the preprocessing.
    pub fn config(&self) -> &ImageClassifierConfig {
        &self.config
    }

    /// The model.
    pub fn model(&self) -> &ImageModel {
        &self.model
    }

    /// For each image file the probability of each class, in the order of
    /// [`ImageClassifierConfig::classes`].
    ///
    /// # Errors
    /// An image that cannot be read, with its name; see [`read_image_on`].
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
            all.extend(self.probabilities(&self.config.images(pixels)?, None)?);
        }
        Ok(all)
    }

    /// For each image the probability of each class. The images have the stored shape
    /// [`ImageClassifierConfig::input`]; the transforms are those of the classifier.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn predict_images(&self, images: &Images) -> Result<Vec<Vec<f32>>, ImageError> {
        let (expected, got) = (self.config.input, images.stored_shape());
        if got != expected {
            return Err(ShapeError {
                expected: expected.to_vec(),
                got: got.to_vec(),
            }
            .into());
        }
        let images = images
            .clone()
            .with_transforms(self.config.transforms.clone())?;
        let every: Vec<usize> = (0..images.len()).collect();
        let batches = every.chunks(PICTURES);
        let parts = batches.map(|batch| self.probabilities(&images, Some(batch)));
        Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Probabilities of these images, or of all.
    fn probabilities(
        &self,
        images: &Images,
        indices: Option<&[usize]>,
    ) -> Result<Vec<Vec<f32>>, ImageError> {
        let every: Vec<usize> = match indices {
            Some(indices) => indices.to_vec(),
            None => (0..images.len()).collect(),
        };
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
