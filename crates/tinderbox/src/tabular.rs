//! Models of tables: from a frame to a trained, scored and saved model, and from a bundle to predictions.
//!
//! [`Training`] does all of this. Its parts: [`TableConfig`] makes a model for fitted
//! [`Features`](tinderbox_tables::Features) and saves both as a bundle; [`Predictor`] opens a bundle and
//! predicts for frames; [`TableReport`] is the HTML report.

mod error;
mod fit;
mod importance;
mod model;
mod note;
mod predict;
mod report;
mod score;
mod solve;
mod trained;
mod training;

pub use error::TabularError;
pub use importance::{Importance, permutation_importance};
pub use model::{TableConfig, TableNetwork};
pub use note::Note;
pub use predict::{Predicted, Predictor, Written};
pub use report::{TableReport, role};
pub use score::{Scores, exact_linear};
pub use solve::solve_linear;
pub use trained::{ScoreTable, Trained};
pub use training::{Model, Training};
