//! Optimizers, schedules, clipping and exact solvers.
//!
//! * [`OptimizerConfig`] has a function for every optimizer, checks the settings and builds Burn's
//!   [`ModuleOptimizer`]; a [`ParameterGroup`] has its own learning rate, weight decay or optimizer.
//!   [`Lbfgs`] is a type of its own, since it evaluates the loss several times per step. [`save_state`]
//!   and [`load_state`] save and restore the state of an optimizer.
//! * [`Schedule`] is the learning rate over time; [`Plateau`] cuts it when a metric stops improving.
//! * [`clip_global_norm`], [`clip_value`] and [`GradientMean`] work on the gradients of a whole model,
//!   [`Ema`] on its weights.
//! * [`Loss`] has the losses of regression.
//! * [`least_squares`] and [`ridge`] are the exact solutions that a training run can be compared with;
//!   [`minimize`] and [`newton`] show the methods on plain functions.
//!
//! ```
//! use tinderbox_optim::{OptimizerConfig, Schedule};
//!
//! let optimizer = OptimizerConfig::adamw().weight_decay(0.05).build()?;
//! let schedule: Schedule = Schedule::cosine(90).after_warmup(10).into();
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
mod lbfgs;
mod least_squares;
mod losses;
mod minimize;
pub mod optimizers;
mod parameters;
mod rule;
pub mod schedule;
mod settings;
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
pub use gradients::{
    FlatGradients, GradientMean, clip_global_norm, clip_global_norm_unread, clip_value,
    global_norm, scale_gradients,
};
pub use groups::{GroupRates, ParameterGroup, Select, frozen_group, select_parts};
pub use lbfgs::{Lbfgs, LbfgsConfig};
pub use least_squares::{
    ExactSolution, F32_TOLERANCE, least_squares, least_squares_with_tolerance, ridge,
};
pub use losses::{Loss, Reduction};
pub use minimize::{Method, Trajectory, minimize, newton};
pub use schedule::{Per, Plateau, PlateauConfig, PlateauMode, RateSchedule, Schedule};
pub use state::{load_state, save_state};
