//! Columns of numbers: what is learned from the training rows, and how a value becomes a feature.

use polars::prelude::PlHashMap;
use serde::{Deserialize, Serialize};

use super::spec::{Impute, Step};
use super::statistics::{Moments, Quantiles, spread};
use super::values::present;

/// How a number, which may be missing, becomes a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    pub impute: Option<f64>,
    pub steps: Vec<FittedStep>,
}

/// A [`Step`] with the statistics of the training rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FittedStep {
    Clip { low: Option<f64>, high: Option<f64> },
    Log1p,
    SmoothClip,
    Scale { shift: f64, scale: f64 },
}

/// The bound of [`Step::SmoothClip`].
const SMOOTH_BOUND: f64 = 3.0;

impl FittedStep {
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Clip { low, high } => {
                let value = low.map_or(value, |low| value.max(low));
                high.map_or(value, |high| value.min(high))
            }
            Self::Log1p => value.ln_1p(),
            Self::SmoothClip => value / 1f64.hypot(value / SMOOTH_BOUND),
            Self::Scale { shift, scale } => (value - shift) / scale,
        }
    }
}

impl Number {
    /// The feature for a value, or what is wrong with the value.
    pub fn apply(&self, value: Option<f64>) -> Result<f32, String> {
        let start = present(value).or(self.impute);
        let Some(mut value) = start else {
            return Err(
                "the value is missing; state impute = \"mean\", or leave the row out".into(),
            );
        };
        for step in &self.steps {
            value = step.apply(value);
        }
        match value as f32 {
            feature if feature.is_finite() => Ok(feature),
            _ => Err(format!(
                "{} becomes {value}; correct the value, or state a clip step before the others",
                start.unwrap_or(f64::NAN)
            )),
        }
    }
}

/// Collects the statistics of a column of numbers in one pass.
///
/// One pass is enough: clip and log1p need no statistics, and at most one step scales, whose statistics
/// are those of the values after the steps before it.
pub(super) struct NumberObserver {
    impute: Impute,
    steps: Vec<Step>,
    limit: usize,
    values: Moments,
    /// Of the values that the scaling step gets.
    scaled: Moments,
    quantiles: Option<Quantiles>,
    scaled_quantiles: Option<Quantiles>,
    counts: Option<PlHashMap<u64, u64>>,
    /// Whether a value was missing.
    pub missing: bool,
}

impl NumberObserver {
    pub fn new(impute: Impute, steps: &[Step], limit: usize) -> Self {
        Self {
            impute,
            steps: steps.to_vec(),
            limit,
            values: Moments::default(),
            scaled: Moments::default(),
            quantiles: (impute == Impute::Median).then(Quantiles::default),
            scaled_quantiles: steps.contains(&Step::Robust).then(Quantiles::default),
            counts: (impute == Impute::MostFrequent).then(PlHashMap::default),
            missing: false,
        }
    }

    pub fn add(&mut self, value: Option<f64>) -> Result<(), String> {
        let Some(value) = present(value) else {
            self.missing = true;
            return match self.impute {
                Impute::Error => Err(
                    "the value is missing; state impute = \"mean\", or leave the row out".into(),
                ),
                _ => Ok(()),
            };
        };
        let mut scaled = value;
        for step in &self.steps {
            scaled = match step {
                Step::Clip { .. } | Step::Log1p | Step::SmoothClip => {
                    stateless(*step).apply(scaled)
                }
                _ => break,
            };
        }
        // An infinite value may be clipped, but nothing can be imputed from it.
        let counted =
            matches!(self.impute, Impute::Error | Impute::Constant(_)) || value.is_finite();
        if !scaled.is_finite() || !counted {
            return Err(format!(
                "{value} cannot be used; correct the value, or state a clip step before the others and impute a constant"
            ));
        }
        self.values.add(value);
        self.scaled.add(scaled);
        if let Some(quantiles) = &mut self.quantiles {
            quantiles.add(value);
        }
        if let Some(quantiles) = &mut self.scaled_quantiles {
            quantiles.add(scaled);
        }
        if let Some(counts) = &mut self.counts {
            // -0.0 and 0.0 are one value.
            *counts.entry((value + 0.0).to_bits()).or_default() += 1;
            if counts.len() > self.limit {
                return Err(format!(
                    "there are more than {} different values; impute the mean or the median, not the most frequent value",
                    self.limit
                ));
            }
        }
        Ok(())
    }

    /// The fitted column; `None` if every value was missing and there is no constant to impute.
    pub fn finish(self) -> Option<Number> {
        if self.values.count == 0 && !matches!(self.impute, Impute::Constant(_)) {
            return None;
        }
        let impute = match self.impute {
            Impute::Error => None,
            Impute::Mean => Some(self.values.mean),
            Impute::Median => self
                .quantiles
                .as_ref()
                .and_then(|quantiles| quantiles.at(0.5)),
            Impute::Constant(value) => Some(value),
            Impute::MostFrequent => (self.counts.iter().flatten())
                .map(|(&bits, &count)| (count, f64::from_bits(bits)))
                .max_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
                .map(|(_, value)| value),
        };
        let steps = self.steps.iter().map(|&step| match step {
            Step::Clip { .. } | Step::Log1p | Step::SmoothClip => stateless(step),
            Step::Standardize => scale(self.scaled.mean, self.scaled.deviation()),
            Step::MinMax => scale(self.scaled.least, self.scaled.greatest - self.scaled.least),
            Step::Robust => {
                let quantiles = self.scaled_quantiles.as_ref();
                let of = |value: Option<f64>| value.unwrap_or(0.0);
                let at = |fraction| of(quantiles.and_then(|quantiles| quantiles.at(fraction)));
                let inner = |fraction| of(quantiles.and_then(|all| all.inner(fraction)));
                scale(at(0.5), spread(at(0.75) - at(0.25), inner))
            }
        });
        Some(Number {
            impute,
            steps: steps.collect(),
        })
    }
}

fn stateless(step: Step) -> FittedStep {
    match step {
        Step::Clip { low, high } => FittedStep::Clip { low, high },
        Step::SmoothClip => FittedStep::SmoothClip,
        _ => FittedStep::Log1p,
    }
}

/// A shift and a scale; a column without spread is only shifted, to 0 everywhere.
fn scale(shift: f64, scale: f64) -> FittedStep {
    let usable = scale.is_finite() && scale > 0.0;
    FittedStep::Scale {
        shift: if shift.is_finite() { shift } else { 0.0 },
        scale: if usable { scale } else { 1.0 },
    }
}
