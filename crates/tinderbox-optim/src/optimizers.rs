//! The optimizers and their settings, one per file.
//!
//! [`OptimizerConfig`](crate::OptimizerConfig) has a function for each of them that returns its
//! settings with the defaults of PyTorch or of the paper; every setting has a setter of its name.
//! Formulas below: `p` is a parameter, `g` its gradient, `rate` the learning rate.
//!
//! ```
//! use tinderbox_optim::OptimizerConfig;
//!
//! let plain = OptimizerConfig::sgd().build()?;
//! let nesterov = OptimizerConfig::sgd().momentum(0.9).nesterov(true).build()?;
//! let config: OptimizerConfig = OptimizerConfig::adamw().weight_decay(0.1).into();
//! # let _ = (plain, nesterov, config);
//! # Ok::<(), tinderbox_optim::OptimError>(())
//! ```

mod adadelta;
mod adagrad;
mod adam;
mod lamb;
mod lion;
mod muon;
mod rmsprop;
mod sgd;
mod yogi;

pub use adadelta::AdadeltaConfig;
pub use adagrad::AdagradConfig;
pub use adam::{AdamConfig, AdamWConfig};
pub use lamb::LambConfig;
pub use lion::LionConfig;
pub use muon::{MuonConfig, MuonScale};
pub use rmsprop::RmsPropConfig;
pub use sgd::SgdConfig;
pub use yogi::YogiConfig;

pub(crate) use lamb::Lamb;
pub(crate) use muon::Muon;
pub(crate) use rmsprop::RmsProp;

use crate::rule::Value;

/// `gradient + decay * parameter`: the penalty `decay / 2 * |p|^2` as part of the loss.
#[inline(always)]
fn with_decay<V: Value>(gradient: V, parameter: &V, decay: f64) -> V {
    if decay == 0.0 {
        return gradient;
    }
    gradient + parameter.clone().scale(decay)
}

/// The exponential moving average after one more value: `keep * average + (1 - keep) * value`.
#[inline(always)]
fn average<V: Value>(average: &V, value: V, keep: f64) -> V {
    average.clone().scale(keep) + value.scale(1.0 - keep)
}

/// `1 - beta^time`: the divisor of an average that started at 0.
fn correction(beta: f64, time: usize) -> f64 {
    1.0 - beta.powf(time as f64)
}
