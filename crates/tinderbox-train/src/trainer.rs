use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use tinderbox_data::Batches;
use tinderbox_optim::{Ema, OptimizerConfig, ParameterGroup, RateSchedule};

use crate::fit::Fit;
use crate::{
    Callback, Clip, History, Metric, OnPlateau, Result, Resume, Run, StepLoss, StopFlag, Task,
    TrainError,
};

/// The settings of a training, apart from model and data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// Times that every example is seen.
    pub epochs: usize,
    /// The rate that the schedule starts from.
    pub learning_rate: f64,
    /// Seed of everything drawn while training (dropout).
    pub seed: u64,
    /// How gradients become steps.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    pub schedule: RateSchedule,
    /// Cuts of the rate when a metric stops getting better.
    pub plateau: Option<OnPlateau>,
    /// Clipping of the gradients, over all parameters together.
    pub clip: Option<Clip>,
    /// Batches whose gradients are averaged before a step; 1 for a step after each.
    pub accumulate: usize,
    /// What divides the sum of the losses of a batch.
    pub loss_reduction: LossReduction,
    /// Parameters that are optimized in their own way: a new head with ten times the rate.
    pub groups: Vec<ParameterGroup>,
    /// Averages the weights over about `1 / (1 - decay)` steps ([`Ema`]): 0.99, 0.999; `None` for no
    /// average.
    ///
    /// Validation, the watched metric, the best epoch, what callbacks see after an epoch, and the
    /// model that comes back (so the bundle) take the averaged weights; steps are taken from the last
    /// ones. Running statistics of batch norms are averaged with the weights. Train for several times
    /// `1 / (1 - decay)` steps: an average over more steps than there are stays near the start.
    pub ema_decay: Option<f64>,
    /// Parts of the model that stay as they are, by the start of their path: `conv1`, `layer1.0`.
    ///
    /// Their weights are not changed, by weight decay neither; their batch norms predict with the
    /// running statistics they have and keep them (in PyTorch that takes `eval()` beside
    /// `requires_grad_(false)`); their dropout drops nothing. In the model that comes back of the
    /// training they can be trained again.
    pub freeze: Vec<String>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            learning_rate: 0.01,
            seed: 0,
            optimizer: OptimizerConfig::default(),
            schedule: RateSchedule::default(),
            plateau: None,
            clip: None,
            accumulate: 1,
            loss_reduction: LossReduction::Mean,
            groups: Vec::new(),
            ema_decay: None,
            freeze: Vec::new(),
        }
    }
}

impl TrainConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |field, value: String, rule| Err(TrainError::Config { field, value, rule });
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let rule = "a learning rate must be positive and finite; 0.01 is a common start";
            return wrong("learning_rate", self.learning_rate.to_string(), rule);
        }
        if self.epochs == 0 {
            return wrong("epochs", "0".into(), "train for at least one epoch");
        }
        if self.accumulate == 0 {
            return wrong("accumulate", "0".into(), "1 takes a step after every batch");
        }
        if self.loss_reduction == LossReduction::DivideBy(0) {
            return wrong("loss_reduction", "0".into(), "a loss is not divided by 0");
        }
        self.optimizer.check()?;
        self.schedule.schedule.check()?;
        if let Some(clip) = self.clip {
            clip.check()?;
        }
        if let Some(decay) = self.ema_decay {
            Ema::new(decay)?;
        }
        Ok(())
    }
}

/// What divides the sum of the losses over the examples of a batch, and so scales its gradient.
///
/// A batch that is shorter than the others shows the difference: 1,000 examples in batches of 96
/// leave a last one of 40.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReduction {
    /// The examples of the batch at hand: the gradient is a mean over its examples, of the same
    /// scale for a short batch as for a full one.
    #[default]
    Mean,
    /// Always this number, as the course's first `sgd(params, lr, batch_size)` does: every example
    /// has the same weight, and a short batch makes a shorter step.
    DivideBy(usize),
    /// Nothing: the gradient is a sum over examples.
    Sum,
}

impl LossReduction {
    /// What the gradients are of.
    pub(crate) fn scale(self, loss: &StepLoss) -> Tensor<1> {
        let mean = loss.mean.clone();
        match self {
            Self::Mean => mean,
            Self::DivideBy(n) => mean * (loss.count as f64 / n as f64),
            Self::Sum => mean * loss.count as f64,
        }
    }
}

/// Whether a metric is better small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitorMode {
    /// Small is good: a loss, an error.
    Minimize,
    /// Large is good: accuracy, R².
    Maximize,
}

/// The metric by which epochs are compared.
///
/// A metric that is not a finite number in the first epoch ends the run with an error that names the
/// epoch and, for validation data, the first row that is to blame; later it is no better epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// The name of the metric, e.g. `valid_loss`.
    pub metric: String,
    /// Whether it should be small or large.
    pub mode: MonitorMode,
    /// By how much an epoch must be better to count.
    pub min_delta: f64,
    /// Stop after this many epochs without a better one.
    pub patience: Option<usize>,
}

