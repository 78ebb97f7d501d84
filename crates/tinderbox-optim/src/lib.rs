//! Optimizers, schedules, clipping and exact solvers.
//!
//! * [`OptimizerConfig`] names every optimizer, checks its settings and builds Burn's
//!   [`ModuleOptimizer`]; [`Group`] treats some parameters in their own way; [`Lbfgs`] stands apart,
//!   since it evaluates the loss several times a step. [`save_state`] and [`load_state`] carry
//!   what an optimizer remembers to another process.
//! * [`Schedule`] is the learning rate over time, [`Plateau`] the rule that looks at a metric.
//! * [`clip_global_norm`], [`clip_value`], [`GradientMean`] work on the gradients of a whole model,
//!   [`Ema`] on its weights.
//! * [`Loss`] holds the losses of regression.
//! * [`least_squares`] and [`ridge`] are the exact answers that a training can be held against,
//!   [`minimise`] and [`newton`] show the methods on plain functions.
//!
//! ```
//! use tinderbox_optim::{OptimizerConfig, Schedule};
//!
//! let optimizer = OptimizerConfig::by_name("adamw")?.with_weight_decay(0.05).build()?;
//! let schedule = Schedule::Cosine { length: 90, end: 0.0 }.after_warmup(10, 0.0);
//! schedule.check()?;
//! assert_eq!(schedule.rate(5, 0.1), 0.05);
//! # let _ = optimizer;
//! # Ok::<(), tinderbox_optim::OptimError>(())
//! ```

mod config;
mod elementwise;
mod ema;
mod error;
mod gradients;
mod groups;
mod host;
mod lamb;
mod lbfgs;
mod least_squares;
mod losses;
mod minimise;
mod muon;
mod parameters;
mod rule;
mod rules;
mod schedule;
mod state;

/// The devices that every test runs on; `ndarray` stays supported until Burn drops it.
#[cfg(test)]
#[allow(deprecated)]
fn test_devices() -> [burn::tensor::Device; 2] {
    use burn::tensor::Device;
    [Device::flex(), Device::ndarray()]
}

pub use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
pub use burn::optim::{GradientsParams, ModuleOptimizer};
pub use config::OptimizerConfig;
pub use ema::Ema;
pub use error::{OptimError, Result};
pub use gradients::{GradientMean, clip_global_norm, clip_value, global_norm, scale_gradients};
pub use groups::{Group, GroupRates, Select, group_below};
pub use lbfgs::{Lbfgs, LbfgsConfig};
pub use least_squares::{ExactSolution, F32_TOLERANCE, least_squares, least_squares_within, ridge};
pub use losses::{Loss, Reduction};
pub use minimise::{Method, Trace, minimise, newton};
pub use muon::MuonScale;
pub use schedule::{Better, ChainPart, Per, Plateau, PlateauConfig, RateSchedule, Schedule};
pub use state::{load_state, save_state};
