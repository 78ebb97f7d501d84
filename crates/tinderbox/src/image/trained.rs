use std::path::{Path, PathBuf};

use tinderbox_core::write_atomic;
use tinderbox_data::images::Images;
use tinderbox_plot::{Plot, Series, curves};
use tinderbox_train::{Bundle, ConfusionMatrix, History, Run, prediction_grid};

use super::{ImageClassifier, ImageError, Note, at_most};

/// Images in the prediction grid, and in a row of it.
const SHOWN: (usize, usize) = (40, 10);

/// A trained image classifier with its scores.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The trained model, which predicts for images and image files.
    pub classifier: ImageClassifier,
    /// The metrics of every epoch.
    pub history: History,
    /// True and predicted classes of the test images.
    pub matrix: ConfusionMatrix,
    /// The loss on the test images, without label smoothing.
    pub test_loss: f64,
    /// The notes of the training run.
    pub notes: Vec<Note>,
    /// The run folder, if there is one.
    pub run: Option<Run>,
    pub(super) images: usize,
    pub(super) test: Images,
}

impl Trained {
    /// A metric of the last epoch: `train_loss`, `train_accuracy`, `valid_loss`, ….
    ///
    /// # Errors
    /// No metric has this name.
    pub fn last(&self, name: &str) -> Result<f64, ImageError> {
        let last = self.history.last();
        last.and_then(|last| last.get(name))
            .ok_or_else(|| ImageError::NoMetric {
                name: name.to_owned(),
                available: self.history.names().into_iter().map(String::from).collect(),
            })
    }

    /// The share of the test images whose class was predicted correctly.
    pub fn test_accuracy(&self) -> f64 {
        self.matrix.scores().accuracy
    }

    /// Precision, recall and F1 of every class on the test images, as a table.
    pub fn scores(&self) -> String {
        self.matrix
            .scores()
            .table(&self.classifier.config().classes)
    }

    /// Training images per second, validation included.
    pub fn images_per_second(&self) -> f64 {
        let seconds: f64 = self.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        (self.images * self.history.epochs.len()) as f64 / seconds
    }

    /// Writes the classifier as a bundle, which [`ImageClassifier::open`] opens. With a run folder this
    /// has been done.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, ImageError> {
        self.classifier.save(folder)
    }

    /// Writes accuracy curves, confusion matrix, scores of the classes and some predictions into a
    /// folder: `accuracy.svg`, `confusion.svg`, `classes.txt`, `predictions.svg`. With a run folder they
    /// have been written there.
    ///
    /// # Errors
    /// Figures that cannot be drawn, files that cannot be written.
    pub fn write_figures(&self, folder: impl AsRef<Path>) -> Result<(), ImageError> {
        let file = |name: &str| folder.as_ref().join(name);
        let names = self.test.classes().names();
        let series = [
            ("train", "train_accuracy"),
            ("validation", "valid_accuracy"),
        ]
        .map(|(name, metric)| Series::new(name, self.history.series(metric)));
        let plot = Plot::new("Accuracy").labels("epoch", "accuracy");
        write_atomic(file("accuracy.svg"), curves(&plot, &series)?)?;
        let svg = self.matrix.to_svg("Test images", names)?;
        write_atomic(file("confusion.svg"), svg)?;
        write_atomic(file("classes.txt"), self.scores())?;

        let (count, columns) = SHOWN;
        let some = at_most(&self.test, count)?;
        let probabilities = self.classifier.predict_images(&some)?;
        let predicted: Vec<usize> = probabilities.iter().map(|row| most_probable(row)).collect();
        let svg = prediction_grid("Test images: true, predicted", &some, &predicted, columns)?;
        write_atomic(file("predictions.svg"), svg)?;
        Ok(())
    }
}

/// The place of the largest probability, the first of several.
fn most_probable(row: &[f32]) -> usize {
    let larger = |best: usize, place: usize| if row[place] > row[best] { place } else { best };
    (0..row.len()).fold(0, larger)
}
