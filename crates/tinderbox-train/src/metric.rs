mod bleu;
mod classification;
mod confusion;
mod perplexity;

use serde::{Deserialize, Serialize};

use crate::{Logits, Predictions, StepError};
pub use bleu::{CorpusBleu, sentence_bleu};
pub use classification::{Auc, LogLoss, TopK};
pub use confusion::{ClassScore, ClassScores, ConfusionMatrix};
pub use perplexity::Perplexity;

/// A value measured over an epoch: a mean over examples, never over batches.
///
/// A metric adds up what it needs batch by batch. Its sums are part of a checkpoint, so that an
/// epoch that was interrupted and resumed gives the same value.
pub trait Metric<O> {
    /// Adds one batch.
    ///
    /// # Errors
    /// An output that the metric cannot measure: it ends the run, with epoch and batch in the message.
    fn update(&mut self, output: &O) -> Result<(), StepError>;

    /// The values so far, with their names.
    fn values(&self) -> Vec<(String, f64)>;

    /// Resets the metric, at the start of an epoch.
    fn reset(&mut self);

    /// The sums, for a checkpoint.
    fn state(&self) -> serde_json::Value;

    /// Restores the sums of a checkpoint; `false` if they belong to another metric.
    fn restore(&mut self, state: &serde_json::Value) -> bool;

    /// Adds the sums of another metric of this kind, as its [`state`](Self::state) gives them, so that
    /// several processes measure one value over all their examples; `false`, the default, if the metric
    /// cannot, or if they belong to another metric.
    fn merge(&mut self, state: &serde_json::Value) -> bool {
        let _ = state;
        false
    }
}

/// The mean of a number over examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    /// Adds the mean of `count` examples.
    pub fn add(&mut self, mean: f64, count: usize) {
        self.sum += mean * count as f64;
        self.count += count as f64;
    }

    /// The mean so far; NaN before the first example.
    pub fn value(&self) -> f64 {
        self.sum / self.count
    }

    /// Adds the sums of another mean, as [`Metric::state`] gives them.
    fn merge(&mut self, state: &serde_json::Value) -> bool {
        merge(self, state, |mean, other| {
            mean.sum += other.sum;
            mean.count += other.count;
        })
    }
}

/// Regression metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionMetric {
    /// Mean squared error.
    Mse,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Coefficient of determination: 1 - residual / total sum of squares, averaged over outputs.
    R2,
    /// Root mean squared error of logarithms, both sides at least 1 (chapter "Predicting House
    /// Prices").
    LogRmse,
}

impl RegressionMetric {
    /// The name in history files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::LogRmse => "log_rmse",
        }
    }
}

/// Any choice of [`RegressionMetric`], from one pass over predictions and targets in `f64`.
#[derive(Clone, Debug)]
pub struct RegressionMetrics {
    which: Vec<RegressionMetric>,
    sums: RegressionSums,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct RegressionSums {
    outputs: Vec<OutputSums>,
    absolute: f64,
    log_squared: f64,
    numbers: f64,
}

/// Per output, with targets taken relative to the first one: no cancellation for large targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OutputSums {
    shift: f64,
    target: f64,
    target_squared: f64,
    residual: f64,
    count: f64,
}

impl RegressionMetrics {
    /// Measures these metrics.
    pub fn new(which: &[RegressionMetric]) -> Self {
        Self {
            which: which.to_vec(),
            sums: RegressionSums::default(),
        }
    }

