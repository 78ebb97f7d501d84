mod text;
mod weighted;

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_data::Batch;
use tinderbox_nn::is_host;
use tinderbox_nn::{Network, check_labels, cross_entropy};
use tinderbox_optim::{Loss, Reduction};

use crate::{Step, StepError, StepLoss, TaskState};

/// A training objective: computes a loss from a model and a batch.
///
/// A closure `|model: &M, batch: B| -> Result<Step<O>, StepError>` is a task too, one without state,
/// so that a custom model trains with a few lines.
///
/// A task may carry a [`State`](Self::State) from batch to batch, as a language model carries the
/// hidden state of its recurrent layers:
///
/// ```
/// use burn::tensor::{Int, Tensor};
/// use tinderbox_data::Batch;
/// use tinderbox_train::{Step, StepError, Task};
///
/// struct NextToken;
/// # struct Model;
/// # impl Model {
/// #     fn forward(&self, _: Tensor<2, Int>, _: Option<Tensor<2>>) -> (Tensor<3>, Tensor<2>) {
/// #         unimplemented!()
/// #     }
/// # }
/// # fn cross_entropy(_: Tensor<3>, _: Tensor<2, Int>) -> Tensor<1> { unimplemented!() }
///
/// impl Task<Model, Batch<Tensor<2, Int>, Tensor<2, Int>>> for NextToken {
///     type Output = ();
///     type State = Option<Tensor<2>>; // [batch, hidden], `None` before the first batch
///
///     fn step(
///         &self,
///         model: &Model,
///         batch: Batch<Tensor<2, Int>, Tensor<2, Int>>,
///         state: &mut Self::State,
///     ) -> Result<Step, StepError> {
///         let tokens = batch.targets.shape().num_elements();
///         let (logits, last) = model.forward(batch.inputs, state.take());
///         *state = Some(last);
///         Ok(Step::mean(cross_entropy(logits, batch.targets), tokens))
///     }
/// }
/// ```
pub trait Task<M, B> {
    /// The output that the metrics measure.
    type Output: 'static;

    /// The state carried from one batch to the next; `()` for none.
    ///
    /// The trainer starts every epoch and every validation pass with the default, so that nothing
    /// is carried from training data to validation data. After every step it detaches the state
    /// from the graph: gradients end at the start of a batch (truncated backpropagation through
    /// time). A checkpoint in the middle of an epoch holds the state, and a resumed run gets it
    /// back bit by bit.
    type State: TaskState;

    /// The loss of this batch, a mean over its examples, and the output for the metrics.
    fn step(
        &self,
        model: &M,
        batch: B,
        state: &mut Self::State,
    ) -> Result<Step<Self::Output>, StepError>;

    /// The losses that take turns on each batch, each with the parts of the model that it trains; empty, the
    /// default, for one loss that trains the whole model.
    ///
    /// A generator and a discriminator take turns: [`step`](Self::step) gives the loss of the first
    /// turn, an optimizer step changes the parts of that turn, and
    /// [`next_turn`](Self::next_turn) gives the losses of the others, each followed by a step on its
    /// parts. Parameters keep their own optimizers and rates through
    /// [`TrainConfig::groups`](crate::TrainConfig::groups). The history has `train_loss` for the first
    /// turn and `train_NAME_loss` for each further one; validation measures the first.
    fn turns(&self) -> Vec<Turn> {
        Vec::new()
    }

    /// The loss of a turn after the first, counted from 1, on the same batch; `output` is what `step`
    /// returned for it. The model has the weights that the turns before left.
    fn next_turn(
        &self,
        turn: usize,
        model: &M,
        output: &Self::Output,
        state: &mut Self::State,
    ) -> Result<StepLoss, StepError> {
        let _ = (model, output, state);
        Err(format!("the task has {turn} turns or more, but no `next_turn`").into())
    }

    /// The output cut off from its graph, if metrics may measure it together with those of later batches; `None`, the
    /// default, if they measure every batch at once.
    ///
    /// A GPU computes ahead of the program until a number is read. Tasks that return their outputs here and can
    /// [`join`](Self::join) them are measured once every 32 batches, and whenever values are asked for.
    fn detach(&self, output: &Self::Output) -> Option<Self::Output> {
        let _ = output;
        None
    }

    /// One output with the rows of several, so that metrics read them together; by default they stay apart.
    fn join(&self, outputs: Vec<Self::Output>) -> Vec<Self::Output> {
        outputs
    }

