//! Weights of the models of an ensemble, chosen on validation rows.

use polars::prelude::DataFrame;
use tinderbox_data::{Classes, Values};
use tinderbox_tables::Targets;

use super::score::{classes, numbers};
use super::{Predicted, Predictor, Scores, TabularError};

/// The number of models that are added, one at a time and each as often as it helps.
const ROUNDS: usize = 25;

/// What several models predict for rows whose targets are known.
pub(super) struct Validation {
    /// For each model, numbers or probabilities, row by row.
    predictions: Vec<Vec<f64>>,
    truth: Truth,
    /// How much each row counts.
    weights: Option<Vec<f64>>,
    width: usize,
}

enum Truth {
    /// Numbers, and what their squared errors are divided by: the variance of their column.
    Numbers(Vec<f64>, Vec<f64>),
    Labels(Classes),
}

impl Validation {
    pub fn new(
        models: &[&Predictor],
        frame: &DataFrame,
        weights: Option<&[f64]>,
    ) -> Result<Self, TabularError> {
        let mut predictions = Vec::with_capacity(models.len());
        let mut width = 1;
        for model in models {
            let predicted: Predicted = model.predict(frame)?;
            width = predicted.values().width();
            let values = predicted.values().as_slice();
            predictions.push(values.iter().map(|&value| value.into()).collect());
        }
        let Some(first) = models.first() else {
            return Err(TabularError::NoCandidates);
        };
        let truth = match first.features().transform(frame)?.targets {
            Targets::Classes(classes) => Truth::Labels(classes),
            Targets::Values(values) => {
                let values = first.features().invert_targets(&values)?;
                let values: Vec<f64> = values.as_slice().iter().map(|&x| x.into()).collect();
                let variances = variances(&values, width);
                Truth::Numbers(values, variances)
            }
            Targets::None => return Err(TabularError::NoTarget),
        };
        Ok(Self {
            predictions,
            truth,
            weights: weights.map(<[f64]>::to_vec),
            width,
        })
    }

    /// The rows of several folds, each predicted by other models of the same kinds.
    pub fn join(folds: Vec<Self>) -> Result<Self, TabularError> {
        let mut folds = folds.into_iter();
        let mut all = folds.next().ok_or(TabularError::NoCandidates)?;
        for fold in folds {
            for (all, fold) in all.predictions.iter_mut().zip(fold.predictions) {
                all.extend(fold);
            }
            if let (Some(all), Some(fold)) = (&mut all.weights, fold.weights) {
                all.extend(fold);
            }
            all.truth = match (all.truth, fold.truth) {
                (Truth::Numbers(mut values, _), Truth::Numbers(more, _)) => {
                    values.extend(more);
                    let variances = variances(&values, all.width);
                    Truth::Numbers(values, variances)
                }
                (Truth::Labels(classes), Truth::Labels(more)) => {
                    let labels = [classes.labels(), more.labels()].concat();
                    Truth::Labels(Classes::new(labels, classes.names().to_vec())?)
                }
                (truth, _) => truth,
            };
        }
        Ok(all)
    }

    /// The mean of the models with these shares.
    fn mean(&self, shares: &[f64]) -> Vec<f64> {
        let size = self.predictions.first().map_or(0, Vec::len);
        let mut mean = vec![0.0; size];
        for (model, share) in self.predictions.iter().zip(shares) {
            for (mean, value) in mean.iter_mut().zip(model) {
                *mean += share * value;
            }
        }
        mean
    }

    /// The mean of the models with these shares and the true numbers; `None` for classes.
    pub fn numbers(&self, shares: &[f64]) -> Result<Option<(Values, Values)>, TabularError> {
        let Truth::Numbers(truth, _) = &self.truth else {
            return Ok(None);
        };
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let predicted = Values::new(narrow(&self.mean(shares)), self.width)?;
        Ok(Some((predicted, Values::new(narrow(truth), self.width)?)))
    }

    /// The scores of the mean of the models with these shares; rows count as much as `weights` say.
    pub fn scores(&self, shares: &[f64], weights: Option<&[f64]>) -> Result<Scores, TabularError> {
        if let Some((predicted, truth)) = self.numbers(shares)? {
            return Ok(numbers(&predicted, &truth, weights));
        }
        let Truth::Labels(truth) = &self.truth else {
            return Ok(Scores::default());
        };
        // The logarithms of probabilities are logits of them.
        let logits = self.mean(shares).into_iter();
        let logits = logits.map(|p| p.max(f64::MIN_POSITIVE).ln() as f32);
        let logits = Values::new(logits.collect(), self.width)?;
        Ok(classes(&logits, truth, weights))
    }