impl Monitor {
    /// Keeps the weights of the epoch where this metric was smallest.
    pub fn min(metric: &str) -> Self {
        Self {
            metric: metric.into(),
            mode: MonitorMode::Minimize,
            min_delta: 0.0,
            patience: None,
        }
    }

    /// Keeps the weights of the epoch where this metric was largest.
    pub fn max(metric: &str) -> Self {
        Self {
            mode: MonitorMode::Maximize,
            ..Self::min(metric)
        }
    }

    /// Early stopping: ends training after this many epochs without a better one.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = Some(epochs);
        self
    }

    /// By how much an epoch must be better to count.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta;
        self
    }

    /// Whether `value` is better than the best so far. NaN and infinity never are.
    pub(crate) fn better(&self, value: f64, best: Option<f64>) -> bool {
        match (best, self.mode) {
            _ if !value.is_finite() => false,
            (None, _) => true,
            (Some(best), MonitorMode::Minimize) => value < best - self.min_delta,
            (Some(best), MonitorMode::Maximize) => value > best + self.min_delta,
        }
    }
}

/// How often a checkpoint is written, beside the one at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// After this many epochs.
    Epochs(usize),
    /// After this many optimizer steps, in the middle of an epoch too.
    Steps(usize),
}

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs are done.
    Finished,
    /// There was no better epoch for as long as the patience lasted, or a callback said so.
    Early(String),
    /// Somebody asked for it; with a run folder, this checkpoint holds everything to go on.
    Interrupted(Option<PathBuf>),
}

/// What a training leaves behind.
#[derive(Clone, Debug)]
pub struct Fitted<M> {
    /// The trained model, ready to predict: the best epoch's weights if a metric was watched, the
    /// last epoch's if not; averaged weights if [`TrainConfig::ema_decay`] asks for them.
    pub model: M,
    /// The metrics of all epochs, those before a resume included.
    pub history: History,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// The best epoch, counted from 1, and its value, if a metric was watched.
    pub best: Option<(usize, f64)>,
}

/// Drives a training: epochs, validation, checkpoints. Everything else is a [`Callback`].
///
/// `M` is the model and `O` what the task gives to the metrics.
pub struct Trainer<M, O> {
    pub(crate) config: TrainConfig,
    pub(crate) train_metrics: Vec<Box<dyn Metric<O>>>,
    pub(crate) valid_metrics: Vec<Box<dyn Metric<O>>>,
    pub(crate) callbacks: Vec<Box<dyn Callback<M>>>,
    pub(crate) run: Option<Run>,
    pub(crate) resume: Resume,
    pub(crate) stop: StopFlag,
    pub(crate) interval: Interval,
    pub(crate) keep: usize,
    pub(crate) monitor: Option<Monitor>,
    pub(crate) keep_memory: bool,
}

impl<M: Module, O> Trainer<M, O> {
    /// A trainer with these settings, without a run folder, metrics or callbacks.
    ///
    /// # Errors
    /// A learning rate that is not positive and finite, no epochs, bad optimizer settings, ….
    pub fn new(config: TrainConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config,
            train_metrics: Vec::new(),
            valid_metrics: Vec::new(),
            callbacks: Vec::new(),
            run: None,
            resume: Resume::No,
            stop: StopFlag::new(),
            interval: Interval::Epochs(1),
            keep: 2,
            monitor: None,
            keep_memory: true,
        })
    }

    /// Measures this on the training and on the validation data, as `train_…` and `valid_…`.
    pub fn metric(mut self, metric: impl Metric<O> + Clone + 'static) -> Self {
        self.train_metrics.push(Box::new(metric.clone()));
        self.valid_metrics.push(Box::new(metric));
        self
    }

    /// Adds something that looks on.
    pub fn callback(mut self, callback: impl Callback<M> + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Keeps history, curves, event files and checkpoints in this folder.
    pub fn run(mut self, run: Run) -> Self {
        self.run = Some(run);
        self
    }

    /// Goes on from a checkpoint of the run folder.
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// Stops after the step under way when this flag is set.
    pub fn stop_flag(mut self, stop: StopFlag) -> Self {
        self.stop = stop;
        self
    }

    /// Writes a checkpoint this often, and keeps the newest `keep` of them (at least one).
    pub fn checkpoint(mut self, interval: Interval, keep: usize) -> Self {
        self.interval = interval;
        self.keep = keep.max(1);
        self
    }

    /// Compares epochs by this metric, returns the best epoch's weights, and may stop early.
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// Whether the process keeps the memory that a step frees for the next one; it does, unless this
    /// says `false`. With glibc training is faster so, but it holds for the whole process and to its
    /// end ([`tinderbox_core::keep_memory`]): say `false` where training is a small part of it.
    pub fn keep_memory(mut self, keep: bool) -> Self {
        self.keep_memory = keep;
        self
    }

    /// Trains the model.
    ///
    /// `valid`, if given, is measured after every epoch and never trained on. What `model` was cloned
    /// from stays as it is.
    ///
    /// # Errors
    /// See [`TrainError`]; groups and frozen parts that the model does not have are among them.
    /// Whatever happens, checkpoints that were written before stay usable.
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
        Fit::start(self, model, task, train, valid)?.go()
    }
}
