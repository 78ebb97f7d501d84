//! The metrics that decide about a run: the best weights, early stopping, and metrics that are not finite.

use std::path::Path;

use burn::module::Module;

use super::Fit;
use super::keep::model_bytes;
use crate::checkpoint::BestState;
use crate::evaluate::first_not_finite;
use crate::{EpochRecord, Interval, Result, StopReason, Task, TrainError};

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Remembers the model if it is the best so far. A record without the metric does not count.
    pub(super) fn compare(&mut self, record: &EpochRecord, model: &M) -> Result<()> {
        let Some(monitor) = &self.setup.monitor else {
            return Ok(());
        };
        let Some(value) = record.get(&monitor.metric) else {
            return Ok(());
        };
        let best = self.best.as_ref().map(|(state, _)| state.value);
        if monitor.better(value, best) {
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

    /// Refuses to continue if the monitored metric, or that of the plateau, is not finite and never was.
    pub(super) fn check_metrics(&self, record: &EpochRecord, model: &M) -> Result<()> {
        let monitored = self.setup.monitor.as_ref().map(|monitor| &monitor.metric);
        let plateau = self.setup.config.plateau.as_ref().map(|on| &on.metric);
        let known = |name: &str| self.history.series(name).iter().any(|(_, v)| v.is_finite());
        let unknown = monitored
            .filter(|_| self.best.is_none())
            .or_else(|| plateau.filter(|name| !known(name)));
        let Some(metric) = unknown else {
            return Ok(());
        };
        let Some(value) = record.get(metric).filter(|value| !value.is_finite()) else {
            return Ok(());
        };
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
        let monitor = self.setup.monitor.as_ref()?;
        let patience = monitor.patience?;
        let (best, _) = self.best.as_ref()?;
        let unit = match self.setup.config.validate {
            Interval::Epochs(1) => "epochs",
            _ => "validations",
        };
        (best.stale >= patience).then(|| {
            StopReason::Early(format!(
                "no better {} for {patience} {unit}; the best was {} in epoch {}",
                monitor.metric, best.value, best.epoch
            ))
        })
    }
}
