use burn::module::Module;
use burn::tensor::TensorData;
use tinderbox_core::seed_layers;

use super::*;
use crate::{count_parameters, parameters};

const CELLS: [Cell; 4] = [Cell::Rnn, Cell::RnnRelu, Cell::Gru, Cell::Lstm];
const STEPS: usize = 5;
const BATCH: usize = 2;
const INPUTS: usize = 3;
const HIDDEN: usize = 4;

/// PyTorch's formulas in `f64`, number by number, of one layer in one direction.
///
/// `weights` are `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, one after the other.
fn direction(
    cell: Cell,
    weights: &[f64],
    inputs: &[Vec<f64>],
    state: (&mut Vec<f64>, &mut Vec<f64>),
) -> Vec<Vec<f64>> {
    let (hidden, memory) = state;
    let units = hidden.len();
    let rows = cell.gates() * units;
    let width = inputs[0].len();
    let (ih, rest) = weights.split_at(rows * width);
    let (hh, rest) = rest.split_at(rows * units);
    let (b_ih, b_hh) = rest.split_at(rows);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut outputs = Vec::new();
    for input in inputs {
        let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        let x = |row: usize| dot(&ih[row * width..(row + 1) * width], input) + b_ih[row];
        let before = hidden.clone();
        let h = |row: usize| dot(&hh[row * units..(row + 1) * units], &before) + b_hh[row];
        for unit in 0..units {
            let gate = |gate: usize| x(gate * units + unit) + h(gate * units + unit);
            hidden[unit] = match cell {
                Cell::Rnn => gate(0).tanh(),
                Cell::RnnRelu => gate(0).max(0.0),
                Cell::Gru => {
                    let (r, z) = (sigmoid(gate(0)), sigmoid(gate(1)));
                    let n = (x(2 * units + unit) + r * h(2 * units + unit)).tanh();
                    (1.0 - z) * n + z * before[unit]
                }
                Cell::Lstm => {
                    let (i, f) = (sigmoid(gate(0)), sigmoid(gate(1)));
                    let (g, o) = (gate(2).tanh(), sigmoid(gate(3)));
                    memory[unit] = f * memory[unit] + i * g;
                    o * memory[unit].tanh()
                }
            };
        }
        outputs.push(hidden.clone());
    }
    outputs
}

/// A loss that depends on every output and every last state of a layer, in `f64`.
fn loss(config: &RecurrentConfig, weights: &[Vec<f64>], inputs: &[f64], states: &[f64]) -> f64 {
    let directions = config.directions();
    let mut total = 0.0;
    let mut part = 0.0;
    let mut add = |x: f64| {
        part += 1.0;
        total += x * f64::sin(part);
    };
    let per_state = BATCH * HIDDEN;
    let count = config.layers * directions;
    // Outputs in the order of the tensor, then states.
    let mut outputs = vec![vec![Vec::new(); BATCH]; STEPS];
    let mut ends = vec![(vec![0.0; per_state], vec![0.0; per_state]); count];
    for row in 0..BATCH {
        let mut sequence: Vec<Vec<f64>> = (0..STEPS)
            .map(|step| inputs[(step * BATCH + row) * INPUTS..][..INPUTS].to_vec())
            .collect();
        for layer in 0..config.layers {
            let mut next = vec![Vec::new(); STEPS];
            for reverse in 0..directions {
                let index = layer * directions + reverse;
                let start = |which: usize| {
                    let from = (which * count + index) * per_state + row * HIDDEN;
                    states[from..from + HIDDEN].to_vec()
                };
                let (mut hidden, mut memory) = (start(0), start(1));
                let ordered: Vec<_> = match reverse {
                    0 => sequence.clone(),
                    _ => sequence.iter().rev().cloned().collect(),
                };
                let state = (&mut hidden, &mut memory);
                let mut output = direction(config.cell, &weights[index], &ordered, state);
                if reverse == 1 {
                    output.reverse();
                }
                for (next, output) in next.iter_mut().zip(output) {
                    next.extend(output);
                }
                ends[index].0[row * HIDDEN..][..HIDDEN].copy_from_slice(&hidden);
                ends[index].1[row * HIDDEN..][..HIDDEN].copy_from_slice(&memory);
            }
            sequence = next;
        }
        for (step, output) in sequence.into_iter().enumerate() {
            outputs[step][row] = output;
        }
    }
    outputs.concat().concat().into_iter().for_each(&mut add);
    ends.iter().flat_map(|end| &end.0).for_each(|&x| add(x));
    if config.cell == Cell::Lstm {
        ends.iter().flat_map(|end| &end.1).for_each(|&x| add(x));
    }
    total
}

