use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_kernels::RecurrentCell;

use crate::{Dropout, Fans, Initializer, trace};

mod cell;
mod direction;
mod module;

use cell::unstack;
use direction::Direction;

/// The cell of a recurrent layer: how a step changes the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// tanh(W x + U h + b) (Elman 1990).
    #[default]
    Rnn,
    /// The same with ReLU in place of tanh.
    RnnRelu,
    /// Gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as in PyTorch.
    Gru,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997).
    Lstm,
}

impl Cell {
    /// Products of a step: one for the state itself and one for each gate.
    pub fn gates(self) -> usize {
        match self {
            Self::Rnn | Self::RnnRelu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    fn kernel(self) -> RecurrentCell {
        match self {
            Self::Rnn => RecurrentCell::Tanh,
            Self::RnnRelu => RecurrentCell::Relu,
            Self::Gru => RecurrentCell::Gru,
            Self::Lstm => RecurrentCell::Lstm,
        }
    }

    /// The name of PyTorch's layer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rnn | Self::RnnRelu => "RNN",
            Self::Gru => "GRU",
            Self::Lstm => "LSTM",
        }
    }
}

/// Sizes of a [`Recurrent`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurrentConfig {
    /// How a step changes the state.
    pub cell: Cell,
    /// Features of a step's input.
    pub inputs: usize,
    /// Units: the size of the state.
    pub hidden: usize,
    /// Number of stacked layers: each has the outputs of the one below as inputs.
    #[serde(default = "one")]
    pub layers: usize,
    /// Whether each layer also reads the sequence backwards; the outputs of both directions are
    /// concatenated.
    #[serde(default)]
    pub bidirectional: bool,
    /// The probability with which outputs between layers are dropped in training.
    #[serde(default)]
    pub dropout: f64,
}

fn one() -> usize {
    1
}

/// Invalid sizes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} = {value}: {rule}")]
pub struct RecurrentError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// The allowed values.
    pub rule: &'static str,
}

impl RecurrentConfig {
    /// One layer, in one direction.
    pub fn new(cell: Cell, inputs: usize, hidden: usize) -> Self {
        Self {
            cell,
            inputs,
            hidden,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
        }
    }

    /// This number of stacked layers.
    pub fn layers(mut self, layers: usize) -> Self {
        self.layers = layers;
        self
    }

    /// In both directions.
    pub fn bidirectional(mut self) -> Self {
        self.bidirectional = true;
        self
    }

    /// Dropout between layers.
    pub fn dropout(mut self, probability: f64) -> Self {
        self.dropout = probability;
        self
    }

    /// Number of directions: 1 or 2.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Features of a step's output.
    pub fn outputs(&self) -> usize {
        self.directions() * self.hidden
    }

    /// Checks the sizes.
    ///
    /// # Errors
    /// A size of 0, a probability outside `[0, 1)`.
    pub fn check(&self) -> Result<(), RecurrentError> {
        let sizes = [
            ("inputs", self.inputs),
            ("hidden", self.hidden),
            ("layers", self.layers),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(RecurrentError {
                field,
                value: "0".into(),
                rule: "a recurrent layer needs at least 1",
            });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(RecurrentError {
                field: "dropout",
                value: self.dropout.to_string(),
                rule: "a probability of at least 0 and below 1",
            });
        }
        Ok(())
    }

    /// The layer with PyTorch's initial weights, U(±1/√hidden), a pure function of the seed.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Recurrent, RecurrentError> {
        let bound = 1.0 / (self.hidden.max(1) as f64).sqrt();
        self.init_with(
            Initializer::Uniform { bound },
            Initializer::Uniform { bound },
            seed,
            device,
        )
    }

    /// The layer with weights and biases from these initializers.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds.
    pub fn init_with(
        &self,
        weights: Initializer,
        biases: Initializer,
        seed: Seed,
        device: &Device,
    ) -> Result<Recurrent, RecurrentError> {
        self.check()?;
        let rows = self.cell.gates() * self.hidden;
        let count = self.layers * self.directions();
        let directions = (0..count).map(|index| {
            let inputs = match index / self.directions() {
                0 => self.inputs,
                _ => self.outputs(),
            };
            let suffix = self.suffix(index);
            let weight = |name: &str, inputs: usize| {
                let fans = Fans {
                    fan_in: inputs,
                    fan_out: self.hidden,
                };
                let seed = seed.child(&format!("{name}_{suffix}"));
                weights.param([rows, inputs], fans, seed, device)
            };
            let bias = |name: &str| {
                let fans = Fans {
                    fan_in: self.hidden,
                    fan_out: self.hidden,
                };
                let seed = seed.child(&format!("{name}_{suffix}"));
                biases.param([rows], fans, seed, device)
            };
            Direction {
                weight_ih: weight("weight_ih", inputs),
                weight_hh: weight("weight_hh", self.hidden),
                bias_ih: bias("bias_ih"),
                bias_hh: bias("bias_hh"),
            }
        });
        Ok(Recurrent {
            config: *self,
            directions: directions.collect(),
            dropout: Dropout::new(self.dropout),
        })
    }

    /// How PyTorch ends the names of the weights of this direction: `l0`, `l0_reverse`, `l1`, ….
    fn suffix(&self, index: usize) -> String {
        let layer = index / self.directions();
        match index % self.directions() {
            0 => format!("l{layer}"),
            _ => format!("l{layer}_reverse"),
        }
    }
}

