use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_data::Batch;
use tinderbox_nn::Network;
use tinderbox_optim::{Loss, Reduction};

/// Any error of a user's own step.
pub type StepError = Box<dyn std::error::Error + Send + Sync>;

/// The loss of one batch and over how many examples it is a mean.
#[derive(Clone, Debug)]
pub struct StepLoss {
    /// A tensor of one element, still attached to the graph.
    pub mean: Tensor<1>,
    /// What divided the sum: the examples of this batch (or its tokens, or its boxes).
    pub count: usize,
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

/// What a model is trained for: from a batch to a loss.
///
/// A closure `|model: &M, batch: B| -> Result<Step<O>, StepError>` is a task too, so that a model
/// of one's own trains with a few lines.
pub trait Task<M, B> {
    /// What the metrics look at.
    type Output: 'static;

    /// The loss of this batch, a mean over its examples, and the output for the metrics.
    fn step(&self, model: &M, batch: B) -> Result<Step<Self::Output>, StepError>;
}

impl<M, B, O: 'static, F> Task<M, B> for F
where
    F: Fn(&M, B) -> Result<Step<O>, StepError>,
{
    type Output = O;

    fn step(&self, model: &M, batch: B) -> Result<Step<O>, StepError> {
        self(model, batch)
    }
}

/// Predicted and true numbers of a batch, both `[batch, outputs]`.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// What the model says.
    pub predicted: Tensor<2>,
    /// What is true.
    pub targets: Tensor<2>,
}

/// Logits `[batch, classes]` and true classes `[batch]` of a batch.
#[derive(Clone, Debug)]
pub struct Logits {
    /// One logit a class.
    pub logits: Tensor<2>,
    /// The true classes.
    pub targets: Tensor<1, Int>,
}

/// Prediction of numbers by any [`Network`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The loss.
    pub loss: Loss,
}

impl<M: Network<D>, const D: usize> Task<M, Batch<D, Tensor<2>>> for Regression {
    type Output = Predictions;

    fn step(&self, model: &M, batch: Batch<D>) -> Result<Step<Predictions>, StepError> {
        model.check_inputs(&batch.inputs)?;
        let predicted = model.forward(batch.inputs);
        let count = predicted.dims()[0];
        let mean = self.loss.forward(
            predicted.clone(),
            batch.targets.clone(),
            Reduction::MeanOverExamples,
        )?;
        Ok(Step::mean(mean, count).with_output(Predictions {
            predicted,
            targets: batch.targets,
        }))
    }
}

/// Prediction of a class by any [`Network`] with one logit a class; the loss is the cross-entropy.
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
    /// A label smoothing that makes no loss.
    #[error("label_smoothing = {0}: it must be at least 0 and less than 1; 0.1 is a common choice")]
    LabelSmoothing(f32),
    /// A label that no class of the model has.
    #[error(
        "example {example} of the batch has label {label}, but the model has {classes} classes, and labels \
         are numbers from 0 to below that; give the model as many classes as the data has"
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
    #[error("{labels} labels for {examples} examples; a batch needs one label an example")]
    Count {
        /// Labels of the batch.
        labels: usize,
        /// Examples of the batch.
        examples: usize,
    },
}

impl Classification {
    /// Checks the settings, and labels against the logits they belong to.
    fn check(
        &self,
        logits: &Tensor<2>,
        targets: &Tensor<1, Int>,
    ) -> Result<(), ClassificationError> {
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(ClassificationError::LabelSmoothing(self.label_smoothing));
        }
        let [examples, classes] = logits.dims();
        let [labels] = targets.dims();
        if labels != examples {
            return Err(ClassificationError::Count { labels, examples });
        }
        let targets = targets.to_data();
        let wrong = targets
            .iter::<i64>()
            .enumerate()
            .find(|(_, label)| *label < 0 || *label as usize >= classes);
        match wrong {
            None => Ok(()),
            Some((place, label)) => Err(ClassificationError::Label {
                example: place + 1,
                label,
                classes,
            }),
        }
    }
}

impl<M: Network<D>, const D: usize> Task<M, Batch<D, Tensor<1, Int>>> for Classification {
    type Output = Logits;

    fn step(&self, model: &M, batch: Batch<D, Tensor<1, Int>>) -> Result<Step<Logits>, StepError> {
        model.check_inputs(&batch.inputs)?;
        let logits = model.forward(batch.inputs);
        self.check(&logits, &batch.targets)?;
        let count = logits.dims()[0];
        let smoothing = (self.label_smoothing > 0.0).then_some(self.label_smoothing);
        let mean = CrossEntropyLossConfig::new()
            .with_smoothing(smoothing)
            .init(&logits.device())
            .forward(logits.clone(), batch.targets.clone());
        Ok(Step::mean(mean, count).with_output(Logits {
            logits,
            targets: batch.targets,
        }))
    }
}
