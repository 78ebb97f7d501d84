//! Optimizers, schedules, clipping and exact solvers.

#![deny(missing_docs)]

mod elementwise;
mod error;
mod gradients;
mod host;
mod least_squares;
mod rule;
mod rules;
mod schedule;

pub use error::{OptimError, Result};
pub use gradients::{GradientMean, clip_global_norm, clip_value, global_norm, scale_gradients};
pub use least_squares::{ExactSolution, least_squares, ridge};
pub use schedule::{Better, ChainPart, Per, Plateau, PlateauConfig, RateSchedule, Schedule};
mod shim;
pub use shim::*;
