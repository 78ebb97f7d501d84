//! Models of tables: from a frame to a trained, scored and saved model, and from a bundle to predictions.
//!
//! [`Training`] does all of this. Its parts: [`TableConfig`] makes a model for fitted
//! [`Features`](tinderbox_tables::Features) and saves both as a bundle; [`Predictor`] opens a bundle and
//! predicts for frames; [`TableReport`] is the HTML report.
//!
//! A score to believe is one of rows that decided nothing: [`Training::fit_split`] keeps test rows apart from
//! those that stop training, [`Training::fit_folds`] tests every row once, and [`Training::fit_auto`] trains
//! several models and averages the best.

mod auto;
mod bags;
#[cfg(feature = "trees")]
mod boost;
mod calibrate;
mod candidates;
mod conformal;
pub(crate) mod csv;
mod defaults;
mod error;
mod explain;
mod fit;
mod folds;
mod importance;
mod member;
mod model;
mod note;
mod partial;
mod parts;
mod predict;
mod report;
mod score;
mod solve;
mod texts;
mod trained;
mod training;
mod trees;
mod weigh;
mod weights;

pub use auto::{Candidate, TrainedAuto};
pub use csv::Written;
pub use error::TabularError;
pub use explain::{Explanation, explain};
pub use folds::TrainedFolds;
pub use importance::{Importance, permutation_importance};
pub use model::{TableConfig, TableNetwork};
pub use note::Note;
pub use partial::{PartialDependence, partial_dependence};
pub use parts::{Parts, SplitBy};
pub use predict::{Predicted, Predictor};
pub use report::{TableReport, role};
pub use score::{Scores, exact_linear};
pub use solve::solve_linear;
#[cfg(feature = "tokenizers")]
pub use texts::TextVectors;
pub use trained::{ScoreTable, Trained};
pub use training::{Model, Training};
