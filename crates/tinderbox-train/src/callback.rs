use std::cell::OnceCell;
use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use tinderbox_optim::global_norm;

use crate::{EpochRecord, Interval, StepError};

/// Whether training continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Continue.
    Continue,
    /// Stop, for this reason.
    Stop(String),
}

/// A training run that begins.
#[derive(Clone, Debug)]
pub struct StartInfo<'a> {
    /// Epochs to train in all, as far as the limits of epochs and steps say; `usize::MAX` if unknown.
    pub epochs: usize,
    /// Batches in an epoch, where that is known.
    pub batches: Option<usize>,
    /// Full epochs done before (0 for a new run).
    pub epochs_done: usize,
    /// How often a record is made.
    pub validate: Interval,
    /// Names of the metrics of the records.
    pub metrics: &'a [String],
    /// The run folder.
    pub folder: Option<&'a Path>,
}

/// The gradients of a step, before they are clipped and the optimizer uses them.
pub struct StepGradients<'a, M> {
    /// The optimizer steps done before this one.
    pub steps_done: usize,
    /// The model that the gradients belong to.
    pub model: &'a M,
    /// The gradients.
    pub gradients: &'a GradientsParams,
}

impl<M: Module> StepGradients<'_, M> {
    /// The Euclidean norm of all gradients together. It is computed and read from the device only where
    /// this is called.
    pub fn norm(&self) -> f64 {
        global_norm(self.gradients, self.model)
    }
}

/// An optimizer step that was taken.
pub struct StepInfo<'a, M> {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The batch in the epoch, counted from 1.
    pub batch: usize,
    /// Optimizer steps since the start of training.
    pub step: usize,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The model after the step; its weights are the last ones, not an average.
    pub model: &'a M,
    loss: &'a LazyLoss,
}

impl<'a, M> StepInfo<'a, M> {
    pub(crate) fn new(
        [epoch, batch, step]: [usize; 3],
        learning_rate: f64,
        model: &'a M,
        loss: &'a LazyLoss,
    ) -> Self {
        Self {
            epoch,
            batch,
            step,
            learning_rate,
            model,
            loss,
        }
    }

    /// The mean loss of the batch. On a GPU the number is read from the device, and the program waits for
    /// it, only where this is called.
    pub fn loss(&self) -> f64 {
        self.loss.read()
    }
}

/// A loss that is read from its device at most once.
pub(crate) struct LazyLoss {
    tensor: Tensor<1>,
    number: OnceCell<f64>,
}

impl LazyLoss {
    pub fn new(tensor: Tensor<1>) -> Self {
        Self {
            tensor,
            number: OnceCell::new(),
        }
    }

    /// The mean over several ranks.
    pub fn known(number: f64, device: &Device) -> Self {
        Self {
            tensor: Tensor::from_data([number], device),
            number: OnceCell::from(number),
        }
    }

    pub fn read(&self) -> f64 {
        *self
            .number
            .get_or_init(|| self.tensor.clone().into_scalar())
    }

    /// The number, if it was read.
    pub fn get(&self) -> Option<f64> {
        self.number.get().copied()
    }

    pub fn tensor(&self) -> Tensor<1> {
        self.tensor.clone()
    }
}

/// A display, a log, or a reason to stop: a callback is told what happens in a training run.
///
/// Every hook has an empty default. A callback that must remember something across a resume returns
/// it from [`state`](Self::state).
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

    /// Before each optimizer step, with its gradients.
    fn on_gradients(&mut self, gradients: &StepGradients<M>) -> Result<(), StepError> {
        Ok(())
    }

    /// After each optimizer step.
    fn on_step_end(&mut self, step: &StepInfo<M>) -> Result<(), StepError> {
        Ok(())
    }

    /// After each batch of the validation data, counted from 1; `batches` is their number, where that
    /// is known.
    fn on_validation_batch(
        &mut self,
        batch: usize,
        batches: Option<usize>,
    ) -> Result<(), StepError> {
        Ok(())
    }

    /// After each record: after every epoch, or every so many steps
    /// ([`TrainConfig::validate`](crate::TrainConfig::validate)); with the metrics and the model that was
    /// measured, whose weights are averaged if the settings ask for it.
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

    /// Restores the state from a checkpoint; `false` if it is not of this callback.
    fn restore(&mut self, state: &serde_json::Value) -> bool {
        true
    }
}
