use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor;

use tinderbox_kernels::{RecurrentTensors, recurrent};

use super::Cell;
use super::cell::{State, Step, unstack};

/// The weights of one layer in one direction, named by [`Recurrent`](super::Recurrent).
///
/// # Shapes
/// `[gates * hidden, inputs]`, `[gates * hidden, hidden]` and twice `[gates * hidden]`.
#[derive(Module, Debug)]
pub struct Direction {
    pub weight_ih: Param<Tensor<2>>,
    pub weight_hh: Param<Tensor<2>>,
    pub bias_ih: Param<Tensor<1>>,
    pub bias_hh: Param<Tensor<1>>,
}

impl Direction {
    /// Outputs `[steps, batch, hidden]` of a sequence `[steps, batch, inputs]`, and the last state: in one
    /// operation where there is one.
    pub fn run(
        &self,
        cell: Cell,
        inputs: Tensor<3>,
        state: State,
        reverse: bool,
    ) -> (Tensor<3>, State) {
        let tensors = RecurrentTensors {
            input: inputs,
            hidden: state.hidden,
            memory: state.memory,
            weight_ih: self.weight_ih.val(),
            weight_hh: self.weight_hh.val(),
            bias_ih: self.bias_ih.val(),
            bias_hh: self.bias_hh.val(),
        };
        if let Some(done) = recurrent(cell.kernel(), reverse, &tensors) {
            let (hidden, memory) = (done.hidden, done.memory);
            return (done.output, State { hidden, memory });
        }
        let RecurrentTensors {
            input,
            hidden,
            memory,
            ..
        } = tensors;
        self.run_steps(cell, input, State { hidden, memory }, reverse)
    }

    /// [`run`](Self::run) step by step.
    pub fn run_steps(
        &self,
        cell: Cell,
        inputs: Tensor<3>,
        mut state: State,
        reverse: bool,
    ) -> (Tensor<3>, State) {
        let [steps, batch, features] = inputs.dims();
        let [_, hidden] = self.weight_hh.shape().dims();
        let inputs = inputs.reshape([steps * batch, features]);
        let mut products = Vec::with_capacity(cell.gates());
        let mut weights = Vec::with_capacity(cell.gates());
        let mut candidate_bias = None;
        let (ih, hh) = (self.weight_ih.val(), self.weight_hh.val());
        for gate in 0..cell.gates() {
            // One matrix for each gate, cut once per sequence: cutting the gates of every step would
            // cost a gradient of all gates for each.
            let part = |weight: &Tensor<2>| match cell.gates() {
                1 => weight.clone().transpose(),
                _ => weight.clone().narrow(0, gate * hidden, hidden).transpose(),
            };
            let bias = |bias: &Param<Tensor<1>>| {
                let all = bias.val();
                let part = match cell.gates() {
                    1 => all,
                    _ => all.narrow(0, gate * hidden, hidden),
                };
                part.unsqueeze::<2>()
            };
            let mut added = bias(&self.bias_ih);
            match cell == Cell::Gru && gate == 2 {
                true => candidate_bias = Some(bias(&self.bias_hh)),
                false => added = added + bias(&self.bias_hh),
            }
            // The products of all steps at once.
            let product = inputs.clone().matmul(part(&ih)) + added;
            products.push(unstack(product.reshape([steps, batch, hidden])));
            weights.push(part(&hh));
        }
        let step = Step {
            cell,
            weights,
            candidate_bias,
        };
        let mut outputs = Vec::with_capacity(steps);
        let mut take = |at: usize| {
            let gates = products.iter().map(|steps| steps[at].clone()).collect();
            state = step.take(gates, state.clone());
            outputs.push(state.hidden.clone());
        };
        match reverse {
            false => (0..steps).for_each(&mut take),
            true => (0..steps).rev().for_each(&mut take),
        }
        if reverse {
            outputs.reverse();
        }
        (Tensor::stack(outputs, 0), state)
    }

    /// The ids of all weights.
    pub fn ids(&self) -> [ParamId; 4] {
        [
            self.weight_ih.id,
            self.weight_hh.id,
            self.bias_ih.id,
            self.bias_hh.id,
        ]
    }

    /// Multiplications of one step of one sequence.
    pub fn products(&self) -> usize {
        let count = |weight: &Param<Tensor<2>>| weight.lazy_shape().iter().product::<usize>();
        count(&self.weight_ih) + count(&self.weight_hh)
    }
}
