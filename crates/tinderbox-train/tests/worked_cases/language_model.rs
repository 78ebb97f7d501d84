//! A language model that carries the hidden state of a recurrent network from batch to batch.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};
use tinderbox_data::{Batch, BatchIterator, Batches, Result};
use tinderbox_train::*;

use super::{config, ids, layer};

const HIDDEN: usize = 12;

/// A recurrent network by hand: `h = tanh(embedding(token) + h W + b)`.
#[derive(Module, Debug)]
struct Recurrent {
    embedding: Linear,
    hidden: Linear,
    output: Linear,
}

impl Recurrent {
    fn new(tokens: usize) -> Self {
        Self {
            embedding: layer(tokens, HIDDEN, 1),
            hidden: layer(HIDDEN, HIDDEN, 2),
            output: layer(HIDDEN, tokens, 3),
        }
    }

    /// Ids `[streams, time]` to logits `[streams * time, tokens]` and the last hidden state
    /// `[streams, HIDDEN]`.
    fn forward(&self, ids: Tensor<2, Int>, state: Option<Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let [streams, time] = ids.dims();
        let mut state = state.unwrap_or_else(|| Tensor::zeros([streams, HIDDEN], &ids.device()));
        let table = self.embedding.weight.val();
        let mut logits = Vec::new();
        for step in 0..time {
            let token = ids.clone().narrow(1, step, 1).flatten(0, 1);
            let embedded = table.clone().select(0, token);
            state = (embedded + self.hidden.forward(state)).tanh();
            logits.push(self.output.forward(state.clone()));
        }
        let tokens = logits[0].dims()[1];
        let logits: Tensor<3> = Tensor::stack(logits, 1);
        (logits.reshape([streams * time, tokens]), state)
    }
}

type Tokens = Batch<Tensor<2, Int>, Tensor<2, Int>>;

/// The next token, with the hidden state of the batch before.
struct NextToken;

impl Task<Recurrent, Tokens> for NextToken {
    type Output = Logits;
    type State = Option<Tensor<2>>;

    fn step(
        &self,
        model: &Recurrent,
        batch: Tokens,
        state: &mut Self::State,
    ) -> Result<Step<Logits>, StepError> {
        let targets: Tensor<1, Int> = batch.targets.flatten(0, 1);
        let (logits, last) = model.forward(batch.inputs, state.take());
        *state = Some(last);
        let loss = CrossEntropyLossConfig::new().init(&logits.device());
        let mean = loss.forward(logits.clone(), targets.clone());
        let tokens = targets.dims()[0];
        Ok(Step::mean(mean, tokens).with_output(Logits { logits, targets }))
    }
}

/// Parallel streams of tokens: batch `i` continues every stream where batch `i - 1` ended.
struct Streams {
    streams: Vec<Vec<i64>>,
    time: usize,
}

impl Batches for Streams {
    type Batch = Tokens;

    fn examples(&self) -> Option<usize> {
        Some(self.num_batches() * self.time * self.streams.len())
    }

    fn batches(&self) -> Option<usize> {
        Some(self.num_batches())
    }

    fn epoch<'a>(
        &'a self,
        _epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Tokens>> {
        let device = device.clone();
        let part = move |from: usize| {
            let rows = self.streams.iter();
            let numbers = rows.flat_map(|row| row[from..from + self.time].to_vec());
            ids(numbers.collect(), self.streams.len(), &device)
        };
        let batch = move |index: usize| {
            Ok(Batch {
                inputs: part(index * self.time),
                targets: part(index * self.time + 1),
            })
        };
        Ok(Box::new((skip..self.num_batches()).map(batch)))
    }
}

impl Streams {
    fn num_batches(&self) -> usize {
        (self.streams[0].len() - 1) / self.time
    }

    /// `abacabac…`: after an `a` only the token before it determines the next one. Batches of one token
    /// have it only in the carried state.
    fn new(length: usize) -> Self {
        let stream = |start: usize| (0..length).map(|i| [0, 1, 0, 2][(start + i) % 4]).collect();
        Self {
            streams: vec![stream(1), stream(3)],
            time: 1,
        }
    }
}

/// Stops the run after a step.
struct StopAfter(usize, StopFlag);

impl<M> Callback<M> for StopAfter {
    fn on_step_end(&mut self, info: &StepInfo<M>) -> Result<(), StepError> {
        if info.step == self.0 {
            self.1.stop();
        }
        Ok(())
    }
}

fn bits(model: &Recurrent) -> Vec<u32> {
    let mut all = Vec::new();
    for layer in [&model.embedding, &model.hidden, &model.output] {
        let data = layer.weight.val().to_data();
        all.extend(data.iter::<f32>().map(f32::to_bits));
    }
    all
}

#[test]
fn the_state_is_carried_saved_and_never_crosses_to_validation() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| Run::open(folder.path().join(name)).unwrap();
    let (train, valid) = (Streams::new(41), Streams::new(21));
    let start = Recurrent::new(3);
    let fit = |name: &str, resume: Resume, stop: Option<usize>| {
        let flag = StopFlag::new();
        // A resumed run has the same callbacks; step 0 is never reached.
        let trainer = Trainer::new(config(12))
            .unwrap()
            .metric(Accuracy::default())
            .run(run(name))
            .resume(resume)
            .stop_flag(flag.clone())
            .callback(StopAfter(stop.unwrap_or(0), flag));
        let fitted = trainer.fit(start.clone(), &NextToken, &train, Some(&valid));
        fitted.unwrap()
    };
    let whole = fit("whole", Resume::No, None);
    let last = whole.history.last().unwrap();
    // Without the carried state three of four tokens can be known at most.
    assert_eq!(last.get("valid_accuracy"), Some(1.0), "{last:?}");

    // Stopped in the middle of the third epoch, then resumed.
    let stopped = fit("parts", Resume::No, Some(2 * 40 + 17)).stop_reason;
    assert!(matches!(stopped, StopReason::Interrupted(Some(_))));
    let parts = fit("parts", Resume::Latest, None);
    assert_eq!(bits(&parts.model), bits(&whole.model));
    for (a, b) in parts.history.epochs.iter().zip(&whole.history.epochs) {
        assert_eq!(a.metrics, b.metrics, "epoch {}", a.epoch);
    }

    // A pass of its own measures what the validation pass of the run measured: both start fresh.
    let loss = evaluate(&whole.model, &NextToken, &valid, &mut []).unwrap();
    assert_eq!(Some(loss), last.get("valid_loss"));

    // The bundle holds the vocabulary, and continues a text.
    let bundle = Bundle::save(folder.path().join("b"), "recurrent", &3, &whole.model).unwrap();
    bundle.save_part("vocabulary", &['a', 'b', 'c']).unwrap();
    let bundle = Bundle::open(folder.path().join("b")).unwrap();
    let tokens: usize = bundle.config("recurrent").unwrap();
    let model = bundle.load_into(Recurrent::new(tokens)).unwrap();
    let vocabulary: Vec<char> = bundle.part("vocabulary").unwrap();
    let (mut text, mut state) = (String::from("b"), None);
    for _ in 0..9 {
        let last = text.chars().last().unwrap();
        let id = vocabulary.iter().position(|&token| token == last).unwrap();
        let (logits, hidden) = model.forward(ids(vec![id as i64], 1, &Device::flex()), state);
        state = Some(hidden);
        let next: i64 = softmax(logits, 1).argmax(1).into_scalar();
        text.push(vocabulary[next as usize]);
    }
    assert_eq!(text, "bacabacaba");
}
