//! Models of tables, from fitted features to predictions: where data, models and training meet.
//!
//! [`TableConfig`] makes a model that fits [`Features`](tinderbox_tables::Features), and saves both as
//! a bundle. [`Predictor`] opens a bundle and predicts for frames as they come. [`TableReport`] is
//! the page that people look at.

mod error;
mod importance;
mod model;
mod predict;
mod report;
mod score;
mod solve;

pub use error::TabularError;
pub use importance::{Importance, permutation_importance};
pub use model::{TableConfig, TableNetwork};
pub use predict::{Predicted, Predictor};
pub use report::{TableReport, role};
pub use score::{Scores, exact_linear};
pub use solve::solve_linear;
