//! The settings of a training run.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use tinderbox_optim::{Ema, OptimizerConfig, ParameterGroup, RateSchedule};

use crate::{Clip, OnPlateau, Result, StepLoss, TrainError};

/// The settings of a training run, apart from model and data.
///
/// A run ends after [`epochs`](Self::epochs), [`max_steps`](Self::max_steps) or
/// [`max_minutes`](Self::max_minutes), whichever comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// Number of passes over the training data.
    pub epochs: usize,
    /// The number of optimizer steps after which the run ends, in the middle of an epoch too; `None` for
    /// no limit. [`TrainConfig::steps`] is the way to count in steps alone.
    pub max_steps: Option<usize>,
    /// The minutes after which the run ends, in the middle of an epoch too; `None` for no limit. The time
    /// before a resume counts, validation counts, reading the data before the first epoch does not.
    pub max_minutes: Option<f64>,
    /// When the model is measured and compared: the metrics of the training data since the last
    /// time, and those of the validation data, are one record of the history.
    ///
    /// With `Interval::Epochs(n)` every epoch has a record, every `n`-th (and the last) with
    /// validation data. With `Interval::Steps(n)` there is a record after every `n` optimizer steps,
    /// wherever the epochs end. The patience of a [`Monitor`](crate::Monitor) and of
    /// [`OnPlateau`](crate::OnPlateau) counts the records that have its metric.
    pub validate: Interval,
    /// How much of the data is used: all, or little to find mistakes before a long run.
    pub limit: Limit,
    /// The learning rate that the schedule starts from.
    pub learning_rate: f64,
    /// Seed of everything that is drawn in training (dropout).
    pub seed: u64,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    pub schedule: RateSchedule,
    /// The probability of every [`Dropout`](tinderbox_nn::Dropout) as a multiple of its own: the schedule
    /// gives the multiple, from a base of 1.
    pub dropout_schedule: RateSchedule,
    /// Cuts of the learning rate when a metric no longer improves.
    pub plateau: Option<OnPlateau>,
    /// Clipping of the gradients.
    pub clip: Option<Clip>,
    /// Number of batches whose gradients are averaged for one step; 1 for a step after each batch.
    pub accumulate: usize,
    /// What divides the sum of the losses of a batch.
    pub loss_reduction: LossReduction,
    /// Parameters with their own optimizer settings: a new head with ten times the learning rate.
    pub groups: Vec<ParameterGroup>,
    /// Averages the weights over about `1 / (1 - decay)` steps ([`Ema`]): 0.99, 0.999; `None` for no
    /// average.
    ///
    /// Validation, the monitored metric, the best weights, callbacks after a validation, and the
    /// returned model (so the bundle) use the averaged weights; steps are taken from the last
    /// ones. Running statistics of batch norms are averaged with the weights. Train for several times
    /// `1 / (1 - decay)` steps: an average over more steps than there are stays near the start.
    pub ema_decay: Option<f64>,
    /// Parts of the model that are not trained, by the start of their path: `conv1`, `layer1.0`.
    ///
    /// Their weights do not change, not even by weight decay; their batch norms use and keep the
    /// running statistics they have (in PyTorch that takes `eval()` beside `requires_grad_(false)`);
    /// their dropout drops nothing. In the model that training returns they can be trained again.
    pub freeze: Vec<String>,
    /// Whether a batch norm that trains has the statistics of the examples of all ranks, as PyTorch's
    /// `SyncBatchNorm`, and not of the rank's own.
    ///
    /// For batches that leave a rank few examples. A batch norm then exchanges four sums in every step, which
    /// takes time. Only layers that are computed by [`Layer::apply`](tinderbox_nn::Layer::apply) take part,
    /// as those of all models of this workspace are. Of no effect without
    /// [ranks](crate::Trainer::communicator).
    pub sync_batch_norm: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            max_steps: None,
            max_minutes: None,
            validate: Interval::Epochs(1),
            limit: Limit::All,
            learning_rate: 0.01,
            seed: 0,
            optimizer: OptimizerConfig::default(),
            schedule: RateSchedule::default(),
            dropout_schedule: RateSchedule::default(),
            plateau: None,
            clip: None,
            accumulate: 1,
            loss_reduction: LossReduction::Mean,
            groups: Vec::new(),
            ema_decay: None,
            freeze: Vec::new(),
            sync_batch_norm: false,
        }
    }
}

