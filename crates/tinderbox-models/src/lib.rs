//! The course's models, one a file.
//!
//! A model file reads in this order: what it is, `…Config` (serde), the model, `init`, `forward`
//! with its shapes, tests that assert shapes and parameter count.

mod error;
mod linear_regression;
mod tabular_mlp;

pub use error::ModelError;
pub use linear_regression::{LinearRegression, LinearRegressionConfig};
pub use tabular_mlp::{CategoryColumn, HiddenLayer, TabularMlp, TabularMlpConfig};