    /// The first row of a batch with a number that is NaN or infinite, for the error about a metric
    /// that is. By default none is known, and the error names the batch.
    fn first_not_finite(&self, model: &M, batch: &B) -> Option<NotFiniteRow> {
        let _ = (model, batch);
        None
    }
}

/// One of several losses that take turns ([`Task::turns`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its name: `discriminator`.
    pub name: &'static str,
    /// The parts of the model that it trains, by the start of their path.
    pub parts: Vec<String>,
}

impl Turn {
    /// A turn that trains the parameters of these parts.
    pub fn new(name: &'static str, parts: &[&str]) -> Self {
        Self {
            name,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        }
    }
}

/// A row with a number that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFiniteRow {
    /// The row in its batch, counted from 0.
    pub row: usize,
    /// What is not finite: `input`, `target`, `prediction`.
    pub what: &'static str,
}

impl NotFiniteRow {
    /// The first such row of a tensor of shape `[rows, …]`.
    pub fn find<const D: usize>(what: &'static str, tensor: &Tensor<D>) -> Option<Self> {
        let data = tensor.to_data();
        let place = data.iter::<f32>().position(|number| !number.is_finite())?;
        let numbers = tensor.dims()[1..].iter().product::<usize>();
        Some(Self {
            row: place / numbers,
            what,
        })
    }
}

impl<M, B, O: 'static, F> Task<M, B> for F
where
    F: Fn(&M, B) -> Result<Step<O>, StepError>,
{
    type Output = O;
    type State = ();

    fn step(&self, model: &M, batch: B, _: &mut ()) -> Result<Step<O>, StepError> {
        self(model, batch)
    }
}

/// Predicted and true numbers of a batch, both `[batch, outputs]`.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// The predictions of the model.
    pub predicted: Tensor<2>,
    /// The true values.
    pub targets: Tensor<2>,
}

/// Predictions of another shape than their targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "predictions of shape {predicted:?} for targets of shape {targets:?}; both must be [examples, outputs]"
)]
pub struct PredictionsError {
    /// Rows and columns of the predictions.
    pub predicted: [usize; 2],
    /// Rows and columns of the targets.
    pub targets: [usize; 2],
}

impl Predictions {
    /// Checks that every prediction has a target.
    ///
    /// # Errors
    /// Different shapes.
    pub fn check(&self) -> Result<(), PredictionsError> {
        let (predicted, targets) = (self.predicted.dims(), self.targets.dims());
        if predicted != targets {
            return Err(PredictionsError { predicted, targets });
        }
        Ok(())
    }
}

/// Logits `[batch, classes]` and true classes `[batch]` of a batch.
#[derive(Clone, Debug)]
pub struct Logits {
    /// One logit per class.
    pub logits: Tensor<2>,
    /// The true classes.
    pub targets: Tensor<1, Int>,
}

/// The outputs of the members of an ensemble, in training: there the loss is the mean of theirs, elsewhere
/// that of the combined output.
fn members<M: Network<D>, const D: usize>(model: &M, inputs: &Tensor<D>) -> Option<Tensor<3>> {
    match inputs.device().is_autodiff() {
        true => model.members(inputs),
        false => None,
    }
}

/// Prediction of numbers by any [`Network`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The loss.
    pub loss: Loss,
}

impl<M: Network<D>, const D: usize> Task<M, Batch<Tensor<D>, Tensor<2>>> for Regression {
    type Output = Predictions;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<Tensor<D>>,
        _: &mut (),
    ) -> Result<Step<Predictions>, StepError> {
        model.check_inputs(&batch.inputs)?;
        let loss = |predicted, targets| self.loss.forward(predicted, targets, Reduction::Mean);
        let (predicted, mean) = match members(model, &batch.inputs) {
            None => {
                let predicted = model.forward(batch.inputs);
                let mean = loss(predicted.clone(), batch.targets.clone())?;
                (predicted, mean)
            }
            Some(outputs) => {
                let [rows, members, width] = outputs.dims();
                let targets = batch.targets.clone().unsqueeze_dim::<3>(1);
                let targets = targets.expand([rows as i32, members as i32, -1]);
                let columns = batch.targets.dims()[1];
                let all = outputs.clone().reshape([rows * members, width]);
                let mean = loss(all, targets.reshape([rows * members, columns]))?;
                (model.combine(outputs), mean)
            }
        };
        let count = predicted.dims()[0];
        Ok(Step::mean(mean, count).with_output(Predictions {
            predicted,
            targets: batch.targets,
        }))
    }

    fn detach(&self, output: &Predictions) -> Option<Predictions> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Predictions>) -> Vec<Predictions> {
        Predictions::join(outputs)
    }

    fn first_not_finite(&self, model: &M, batch: &Batch<Tensor<D>>) -> Option<NotFiniteRow> {
        let predicted = || model.forward(batch.inputs.clone());
        let found = [
            NotFiniteRow::find("input", &batch.inputs),
            NotFiniteRow::find("target", &batch.targets),
        ];
        let first = found.into_iter().flatten().min_by_key(|found| found.row);
        first.or_else(|| NotFiniteRow::find("prediction", &predicted()))
    }
}

