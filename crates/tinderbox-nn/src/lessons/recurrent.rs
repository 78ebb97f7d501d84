use burn::tensor::Tensor;
// A product, and a bias if there is one, with its gradients: on the CPU faster than operation by operation.
use tinderbox_kernels::linear;

use crate::{sigmoid, tanh};

/// The weights of a state or a gate: `input W + state U + b`.
///
/// # Shapes
/// `[inputs, units]`, `[units, units]` and `[1, units]`.
#[derive(Clone, Debug)]
pub struct Gate {
    /// From the input of a step.
    pub input: Tensor<2>,
    /// From the state before.
    pub state: Tensor<2>,
    /// What is added.
    pub bias: Tensor<2>,
}

impl Gate {
    /// `input W + state U + b`, `[batch, units]`.
    pub fn sum(&self, input: Tensor<2>, state: Tensor<2>) -> Tensor<2> {
        let bias = self.bias.clone().squeeze_dim(0);
        linear(input, self.input.clone(), Some(bias)) + linear(state, self.state.clone(), None)
    }
}

/// One step of a recurrent network from scratch (course, "Recurrent Neural Networks"; Elman 1990).
///
/// # Shapes
/// Input `[batch, inputs]` and state `[batch, units]` to the next state.
pub fn rnn_step(weights: &Gate, input: Tensor<2>, state: Tensor<2>) -> Tensor<2> {
    tanh(weights.sum(input, state))
}

/// The weights of a gated recurrent unit.
#[derive(Clone, Debug)]
pub struct GruWeights {
    /// How much of the state stays.
    pub update: Gate,
    /// How much of the state the candidate sees.
    pub reset: Gate,
    /// What the state may become.
    pub candidate: Gate,
}

/// One step of a gated recurrent unit from scratch (course, "Gated Recurrent Units"; Cho et al. 2014).
///
/// The reset gate cuts the state before it is multiplied by the weights, as in the paper and the
/// course. PyTorch's layer and [`Cell::Gru`](crate::Cell::Gru) cut the product.
///
/// # Shapes
/// As [`rnn_step`].
pub fn gru_step(weights: &GruWeights, input: Tensor<2>, state: Tensor<2>) -> Tensor<2> {
    let update = sigmoid(weights.update.sum(input.clone(), state.clone()));
    let reset = sigmoid(weights.reset.sum(input.clone(), state.clone()));
    let candidate = tanh(weights.candidate.sum(input, reset * state.clone()));
    candidate.clone() + update * (state - candidate)
}

/// The weights of a long short-term memory.
#[derive(Clone, Debug)]
pub struct LstmWeights {
    /// How much of the candidate is written to the memory.
    pub input: Gate,
    /// How much of the memory stays.
    pub forget: Gate,
    /// How much of the memory the state shows.
    pub output: Gate,
    /// What may be written.
    pub candidate: Gate,
}

/// One step of a long short-term memory from scratch (course, "Long Short-Term Memory"; Hochreiter and
/// Schmidhuber 1997): the next state and the next memory.
///
/// # Shapes
/// As [`rnn_step`], with a memory of the shape of the state.
pub fn lstm_step(
    weights: &LstmWeights,
    input: Tensor<2>,
    [state, memory]: [Tensor<2>; 2],
) -> [Tensor<2>; 2] {
    let gate = |gate: &Gate| sigmoid(gate.sum(input.clone(), state.clone()));
    let candidate = tanh(weights.candidate.sum(input.clone(), state.clone()));
    let memory = gate(&weights.forget) * memory + gate(&weights.input) * candidate;
    [gate(&weights.output) * tanh(memory.clone()), memory]
}

