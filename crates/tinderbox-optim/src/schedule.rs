//! Learning-rate schedules: pure functions of the step or the epoch, and the plateau rule.
//!
//! A [`Schedule`] is made by its functions: `Schedule::cosine(100)`; optional settings are setters:
//! `Schedule::cosine(100).end(1e-5).after_warmup(10)`. [`RateSchedule`] sets what is counted.

mod check;
mod plateau;
mod rate;
mod settings;

pub use plateau::{Plateau, PlateauConfig, PlateauMode};
pub use settings::{
    Chain, ChainPart, Cosine, Factor, LogCosine, OneCycle, PolynomialDecay, WarmRestarts, Warmup,
};

use crate::Result;
use serde::{Deserialize, Serialize};
use settings::defaults;

/// The learning rate over time: a pure function of a count and a base learning rate.
///
/// `t` below is the count from 0, `base` the learning rate of the trainer. A schedule has no state,
/// so a resumed run needs none. The course is *Dive into Deep Learning*, section "Learning rate
/// scheduling"; PyTorch names are given where the two agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// `base` at every count.
    #[default]
    Constant,
    /// `base * gamma^floor(t / size)` (`StepLR`).
    Step {
        /// Counts between two cuts.
        size: usize,
        /// The factor of each cut.
        gamma: f64,
    },
    /// `base * gamma^(milestones at or before t)` (`MultiStepLR`; the course's multi-factor).
    MultiStep {
        /// The counts of the cuts, strictly ascending.
        milestones: Vec<usize>,
        /// The factor of each cut.
        gamma: f64,
    },
    /// `max(min_rate, base * factor^t)`.
    Factor(Factor),
    /// `base * (1 + beta * t)^-power`: the course's polynomial decay (section "SGD").
    Polynomial {
        /// How soon the decay starts.
        beta: f64,
        /// How steep it is; 0.5 is the usual choice for convex problems.
        power: f64,
    },
    /// `end + (base - end) * (1 - t / length)^power`, then `end`.
    PolynomialDecay(PolynomialDecay),
    /// `base * (t + 1)^-0.5`: the course's square-root schedule.
    SquareRoot,
    /// `base` times a factor that changes linearly from `start_factor` to `end_factor` (`LinearLR`).
    Linear {
        /// Counts until the end.
        length: usize,
        /// The factor at 0.
        start_factor: f64,
        /// The factor at the end and after it.
        end_factor: f64,
    },
    /// Half a cosine from `base` to `end` over `length` counts, then `end`.
    Cosine(Cosine),
    /// Linear warm-up to `base`, then another schedule.
    Warmup(Warmup),
    /// Up to `base` and down again, once.
    OneCycle(OneCycle),
    /// Half a cosine from `base` to `end`, repeated.
    WarmRestarts(WarmRestarts),
    /// Waves from 0 to `base` and back, each twice as long as the one before.
    LogCosine(LogCosine),
    /// One schedule after the other.
    Chain(Chain),
}

impl Schedule {
    /// The learning rate times `gamma` every `size` counts (`StepLR`).
    pub fn step(size: usize, gamma: f64) -> Self {
        Self::Step { size, gamma }
    }

    /// The learning rate times `gamma` at every milestone (`MultiStepLR`).
    pub fn multi_step(milestones: impl Into<Vec<usize>>, gamma: f64) -> Self {
        Self::MultiStep {
            milestones: milestones.into(),
            gamma,
        }
    }

    /// The learning rate times `factor` at every count (`ExponentialLR`).
    pub fn factor(factor: f64) -> Factor {
        Factor {
            factor,
            min_rate: 0.0,
        }
    }

    /// `base * (1 + beta * t)^-power`.
    pub fn polynomial(beta: f64, power: f64) -> Self {
        Self::Polynomial { beta, power }
    }

    /// A polynomial from `base` to 0 within `length` counts, a straight line until its power is set
    /// (`PolynomialLR`).
    pub fn polynomial_decay(length: usize) -> PolynomialDecay {
        PolynomialDecay {
            length,
            power: defaults::power(),
            end: 0.0,
        }
    }

    /// A straight line from `base * start_factor` to `base * end_factor` within `length` counts
    /// (`LinearLR`).
    pub fn linear(length: usize, start_factor: f64, end_factor: f64) -> Self {
        Self::Linear {
            length,
            start_factor,
            end_factor,
        }
    }

    /// Half a cosine from `base` to 0 within `length` counts (`CosineAnnealingLR`).
    pub fn cosine(length: usize) -> Cosine {
        Cosine { length, end: 0.0 }
    }

    /// One cycle of `length` counts (`OneCycleLR`).
    pub fn one_cycle(length: usize) -> OneCycle {
        OneCycle {
            length,
            rise: defaults::rise(),
            start_divisor: defaults::start_divisor(),
            end_divisor: defaults::end_divisor(),
            cosine: defaults::cosine(),
        }
    }

    /// Half a cosine from `base` to 0, again after every `period` counts
    /// (`CosineAnnealingWarmRestarts`).
    pub fn warm_restarts(period: usize) -> WarmRestarts {
        WarmRestarts {
            period,
            multiplier: defaults::multiplier(),
            end: 0.0,
        }
    }

    /// Waves from 0 to `base` and back within `length` counts, each twice as long as the one before; 4 of
    /// them until their number is set.
    pub fn log_cosine(length: usize) -> LogCosine {
        LogCosine {
            length,
            waves: defaults::waves(),
        }
    }

    /// One schedule after the other (`SequentialLR`): add the parts with [`Chain::part`].
    pub fn chain() -> Chain {
        Chain { parts: Vec::new() }
    }
}

/// The unit that a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Optimizer steps, from 0: the first step has `rate(0)`.
    Step,
    /// Epochs, from 0: every step of the first epoch has `rate(0)`.
    #[default]
    Epoch,
}

/// A schedule together with what it counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateSchedule {
    /// The unit that is counted.
    pub per: Per,
    /// The learning rate as a function of the count.
    pub schedule: Schedule,
}

impl RateSchedule {
    /// A schedule that counts optimizer steps.
    pub fn per_step(schedule: impl Into<Schedule>) -> Self {
        Self {
            per: Per::Step,
            schedule: schedule.into(),
        }
    }

    /// A schedule that counts epochs.
    pub fn per_epoch(schedule: impl Into<Schedule>) -> Self {
        Self {
            per: Per::Epoch,
            schedule: schedule.into(),
        }
    }

    /// Checks every setting; see [`Schedule::check`].
    ///
    /// # Errors
    /// Those of [`Schedule::check`].
    pub fn check(&self) -> Result<()> {
        self.schedule.check()
    }

    /// The learning rate of optimizer step `step` (from 0 over the whole run), which is in epoch
    /// `epoch` (from 0).
    pub fn rate(&self, step: usize, epoch: usize, base: f64) -> f64 {
        let count = match self.per {
            Per::Step => step,
            Per::Epoch => epoch,
        };
        self.schedule.rate(count, base)
    }
}
