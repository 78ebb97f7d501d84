//! The course's models, one a file, the models that torchvision has, and a registry of the image
//! models.
//!
//! A model file reads in this order: what it is, `…Config` (serde), the model, `init`, `forward`
//! with its shapes. Every image model is tested through the [`registry`].

mod error;
pub mod image;
mod image_model;
mod linear_regression;
mod registry;
mod summary;
mod tabular_mlp;

pub use error::ModelError;
pub use image_model::{ImageConfig, ImageModel};
pub use linear_regression::{LinearRegression, LinearRegressionConfig};
pub use registry::{Entry, find, registry};
pub use summary::{Row, Summary, summary};
pub use tabular_mlp::{CategoryColumn, HiddenLayer, TabularMlp, TabularMlpConfig};
