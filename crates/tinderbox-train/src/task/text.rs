//! Numbers and classes of texts.

use burn::tensor::{Int, Tensor};
use tinderbox_data::Batch;
use tinderbox_data::text::{PairBatch, SentenceBatch};
use tinderbox_nn::{PairNetwork, TextNetwork, cross_entropy};
use tinderbox_optim::Reduction;

use super::{
    Classification, ClassificationError, Logits, NotFiniteRow, Predictions, Regression, Task,
};
use crate::{Step, StepError};

fn outputs<M: TextNetwork>(model: &M, texts: SentenceBatch) -> Tensor<2> {
    model.forward(texts.ids, texts.lengths)
}

impl<M: TextNetwork> Task<M, Batch<SentenceBatch, Tensor<2>>> for Regression {
    type Output = Predictions;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<SentenceBatch>,
        _: &mut (),
    ) -> Result<Step<Predictions>, StepError> {
        let predicted = outputs(model, batch.inputs);
        let targets = batch.targets;
        let mean = self
            .loss
            .forward(predicted.clone(), targets.clone(), Reduction::Mean)?;
        let count = predicted.dims()[0];
        Ok(Step::mean(mean, count).with_output(Predictions { predicted, targets }))
    }

    fn first_not_finite(&self, model: &M, batch: &Batch<SentenceBatch>) -> Option<NotFiniteRow> {
        NotFiniteRow::find("target", &batch.targets)
            .or_else(|| NotFiniteRow::find("prediction", &outputs(model, batch.inputs.clone())))
    }

    fn detach(&self, output: &Predictions) -> Option<Predictions> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Predictions>) -> Vec<Predictions> {
        Predictions::join(outputs)
    }
}

impl Classification {
    /// The step of a batch with these logits.
    fn step_of(&self, output: Logits) -> Result<Step<Logits>, StepError> {
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(ClassificationError::LabelSmoothing(self.label_smoothing).into());
        }
        output.check_in_step()?;
        let count = output.logits.dims()[0];
        let (logits, targets) = (output.logits.clone(), output.targets.clone());
        let mean = cross_entropy(logits, targets, self.label_smoothing);
        Ok(Step::mean(mean, count).with_output(output))
    }
}

impl<M: TextNetwork> Task<M, Batch<SentenceBatch, Tensor<1, Int>>> for Classification {
    type Output = Logits;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<SentenceBatch, Tensor<1, Int>>,
        _: &mut (),
    ) -> Result<Step<Logits>, StepError> {
        let logits = outputs(model, batch.inputs);
        self.step_of(Logits {
            logits,
            targets: batch.targets,
        })
    }

    fn first_not_finite(
        &self,
        model: &M,
        batch: &Batch<SentenceBatch, Tensor<1, Int>>,
    ) -> Option<NotFiniteRow> {
        NotFiniteRow::find("prediction", &outputs(model, batch.inputs.clone()))
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }
}

impl<M: PairNetwork> Task<M, Batch<PairBatch, Tensor<1, Int>>> for Classification {
    type Output = Logits;
    type State = ();

    fn step(
        &self,
        model: &M,
        batch: Batch<PairBatch, Tensor<1, Int>>,
        _: &mut (),
    ) -> Result<Step<Logits>, StepError> {
        let PairBatch { source, target } = batch.inputs;
        let pair = [source, target].map(|side| (side.ids, side.lengths));
        self.step_of(Logits {
            logits: model.forward(pair),
            targets: batch.targets,
        })
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }
}
