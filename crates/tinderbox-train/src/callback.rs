use std::path::Path;

use crate::{EpochRecord, StepError};

/// Whether to go on after an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop, for this reason.
    Stop(String),
}

/// What a callback is told when training begins.
#[derive(Clone, Debug)]
pub struct StartInfo<'a> {
    /// Epochs to train in all.
    pub epochs: usize,
    /// Batches in an epoch, where that is known.
    pub batches: Option<usize>,
    /// Full epochs done before (0 for a new run).
    pub epochs_done: usize,
    /// Names of the metrics that every epoch will have.
    pub metrics: &'a [String],
    /// The run folder.
    pub folder: Option<&'a Path>,
}

/// What a callback is told after an optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct StepInfo {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The batch in the epoch, counted from 1.
    pub batch: usize,
    /// Optimizer steps since the start of training.
    pub step: usize,
    /// Mean loss of the batch.
    pub loss: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// Something that looks on while a model trains: a display, a log, a reason to stop.
///
/// Every hook has an empty default. A callback with a memory that a resumed run must have gives it
/// in [`state`](Self::state).
#[allow(unused_variables)]
pub trait Callback<M> {
    /// Before the first epoch.
    fn on_train_start(&mut self, info: &StartInfo) -> Result<(), StepError> {
        Ok(())
    }

    /// Before each epoch, counted from 1.
    fn on_epoch_start(&mut self, epoch: usize) -> Result<(), StepError> {
        Ok(())
    }

    /// After each optimizer step.
    fn on_step_end(&mut self, info: &StepInfo) -> Result<(), StepError> {
        Ok(())
    }

    /// After each epoch, with its metrics and the model that was measured: the averaged one, if the
    /// weights are averaged.
    fn on_epoch_end(&mut self, record: &EpochRecord, model: &M) -> Result<Flow, StepError> {
        Ok(Flow::Continue)
    }

    /// After a checkpoint was written.
    fn on_checkpoint(&mut self, path: &Path) -> Result<(), StepError> {
        Ok(())
    }

    /// After the last epoch, or when training stops early.
    fn on_train_end(&mut self, why: &str) -> Result<(), StepError> {
        Ok(())
    }

    /// What a resumed run must know.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes the state of a checkpoint; `false` if it is not of this callback.
    fn restore(&mut self, state: &serde_json::Value) -> bool {
        true
    }
}
