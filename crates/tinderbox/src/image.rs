//! Image classifiers: from a folder of pictures to a trained, scored and saved model, and from a bundle
//! to probabilities for picture files.
//!
//! [`Parts`] reads a folder or a data set, [`Training`] trains a model of
//! [`models::registry`](crate::models::registry) on it. [`ImageClassifierConfig`] saves a model with
//! everything that a picture file goes through; [`ImageClassifier`] opens such a bundle.

mod classifier;
mod error;
mod fit;
mod note;
mod prepare;
mod source;
mod trained;
mod training;

pub use classifier::{ImageClassifier, ImageClassifierConfig};
pub use error::ImageError;
pub use note::Note;
pub use prepare::{Augment, Normalize, at_most, hold_out};
pub use source::{FolderNote, Parts};
pub use trained::Trained;
pub use training::Training;
