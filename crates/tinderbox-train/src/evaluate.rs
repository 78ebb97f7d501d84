use burn::module::Module;
use tinderbox_data::Batches;

use crate::{Mean, Metric, Result, Task, TrainError};

/// Measures a model on the first epoch of some data: the mean loss over its examples is returned,
/// the metrics are left with their figures.
///
/// What an epoch of training does for its validation data, for a model that is trained or loaded.
///
/// # Errors
/// Data without a batch, a batch that cannot be read, and what the task refuses.
pub fn evaluate<M, B, T>(
    model: &M,
    task: &T,
    data: &dyn Batches<Batch = B>,
    metrics: &mut [&mut dyn Metric<T::Output>],
) -> Result<f64>
where
    M: Module,
    T: Task<M, B>,
{
    measure(model, task, data, metrics, ("the data to measure", 1))
}

/// The same, with what an error calls the data and the epoch of training, counted from 1.
pub(crate) fn measure<M, B, T>(
    model: &M,
    task: &T,
    data: &dyn Batches<Batch = B>,
    metrics: &mut [&mut dyn Metric<T::Output>],
    (which, epoch): (&'static str, usize),
) -> Result<f64>
where
    M: Module,
    T: Task<M, B>,
{
    let model = model.valid();
    let device = model.devices().into_iter().next().unwrap_or_default();
    for metric in &mut *metrics {
        metric.reset();
    }
    let mut loss = Mean::default();
    for (index, batch) in data.epoch(0, 0, &device)?.enumerate() {
        let step = task.step(&model, batch?);
        let step = step.map_err(|source| TrainError::Step {
            epoch,
            batch: index + 1,
            source,
        })?;
        loss.add(step.loss.mean.into_scalar(), step.loss.count);
        for metric in &mut *metrics {
            metric.update(&step.output);
        }
    }
    if loss == Mean::default() {
        return Err(TrainError::NoBatches { which, epoch });
    }
    Ok(loss.value())
}