    /// Adds predictions and targets in row-major order with `outputs` numbers per row.
    pub fn add(&mut self, predicted: &[f32], targets: &[f32], outputs: usize) {
        let sums = &mut self.sums;
        if sums.outputs.is_empty() {
            sums.outputs = (targets.iter().take(outputs))
                .map(|&target| OutputSums {
                    shift: target.into(),
                    target: 0.0,
                    target_squared: 0.0,
                    residual: 0.0,
                    count: 0.0,
                })
                .collect();
        }
        let logs = self.which.contains(&RegressionMetric::LogRmse);
        for (row, truth) in predicted.chunks(outputs).zip(targets.chunks(outputs)) {
            for ((&p, &t), output) in row.iter().zip(truth).zip(&mut sums.outputs) {
                let (p, t) = (f64::from(p), f64::from(t));
                let error = p - t;
                let shifted = t - output.shift;
                output.target += shifted;
                output.target_squared += shifted * shifted;
                output.residual += error * error;
                output.count += 1.0;
                sums.absolute += error.abs();
                if logs {
                    // `max` would hide a NaN prediction.
                    let floor = |x: f64| if x < 1.0 { 1.0 } else { x };
                    sums.log_squared += (floor(p).ln() - floor(t).ln()).powi(2);
                }
            }
        }
        sums.numbers += predicted.len() as f64;
    }

    fn value(&self, metric: RegressionMetric) -> f64 {
        let sums = &self.sums;
        let mse = sums
            .outputs
            .iter()
            .map(|output| output.residual)
            .sum::<f64>()
            / sums.numbers;
        match metric {
            RegressionMetric::Mse => mse,
            RegressionMetric::Rmse => mse.sqrt(),
            RegressionMetric::Mae => sums.absolute / sums.numbers,
            RegressionMetric::LogRmse => (sums.log_squared / sums.numbers).sqrt(),
            RegressionMetric::R2 => {
                let each = sums.outputs.iter().map(|output| {
                    let mean = output.target / output.count;
                    let total = output.target_squared - output.count * mean * mean;
                    match (output.residual, total) {
                        // scikit-learn's convention for a constant target.
                        (0.0, total) if total <= 0.0 => 1.0,
                        (_, total) if total <= 0.0 => 0.0,
                        (residual, total) => 1.0 - residual / total,
                    }
                });
                each.sum::<f64>() / sums.outputs.len() as f64
            }
        }
    }
}

impl Metric<Predictions> for RegressionMetrics {
    fn update(&mut self, output: &Predictions) -> Result<(), StepError> {
        output.check()?;
        let outputs = output.targets.dims()[1];
        let predicted = output.predicted.to_data();
        let targets = output.targets.to_data();
        // Models compute in f32 unless the device is set to another type.
        match (predicted.as_slice::<f32>(), targets.as_slice::<f32>()) {
            (Ok(predicted), Ok(targets)) => self.add(predicted, targets, outputs),
            _ => self.add(
                &predicted.iter::<f32>().collect::<Vec<_>>(),
                &targets.iter::<f32>().collect::<Vec<_>>(),
                outputs,
            ),
        }
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        let named = |&metric: &RegressionMetric| (metric.name().to_string(), self.value(metric));
        self.which.iter().map(named).collect()
    }

    fn reset(&mut self) {
        self.sums = RegressionSums::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.sums)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        restore(&mut self.sums, state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        merge(&mut self.sums, state, RegressionSums::add)
    }
}

impl RegressionSums {
    fn add(&mut self, other: Self) {
        if self.outputs.is_empty() {
            self.outputs = other.outputs;
        } else {
            for (sums, other) in self.outputs.iter_mut().zip(other.outputs) {
                // The same targets, relative to the first one of these sums.
                let shift = other.shift - sums.shift;
                sums.target += other.target + other.count * shift;
                sums.target_squared +=
                    other.target_squared + 2.0 * shift * other.target + other.count * shift * shift;
                sums.residual += other.residual;
                sums.count += other.count;
            }
        }
        self.absolute += other.absolute;
        self.log_squared += other.log_squared;
        self.numbers += other.numbers;
    }
}

/// Adds what was read from the state of another metric; `false` if it is not of this kind.
fn merge<T: serde::de::DeserializeOwned>(
    sums: &mut T,
    state: &serde_json::Value,
    add: impl FnOnce(&mut T, T),
) -> bool {
    match T::deserialize(state) {
        Ok(other) => {
            add(sums, other);
            true
        }
        Err(_) => false,
    }
}

