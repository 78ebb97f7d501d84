//! What a task gives back for a batch, and what may be wrong with it.

use burn::module::{Module, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use tinderbox_nn::parameters;

use crate::{Result, Task, TaskState, TrainError};

/// Any error of a user's own step.
pub type StepError = Box<dyn std::error::Error + Send + Sync>;

/// The loss of one batch and over how many examples it is a mean.
#[derive(Clone, Debug)]
pub struct StepLoss {
    /// A tensor of one number, computed from the weights of the model.
    pub mean: Tensor<1>,
    /// What divided the sum: the examples of this batch (or its tokens, or its boxes).
    pub count: usize,
}

/// A loss that no step can be taken from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// Another number of numbers than one.
    #[error(
        "the loss of the step has {numbers} numbers and must have one: give `Step::mean` their mean, \
         `loss.mean()`"
    )]
    NotOneNumber {
        /// Numbers of the loss.
        numbers: usize,
    },
    /// A mean over nothing.
    #[error(
        "the step says that its loss is a mean over 0 examples: give `Step::mean` the number of examples \
         of the batch, for example `batch.targets.dims()[0]`"
    )]
    NoExamples,
    /// A loss that does not depend on any weight.
    #[error(
        "no parameter gets a gradient, because the loss of the step was not computed from the weights of \
         the model it was given ({}): compute it with `model.forward(…)` and tensor operations alone; \
         `detach`, `inner`, `valid`, `into_data` and `into_scalar` cut it off from the weights",
        shown(parameters)
    )]
    Detached {
        /// The paths of all parameters that are trained.
        parameters: Vec<String>,
    },
}

/// The first names of a list.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = names.iter().take(SHOWN).cloned();
    let more = names.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("{more} more"));
    first.chain(rest).collect::<Vec<_>>().join(", ")
}

impl StepLoss {
    /// Refuses what is no mean of examples.
    pub(crate) fn check(&self) -> Result<(), LossError> {
        let [numbers] = self.mean.dims();
        if numbers != 1 {
            return Err(LossError::NotOneNumber { numbers });
        }
        if self.count == 0 {
            return Err(LossError::NoExamples);
        }
        Ok(())
    }
}

/// The step of a task on one batch, its loss a mean over examples, and the state without a graph;
/// epoch and batch are counted from 1.
pub(crate) fn take_step<M, B, T: Task<M, B>>(
    task: &T,
    model: &M,
    batch: B,
    state: &mut T::State,
    (epoch, number): (usize, usize),
) -> Result<Step<T::Output>> {
    let step = task.step(model, batch, state);
    state.detach();
    let step = step.map_err(|source| TrainError::Step {
        epoch,
        batch: number,
        source,
    })?;
    step.loss.check().map_err(|source| TrainError::Loss {
        epoch,
        batch: number,
        source,
    })?;
    Ok(step)
}

/// The gradients of `scaled`, which [`LossReduction`](crate::LossReduction) made of the loss of a step; of
/// these parameters, or of all.
pub(crate) fn gradients<M: Module>(
    scaled: &Tensor<1>,
    model: &M,
    only: Option<&[ParamId]>,
    (epoch, batch): (usize, usize),
) -> Result<GradientsParams> {
    // Burn's `backward` stops the program where there is nothing to go back to.
    if scaled.is_tracked() {
        let mut all = scaled.backward();
        let gradients = match only {
            Some(parameters) => GradientsParams::from_params(&mut all, model, parameters),
            None => GradientsParams::from_grads(all, model),
        };
        if !gradients.is_empty() {
            return Ok(gradients);
        }
    }
    let parameters = trained(model);
    Err(TrainError::Loss {
        epoch,
        batch,
        source: LossError::Detached { parameters },
    })
}

/// The paths of the parameters that ask for a gradient.
fn trained<M: Module>(model: &M) -> Vec<String> {
    let all = parameters(model).into_iter();
    let trained = all.filter(|parameter| parameter.requires_grad);
    trained.map(|parameter| parameter.path).collect()
}

/// What a task gives back for one batch: the loss to descend, and what the metrics look at.
#[derive(Clone, Debug)]
pub struct Step<O = ()> {
    /// The loss.
    pub loss: StepLoss,
    /// What the metrics look at.
    pub output: O,
}

impl Step {
    /// A loss, a tensor of one number, that is a mean over `count` examples, and nothing for metrics.
    pub fn mean(mean: Tensor<1>, count: usize) -> Self {
        Self {
            loss: StepLoss { mean, count },
            output: (),
        }
    }
}

impl<O> Step<O> {
    /// The same loss with an output for the metrics.
    pub fn with_output<P>(self, output: P) -> Step<P> {
        Step {
            loss: self.loss,
            output,
        }
    }
}
