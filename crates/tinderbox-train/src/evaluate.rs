use std::fmt;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::{Batches, SharedBatch};

use crate::outputs::{Outputs, WaitingLosses};
use crate::step::take_step;
use crate::{Metric, Result, Task, TrainError};

/// Evaluates a model on the first epoch of some data: returns the mean loss over its examples, and
/// leaves the results of the other metrics in `metrics`.
///
/// Training measures its validation data in the same way.
///
/// # Errors
/// Data without a batch, a batch that cannot be read, and errors of the task.
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
    let part = Part {
        name: "the data to measure",
        epoch: 1,
        batches: usize::MAX,
    };
    let model = model.valid();
    let device = model.devices().into_iter().next().unwrap_or_default();
    let batches = data.epoch(0, 0, &device)?;
    let batches = batches.map(|batch| Ok(vec![whole(batch?)]));
    let replicas = Replicas {
        models: &[model],
        devices: &[device],
    };
    let loss = measure(replicas, task, batches, metrics, part, &mut |_| Ok(()))?;
    loss.mean(part)
}

/// A batch of which no other process has a part.
pub(crate) fn whole<B>(batch: B) -> SharedBatch<B> {
    SharedBatch {
        batch: Some(batch),
        rows: 0..0,
        examples: 0,
    }
}

/// The data to measure.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// For errors.
    pub name: &'static str,
    /// The epoch of training, counted from 1, for errors.
    pub epoch: usize,
    /// At most this many batches are measured.
    pub batches: usize,
}

/// The sum of the losses of examples, and their number.
#[derive(Clone, Copy, Default)]
pub(crate) struct LossSum {
    pub sum: f64,
    pub count: f64,
}

impl LossSum {
    /// The mean.
    ///
    /// # Errors
    /// There was no example.
    pub fn mean(self, part: Part) -> Result<f64> {
        if self.count == 0.0 {
            return Err(TrainError::NoBatches {
                which: part.name,
                epoch: part.epoch,
            });
        }
        Ok(self.sum / self.count)
    }
}

/// A model on each of some devices.
pub(crate) struct Replicas<'a, M> {
    pub models: &'a [M],
    pub devices: &'a [Device],
}

/// Measures a model that is not in training, of which each device has a replica, on the batches of a part of
/// the data; `measured` is called after each batch with its number, counted from 1.
pub(crate) fn measure<M, B, T>(
    replicas: Replicas<'_, M>,
    task: &T,
    batches: impl Iterator<Item = Result<Vec<SharedBatch<B>>>>,
    metrics: &mut [&mut dyn Metric<T::Output>],
    part: Part,
    measured: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<LossSum>
where
    T: Task<M, B>,
{
    let epoch = part.epoch;
    for metric in &mut *metrics {
        metric.reset();
    }
    let Replicas { models, devices } = replicas;
    let (mut losses, mut outputs) = (WaitingLosses::new(devices), Outputs::new(devices));
    let mut count = 0;
    let failed = |batch, source| TrainError::Metric {
        epoch,
        batch,
        source,
    };
    let mut states: Vec<T::State> = models.iter().map(|_| T::State::default()).collect();
    let mut last = 0;
    for (index, parts) in batches.take(part.batches).enumerate() {
        last = index + 1;
        let mut steps = Vec::with_capacity(1);
        for ((part, model), state) in parts?.into_iter().zip(models).zip(&mut states) {
            if let Some(batch) = part.batch {
                steps.push(take_step(task, model, batch, state, (epoch, last))?);
            }
        }
        for step in steps {
            losses.add(step.loss.mean, step.loss.count);
            count += step.loss.count;
            let added = outputs.add(task, &step.output, metrics);
            added.map_err(|source| failed(last, source))?;
        }
        measured(last)?;
    }
    let rest = outputs.measure(task, metrics);
    rest.map_err(|source| failed(last, source))?;
    Ok(LossSum {
        sum: losses.sum(),
        count: count as f64,
    })
}

/// The first place in the validation data with a number that is NaN or infinite. Rows are counted from 1, in the
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