/// Prediction of a class by any [`Network`] with one logit per class; the loss is the cross-entropy.
///
/// With label smoothing `e` and `K` classes the loss of an example is
/// `(1 - e) * -ln p(true class) + e / K * sum of -ln p(class)`, as in PyTorch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Label smoothing in `[0, 1)`; 0 for none (Szegedy et al. 2016).
    #[serde(default)]
    pub label_smoothing: f32,
}

/// Settings or labels that a [`Classification`] cannot work with.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassificationError {
    /// A label smoothing outside [0, 1).
    #[error("label_smoothing = {0}: it must be at least 0 and less than 1; 0.1 is a common choice")]
    LabelSmoothing(f32),
    /// A label that is not a class of the model.
    #[error(
        "example {example} of the batch has label {label}, but the model has {classes} classes, counted from \
         0; give the model as many classes as the data has"
    )]
    Label {
        /// The example in the batch, counted from 1.
        example: usize,
        /// Its label.
        label: i64,
        /// Classes of the model.
        classes: usize,
    },
    /// Another number of labels than of inputs.
    #[error("{labels} labels for {examples} examples; a batch needs one label per example")]
    Count {
        /// Labels of the batch.
        labels: usize,
        /// Examples of the batch.
        examples: usize,
    },
}

impl Logits {
    /// [`check`](Self::check) in a training step: on a CPU, where labels need not be read from a device. Elsewhere a
    /// label that is no class makes the loss NaN, and metrics name it.
    pub(crate) fn check_in_step(&self) -> Result<(), ClassificationError> {
        match is_host(&self.targets.device().inner()) {
            true => self.check(),
            false => self.check_count(),
        }
    }

    fn check_count(&self) -> Result<(), ClassificationError> {
        let ([examples, _], [labels]) = (self.logits.dims(), self.targets.dims());
        match labels == examples {
            true => Ok(()),
            false => Err(ClassificationError::Count { labels, examples }),
        }
    }

    /// Checks that every example has a label, and that every label is a class.
    ///
    /// # Errors
    /// Another number of labels than of examples, a label that is not a class.
    pub fn check(&self) -> Result<(), ClassificationError> {
        self.check_count()?;
        let [_, classes] = self.logits.dims();
        check_labels(&self.targets, classes).map_err(|wrong| ClassificationError::Label {
            example: wrong.place + 1,
            label: wrong.label,
            classes,
        })
    }
}

impl<M: Network<D>, const D: usize> Task<M, Batch<Tensor<D>, Tensor<1, Int>>> for Classification {
    type Output = Logits;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<Tensor<D>, Tensor<1, Int>>,
        _: &mut (),
    ) -> Result<Step<Logits>, StepError> {
        model.check_inputs(&batch.inputs)?;
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(ClassificationError::LabelSmoothing(self.label_smoothing).into());
        }
        let members = members(model, &batch.inputs);
        let output = Logits {
            logits: match &members {
                Some(outputs) => model.combine(outputs.clone()),
                None => model.forward(batch.inputs),
            },
            targets: batch.targets,
        };
        output.check_in_step()?;
        let count = output.logits.dims()[0];
        let (logits, targets) = match members {
            None => (output.logits.clone(), output.targets.clone()),
            Some(outputs) => {
                let [rows, members, classes] = outputs.dims();
                let targets = output.targets.clone().unsqueeze_dim::<2>(1);
                let targets = targets.expand([rows, members]);
                (
                    outputs.reshape([rows * members, classes]),
                    targets.reshape([rows * members]),
                )
            }
        };
        let mean = cross_entropy(logits, targets, self.label_smoothing);
        Ok(Step::mean(mean, count).with_output(output))
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }

    fn first_not_finite(
        &self,
        model: &M,
        batch: &Batch<Tensor<D>, Tensor<1, Int>>,
    ) -> Option<NotFiniteRow> {
        NotFiniteRow::find("input", &batch.inputs)
            .or_else(|| NotFiniteRow::find("prediction", &model.forward(batch.inputs.clone())))
    }
}
