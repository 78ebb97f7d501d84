//! Recurrent layers over slices, compared with PyTorch's formulas in 64 bits and finite differences.

use tinderbox_kernels::slices::*;

use crate::numbers::{Numbers, assert_close, wide};

const CELLS: [RecurrentCell; 4] = [
    RecurrentCell::Tanh,
    RecurrentCell::Relu,
    RecurrentCell::Gru,
    RecurrentCell::Lstm,
];

/// Input, hidden, memory, weight_ih, weight_hh, bias_ih, bias_hh.
fn lengths(shape: &RecurrentShape) -> [usize; 7] {
    let RecurrentShape {
        cell,
        steps,
        batch,
        inputs,
        hidden,
        ..
    } = *shape;
    let rows = cell.gates() * hidden;
    let memory = if cell == RecurrentCell::Lstm {
        batch * hidden
    } else {
        0
    };
    let state = batch * hidden;
    [
        steps * batch * inputs,
        state,
        memory,
        rows * inputs,
        rows * hidden,
        rows,
        rows,
    ]
}

/// The outputs, of an LSTM followed by its last memory.
fn reference(shape: &RecurrentShape, given: &[Vec<f64>; 7]) -> Vec<f64> {
    let [input, hidden, memory, ih, hh, bias_ih, bias_hh] = given;
    let (units, width, batch) = (shape.hidden, shape.inputs, shape.batch);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut output = vec![0.0; shape.steps * batch * units];
    let (mut state, mut memory) = (hidden.clone(), memory.clone());
    for index in 0..shape.steps {
        let step = if shape.reverse {
            shape.steps - 1 - index
        } else {
            index
        };
        for row in 0..batch {
            let x = &input[(step * batch + row) * width..][..width];
            let before = state[row * units..][..units].to_vec();
            let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            for unit in 0..units {
                let of_x = |gate: usize| {
                    let gate = gate * units + unit;
                    dot(&ih[gate * width..][..width], x) + bias_ih[gate]
                };
                let of_h = |gate: usize| {
                    let gate = gate * units + unit;
                    dot(&hh[gate * units..][..units], &before) + bias_hh[gate]
                };
                let gate = |gate: usize| of_x(gate) + of_h(gate);
                let at = row * units + unit;
                state[at] = match shape.cell {
                    RecurrentCell::Tanh => gate(0).tanh(),
                    RecurrentCell::Relu => gate(0).max(0.0),
                    RecurrentCell::Gru => {
                        let (r, z) = (sigmoid(gate(0)), sigmoid(gate(1)));
                        let n = (of_x(2) + r * of_h(2)).tanh();
                        (1.0 - z) * n + z * before[unit]
                    }
                    RecurrentCell::Lstm => {
                        let (i, f) = (sigmoid(gate(0)), sigmoid(gate(1)));
                        memory[at] = f * memory[at] + i * gate(2).tanh();
                        sigmoid(gate(3)) * memory[at].tanh()
                    }
                };
                output[step * batch * units + at] = state[at];
            }
        }
    }
    output.extend(memory);
    output
}

fn run(level: Level, shape: &RecurrentShape, given: &[Vec<f32>; 7]) -> (Vec<f32>, RecurrentKept) {
    let (weights, inputs) = parts(given);
    recurrent(level, shape, &weights, &inputs)
}

fn parts(given: &[Vec<f32>; 7]) -> (RecurrentWeights<'_>, RecurrentInputs<'_>) {
    let [input, hidden, memory, ih, hh, bias_ih, bias_hh] = given.each_ref().map(Vec::as_slice);
    let weights = RecurrentWeights {
        ih,
        hh,
        bias_ih,
        bias_hh,
    };
    let inputs = RecurrentInputs {
        input,
        hidden,
        memory,
    };
    (weights, inputs)
}

/// The output and all gradients, for this gradient of the output.
pub fn both(
    level: Level,
    shape: &RecurrentShape,
    given: &[Vec<f32>; 7],
    gradient: &[f32],
) -> [Vec<f32>; 8] {
    let (output, kept) = run(level, shape, given);
    let (weights, inputs) = parts(given);
    let all = recurrent_gradient(
        level,
        shape,
        &weights,
        &inputs,
        (&output, kept),
        gradient,
        true,
    );
    [
        output,
        all.input.unwrap(),
        all.hidden,
        all.memory,
        all.weight_ih,
        all.weight_hh,
        all.bias_ih,
        all.bias_hh,
    ]
}

pub fn random(numbers: &mut Numbers, shape: &RecurrentShape) -> [Vec<f32>; 7] {
    let scale = 1.5 / (shape.hidden as f32).sqrt();
    let mut given = lengths(shape).map(|length| numbers.many(length));
    given[3..]
        .iter_mut()
        .flatten()
        .for_each(|weight| *weight *= scale);
    given
}

#[test]
fn outputs_and_all_gradients_of_random_shapes_are_those_of_the_formulas() {
    let mut numbers = Numbers::new(41);
    for round in 0..16 {
        let shape = RecurrentShape {
            cell: CELLS[round % 4],
            reverse: numbers.within(0..=1) == 1,
            steps: numbers.within(1..=4),
            batch: [1, 2, 9][numbers.within(0..=2)],
            inputs: numbers.within(1..=3),
            hidden: numbers.within(1..=4),
        };
        let given = random(&mut numbers, &shape);
        let precise = given.each_ref().map(|part| wide(part));
        let expected = reference(&shape, &precise);
        let gradient = numbers.many(expected.len());
        let loss = |given: &[Vec<f64>; 7]| -> f64 {
            let output = reference(&shape, given);
            output
                .iter()
                .zip(&gradient)
                .map(|(x, g)| x * f64::from(*g))
                .sum()
        };
        let slopes = std::array::from_fn::<_, 7, _>(|part| {
            let slope = |place: usize| {
                let mut given = precise.clone();
                let mut at = |change: f64| {
                    given[part][place] = precise[part][place] + change;
                    loss(&given)
                };
                (at(1e-5) - at(-1e-5)) / 2e-5
            };
            (0..precise[part].len()).map(slope).collect::<Vec<_>>()
        });
        for level in Level::available() {
            let [output, gradients @ ..] = both(level, &shape, &given, &gradient);
            assert_close(&output, &expected, &(level, shape));
            for (part, (actual, expected)) in gradients.iter().zip(&slopes).enumerate() {
                assert_close(actual, expected, &(level, shape, part));
            }
        }
    }
}

#[test]
fn large_layers_equal_the_formulas_at_every_level() {
    // More terms than a block, units that fill no panel, sequences that fill no group.
    let mut numbers = Numbers::new(43);
    for cell in CELLS {
        let shape = RecurrentShape {
            cell,
            reverse: false,
            steps: 3,
            batch: 37,
            inputs: 300,
            hidden: 70,
        };
        let given = random(&mut numbers, &shape);
        let expected = reference(&shape, &given.each_ref().map(|part| wide(part)));
        for level in Level::available() {
            assert_close(&run(level, &shape, &given).0, &expected, &(level, cell));
        }
    }
}
