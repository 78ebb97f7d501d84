use burn::tensor::Tensor;

use super::Cell;
use crate::{sigmoid, tanh};

/// The state of one layer in one direction, each `[batch, hidden]`.
#[derive(Clone, Debug)]
pub struct State {
    pub hidden: Tensor<2>,
    pub memory: Option<Tensor<2>>,
}

/// The terms that a step adds to the products of its input: `[hidden, hidden]` for each gate, transposed, and
/// the bias that a GRU's reset gate cuts off together with the product.
pub struct Step {
    pub cell: Cell,
    pub weights: Vec<Tensor<2>>,
    pub candidate_bias: Option<Tensor<2>>,
}

impl Step {
    /// The state after a step whose input gave these products, `[batch, hidden]` per gate.
    pub fn take(&self, products: Vec<Tensor<2>>, state: State) -> State {
        let from_state = |gate: usize| state.hidden.clone().matmul(self.weights[gate].clone());
        let mut gates = products.into_iter().enumerate().map(|(gate, product)| {
            // What a GRU adds to its candidate comes below.
            let later = self.cell == Cell::Gru && gate == 2;
            match later {
                true => product,
                false => product + from_state(gate),
            }
        });
        let mut next = || gates.next().expect("a product for every gate");
        match self.cell {
            Cell::Rnn => State::of(tanh(next())),
            Cell::RnnRelu => State::of(crate::relu(next())),
            Cell::Gru => {
                let reset = sigmoid(next());
                let update = sigmoid(next());
                let candidate = next();
                let mut from_state = from_state(2);
                if let Some(bias) = &self.candidate_bias {
                    from_state = from_state + bias.clone();
                }
                let candidate = tanh(candidate + reset * from_state);
                // (1 - z) n + z h
                State::of(candidate.clone() + update * (state.hidden.clone() - candidate))
            }
            Cell::Lstm => {
                let input = sigmoid(next());
                let forget = sigmoid(next());
                let candidate = tanh(next());
                let output = sigmoid(next());
                let written = input * candidate;
                let memory = match &state.memory {
                    Some(memory) => forget * memory.clone() + written,
                    None => written,
                };
                State {
                    hidden: output * tanh(memory.clone()),
                    memory: Some(memory),
                }
            }
        }
    }
}

impl State {
    fn of(hidden: Tensor<2>) -> Self {
        Self {
            hidden,
            memory: None,
        }
    }
}

/// The parts of a tensor along its first dimension.
///
/// By repeated halving: the gradient of a slice is as large as the tensor it was taken from, so that
/// slices of the whole would cost the square of their number.
pub fn unstack(tensor: Tensor<3>) -> Vec<Tensor<2>> {
    let [steps, rows, columns] = tensor.dims();
    match steps {
        0 => Vec::new(),
        1 => vec![tensor.reshape([rows, columns])],
        _ => {
            let half = steps / 2;
            let mut parts = unstack(tensor.clone().narrow(0, 0, half));
            parts.extend(unstack(tensor.narrow(0, half, steps - half)));
            parts
        }
    }
}