/// Shortens gradients so that all of them together, as one vector, are not longer than `longest`; gives
/// the length before too (course, "Gradient Clipping"; Pascanu, Mikolov, Bengio 2013).
pub fn clip_gradients(gradients: Vec<Tensor<2>>, longest: f64) -> (Vec<Tensor<2>>, f64) {
    let square = |gradient: &Tensor<2>| gradient.clone().square().sum().into_scalar::<f64>();
    let norm = gradients.iter().map(square).sum::<f64>().sqrt();
    if norm <= longest {
        return (gradients, norm);
    }
    let shorter = |gradient| gradient * (longest / norm);
    (gradients.into_iter().map(shorter).collect(), norm)
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Device, TensorData};
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Cell, Initializer, Recurrent, RecurrentConfig, RecurrentState};

    const UNITS: usize = 4;

    /// The weights of a layer, `[units, inputs]` and `[units]` for each gate, as PyTorch has them.
    #[derive(Default)]
    struct Weights {
        matrices: Vec<Tensor<2>>,
        biases: Vec<Tensor<1>>,
    }

    impl ModuleVisitor for Weights {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            match D {
                2 => {
                    let [rows, columns] = [value.dims()[0], value.dims()[1]];
                    self.matrices.push(value.reshape([rows, columns]));
                }
                _ => {
                    let count = value.dims()[0];
                    self.biases.push(value.reshape([count]));
                }
            }
        }
    }

    fn gates(layer: &Recurrent, count: usize) -> Vec<Gate> {
        let mut weights = Weights::default();
        layer.visit(&mut weights);
        let units = layer.config().hidden;
        let part = |matrix: &Tensor<2>, gate: usize| {
            matrix.clone().narrow(0, gate * units, units).transpose()
        };
        let bias = weights.biases[0].clone() + weights.biases[1].clone();
        (0..count)
            .map(|gate| Gate {
                input: part(&weights.matrices[0], gate),
                state: part(&weights.matrices[1], gate),
                bias: bias.clone().narrow(0, gate * units, units).unsqueeze(),
            })
            .collect()
    }

    fn random(shape: [usize; 2], seed: u64) -> Tensor<2> {
        let mut rng = Seed::new(seed).rng();
        let numbers = (0..shape[0] * shape[1]).map(|_| rng.normal() as f32);
        let data = TensorData::new(numbers.collect::<Vec<_>>(), shape);
        Tensor::from_data(data, &Device::flex())
    }

    fn close(lesson: Tensor<2>, layer: Tensor<2>) {
        let distance: f64 = (lesson - layer).abs().max().into_scalar();
        assert!(distance < 1e-6, "{distance}");
    }

    fn layer(cell: Cell) -> Recurrent {
        let config = RecurrentConfig::new(cell, 3, UNITS);
        config.init(Seed::new(2), &Device::flex()).unwrap()
    }

    #[test]
    fn steps_are_those_of_the_layers() {
        let (input, state, memory) = (random([2, 3], 3), random([2, UNITS], 4), random([2, 4], 5));
        let before = |memory: Option<Tensor<2>>| {
            Some(RecurrentState {
                hidden: state.clone().unsqueeze(),
                memory: memory.map(Tensor::unsqueeze),
            })
        };
        let rnn = layer(Cell::Rnn);
        let (output, _) = rnn.step(input.clone(), before(None));
        close(
            rnn_step(&gates(&rnn, 1)[0], input.clone(), state.clone()),
            output,
        );

        let lstm = layer(Cell::Lstm);
        let (output, after) = lstm.step(input.clone(), before(Some(memory.clone())));
        // PyTorch's order: input, forget, candidate, output.
        let [input_gate, forget, candidate, output_gate] = gates(&lstm, 4).try_into().unwrap();
        let weights = LstmWeights {
            input: input_gate,
            forget,
            output: output_gate,
            candidate,
        };
        let [shown, kept] = lstm_step(&weights, input, [state, memory]);
        close(shown, output);
        close(kept, after.memory.unwrap().squeeze_dim(0));
    }

    /// With one unit and no bias it does not matter whether the state or the product is cut; with more
    /// units it does.
    #[test]
    fn a_gated_unit_is_that_of_the_layer_but_for_the_place_of_the_reset_gate() {
        let distance = |units: usize| -> f64 {
            let config = RecurrentConfig::new(Cell::Gru, 3, units);
            let normal = Initializer::Normal { std: 1.0 };
            let zeros = Initializer::Zeros;
            let gru = config.init_with(normal, zeros, Seed::new(2), &Device::flex());
            let gru = gru.unwrap();
            let [reset, update, candidate] = gates(&gru, 3).try_into().unwrap();
            let (input, state) = (random([2, 3], 3), random([2, units], 4));
            let before = RecurrentState {
                hidden: state.clone().unsqueeze(),
                memory: None,
            };
            let (of_layer, _) = gru.step(input.clone(), Some(before));
            let weights = GruWeights {
                update,
                reset,
                candidate,
            };
            let of_lesson = gru_step(&weights, input, state);
            (of_lesson - of_layer).abs().max().into_scalar()
        };
        assert!(distance(1) < 1e-6, "{}", distance(1));
        assert!(distance(4) > 1e-3, "{}", distance(4));
    }

    #[test]
    fn gradients_are_clipped_together() {
        let device = Device::flex();
        let gradients = || {
            vec![
                Tensor::<2>::from_data([[3.0, 0.0]], &device),
                Tensor::from_data([[4.0]], &device),
            ]
        };
        let (clipped, norm) = clip_gradients(gradients(), 1.0);
        assert_eq!(norm, 5.0);
        let numbers = |tensors: Vec<Tensor<2>>| -> Vec<f32> {
            let flat = tensors.into_iter().map(|one| one.flatten::<1>(0, 1));
            Tensor::cat(flat.collect(), 0)
                .into_data()
                .iter::<f32>()
                .collect()
        };
        assert_eq!(numbers(clipped), [0.6, 0.0, 0.8]);
        let (same, norm) = clip_gradients(gradients(), 5.0);
        assert_eq!((numbers(same), norm), (vec![3.0, 0.0, 4.0], 5.0));
    }
}
