//! The optimizers whose update of a number needs that number's history only, one a file.

mod adadelta;
mod adagrad;
mod adam;
mod lion;
mod rmsprop;
mod sgd;
mod yogi;

pub(crate) use adadelta::Adadelta;
pub(crate) use adagrad::Adagrad;
pub(crate) use adam::{Adam, AdamW};
pub(crate) use lion::Lion;
pub(crate) use rmsprop::Rmsprop;
pub(crate) use sgd::Sgd;
pub(crate) use yogi::Yogi;

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

/// `1 - beta^time`: what an average that started at 0 has to be divided by.
fn correction(beta: f64, time: usize) -> f64 {
    1.0 - beta.powf(time as f64)
}
