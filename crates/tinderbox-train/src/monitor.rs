//! The metric that says which weights are best.

use serde::{Deserialize, Serialize};

/// Whether a metric is better small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitorMode {
    /// Small is good: a loss, an error.
    Minimize,
    /// Large is good: accuracy, R².
    Maximize,
}

/// The metric that decides which weights are best, and when to stop early.
///
/// It is compared with each record that has it: after every epoch, or as often as
/// [`TrainConfig::validate`](crate::TrainConfig::validate) says. A metric that is not finite the first
/// time ends the run with an error that names the epoch and, for validation data, the first row at fault;
/// later, such a value is never the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// The name of the metric, e.g. `valid_loss`.
    pub metric: String,
    /// Whether it should be small or large.
    pub mode: MonitorMode,
    /// By how much a value must be better to count.
    pub min_delta: f64,
    /// Stop after this many records without a better value.
    pub patience: Option<usize>,
}

impl Monitor {
    /// Keeps the weights with which this metric was smallest.
    pub fn min(metric: &str) -> Self {
        Self {
            metric: metric.into(),
            mode: MonitorMode::Minimize,
            min_delta: 0.0,
            patience: None,
        }
    }

    /// Keeps the weights with which this metric was largest.
    pub fn max(metric: &str) -> Self {
        Self {
            mode: MonitorMode::Maximize,
            ..Self::min(metric)
        }
    }

    /// Early stopping: ends training after this many records (epochs, if each has one) without a better
    /// value.
    pub fn patience(mut self, records: usize) -> Self {
        self.patience = Some(records);
        self
    }

    /// By how much a value must be better to count.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta;
        self
    }

    /// Whether `value` is better than the best so far. NaN and infinity never are.
    pub(crate) fn better(&self, value: f64, best: Option<f64>) -> bool {
        match (best, self.mode) {
            _ if !value.is_finite() => false,
            (None, _) => true,
            (Some(best), MonitorMode::Minimize) => value < best - self.min_delta,
            (Some(best), MonitorMode::Maximize) => value > best + self.min_delta,
        }
    }
}
