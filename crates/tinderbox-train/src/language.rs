use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_data::text::TokenBatch;
use tinderbox_nn::is_host;
use tinderbox_nn::{
    AttentionState, LanguageNetwork, LanguageState, RecurrentState, check_labels, cross_entropy,
};

use crate::{Logits, SavedTensors, Step, StepError, Task, TaskState};

/// Prediction of the next token by any [`LanguageNetwork`]; the loss is the cross-entropy, a mean over
/// the tokens of the batch.
///
/// Where a batch continues the one before ([`TokenBatch::continues`]) the state of the model is carried
/// over, detached: gradients end at the start of the batch (truncated back-propagation through time).
/// Otherwise it is reset.
///
/// The metrics see [`Logits`] with a row for each token: `Perplexity`, `Accuracy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LanguageModeling;

/// The state of a recurrent network; `None` before the first batch.
impl TaskState for Option<RecurrentState> {
    fn detach(&mut self) {
        *self = self.take().map(RecurrentState::detach);
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        let (hidden, memory): (Option<Tensor<3>>, Option<Tensor<3>>) = match self {
            Some(state) => (Some(state.hidden.clone()), state.memory.clone()),
            None => (None, None),
        };
        (hidden, memory).save(tensors);
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        let (hidden, memory): (Option<Tensor<3>>, Option<Tensor<3>>) =
            TaskState::load(tensors, device)?;
        Some(hidden.map(|hidden| RecurrentState { hidden, memory }))
    }
}

/// A decoder-only Transformer carries nothing from batch to batch: each starts without a context.
impl TaskState for Option<AttentionState> {
    fn detach(&mut self) {
        *self = None;
    }

    fn save(&self, _: &mut Vec<TensorData>) {}

    fn load(_: &mut SavedTensors, _: &Device) -> Option<Self> {
        Some(None)
    }
}

/// The state of a recurrent model; nothing for a Transformer.
impl TaskState for Option<LanguageState> {
    fn detach(&mut self) {
        let mut state = self.take().and_then(LanguageState::recurrent);
        state.detach();
        *self = state.map(LanguageState::Recurrent);
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        let state = self.clone().and_then(LanguageState::recurrent);
        state.save(tensors);
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        let state: Option<RecurrentState> = TaskState::load(tensors, device)?;
        Some(state.map(LanguageState::Recurrent))
    }
}

/// A batch that a language model cannot learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LanguageError {
    /// A token that the model does not have.
    #[error(
        "the batch has the token id {id}, but the model has {vocabulary} tokens, counted from 0; build the model with \
         the size of the text's vocabulary"
    )]
    Token {
        /// The largest or a negative id.
        id: i64,
        /// Tokens of the model.
        vocabulary: usize,
    },
    /// Another number of targets than of inputs.
    #[error(
        "inputs of shape {inputs:?}, but targets of shape {targets:?}; both must be [batch, steps]"
    )]
    Shape {
        /// Rows and steps of the inputs.
        inputs: [usize; 2],
        /// Rows and steps of the targets.
        targets: [usize; 2],
    },
}

/// Refuses a batch on which a model would panic.
fn check(batch: &TokenBatch, vocabulary: usize) -> Result<(), LanguageError> {
    let (inputs, targets) = (batch.inputs.dims(), batch.targets.dims());
    if inputs != targets {
        return Err(LanguageError::Shape { inputs, targets });
    }
    check_ids(&batch.inputs, vocabulary)?;
    check_ids(&batch.targets, vocabulary)
}

/// Refuses ids that the model does not have.
///
/// They are not read from a device in every step: there a target that is no token makes the loss NaN.
pub(crate) fn check_ids(ids: &Tensor<2, Int>, vocabulary: usize) -> Result<(), LanguageError> {
    if !is_host(&ids.device().inner()) {
        return Ok(());
    }
    check_labels(ids, vocabulary).map_err(|wrong| LanguageError::Token {
        id: wrong.label,
        vocabulary,
    })
}

