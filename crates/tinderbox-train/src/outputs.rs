//! The outputs of batches, read from the device as seldom as possible.

use burn::tensor::{Device, Tensor};
use tinderbox_nn::is_host;

use crate::{Logits, Metric, Predictions, StepError, Task};

/// The outputs and losses of so many batches wait on a GPU before they are read together.
pub(crate) const UNREAD: usize = 32;

/// Outputs with more numbers than this do not wait: they would fill the memory of the device.
const LARGE: usize = 1 << 17;

/// Outputs that wait on the device until the metrics measure them together.
pub(crate) struct Outputs<O> {
    waiting: Vec<O>,
    at_once: bool,
}

impl<O> Outputs<O> {
    /// On a CPU reading costs nothing, and outputs of several devices cannot be joined: there metrics measure every
    /// batch at once.
    pub fn new(devices: &[Device]) -> Self {
        Self {
            waiting: Vec::new(),
            at_once: read_at_once(devices),
        }
    }

    /// Adds the output of a batch.
    ///
    /// # Errors
    /// Those of the metrics, of this batch or an earlier one.
    pub fn add<M, B, T: Task<M, B, Output = O>>(
        &mut self,
        task: &T,
        output: &O,
        metrics: &mut [&mut dyn Metric<O>],
    ) -> Result<(), StepError> {
        if metrics.is_empty() {
            return Ok(());
        }
        let lazy = match self.at_once {
            true => None,
            false => task.detach(output),
        };
        match lazy {
            None => {
                self.measure(task, metrics)?;
                update(metrics, output)
            }
            Some(output) => {
                self.waiting.push(output);
                match self.waiting.len() {
                    UNREAD.. => self.measure(task, metrics),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Measures all outputs that wait.
    ///
    /// # Errors
    /// Those of the metrics.
    pub fn measure<M, B, T: Task<M, B, Output = O>>(
        &mut self,
        task: &T,
        metrics: &mut [&mut dyn Metric<O>],
    ) -> Result<(), StepError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        for output in task.join(waiting) {
            update(metrics, &output)?;
        }
        Ok(())
    }
}

fn read_at_once(devices: &[Device]) -> bool {
    match devices {
        [one] => is_host(&one.clone().inner()),
        _ => true,
    }
}

fn update<O>(metrics: &mut [&mut dyn Metric<O>], output: &O) -> Result<(), StepError> {
    metrics
        .iter_mut()
        .try_for_each(|metric| metric.update(output))
}

/// The sum of mean losses times their examples, of which some wait on the device.
pub(crate) struct WaitingLosses {
    waiting: Vec<(Tensor<1>, usize)>,
    at_once: bool,
    sum: f64,
}

impl WaitingLosses {
    pub fn new(devices: &[Device]) -> Self {
        Self {
            waiting: Vec::new(),
            at_once: read_at_once(devices),
            sum: 0.0,
        }
    }

    pub fn add(&mut self, mean: Tensor<1>, count: usize) {
        self.waiting.push((mean, count));
        if self.at_once || self.waiting.len() >= UNREAD {
            self.read();
        }
    }

    fn read(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (means, counts): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().unzip();
        let means = Tensor::cat(means, 0).into_data();
        for (mean, count) in means.iter::<f64>().zip(counts) {
            self.sum += mean * count as f64;
        }
    }

    pub fn sum(mut self) -> f64 {
        self.read();
        self.sum
    }
}

impl Logits {
    /// The same without the graph that they come from, to be measured later; `None` if they are large.
    pub(crate) fn detached(&self) -> Option<Self> {
        (self.logits.shape().num_elements() <= LARGE).then(|| Self {
            logits: self.logits.clone().detach(),
            targets: self.targets.clone(),
        })
    }

    /// The rows of all.
    pub(crate) fn join(all: Vec<Self>) -> Vec<Self> {
        let (logits, targets) = all.into_iter().map(|one| (one.logits, one.targets)).unzip();
        vec![Self {
            logits: Tensor::cat(logits, 0),
            targets: Tensor::cat(targets, 0),
        }]
    }
}

impl Predictions {
    /// The same without the graph that they come from, to be measured later; `None` if they are large.
    pub(crate) fn detached(&self) -> Option<Self> {
        (self.predicted.shape().num_elements() <= LARGE).then(|| Self {
            predicted: self.predicted.clone().detach(),
            targets: self.targets.clone(),
        })
    }

    /// The rows of all.
    pub(crate) fn join(all: Vec<Self>) -> Vec<Self> {
        let (predicted, targets) = all
            .into_iter()
            .map(|one| (one.predicted, one.targets))
            .unzip();
        vec![Self {
            predicted: Tensor::cat(predicted, 0),
            targets: Tensor::cat(targets, 0),
        }]
    }
}