    /// The share of each model: starting from none, the model that lowers the loss of the mean most is added,
    /// [`ROUNDS`] times; the best of these means is taken.
    pub fn weights(&self) -> Vec<f64> {
        let size = self.predictions.first().map_or(0, Vec::len);
        let mut sum = vec![0.0; size];
        let mut counts = vec![0usize; self.predictions.len()];
        let mut best = (f64::INFINITY, counts.clone());
        for round in 1..=ROUNDS {
            let losses = self.predictions.iter().map(|model| {
                let pairs = sum.iter().zip(model);
                self.loss(pairs.map(|(sum, value)| (sum + value) / round as f64))
            });
            let Some((chosen, loss)) = losses.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
                break;
            };
            counts[chosen] += 1;
            for (sum, value) in sum.iter_mut().zip(&self.predictions[chosen]) {
                *sum += value;
            }
            if loss < best.0 {
                best = (loss, counts.clone());
            }
        }
        let total: usize = best.1.iter().sum();
        if total == 0 {
            // No loss is a number: all models count.
            let share = 1.0 / self.predictions.len().max(1) as f64;
            return vec![share; self.predictions.len()];
        }
        let shares = best.1.iter().map(|&count| count as f64 / total as f64);
        shares.collect()
    }

    /// Mean squared error or log-loss.
    fn loss(&self, predicted: impl Iterator<Item = f64>) -> f64 {
        let weight = |place: usize| match &self.weights {
            Some(weights) => weights[place / self.width],
            None => 1.0,
        };
        match &self.truth {
            Truth::Numbers(truth, variances) => {
                let errors = predicted.zip(truth).enumerate();
                errors
                    .map(|(place, (p, t))| {
                        weight(place) * (p - t).powi(2) / variances[place % self.width]
                    })
                    .sum()
            }
            Truth::Labels(labels) => {
                let labels = labels.labels();
                let right = predicted.enumerate().filter(|(place, _)| {
                    labels.get(place / self.width) == Some(&((place % self.width) as i32))
                });
                right
                    .map(|(place, p)| -weight(place) * p.max(1e-15).ln())
                    .sum()
            }
        }
    }
}

/// Of every column.
fn variances(values: &[f64], width: usize) -> Vec<f64> {
    (0..width)
        .map(|column| variance(values, column, width))
        .collect()
}

fn variance(values: &[f64], column: usize, width: usize) -> f64 {
    let of = || values.iter().skip(column).step_by(width);
    let count = of().count().max(1) as f64;
    let mean = of().sum::<f64>() / count;
    let variance = of().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    if variance > 0.0 { variance } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinderbox_core::Seed;

    fn numbers(truth: Vec<f64>, predictions: Vec<Vec<f64>>) -> Validation {
        Validation {
            predictions,
            truth: Truth::Numbers(truth, vec![1.0]),
            weights: None,
            width: 1,
        }
    }

    #[test]
    fn opposite_errors_are_averaged_and_useless_models_have_no_weight() {
        let truth: Vec<f64> = (0..40).map(f64::from).collect();
        let mut rng = Seed::new(1).rng();
        let noise: Vec<f64> = (0..40).map(|_| rng.normal()).collect();
        let of = |factor: f64| -> Vec<f64> {
            let pairs = truth.iter().zip(&noise);
            pairs.map(|(truth, noise)| truth + factor * noise).collect()
        };
        let validation = numbers(truth.clone(), vec![of(1.0), of(-1.0), of(30.0)]);
        assert_eq!(validation.weights(), [0.5, 0.5, 0.0]);
        let alone = numbers(truth.clone(), vec![of(2.0), of(0.0)]);
        assert_eq!(alone.weights(), [0.0, 1.0]);
    }

    #[test]
    fn an_ensemble_is_never_worse_than_its_best_model_on_validation_rows() {
        let mut rng = Seed::new(2).rng();
        let labels: Vec<usize> = (0..60).map(|_| rng.below(2) as usize).collect();
        let model = |rng: &mut tinderbox_core::Rng| -> Vec<f64> {
            let rows = labels.iter().flat_map(|&label| {
                let yes = (0.3 + 0.4 * label as f64 + 0.2 * rng.normal()).clamp(0.01, 0.99);
                [1.0 - yes, yes]
            });
            rows.collect()
        };
        let classes = labels.iter().map(|&label| label as i32).collect();
        let names = vec!["no".to_string(), "yes".to_string()];
        let validation = Validation {
            predictions: (0..4).map(|_| model(&mut rng)).collect(),
            truth: Truth::Labels(Classes::new(classes, names).unwrap()),
            weights: None,
            width: 2,
        };
        let weights = validation.weights();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean = (0..120).map(|place| {
            let models = validation.predictions.iter().zip(&weights);
            models.map(|(model, weight)| weight * model[place]).sum()
        });
        let best = validation.predictions.iter();
        let best = best.map(|model| validation.loss(model.iter().copied()));
        assert!(validation.loss(mean) <= best.fold(f64::INFINITY, f64::min) + 1e-9);
    }
}