fn restore<T: serde::de::DeserializeOwned>(sums: &mut T, state: &serde_json::Value) -> bool {
    match T::deserialize(state) {
        Ok(read) => {
            *sums = read;
            true
        }
        Err(_) => false,
    }
}

/// The share of examples whose highest logit is the true class.
#[derive(Clone, Debug, Default)]
pub struct Accuracy {
    mean: Mean,
}

impl Metric<Logits> for Accuracy {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        output.check()?;
        let [rows, _] = output.logits.dims();
        let guesses = output.logits.clone().argmax(1).reshape([rows]).into_data();
        let hits = guesses
            .iter::<i64>()
            .zip(output.targets.to_data().iter::<i64>())
            .filter(|(guess, truth)| guess == truth)
            .count();
        self.mean.add(hits as f64 / rows as f64, rows);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("accuracy".into(), self.mean.value())]
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.mean)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        restore(&mut self.mean, state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        self.mean.merge(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RegressionMetric::*;

    fn figures(metrics: &RegressionMetrics) -> Vec<f64> {
        metrics
            .values()
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }

    #[test]
    fn metrics_of_a_known_example() {
        // The example of scikit-learn's documentation of r2_score and mean_absolute_error.
        let mut metrics = RegressionMetrics::new(&[Mse, Rmse, Mae, R2]);
        metrics.add(&[2.5, 0.0, 2.0, 8.0], &[3.0, -0.5, 2.0, 7.0], 1);
        let got = figures(&metrics);
        for (got, expected) in got.iter().zip([0.375, 0.375f64.sqrt(), 0.5, 0.948_608_137]) {
            assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        }
    }

    #[test]
    fn r2_of_two_outputs_is_the_mean_of_theirs() {
        let mut metrics = RegressionMetrics::new(&[R2]);
        metrics.add(
            &[0.0, 2.0, -1.0, 2.0, 8.0, -5.0],
            &[0.5, 1.0, -1.0, 1.0, 7.0, -6.0],
            2,
        );
        assert!((figures(&metrics)[0] - 0.936_800_526_6).abs() < 1e-9);
    }

    #[test]
    fn batches_of_unequal_size_weigh_by_their_examples() {
        let mut whole = RegressionMetrics::new(&[Mse, Mae, R2, LogRmse]);
        let mut parts = whole.clone();
        let predicted: Vec<f32> = (0..100).map(|i| 1e6 + i as f32).collect();
        let targets: Vec<f32> = (0..100).map(|i| 1e6 + (i as f32 * 1.1).floor()).collect();
        whole.add(&predicted, &targets, 1);
        for (p, t) in predicted.chunks(96).zip(targets.chunks(96)) {
            parts.add(p, t, 1);
        }
        assert_eq!(figures(&whole), figures(&parts));
    }

    #[test]
    fn log_rmse_clamps_at_one_as_the_course_does() {
        let mut metrics = RegressionMetrics::new(&[LogRmse]);
        metrics.add(&[-3.0], &[std::f32::consts::E], 1);
        assert!((figures(&metrics)[0] - 1.0).abs() < 1e-7);
        metrics.add(&[f32::NAN], &[1.0], 1);
        assert!(figures(&metrics)[0].is_nan(), "a NaN prediction must show");
    }

    #[test]
    fn state_survives_a_checkpoint_bit_for_bit() {
        let mut metrics = RegressionMetrics::new(&[Mse, R2]);
        metrics.add(&[0.1, 0.7], &[0.3, 0.9], 1);
        let text = metrics.state().to_string();
        let mut other = RegressionMetrics::new(&[Mse, R2]);
        assert!(other.restore(&serde_json::from_str(&text).unwrap()));
        assert_eq!(other.sums, metrics.sums);
        assert!(!other.restore(&serde_json::json!("something else")));
    }
}
