//! Losses in which every example has a weight.

use burn::tensor::{Int, Tensor};
use tinderbox_data::Batch;
use tinderbox_nn::{Network, log_softmax};

use super::{Classification, ClassificationError, Logits, Predictions, Regression, Task, members};
use crate::{Step, StepError};

/// The outputs of a model that the loss is computed from: one for each example, or one for each member and
/// example, the examples in the outer loop.
fn outputs<M: Network<D>, const D: usize>(
    model: &M,
    inputs: Tensor<D>,
) -> (Tensor<2>, Option<Tensor<3>>) {
    match members(model, &inputs) {
        None => (model.forward(inputs), None),
        Some(outputs) => (model.combine(outputs.clone()), Some(outputs)),
    }
}

/// The loss of an example is multiplied by its weight, and the mean is over the number of examples: weights of mean
/// 1 over the data leave the size of the loss as it is.
impl<M: Network<D>, const D: usize> Task<M, Batch<Tensor<D>, (Tensor<2>, Tensor<1>)>>
    for Regression
{
    type Output = Predictions;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<Tensor<D>, (Tensor<2>, Tensor<1>)>,
        _: &mut (),
    ) -> Result<Step<Predictions>, StepError> {
        model.check_inputs(&batch.inputs)?;
        let (targets, weights) = batch.targets;
        let (predicted, members) = outputs(model, batch.inputs);
        let output = Predictions { predicted, targets };
        output.check()?;
        let [rows, width] = output.targets.dims();
        let losses = match members {
            None => self
                .loss
                .per_example(output.predicted.clone(), output.targets.clone())?,
            Some(outputs) => {
                let count = outputs.dims()[1];
                let targets = output.targets.clone().unsqueeze_dim::<3>(1);
                let targets = targets.expand([rows as i32, count as i32, -1]);
                let outputs = outputs.reshape([rows * count, width]);
                let each = self
                    .loss
                    .per_example(outputs, targets.reshape([rows * count, width]))?;
                each.reshape([rows, count]).mean_dim(1).squeeze_dim(1)
            }
        };
        Ok(Step::mean((losses * weights).mean(), rows).with_output(output))
    }

    fn detach(&self, output: &Predictions) -> Option<Predictions> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Predictions>) -> Vec<Predictions> {
        Predictions::join(outputs)
    }
}

/// As for numbers: the cross-entropy of an example is multiplied by its weight.
impl<M: Network<D>, const D: usize> Task<M, Batch<Tensor<D>, (Tensor<1, Int>, Tensor<1>)>>
    for Classification
{
    type Output = Logits;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<Tensor<D>, (Tensor<1, Int>, Tensor<1>)>,
        _: &mut (),
    ) -> Result<Step<Logits>, StepError> {
        model.check_inputs(&batch.inputs)?;
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(ClassificationError::LabelSmoothing(self.label_smoothing).into());
        }
        let (targets, weights) = batch.targets;
        let (logits, members) = outputs(model, batch.inputs);
        let output = Logits { logits, targets };
        output.check_in_step()?;
        let [rows, classes] = output.logits.dims();
        let (logits, count) = match members {
            None => (output.logits.clone(), 1),
            Some(outputs) => {
                let count = outputs.dims()[1];
                (outputs.reshape([rows * count, classes]), count)
            }
        };
        let labels = output.targets.clone().unsqueeze_dim::<2>(1);
        let labels = labels.expand([rows, count]).reshape([rows * count, 1]);
        let logs = log_softmax(logits);
        // `gather` has no answer to a label that is no class.
        let within = labels.clone().clamp(0, classes as i64 - 1);
        let wrong = labels.not_equal(within.clone());
        let right = logs.clone().gather(1, within).mask_fill(wrong, f32::NAN);
        let right = right.squeeze_dim::<1>(1);
        let smoothing = f64::from(self.label_smoothing);
        let losses = right.mul_scalar(smoothing - 1.0)
            - logs.mean_dim(1).squeeze_dim::<1>(1).mul_scalar(smoothing);
        let losses = losses
            .reshape([rows, count])
            .mean_dim(1)
            .squeeze_dim::<1>(1);
        Ok(Step::mean((losses * weights).mean(), rows).with_output(output))
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }
}
