use polars::prelude::PlHashMap;

use super::fitted::{FittedStep, Number};
use super::spec::{Impute, Step};
use super::statistics::{Moments, Quantiles, spread};
use super::target::present;

/// What is to be known of a column of numbers, in one pass.
///
/// Clip and log1p need no statistics and come before at most one step that scales, so the
/// statistics of that step can be taken while the values go by.
pub(super) struct NumberObserver {
    impute: Impute,
    steps: Vec<Step>,
    limit: usize,
    values: Moments,
    /// Of the values as the scaling step sees them.
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
                Step::Clip { .. } | Step::Log1p => stateless(*step).apply(scaled),
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
            // Zero has two signs and one meaning.
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

    /// From values to features; none where every value was missing and nothing stands in for it.
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
            Step::Clip { .. } | Step::Log1p => stateless(step),
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
        _ => FittedStep::Log1p,
    }
}

/// A constant column has no spread: it becomes 0 everywhere.
fn scale(shift: f64, scale: f64) -> FittedStep {
    let usable = scale.is_finite() && scale > 0.0;
    FittedStep::Scale {
        shift: if shift.is_finite() { shift } else { 0.0 },
        scale: if usable { scale } else { 1.0 },
    }
}
