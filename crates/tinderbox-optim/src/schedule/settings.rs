use super::Schedule;
use serde::{Deserialize, Serialize};

/// `max(min_rate, base * factor^t)`: the course's factor schedule; `ExponentialLR` with a `min_rate`
/// of 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Factor {
    /// The learning rate is multiplied with it at every count.
    pub factor: f64,
    /// The smallest learning rate; 0 by default.
    #[serde(default)]
    pub min_rate: f64,
}

impl Factor {
    /// The smallest learning rate; 0 by default.
    pub fn min_rate(mut self, min_rate: f64) -> Self {
        self.min_rate = min_rate;
        self
    }
}

/// `end + (base - end) * (1 - t / length)^power`, then `end` (`PolynomialLR` with an end of 0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolynomialDecay {
    /// Counts until the end.
    pub length: usize,
    /// The power; 1, a straight line, by default.
    #[serde(default = "defaults::power")]
    pub power: f64,
    /// The learning rate at the end and after it; 0 by default.
    #[serde(default)]
    pub end: f64,
}

impl PolynomialDecay {
    /// The power; 1, a straight line, by default.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// The learning rate at the end and after it; 0 by default.
    pub fn end(mut self, end: f64) -> Self {
        self.end = end;
        self
    }
}

/// Half a cosine from `base` to `end` over `length` counts, then `end`
/// (Loshchilov and Hutter 2017; `CosineAnnealingLR` up to its `T_max`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Cosine {
    /// Counts until the end.
    pub length: usize,
    /// The learning rate at the end and after it; 0 by default.
    #[serde(default)]
    pub end: f64,
}

impl Cosine {
    /// The learning rate at the end and after it; 0 by default.
    pub fn end(mut self, end: f64) -> Self {
        self.end = end;
        self
    }
}

/// A straight line from `begin` to `base` over `length` counts, then another schedule, which counts
/// from 0 at that point. Made by [`Schedule::after_warmup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Warmup {
    /// Counts of warm-up; at `length` the learning rate is that of `then` at 0.
    pub length: usize,
    /// The learning rate at 0; 0 by default.
    #[serde(default)]
    pub begin: f64,
    /// The schedule after the warm-up.
    pub then: Box<Schedule>,
}

impl Warmup {
    /// The learning rate at 0; 0 by default.
    pub fn begin(mut self, begin: f64) -> Self {
        self.begin = begin;
        self
    }
}

/// Up from `base / start_divisor` to `base` and down to `base / (start_divisor * end_divisor)`
/// (Smith and Topin 2019; `OneCycleLR`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OneCycle {
    /// Counts of the whole cycle.
    pub length: usize,
    /// The fraction of the cycle that rises; 0.3 by default.
    #[serde(default = "defaults::rise")]
    pub rise: f64,
    /// `base` divided by the first learning rate; 25 by default.
    #[serde(default = "defaults::start_divisor")]
    pub start_divisor: f64,
    /// The first learning rate divided by the last; 10,000 by default.
    #[serde(default = "defaults::end_divisor")]
    pub end_divisor: f64,
    /// Half cosines (true, the default) or straight lines (false).
    #[serde(default = "defaults::cosine")]
    pub cosine: bool,
}

impl OneCycle {
    /// The fraction of the cycle that rises; 0.3 by default.
    pub fn rise(mut self, rise: f64) -> Self {
        self.rise = rise;
        self
    }

    /// `base` divided by the first learning rate; 25 by default.
    pub fn start_divisor(mut self, start_divisor: f64) -> Self {
        self.start_divisor = start_divisor;
        self
    }

    /// The first learning rate divided by the last; 10,000 by default.
    pub fn end_divisor(mut self, end_divisor: f64) -> Self {
        self.end_divisor = end_divisor;
        self
    }

    /// Half cosines (true, the default) or straight lines (false).
    pub fn cosine(mut self, cosine: bool) -> Self {
        self.cosine = cosine;
        self
    }
}

/// Half a cosine from `base` to `end`, repeated, each `multiplier` times as long as the one before
/// (SGDR, Loshchilov and Hutter 2017; `CosineAnnealingWarmRestarts`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WarmRestarts {
    /// Counts of the first period.
    pub period: usize,
    /// The length of a period divided by that of the one before; 1 by default.
    #[serde(default = "defaults::multiplier")]
    pub multiplier: usize,
    /// The learning rate at the end of a period; 0 by default.
    #[serde(default)]
    pub end: f64,
}

impl WarmRestarts {
    /// The length of a period divided by that of the one before; 1 by default.
    pub fn multiplier(mut self, multiplier: usize) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// The learning rate at the end of a period; 0 by default.
    pub fn end(mut self, end: f64) -> Self {
        self.end = end;
        self
    }
}

/// `base * (1 - cos(2π log2(1 + (2^waves - 1) t / length))) / 2`, then 0: waves from 0 to `base` and back,
/// each twice as long as the one before (Holzmüller et al. 2024, `coslog4` for 4 waves).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LogCosine {
    /// Counts of all waves.
    pub length: usize,
    /// Number of waves; 4 by default.
    #[serde(default = "defaults::waves")]
    pub waves: usize,
}

impl LogCosine {
    /// Number of waves; 4 by default.
    pub fn waves(mut self, waves: usize) -> Self {
        self.waves = waves;
        self
    }
}

/// One schedule after the other, each counting from 0 when it starts (`SequentialLR`); the last has
/// no end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Chain {
    /// The schedules and how long each lasts.
    pub parts: Vec<ChainPart>,
}

/// One part of a [`Chain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainPart {
    /// How many counts it lasts; without effect in the last part, which has no end.
    pub length: usize,
    /// The schedule.
    pub schedule: Schedule,
}

impl Chain {
    /// Adds a schedule that lasts `length` counts; of the last one the length has no effect.
    pub fn part(mut self, length: usize, schedule: impl Into<Schedule>) -> Self {
        self.parts.push(ChainPart {
            length,
            schedule: schedule.into(),
        });
        self
    }
}

pub(super) mod defaults {
    pub(in crate::schedule) fn power() -> f64 {
        1.0
    }
    pub(in crate::schedule) fn rise() -> f64 {
        0.3
    }
    pub(in crate::schedule) fn start_divisor() -> f64 {
        25.0
    }
    pub(in crate::schedule) fn end_divisor() -> f64 {
        1e4
    }
    pub(in crate::schedule) fn cosine() -> bool {
        true
    }
    pub(in crate::schedule) fn multiplier() -> usize {
        1
    }
    pub(in crate::schedule) fn waves() -> usize {
        4
    }
}

impl Schedule {
    /// This schedule after a linear warm-up from 0 to `base` over `length` counts.
    pub fn after_warmup(self, length: usize) -> Warmup {
        Warmup {
            length,
            begin: 0.0,
            then: Box::new(self),
        }
    }
}

macro_rules! schedules {
    ($($name:ident),+) => {
        $(
            impl From<$name> for Schedule {
                fn from(settings: $name) -> Self {
                    Self::$name(settings)
                }
            }

            impl $name {
                /// This schedule after a linear warm-up from 0 to `base` over `length` counts.
                pub fn after_warmup(self, length: usize) -> Warmup {
                    Schedule::from(self).after_warmup(length)
                }
            }
        )+
    };
}

schedules!(
    Factor,
    PolynomialDecay,
    Cosine,
    Warmup,
    OneCycle,
    WarmRestarts,
    LogCosine,
    Chain
);