/// The same loss from the layer.
fn tensor_loss(outputs: Tensor<3>, state: RecurrentState) -> Tensor<1> {
    let mut parts = vec![outputs.flatten::<1>(0, 2), state.hidden.flatten::<1>(0, 2)];
    parts.extend(state.memory.map(|memory| memory.flatten::<1>(0, 2)));
    let all = Tensor::cat(parts, 0);
    let factors: Vec<f32> = (1..=all.dims()[0])
        .map(|part| f64::sin(part as f64) as f32)
        .collect();
    let factors = Tensor::<1>::from_data(factors.as_slice(), &all.device());
    (all * factors).sum()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn random(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Seed::new(seed).rng();
    // As an `f32`, so that both sides see the same numbers.
    (0..count)
        .map(|_| f64::from(rng.uniform_in(-1.0, 1.0) as f32))
        .collect()
}

fn close(got: f64, expected: f64, what: &str) {
    let tolerance = 1e-4 * expected.abs().max(0.1);
    assert!(
        (got - expected).abs() < tolerance,
        "{what}: {got}, expected {expected}"
    );
}

fn device_of(name: &str) -> Device {
    match name {
        "flex" => Device::flex().autodiff(),
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        _ => Device::ndarray().autodiff(),
    }
}

#[test]
fn outputs_and_gradients_are_those_of_the_formulas() {
    for backend in ["flex", "ndarray"] {
        let device = device_of(backend);
        for cell in CELLS {
            let single = RecurrentConfig::new(cell, INPUTS, HIDDEN);
            for config in [single, single.layers(2).bidirectional()] {
                check_against_formulas(&config, &device);
            }
        }
    }
}

fn check_against_formulas(config: &RecurrentConfig, device: &Device) {
    let layer = config.init(Seed::new(7), device).unwrap();
    let count = config.layers * config.directions();
    let inputs = random(STEPS * BATCH * INPUTS, 1);
    let states = random(2 * count * BATCH * HIDDEN, 2);
    let tensor = |numbers: &[f64], shape: [usize; 3]| {
        let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
        Tensor::<3>::from_data(TensorData::new(numbers, shape), device).require_grad()
    };
    let (hidden, memory) = states.split_at(states.len() / 2);
    let shape = [count, BATCH, HIDDEN];
    let x = tensor(&inputs, [STEPS, BATCH, INPUTS]);
    let start = RecurrentState {
        hidden: tensor(hidden, shape),
        memory: (config.cell == Cell::Lstm).then(|| tensor(memory, shape)),
    };
    let (outputs, end) = layer.forward(x.clone(), Some(start.clone()));
    assert_eq!(outputs.dims(), [STEPS, BATCH, config.outputs()]);
    assert_eq!(end.hidden.dims(), shape);
    let got = tensor_loss(outputs, end);
    let gradients = got.backward();

    let weights = |direction: &Direction| {
        let mut all = numbers(direction.weight_ih.val());
        all.extend(numbers(direction.weight_hh.val()));
        all.extend(numbers(direction.bias_ih.val()));
        all.extend(numbers(direction.bias_hh.val()));
        all
    };
    let mut all: Vec<Vec<f64>> = layer.directions.iter().map(weights).collect();
    let name = format!("{config:?}");
    let expected = loss(config, &all, &inputs, &states);
    close(got.into_scalar::<f64>(), expected, &name);

    let slope = |below: f64, above: f64| (above - below) / 2e-6;
    // Of every weight.
    for (index, direction) in layer.directions.iter().enumerate() {
        let mut gradient = numbers(direction.weight_ih.grad(&gradients).unwrap());
        gradient.extend(numbers(direction.weight_hh.grad(&gradients).unwrap()));
        gradient.extend(numbers(direction.bias_ih.grad(&gradients).unwrap()));
        gradient.extend(numbers(direction.bias_hh.grad(&gradients).unwrap()));
        for (place, &got) in gradient.iter().enumerate() {
            let value = all[index][place];
            let mut at = |value: f64| {
                all[index][place] = value;
                loss(config, &all, &inputs, &states)
            };
            let expected = slope(at(value - 1e-6), at(value + 1e-6));
            at(value);
            close(got, expected, &format!("{name} weight {index} {place}"));
        }
    }
    // Of every input and of the first state.
    for (place, got) in numbers(x.grad(&gradients).unwrap()).into_iter().enumerate() {
        let at = |change: f64| {
            let mut inputs = inputs.clone();
            inputs[place] += change;
            loss(config, &all, &inputs, &states)
        };
        close(
            got,
            slope(at(-1e-6), at(1e-6)),
            &format!("{name} input {place}"),
        );
    }
    let mut gradient = numbers(start.hidden.grad(&gradients).unwrap());
    gradient.extend(
        start
            .memory
            .iter()
            .flat_map(|memory| numbers(memory.grad(&gradients).unwrap())),
    );
    for (place, got) in gradient.into_iter().enumerate() {
        let at = |change: f64| {
            let mut states = states.clone();
            states[place] += change;
            loss(config, &all, &inputs, &states)
        };
        close(
            got,
            slope(at(-1e-6), at(1e-6)),
            &format!("{name} state {place}"),
        );
    }
}

#[test]
fn names_shapes_and_counts_are_pytorch_s() {
    let device = Device::flex();
    let config = RecurrentConfig::new(Cell::Lstm, 3, 4)
        .layers(2)
        .bidirectional();
    let layer = config.init(Seed::new(1), &device).unwrap();
    let found: Vec<_> = parameters(&layer)
        .into_iter()
        .map(|parameter| (parameter.path, parameter.shape))
        .collect();
    let mut expected = Vec::new();
    for (suffix, inputs) in [("l0", 3), ("l0_reverse", 3), ("l1", 8), ("l1_reverse", 8)] {
        expected.extend([
            (format!("weight_ih_{suffix}"), vec![16, inputs]),
            (format!("weight_hh_{suffix}"), vec![16, 4]),
            (format!("bias_ih_{suffix}"), vec![16]),
            (format!("bias_hh_{suffix}"), vec![16]),
        ]);
    }
    assert_eq!(found, expected);
    let mapped = layer.clone().to_device(&device).valid();
    assert_eq!(parameters(&mapped), parameters(&layer));

    // PyTorch's modules with 28 inputs and 256 units.
    for (cell, count) in [
        (Cell::Rnn, 73_216),
        (Cell::Gru, 219_648),
        (Cell::Lstm, 292_864),
    ] {
        let layer = RecurrentConfig::new(cell, 28, 256).init(Seed::new(1), &device);
        assert_eq!(count_parameters(&layer.unwrap()), count);
    }
}

#[test]
fn steps_one_by_one_are_the_whole_sequence() {
    let device = Device::flex();
    for cell in CELLS {
        let config = RecurrentConfig::new(cell, INPUTS, HIDDEN).layers(2);
        let layer = config.init(Seed::new(3), &device).unwrap();
        let inputs: Vec<f32> = random(STEPS * BATCH * INPUTS, 4)
            .into_iter()
            .map(|x| x as f32)
            .collect();
        let inputs = TensorData::new(inputs, [STEPS, BATCH, INPUTS]);
        let inputs = Tensor::<3>::from_data(inputs, &device);
        let (whole, end) = layer.forward(inputs.clone(), None);
        let mut state = None;
        for step in 0..STEPS {
            let input = inputs.clone().narrow(0, step, 1).squeeze_dim(0);
            let (output, next) = layer.step(input, state.take());
            let expected = whole.clone().narrow(0, step, 1);
            let expected = numbers(expected);
            for (got, expected) in numbers(output).into_iter().zip(expected) {
                close(got, expected, "step");
            }
            state = Some(next);
        }
        let state = state.unwrap();
        assert_eq!(state.batch(), BATCH);
        for (got, expected) in numbers(state.hidden).into_iter().zip(numbers(end.hidden)) {
            close(got, expected, "state");
        }
    }
}

#[test]
fn dropout_is_between_layers_and_in_training_only() {
    let device = Device::flex().autodiff();
    let inputs = Tensor::<3>::ones([STEPS, BATCH, INPUTS], &device);
    let output = |layers: usize, training: bool| {
        let config = RecurrentConfig::new(Cell::Gru, INPUTS, HIDDEN);
        let config = config.layers(layers).dropout(0.5);
        let layer = config.init(Seed::new(3), &device).unwrap();
        let layer = if training { layer } else { layer.valid() };
        let inputs = match training {
            true => inputs.clone(),
            false => inputs.clone().inner(),
        };
        seed_layers(Seed::new(9));
        numbers(layer.forward(inputs, None).0)
    };
    assert_eq!(output(1, true), output(1, false));
    assert_ne!(output(2, true), output(2, false));
    assert_eq!(output(2, true), output(2, true));
}

#[test]
fn weights_are_a_function_of_the_seed_and_within_pytorch_s_bound() {
    let weights = |device: Device, seed| {
        let config = RecurrentConfig::new(Cell::Gru, 7, 16);
        let layer = config.init(Seed::new(seed), &device).unwrap();
        numbers(layer.directions[0].weight_hh.val())
    };
    let first = weights(device_of("flex"), 1);
    assert_eq!(weights(device_of("ndarray"), 1), first);
    assert_ne!(weights(device_of("flex"), 2), first);
    let largest = first.iter().fold(0.0f64, |all, x| all.max(x.abs()));
    assert!((0.24..0.25).contains(&largest), "{largest}");
}

#[test]
fn sizes_of_0_are_refused() {
    let config = RecurrentConfig::new(Cell::Rnn, 3, 4);
    for (wrong, field) in [
        (RecurrentConfig::new(Cell::Rnn, 0, 4), "inputs"),
        (RecurrentConfig::new(Cell::Rnn, 3, 0), "hidden"),
        (config.layers(0), "layers"),
        (config.dropout(1.0), "dropout"),
        (config.dropout(f64::NAN), "dropout"),
    ] {
        let error = wrong.init(Seed::new(1), &Device::flex()).err().unwrap();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

/// Outputs and the last state with weights of their own in a sum, and what the gradients of that are.
fn all_of(
    direction: &Direction,
    whole: bool,
    cell: Cell,
    inputs: &Tensor<3>,
    start: &cell::State,
    reverse: bool,
) -> Vec<Vec<f64>> {
    let state = start.clone();
    let (output, end) = match whole {
        true => direction.run(cell, inputs.clone(), state, reverse),
        false => direction.run_steps(cell, inputs.clone(), state, reverse),
    };
    let loss = tensor_loss(
        output.clone(),
        RecurrentState {
            hidden: end.hidden.unsqueeze(),
            memory: end.memory.map(|memory| memory.unsqueeze()),
        },
    );
    let gradients = loss.backward();
    let mut all = vec![
        numbers(output),
        numbers(inputs.grad(&gradients).unwrap()),
        numbers(start.hidden.grad(&gradients).unwrap()),
        numbers(direction.weight_ih.grad(&gradients).unwrap()),
        numbers(direction.weight_hh.grad(&gradients).unwrap()),
        numbers(direction.bias_ih.grad(&gradients).unwrap()),
        numbers(direction.bias_hh.grad(&gradients).unwrap()),
    ];
    let memory = start.memory.as_ref();
    all.extend(memory.map(|memory| numbers(memory.grad(&gradients).unwrap())));
    all
}

#[test]
fn a_whole_sequence_in_one_operation_equals_its_steps() {
    let device = Device::flex().autodiff();
    let mut rng = Seed::new(17).rng();
    for round in 0..16 {
        let cell = CELLS[round % 4];
        // Now and then larger than what the kernels hold together.
        let mut size = |small: u64, large: u64| match rng.below(3) {
            0 => large as usize,
            _ => 1 + rng.below(small) as usize,
        };
        let (steps, batch, inputs, hidden) = (size(5, 12), size(9, 33), size(9, 40), size(9, 270));
        let config = RecurrentConfig::new(cell, inputs, hidden);
        let layer = config.init(Seed::new(round as u64), &device).unwrap();
        let tensor = |numbers: Vec<f64>, shape: &[usize]| {
            let numbers: Vec<f32> = numbers.into_iter().map(|x| x as f32).collect();
            TensorData::new(numbers, shape)
        };
        let state = |seed| {
            let data = tensor(random(batch * hidden, seed), &[batch, hidden]);
            Tensor::<2>::from_data(data, &device).require_grad()
        };
        let start = cell::State {
            hidden: state(1),
            memory: (cell == Cell::Lstm).then(|| state(2)),
        };
        // Stored batch first.
        let data = tensor(random(steps * batch * inputs, 3), &[batch, steps, inputs]);
        let inputs = Tensor::<3>::from_data(data, &device).swap_dims(0, 1);
        let inputs = inputs.detach().require_grad();
        for reverse in [false, true] {
            let of = |whole| all_of(&layer.directions[0], whole, cell, &inputs, &start, reverse);
            for (part, (whole, steps)) in of(true).into_iter().zip(of(false)).enumerate() {
                let largest = steps.iter().fold(1e-3f64, |all, x| all.max(x.abs()));
                for (got, expected) in whole.into_iter().zip(steps) {
                    let error = (got - expected).abs() / largest;
                    assert!(
                        error < 1e-4,
                        "{config:?} {reverse} {part}: {got} {expected}"
                    );
                }
            }
        }
    }
}
