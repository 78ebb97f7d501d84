use burn::module::Module;
use tinderbox_data::Batches;

use crate::fit::Fit;
use crate::setup::Setup;
use crate::{
    Callback, Fitted, Interval, Metric, Monitor, Result, Resume, Run, StopFlag, Task, TrainConfig,
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
        Fit::start(self.setup, model, task, train, valid)?.run()
    }
}