impl TrainConfig {
    /// The default settings with a budget of optimizer steps instead of epochs.
    pub fn steps(steps: usize) -> Self {
        Self {
            epochs: usize::MAX,
            max_steps: Some(steps),
            ..Self::default()
        }
    }

    /// The epochs to train; `usize::MAX` if another limit ends the run.
    pub(crate) fn epochs_to_train(&self) -> usize {
        match self.limit {
            Limit::QuickTry => 1,
            Limit::All | Limit::Overfit(_) => self.epochs,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |field, value: String, rule| Err(TrainError::Config { field, value, rule });
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let rule = "a learning rate must be positive and finite; 0.01 is a common start";
            return wrong("learning_rate", self.learning_rate.to_string(), rule);
        }
        if self.epochs == 0 {
            return wrong("epochs", "0".into(), "train for at least one epoch");
        }
        if self.max_steps == Some(0) {
            let rule = "train for at least one step; leave it out for no limit";
            return wrong("max_steps", "0".into(), rule);
        }
        if let Some(minutes) = self.max_minutes
            && !(minutes.is_finite() && minutes > 0.0)
        {
            let rule = "a budget must be positive and finite; leave it out for no limit";
            return wrong("max_minutes", minutes.to_string(), rule);
        }
        let (Interval::Epochs(n) | Interval::Steps(n)) = self.validate;
        if n == 0 {
            return wrong("validate", "0".into(), "1 validates after every epoch");
        }
        if self.limit == Limit::Overfit(0) {
            return wrong("limit", "0".into(), "overfit at least one batch");
        }
        if self.accumulate == 0 {
            return wrong("accumulate", "0".into(), "1 takes a step after every batch");
        }
        if self.loss_reduction == LossReduction::DivideBy(0) {
            return wrong("loss_reduction", "0".into(), "a loss is not divided by 0");
        }
        self.optimizer.check()?;
        self.schedule.check()?;
        self.dropout_schedule.check()?;
        if let Some(clip) = self.clip {
            clip.check()?;
        }
        if let Some(decay) = self.ema_decay {
            Ema::new(decay)?;
        }
        Ok(())
    }
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// After this many epochs.
    Epochs(usize),
    /// After this many optimizer steps, in the middle of an epoch too.
    Steps(usize),
}

impl Interval {
    /// Whether the interval is in steps and ends with this one.
    pub(crate) fn ends_at_step(self, step: usize) -> bool {
        matches!(self, Self::Steps(n) if step.is_multiple_of(n.max(1)))
    }

    /// Whether the interval is in epochs and ends after this many.
    pub(crate) fn ends_at_epoch(self, epochs: usize) -> bool {
        matches!(self, Self::Epochs(n) if epochs.is_multiple_of(n.max(1)))
    }
}

/// How much of the data a run uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// All of it.
    #[default]
    All,
    /// One epoch with one batch of the training data and one of the validation data: every part of a run
    /// (metrics, callbacks, checkpoint, bundle) is tried within seconds (Lightning's `fast_dev_run`).
    QuickTry,
    /// The same first batches of the training data, this many, in every epoch: a model and a task without
    /// mistakes bring their loss close to 0 (Lightning's `overfit_batches`).
    Overfit(usize),
}

impl Limit {
    /// The epoch whose order is used in this one, and the number of batches of it.
    pub(crate) fn train(self, epoch: usize) -> (usize, usize) {
        match self {
            Self::All => (epoch, usize::MAX),
            Self::QuickTry => (0, 1),
            Self::Overfit(batches) => (0, batches),
        }
    }

    /// The number of batches of the validation data.
    pub(crate) fn valid(self) -> usize {
        match self {
            Self::All | Self::Overfit(_) => usize::MAX,
            Self::QuickTry => 1,
        }
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