impl<M: LanguageNetwork> Task<M, TokenBatch> for LanguageModeling
where
    Option<M::State>: TaskState,
{
    type Output = Logits;
    type State = Option<M::State>;

    fn step(
        &self,
        model: &M,
        batch: TokenBatch,
        state: &mut Self::State,
    ) -> Result<Step<Logits>, StepError> {
        check(&batch, model.vocabulary())?;
        let before = state.take().filter(|_| batch.continues);
        let (logits, after) = model.forward(batch.inputs, before);
        *state = Some(after);
        let [rows, steps, vocabulary] = logits.dims();
        let tokens = rows * steps;
        let output = Logits {
            logits: logits.reshape([tokens, vocabulary]),
            targets: batch.targets.reshape([tokens]),
        };
        let mean = cross_entropy(output.logits.clone(), output.targets.clone(), 0.0);
        Ok(Step::mean(mean, tokens).with_output(output))
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::nn::Linear;
    use burn::tensor::{Device, Int, Tensor};
    use tinderbox_core::Seed;
    use tinderbox_data::Batches;
    use tinderbox_data::text::{Sampling, TextLoader};
    use tinderbox_nn::{Cell, Init, Initializer, Recurrent, RecurrentConfig, RecurrentState};

    use super::*;
    use crate::{Accuracy, Clip, History, Interval, Perplexity, Resume, Run, TrainConfig, Trainer};

    #[derive(Module, Debug)]
    struct Net {
        rnn: Recurrent,
        linear: Linear,
    }

    const VOCABULARY: usize = 5;

    impl LanguageNetwork for Net {
        type State = RecurrentState;

        fn forward(
            &self,
            tokens: Tensor<2, Int>,
            state: Option<RecurrentState>,
        ) -> (Tensor<3>, RecurrentState) {
            let inputs = tokens.swap_dims(0, 1).one_hot::<3>(VOCABULARY).float();
            let (outputs, state) = self.rnn.forward(inputs, state);
            (self.linear.forward(outputs).swap_dims(0, 1), state)
        }

        fn vocabulary(&self) -> usize {
            VOCABULARY
        }
    }

    fn net(device: &Device) -> Net {
        let config = RecurrentConfig::new(Cell::Gru, VOCABULARY, 8);
        let init = Init::new(Seed::new(2), device, Initializer::PYTORCH);
        Net {
            rnn: config.init(Seed::new(1), device).unwrap(),
            linear: init.linear("linear", 8, VOCABULARY),
        }
    }

    /// 0, 1, 2, 3, 4, 0, …
    fn text(tokens: u32) -> Vec<u32> {
        (0..tokens).map(|id| id % VOCABULARY as u32).collect()
    }

    /// The loss of every batch.
    fn losses(state: &mut Option<RecurrentState>, loader: &TextLoader) -> Vec<f64> {
        let device = Device::flex();
        let model = net(&device);
        let batches = loader.epoch(0, 0, &device).unwrap();
        batches
            .map(|batch| {
                let step = LanguageModeling.step(&model, batch.unwrap(), &mut *state);
                step.unwrap().loss.mean.into_scalar()
            })
            .collect()
    }

    #[test]
    fn a_state_is_carried_within_an_epoch_of_a_sequential_partition_only() {
        let loader = |steps, sampling| TextLoader::new(text(41), steps, 2, sampling).unwrap();
        let parts = losses(&mut None, &loader(5, Sampling::Sequential));
        let whole = losses(&mut None, &loader(20, Sampling::Sequential));
        assert_eq!((parts.len(), whole.len()), (4, 1));
        let mean = parts.iter().sum::<f64>() / 4.0;
        assert!((mean - whole[0]).abs() < 1e-6, "{mean} {}", whole[0]);
        // The state of an epoch is not passed to the next one, or to the validation data.
        let mut used = None;
        assert_eq!(losses(&mut used, &loader(5, Sampling::Sequential)), parts);
        assert_eq!(losses(&mut used, &loader(5, Sampling::Sequential)), parts);
        // The windows are alike, and no state is carried between them.
        let alone = losses(&mut None, &loader(5, Sampling::Random));
        assert!((alone[0] - alone[3]).abs() < 1e-6, "{alone:?}");
        assert!((parts[0] - parts[3]).abs() > 1e-5, "{parts:?}");
    }

    #[test]
    fn the_loss_counts_tokens_and_gradients_end_at_the_batch() {
        let device = Device::flex().autodiff();
        let model = net(&device);
        let loader = TextLoader::new(text(41), 6, 2, Sampling::Sequential).unwrap();
        let mut state = None;
        let counts: Vec<usize> = (loader.epoch(0, 0, &device).unwrap())
            .map(|batch| {
                let step = LanguageModeling.step(&model, batch.unwrap(), &mut state);
                let step = step.unwrap();
                state.detach();
                let gradients = step.loss.mean.backward();
                assert!(model.linear.weight.grad(&gradients).is_some());
                step.loss.count
            })
            .collect();
        // The last windows have two steps.
        assert_eq!(counts, [12, 12, 12, 4]);
        assert!(!state.unwrap().hidden.is_tracked());
    }

    #[test]
    fn tokens_that_the_model_does_not_have_are_an_error() {
        let model = net(&Device::flex());
        let step = |inputs: [[i32; 2]; 1], targets: [[i32; 2]; 1]| {
            let tensor = |ids| Tensor::<2, Int>::from_data(ids, &Device::flex());
            let batch = TokenBatch {
                inputs: tensor(inputs),
                targets: tensor(targets),
                continues: false,
            };
            let step = LanguageModeling.step(&model, batch, &mut None);
            step.err().unwrap().to_string()
        };
        assert!(step([[0, 5]], [[0, 1]]).contains("token id 5, but the model has 5"));
        assert!(step([[0, 1]], [[0, -1]]).contains("token id -1"));
    }

    #[test]
    fn a_text_is_learnt_and_a_resumed_run_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::flex();
        for sampling in [Sampling::Random, Sampling::Sequential] {
            let loader = TextLoader::new(text(400), 5, 8, sampling).unwrap();
            let loader = loader.shuffle(Seed::new(3));
            let valid = TextLoader::for_evaluation(text(50), 5, 4).unwrap();
            let place = |name: &str| folder.path().join(format!("{sampling:?} {name}"));
            let run = |name: &str, resume| -> History {
                let config = TrainConfig {
                    epochs: 6,
                    learning_rate: 1.0,
                    clip: Some(Clip::Norm(1.0)),
                    ..TrainConfig::default()
                };
                let trainer = Trainer::new(config).unwrap();
                let fitted = trainer
                    .metric(Perplexity::default())
                    .metric(Accuracy::default())
                    .run(Run::open(place(name)).unwrap())
                    .checkpoint(Interval::Steps(7), 100)
                    .resume(resume)
                    .fit(net(&device), &LanguageModeling, &loader, Some(&valid))
                    .unwrap();
                fitted.history
            };
            let whole = run("whole", Resume::No);
            // In the middle of the second epoch of ten steps.
            let checkpoint = place("whole").join("checkpoints/step-000000014.ckpt");
            let parts = run("parts", Resume::From(checkpoint));
            for name in [
                "train_loss",
                "valid_loss",
                "valid_perplexity",
                "train_accuracy",
            ] {
                assert_eq!(parts.series(name), whole.series(name), "{name}");
            }
            let last = whole.last().unwrap();
            let [loss, perplexity] =
                ["valid_loss", "valid_perplexity"].map(|name| last.get(name).unwrap());
            assert!(
                (loss.exp() - perplexity).abs() < 1e-5,
                "{loss} {perplexity}"
            );
            // What follows is always the same.
            assert!(perplexity < 1.1, "{perplexity}");
            assert_eq!(last.get("valid_accuracy"), Some(1.0));
        }
    }
}
