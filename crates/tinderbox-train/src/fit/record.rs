//! A record of the history: the metrics since the last one, and those of the validation data.

use std::path::Path;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use super::devices::replicas;
use super::{Fit, at_epoch, devices, events_error, named};
use crate::evaluate::{LossSum, Part, Replicas, measure};
use crate::{EpochRecord, Flow, Metric, Result, StopReason, Task};

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Adds a record to the history and compares the model with the best one; the reason to stop, if
    /// there is one.
    pub(super) fn record(&mut self, validate: bool) -> Result<Option<StopReason>> {
        self.read_device()?;
        self.agree_on_statistics()?;
        if let Some(team) = &self.team {
            team.merge(&mut borrowed(&mut self.setup.train_metrics), self.epoch + 1)?;
        }
        let means = self.losses.means.iter().enumerate();
        let mut metrics: Vec<(String, f64)> = means
            .map(|(turn, mean)| (self.turns.metric(turn), mean.value()))
            .collect();
        metrics.extend(named("train", &self.setup.train_metrics));
        let outcome = self.outcome();
        if validate {
            metrics.extend(self.validate(&outcome)?);
        }
        let record = EpochRecord {
            epoch: self.epoch + 1,
            step: self.step,
            learning_rate: self.rates.rate(self.step.saturating_sub(1), self.epoch),
            metrics,
            seconds: self.seconds_of_record(),
        };
        self.rates.record(|name| record.get(name));
        self.recorded_seconds += record.seconds;
        self.seconds = 0.0;
        self.clock = Instant::now();
        self.losses.reset();
        for metric in &mut self.setup.train_metrics {
            metric.reset();
        }
        if let Some(events) = &mut self.events {
            let run = self.setup.run.as_ref();
            let folder = run.map_or(Path::new("."), |run| run.folder());
            events
                .epoch(&record)
                .map_err(|source| events_error(folder, source))?;
        }
        self.compare(&record, &outcome)?;
        self.check_metrics(&record, &outcome)?;
        let mut end = None;
        for callback in &mut self.setup.callbacks {
            let flow = callback.on_epoch_end(&record, &outcome);
            if let Flow::Stop(reason) = flow.map_err(at_epoch(record.epoch))?
                && end.is_none()
            {
                end = Some(StopReason::Early(reason));
            }
        }
        self.history.epochs.push(record);
        if let Some(team) = &self.team {
            // Callbacks are those of rank 0.
            let reason = match &end {
                Some(StopReason::Early(reason)) => Some(reason),
                _ => None,
            };
            let told = serde_json::to_vec(&reason).expect("a text is JSON");
            let told = team.first_ranks_bytes(told)?;
            let reason: Option<String> = serde_json::from_slice(&told).unwrap_or_default();
            end = reason.map(StopReason::Early);
        }
        Ok(self.patience_over().or(end))
    }

    /// The metrics of the validation data.
    fn validate(&mut self, model: &M) -> Result<Vec<(String, f64)>> {
        let Some(valid) = self.valid else {
            return Ok(Vec::new());
        };
        let epoch = self.epoch + 1;
        let most = self.setup.config.limit.valid();
        let part = Part {
            name: "the validation data",
            epoch,
            batches: most,
        };
        let batches = valid.batches().map(|all| all.min(most));
        let mut metrics = borrowed(&mut self.setup.valid_metrics);
        let callbacks = &mut self.setup.callbacks;
        let mut measured = |batch| {
            for callback in &mut *callbacks {
                callback
                    .on_validation_batch(batch, batches)
                    .map_err(at_epoch(epoch))?;
            }
            Ok(())
        };
        let devices: Vec<Device> = self.devices.iter().map(|d| d.clone().inner()).collect();
        let mut models = vec![model.valid()];
        models.extend(replicas(&models[0], &devices));
        let batches = devices::epoch(valid, &self.valid_parts, (0, 0), &devices)?;
        let replicas = Replicas {
            models: &models,
            devices: &devices,
        };
        let mut loss = measure(
            replicas,
            self.task,
            batches,
            &mut metrics,
            part,
            &mut measured,
        )?;
        if let Some(team) = &self.team {
            let mut sums = [loss.sum, loss.count];
            team.sum(&mut sums)?;
            team.merge(&mut metrics, epoch)?;
            let [sum, count] = sums;
            loss = LossSum { sum, count };
        }
        let loss = loss.mean(part)?;
        let mut metrics = vec![("valid_loss".to_string(), loss)];
        metrics.extend(named("valid", &self.setup.valid_metrics));
        Ok(metrics)
    }
}

/// The metrics, to be changed.
pub(super) fn borrowed<O>(metrics: &mut [Box<dyn Metric<O>>]) -> Vec<&mut dyn Metric<O>> {
    let mut all: Vec<&mut dyn Metric<O>> = Vec::new();
    for metric in metrics {
        all.push(&mut **metric);
    }
    all
}
