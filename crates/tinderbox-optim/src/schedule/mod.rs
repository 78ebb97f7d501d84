//! Learning-rate schedules: pure functions of the step or the epoch, and the plateau rule.

mod check;
mod plateau;
mod rate;

pub use plateau::{Better, Plateau, PlateauConfig};

use crate::Result;
use serde::{Deserialize, Serialize};

/// What a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Optimizer steps, from 0: the first step asks for `rate(0)`.
    Step,
    /// Epochs, from 0: every step of the first epoch asks for `rate(0)`.
    #[default]
    Epoch,
}

/// The shape of the learning rate over time: a pure function of a count and a base rate.
///
/// `t` below is the count from 0, `base` the rate that the trainer was given. Nothing is
/// remembered, so a resumed run needs no state of the schedule. The course is *Dive into Deep
/// Learning*, section "Learning rate scheduling"; PyTorch names are given where the two agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// `base` for ever.
    #[default]
    Constant,
    /// `base * gamma^floor(t / size)` (`StepLR`).
    Step {
        /// Counts between two cuts.
        size: usize,
        /// What the rate is multiplied with at a cut.
        gamma: f64,
    },
    /// `base * gamma^(milestones at or before t)` (`MultiStepLR`; the course's multi-factor).
    MultiStep {
        /// When the rate is cut, strictly ascending.
        milestones: Vec<usize>,
        /// What the rate is multiplied with at a milestone.
        gamma: f64,
    },
    /// `max(floor, base * factor^t)`: the course's factor schedule; `ExponentialLR` with floor 0.
    Factor {
        /// What the rate is multiplied with at every count.
        factor: f64,
        /// The rate never falls below this.
        #[serde(default)]
        floor: f64,
    },
    /// `base * (1 + beta * t)^-power`: the course's polynomial decay (section "SGD").
    Polynomial {
        /// How soon the decay sets in.
        beta: f64,
        /// How steep it is; 0.5 is the usual choice for convex problems.
        power: f64,
    },
    /// `end + (base - end) * (1 - t / length)^power`, then `end` (`PolynomialLR` with end 0).
    PolynomialDecay {
        /// Counts until the end.
        length: usize,
        /// 1 is a straight line.
        power: f64,
        /// The rate at the end and after it.
        #[serde(default)]
        end: f64,
    },
    /// `base * (t + 1)^-0.5`: the course's square-root schedule.
    SquareRoot,
    /// `base` times a factor that goes in a straight line from `from` to `to` (`LinearLR`).
    Linear {
        /// Counts until the end.
        length: usize,
        /// The factor at 0.
        from: f64,
        /// The factor at the end and after it.
        to: f64,
    },
    /// Half a cosine from `base` to `end` over `length` counts, then `end`
    /// (Loshchilov and Hutter 2017; `CosineAnnealingLR` up to its `T_max`).
    Cosine {
        /// Counts until the end.
        length: usize,
        /// The rate at the end and after it.
        #[serde(default)]
        end: f64,
    },
    /// A straight line from `begin` to `base` over `length` counts, then another schedule, which
    /// counts from 0 at that point.
    Warmup {
        /// Counts of warm-up; at `length` the rate is that of `then` at 0.
        length: usize,
        /// The rate at 0.
        #[serde(default)]
        begin: f64,
        /// What follows.
        then: Box<Schedule>,
    },
    /// Up from `base / start_divisor` to `base` and down to
    /// `base / (start_divisor * end_divisor)` (Smith and Topin 2019; `OneCycleLR`).
    OneCycle {
        /// Counts of the whole cycle.
        length: usize,
        /// The part of the cycle that rises.
        #[serde(default = "defaults::rise")]
        rise: f64,
        /// `base` over the first rate.
        #[serde(default = "defaults::start_divisor")]
        start_divisor: f64,
        /// The first rate over the last.
        #[serde(default = "defaults::end_divisor")]
        end_divisor: f64,
        /// Half cosines (true) or straight lines (false).
        #[serde(default = "defaults::yes")]
        cosine: bool,
    },
    /// Half a cosine from `base` to `end`, again and again, each `multiplier` times as long as the
    /// one before (SGDR, Loshchilov and Hutter 2017; `CosineAnnealingWarmRestarts`).
    WarmRestarts {
        /// Counts of the first period.
        period: usize,
        /// How much longer the next period is.
        #[serde(default = "defaults::one")]
        multiplier: usize,
        /// The rate at the end of a period.
        #[serde(default)]
        end: f64,
    },
    /// One schedule after the other, each counting from 0 when its turn comes (`SequentialLR`);
    /// the last goes on for ever.
    Chain {
        /// The schedules and how long each lasts.
        parts: Vec<ChainPart>,
    },
}

/// One part of a [`Schedule::Chain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainPart {
    /// How many counts it lasts; of no effect in the last part, which goes on.
    pub length: usize,
    /// The schedule.
    pub schedule: Schedule,
}

mod defaults {
    pub(super) fn rise() -> f64 {
        0.3
    }
    pub(super) fn start_divisor() -> f64 {
        25.0
    }
    pub(super) fn end_divisor() -> f64 {
        1e4
    }
    pub(super) fn yes() -> bool {
        true
    }
    pub(super) fn one() -> usize {
        1
    }
}

impl Schedule {
    /// Warm-up from `begin` over `length` counts, then this schedule.
    pub fn after_warmup(self, length: usize, begin: f64) -> Self {
        Self::Warmup {
            length,
            begin,
            then: Box::new(self),
        }
    }
}

/// A schedule together with what it counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateSchedule {
    /// What is counted.
    pub per: Per,
    /// The shape.
    pub schedule: Schedule,
}

impl RateSchedule {
    /// A schedule that counts optimizer steps.
    pub fn per_step(schedule: Schedule) -> Self {
        Self {
            per: Per::Step,
            schedule,
        }
    }

    /// A schedule that counts epochs.
    pub fn per_epoch(schedule: Schedule) -> Self {
        Self {
            per: Per::Epoch,
            schedule,
        }
    }

    /// Checks every setting; see [`Schedule::check`].
    ///
    /// # Errors
    /// Those of [`Schedule::check`].
    pub fn check(&self) -> Result<()> {
        self.schedule.check()
    }

    /// The learning rate of optimizer step `step` (from 0 over the whole run), which falls into
    /// epoch `epoch` (from 0).
    pub fn rate(&self, step: usize, epoch: usize, base: f64) -> f64 {
        let count = match self.per {
            Per::Step => step,
            Per::Epoch => epoch,
        };
        self.schedule.rate(count, base)
    }
}
