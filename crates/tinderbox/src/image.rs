//! Image classifiers: from a folder of images to a trained, scored and saved model, and from a bundle
//! to probabilities for image files.
//!
//! [`Parts`] reads a folder or a data set, [`Training`] trains a model of
//! [`models::registry`](crate::models::registry) on it. [`ImageClassifierConfig`] saves a model with
//! the preprocessing of image files; [`ImageClassifier`] opens such a bundle.

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
