use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::Batches;

use crate::fit::{Fit, settle};
use crate::setup::Setup;
use crate::{
    Callback, Communicator, Fitted, Interval, Metric, Monitor, Result, Resume, Run, StopFlag, Task,
    TrainConfig,
};

/// Trains a model: epochs, validation, checkpoints. Everything else is a [`Callback`].
///
/// `M` is the model and `O` the output of the task, which the metrics measure.
pub struct Trainer<M, O> {
    setup: Setup<M, O>,
    keep_memory: bool,
}

impl<M: Module, O> Trainer<M, O> {
    /// A trainer with these settings, without a run folder, metrics or callbacks.
    ///
    /// # Errors
    /// A learning rate that is not positive and finite, no epochs, bad optimizer settings, ….
    pub fn new(config: TrainConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            setup: Setup::new(config),
            keep_memory: true,
        })
    }

    /// Measures this on the training and on the validation data, as `train_…` and `valid_…`.
    pub fn metric(mut self, metric: impl Metric<O> + Clone + 'static) -> Self {
        self.setup.train_metrics.push(Box::new(metric.clone()));
        self.setup.valid_metrics.push(Box::new(metric));
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback<M> + 'static) -> Self {
        self.setup.callbacks.push(Box::new(callback));
        self
    }

    /// Keeps history, curves, event files and checkpoints in this folder.
    pub fn run(mut self, run: Run) -> Self {
        self.setup.run = Some(run);
        self
    }

    /// Resumes from a checkpoint of the run folder.
    pub fn resume(mut self, resume: Resume) -> Self {
        self.setup.resume = resume;
        self
    }

    /// Stops after the current step when this flag is set.
    pub fn stop_flag(mut self, stop: StopFlag) -> Self {
        self.setup.stop = stop;
        self
    }

    /// Writes a checkpoint this often, beside the one at the end, and keeps the newest `keep` of them (at
    /// least one).
    pub fn checkpoint(mut self, interval: Interval, keep: usize) -> Self {
        self.setup.checkpoints = interval;
        self.setup.keep = keep.max(1);
        self
    }

    /// Compares weights by this metric, returns the best ones, and may stop early.
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.setup.monitor = Some(monitor);
        self
    }

    /// Trains on several ranks together (data-parallel): each computes its part of every batch, gradients are
    /// summed, and all take the same step. Every rank calls [`fit`](Self::fit) with the same settings, model
    /// and data, and gets the same weights.
    ///
    /// * A loss and a gradient are means over the examples of the whole batch, wherever they were computed; a
    ///   metric is measured over the examples of all ranks ([`Metric::merge`]). Order and batches are those of
    ///   one process.
    /// * Rank 0 alone has callbacks, and writes and resumes the [`Run`]; those of other ranks are not used. A
    ///   run may be resumed with another number of ranks, unless the task carries state.
    /// * Any rank's [`StopFlag`] stops all after the same step. An error on one rank ends all of them.
    /// * Results are the same bits for the same number of ranks. For another number sums are rounded in
    ///   another order. Masks of [`Dropout`](tinderbox_nn::Dropout) and random transforms of examples do not
    ///   depend on the number of ranks; batch norms do, because each rank has the statistics of its own rows
    ///   (as in PyTorch; running statistics are averaged before they are used) unless
    ///   [`TrainConfig::sync_batch_norm`] is set, and so do Burn's own random layers.
    pub fn communicator(mut self, ranks: Arc<dyn Communicator>) -> Self {
        self.setup.ranks = (ranks.size() > 1).then_some(ranks);
        self
    }

    /// Trains on several devices of this process (data-parallel): each has a replica of the model and computes
    /// its part of every batch; gradients are added on the first one in the order of the devices, weighted by
    /// examples, which takes the optimizer step and sends the weights to the others. The model is moved to the
    /// first device, and is there in the end.
    ///
    /// What [`communicator`](Self::communicator) says of ranks is true of devices: the order of the examples,
    /// losses, metrics and masks of [`Dropout`](tinderbox_nn::Dropout) are those of one device, up to rounding.
    /// Batch norms have the statistics of the examples of their device, and running statistics are those of
    /// the first (as in PyTorch's `DataParallel`). With a communicator every rank must have as many devices.
    ///
    /// No devices, the default, stand for the device of the model.
    pub fn devices(mut self, devices: impl IntoIterator<Item = Device>) -> Self {
        self.setup.devices = devices.into_iter().collect();
        self
    }

    /// Whether the process keeps the memory that a step frees for the next one; the default is `true`. With
    /// glibc training is faster this way, but it applies to the whole process and to its
    /// end ([`tinderbox_core::keep_memory`]): set it to `false` where training is a small part of the process.
    pub fn keep_memory(mut self, keep: bool) -> Self {
        self.keep_memory = keep;
        self
    }

    /// Trains the model.
    ///
    /// `valid`, if given, is only measured, as often as [`TrainConfig::validate`] says. A model that
    /// `model` was cloned from does not change.
    ///
    /// # Errors
    /// See [`TrainError`](crate::TrainError); groups and frozen parts that the model does not have are
    /// among them. Whatever happens, checkpoints that were written before stay usable.
    pub fn fit<B, T>(
        self,
        model: M,
        task: &T,
        train: &dyn Batches<Batch = B>,
        valid: Option<&dyn Batches<Batch = B>>,
    ) -> Result<Fitted<M>>
    where
        T: Task<M, B, Output = O>,
    {
        if self.keep_memory {
            tinderbox_core::keep_memory();
        }
        let ranks = self.setup.ranks.clone();
        let fit = Fit::start(self.setup, model, task, train, valid);
        let fitted = fit.and_then(Fit::run);
        match ranks {
            Some(ranks) => settle(&*ranks, fitted),
            None => fitted,
        }
    }
}
