//! Training by hand: RNN, GRU and LSTM as functions of their weights, gradients clipped, weights moved.

use std::time::Instant;

use anyhow::{Context, Result};
use tinderbox::nn::lessons::{
    Gate, GruWeights, LstmWeights, clip_gradients, cross_entropy, gru_step, lstm_step, rnn_step,
    softmax,
};
use tinderbox::prelude::*;
use tinderbox::train::{EpochRecord, History, Mean};

use super::{Data, SeedRun, Settings};

/// Sections "Implementation of Recurrent Neural Networks from Scratch", "Gated Recurrent Units", "Long Short-Term
/// Memory": weights from N(0, 0.01), biases of 0.
pub fn by_hand(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let device = run.device.clone().autodiff();
    let seed = Seed::new(run.seed);
    let [train, valid] = data.loaders(settings, seed)?;
    let mut network = Network::new(settings, data.vocabulary, seed.child("weights"), &device);
    let mut history = History::default();
    for epoch in 0..settings.epochs {
        let started = Instant::now();
        let (mut learned, mut held_out) = (Mean::default(), Mean::default());
        let mut state = None;
        for batch in train.epoch(epoch, 0, &device)? {
            let batch = batch?;
            let count = batch.inputs.dims().iter().product();
            let before = state.take().filter(|_| batch.continues);
            let (logits, after) = network.forward(batch.inputs, before)?;
            state = Some(after.map(Tensor::detach));
            let loss = cross_entropy(softmax(logits), by_step(batch.targets)).mean();
            let gradients = loss.backward();
            let own = network.weights.iter().map(|one| one.grad(&gradients));
            let own: Option<Vec<_>> = own.collect();
            let own = own.context("every parameter takes part in the loss")?;
            let (clipped, _) = clip_gradients(own, 1.0);
            for (weight, gradient) in network.weights.iter_mut().zip(clipped) {
                let moved = weight.clone().inner() - gradient * settings.learning_rate;
                *weight = Tensor::from_inner(moved).require_grad();
            }
            learned.add(loss.into_scalar(), count);
        }
        let mut state = None;
        for batch in valid.epoch(0, 0, &device)? {
            let batch = batch?;
            let count = batch.inputs.dims().iter().product();
            let (logits, after) = network.forward(batch.inputs, state.take())?;
            state = Some(after.map(Tensor::detach));
            let loss = cross_entropy(softmax(logits), by_step(batch.targets)).mean();
            held_out.add(loss.into_scalar(), count);
        }
        history.epochs.push(EpochRecord {
            epoch: epoch + 1,
            step: (epoch + 1) * train.num_batches(),
            learning_rate: settings.learning_rate,
            metrics: vec![
                ("train_loss".into(), learned.value()),
                ("valid_perplexity".into(), held_out.value().exp()),
            ],
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    Ok(history)
}

/// A recurrent network and the layer that gives logits.
struct Network {
    gates: &'static [&'static str],
    /// For each gate the weights of inputs and state and a bias; then those of the output.
    weights: Vec<Tensor<2>>,
}

/// A state, and the memory of an LSTM.
type State = [Tensor<2>; 2];

impl Network {
    fn new(settings: &Settings, tokens: usize, seed: Seed, device: &Device) -> Self {
        // The course's names: W_xz, W_hz, b_z, …
        let gates: &[&str] = match settings.model {
            "gru" => &["z", "r", "h"],
            "lstm" => &["i", "f", "o", "c"],
            _ => &["h"],
        };
        let units = settings.hidden;
        let normal = Initializer::Normal { std: 0.01 };
        let draw = |name: &str, shape: [usize; 2]| {
            let fans = tinderbox::nn::Fans {
                fan_in: shape[0],
                fan_out: shape[1],
            };
            let numbers = normal.draw(shape[0] * shape[1], fans, seed.child(name));
            Tensor::<2>::from_data(TensorData::new(numbers, shape), device).require_grad()
        };
        let zeros = |count| Tensor::<2>::zeros([1, count], device).require_grad();
        let mut weights = Vec::with_capacity(3 * gates.len() + 2);
        for gate in gates {
            weights.push(draw(&format!("W_x{gate}"), [tokens, units]));
            weights.push(draw(&format!("W_h{gate}"), [units, units]));
            weights.push(zeros(units));
        }
        weights.extend([draw("W_hq", [units, tokens]), zeros(tokens)]);
        Self { gates, weights }
    }

    /// Step by step: logits `[steps * batch, tokens]` and the last state.
    fn forward(&self, ids: Tensor<2, Int>, state: Option<State>) -> Result<(Tensor<2>, State)> {
        let [batch, steps] = ids.dims();
        let [tokens, units] = self.weights[0].dims();
        let device = self.weights[0].device();
        let zeros = || Tensor::zeros([batch, units], &device);
        let mut state = state.unwrap_or_else(|| [zeros(), zeros()]);
        let cell = self.cell()?;
        let mut states = Vec::with_capacity(steps);
        for step in 0..steps {
            let ids = ids.clone().narrow(1, step, 1).reshape([batch]);
            state = cell.step(ids.one_hot::<2>(tokens).float(), state);
            states.push(state[0].clone());
        }
        let [.., weight, bias] = &self.weights[..] else {
            unreachable!("the output has a weight and a bias")
        };
        let logits = Tensor::cat(states, 0).matmul(weight.clone()) + bias.clone();
        Ok((logits, state))
    }

    fn cell(&self) -> Result<Cell> {
        let gates = self
            .weights
            .chunks(3)
            .take(self.gates.len())
            .map(|one| Gate {
                input: one[0].clone(),
                state: one[1].clone(),
                bias: one[2].clone(),
            });
        let mut gates = gates.collect::<Vec<_>>().into_iter();
        let mut next = || gates.next().context("a gate for every name");
        Ok(match self.gates.len() {
            3 => Cell::Gru(GruWeights {
                update: next()?,
                reset: next()?,
                candidate: next()?,
            }),
            4 => Cell::Lstm(LstmWeights {
                input: next()?,
                forget: next()?,
                output: next()?,
                candidate: next()?,
            }),
            _ => Cell::Rnn(next()?),
        })
    }
}

/// A cell with its weights.
#[allow(clippy::large_enum_variant)] // tensors are handles, and there is one of these
enum Cell {
    Rnn(Gate),
    Gru(GruWeights),
    Lstm(LstmWeights),
}

impl Cell {
    fn step(&self, input: Tensor<2>, [state, memory]: State) -> State {
        match self {
            Self::Rnn(weights) => [rnn_step(weights, input, state), memory],
            Self::Gru(weights) => [gru_step(weights, input, state), memory],
            Self::Lstm(weights) => lstm_step(weights, input, [state, memory]),
        }
    }
}

/// Targets in the order of the logits: all rows of a step, then those of the next.
fn by_step(targets: Tensor<2, Int>) -> Tensor<1, Int> {
    targets.swap_dims(0, 1).flatten(0, 1)
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, full};
    use super::*;

    /// The course's counts, of 28 tokens.
    #[test]
    fn networks_from_scratch_have_the_course_s_parameters() {
        let device = Device::flex().autodiff();
        for (model, hidden, count) in [
            ("rnn", 512, 291_356),
            ("gru", 256, 226_076),
            ("lstm", 256, 299_036),
        ] {
            let settings = Settings {
                hidden,
                ..full(model)
            };
            let network = Network::new(&settings, 28, Seed::new(1), &device);
            let sizes = network.weights.iter().map(|one| one.shape().num_elements());
            assert_eq!(sizes.sum::<usize>(), count, "{model}");
        }
    }
}
