use std::fmt;

use burn::module::Module;
use tinderbox_data::Batches;

use crate::step::take_step;
use crate::{Mean, Metric, Result, Task, TrainError};

/// Measures a model on the first epoch of some data: the mean loss over its examples is returned,
/// the metrics are left with their values.
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
    let mut state = T::State::default();
    for (index, batch) in data.epoch(0, 0, &device)?.enumerate() {
        let step = take_step(task, &model, batch?, &mut state, (epoch, index + 1))?;
        loss.add(step.loss.mean.into_scalar(), step.loss.count);
        for metric in &mut *metrics {
            let updated = metric.update(&step.output);
            updated.map_err(|source| TrainError::Metric {
                epoch,
                batch: index + 1,
                source,
            })?;
        }
    }
    if loss == Mean::default() {
        return Err(TrainError::NoBatches { which, epoch });
    }
    Ok(loss.value())
}

/// Where validation data first give a number that is NaN or infinite. Rows are counted from 1, in the
/// order in which the data come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFinitePlace {
    /// A number of this row.
    Row {
        /// The row.
        row: usize,
        /// What is not finite: `input`, `target`, `prediction`.
        what: &'static str,
    },
    /// The loss of a batch with these rows.
    Batch {
        /// Its first row.
        first: usize,
        /// Its last row.
        last: usize,
    },
    /// Inputs, targets, predictions and losses are all finite.
    Nowhere,
}

impl fmt::Display for NotFinitePlace {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Row {
                row,
                what: "prediction",
            } => write!(
                f,
                "in the validation data the first prediction that is not finite is that of row {row}, whose \
                 inputs are finite: the weights are too large; lower the learning rate or clip the gradients"
            ),
            Self::Row { row, what } => write!(
                f,
                "row {row} of the validation data has the first {what} that is not finite: correct or remove \
                 it"
            ),
            Self::Batch { first, last } => write!(
                f,
                "the first loss that is not finite is that of rows {first} to {last} of the validation data: \
                 look for NaN and very large numbers there, else lower the learning rate"
            ),
            Self::Nowhere => write!(
                f,
                "all inputs, targets, predictions and losses of the validation data are finite, so it is not \
                 defined on these data (as an AUC with one class); watch another metric"
            ),
        }
    }
}

/// Looks for the first number that is not finite where [`measure`] met one.
pub(crate) fn first_not_finite<M, B, T>(
    model: &M,
    task: &T,
    data: &dyn Batches<Batch = B>,
    epoch: usize,
) -> Result<NotFinitePlace>
where
    M: Module,
    T: Task<M, B>,
{
    let model = model.valid();
    let device = model.devices().into_iter().next().unwrap_or_default();
    let mut rows = 0;
    let mut state = T::State::default();
    for (index, batch) in data.epoch(0, 0, &device)?.enumerate() {
        let batch = batch?;
        if let Some(found) = task.first_not_finite(&model, &batch) {
            return Ok(NotFinitePlace::Row {
                row: rows + found.row + 1,
                what: found.what,
            });
        }
        let loss = take_step(task, &model, batch, &mut state, (epoch, index + 1))?.loss;
        let last = rows + loss.count;
        let mean: f64 = loss.mean.into_scalar();
        if !mean.is_finite() {
            return Ok(NotFinitePlace::Batch {
                first: rows + 1,
                last,
            });
        }
        rows = last;
    }
    Ok(NotFinitePlace::Nowhere)
}