/// The state of a recurrent layer.
#[derive(Clone, Debug)]
pub struct RecurrentState {
    /// The states that are also outputs, `[layers * directions, batch, hidden]`.
    pub hidden: Tensor<3>,
    /// The memory cell of an LSTM, of the same shape.
    pub memory: Option<Tensor<3>>,
}

impl RecurrentState {
    /// The same numbers, detached from the graph: gradients stop here.
    pub fn detach(self) -> Self {
        Self {
            hidden: self.hidden.detach(),
            memory: self.memory.map(Tensor::detach),
        }
    }

    /// Number of sequences in the batch.
    pub fn batch(&self) -> usize {
        self.hidden.dims()[1]
    }
}

/// One or several stacked recurrent layers: RNN, GRU or LSTM.
///
/// Names, shapes and the order of gates are those of PyTorch's `RNN`, `GRU` and `LSTM`
/// (`weight_ih_l0` of `[gates * hidden, inputs]`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, with
/// `_reverse` for the other direction; gates i, f, g, o of an LSTM and r, z, n of a GRU), so that
/// their state dicts load and save.
#[derive(Clone, Debug)]
pub struct Recurrent {
    config: RecurrentConfig,
    /// Layer by layer, forward before backward.
    directions: Vec<Direction>,
    /// Between layers.
    dropout: Dropout,
}

impl Recurrent {
    /// Sizes of the layer.
    pub fn config(&self) -> &RecurrentConfig {
        &self.config
    }

    /// The initial state, zeros, for this number of sequences.
    pub fn zero_state(&self, batch: usize, device: &Device) -> RecurrentState {
        let zeros = || Tensor::zeros([self.directions.len(), batch, self.config.hidden], device);
        RecurrentState {
            hidden: zeros(),
            memory: (self.config.cell == Cell::Lstm).then(zeros),
        }
    }

    /// Outputs of a whole sequence and the state after it; without a state it starts from zeros.
    ///
    /// # Shapes
    /// `[steps, batch, inputs]` to `[steps, batch, directions * hidden]`, at least one step.
    pub fn forward(
        &self,
        inputs: Tensor<3>,
        state: Option<RecurrentState>,
    ) -> (Tensor<3>, RecurrentState) {
        let [steps, batch, _] = inputs.dims();
        let state = state.unwrap_or_else(|| self.zero_state(batch, &inputs.device()));
        let hidden = unstack(state.hidden);
        let memory = state.memory.map(unstack);
        let mut sequence = inputs;
        let mut states = Vec::with_capacity(self.directions.len());
        for (layer, directions) in self.directions.chunks(self.config.directions()).enumerate() {
            if layer > 0 {
                sequence = self.dropout.forward(sequence);
            }
            let mut outputs = Vec::with_capacity(directions.len());
            for (reverse, direction) in [false, true].into_iter().zip(directions) {
                let index = states.len();
                let start = cell::State {
                    hidden: hidden[index].clone(),
                    memory: memory.as_ref().map(|memory| memory[index].clone()),
                };
                let (output, end) =
                    direction.run(self.config.cell, sequence.clone(), start, reverse);
                outputs.push(output);
                states.push(end);
            }
            sequence = match outputs.len() {
                1 => outputs.remove(0),
                _ => Tensor::cat(outputs, 2),
            };
        }
        self.report(steps * batch, &sequence.dims());
        let hidden = states.iter().map(|state| state.hidden.clone()).collect();
        let memory: Option<Vec<_>> = states.into_iter().map(|state| state.memory).collect();
        let state = RecurrentState {
            hidden: Tensor::stack(hidden, 0),
            memory: memory.map(|memory| Tensor::stack(memory, 0)),
        };
        (sequence, state)
    }

    /// The output of one step, and the state after it.
    ///
    /// # Shapes
    /// `[batch, inputs]` to `[batch, directions * hidden]`. (Of a bidirectional layer both
    /// directions see this step alone.)
    pub fn step(
        &self,
        input: Tensor<2>,
        state: Option<RecurrentState>,
    ) -> (Tensor<2>, RecurrentState) {
        let (outputs, state) = self.forward(input.unsqueeze_dim(0), state);
        (outputs.squeeze_dim(0), state)
    }

    fn report(&self, steps: usize, output: &[usize]) {
        let weights = || {
            let ids = self.directions.iter().flat_map(Direction::ids);
            ids.collect()
        };
        trace::step(self.config.cell.name(), weights, output, || {
            let products: usize = self.directions.iter().map(Direction::products).sum();
            (steps * products) as u64
        });
    }
}

#[cfg(test)]
mod tests;
