//! The metrics that a run goes by: the best epoch, early stopping, and metrics that are no numbers.

use std::path::Path;

use burn::module::Module;

use super::Fit;
use super::keep::model_bytes;
use crate::checkpoint::BestState;
use crate::evaluate::first_not_finite;
use crate::{EpochRecord, Result, StopReason, Task, TrainError};

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Remembers the model if this epoch is the best so far.
    pub(super) fn compare(&mut self, record: &EpochRecord, model: &M) -> Result<()> {
        let Some(watch) = &self.trainer.monitor else {
            return Ok(());
        };
        let value = record.get(&watch.metric).unwrap_or(f64::NAN);
        let best = self.best.as_ref().map(|(state, _)| state.value);
        if watch.better(value, best) {
            let state = BestState {
                value,
                epoch: record.epoch,
                stale: 0,
            };
            let weights = model_bytes(model, Path::new("best weights"))?;
            self.best = Some((state, weights));
        } else if let Some((state, _)) = &mut self.best {
            state.stale += 1;
        }
        Ok(())
    }

    /// Refuses to go on if a metric that the run goes by was not finite in this epoch and never before.
    pub(super) fn check_metrics(&self, record: &EpochRecord, model: &M) -> Result<()> {
        let watched = self.trainer.monitor.as_ref().map(|watch| &watch.metric);
        let plateau = self.trainer.config.plateau.as_ref().map(|on| &on.metric);
        let known = |name: &str| self.history.series(name).iter().any(|(_, v)| v.is_finite());
        let unknown = watched
            .filter(|_| self.best.is_none())
            .or_else(|| plateau.filter(|name| !known(name)));
        let Some(metric) = unknown else {
            return Ok(());
        };
        let value = record.get(metric).unwrap_or(f64::NAN);
        if value.is_finite() {
            return Ok(());
        }
        let place = match self.valid {
            Some(valid) if metric.starts_with("valid_") => {
                Some(first_not_finite(model, self.task, valid, record.epoch)?)
            }
            _ => None,
        };
        Err(TrainError::MetricNotFinite {
            metric: metric.clone(),
            value,
            epoch: record.epoch,
            place,
        })
    }

    pub(super) fn patience_over(&self) -> Option<StopReason> {
        let watch = self.trainer.monitor.as_ref()?;
        let patience = watch.patience?;
        let (best, _) = self.best.as_ref()?;
        (best.stale >= patience && self.epoch > 0).then(|| {
            StopReason::Early(format!(
                "no better {} for {patience} epochs; the best was {} in epoch {}",
                watch.metric, best.value, best.epoch
            ))
        })
    }
}
