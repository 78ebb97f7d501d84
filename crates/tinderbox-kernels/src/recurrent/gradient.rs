//! The gradients of [`recurrent`](super::recurrent).

use super::check;
use super::gates::Backward;
use super::{
    RecurrentCell, RecurrentInputs, RecurrentKept, RecurrentShape, RecurrentWeights, State,
};
use crate::matrix::{Matrix, Panels, Start, column_sums, multiply_add, product};
use crate::memory;
use crate::parallel::for_each;
use crate::simd::{Level, run};

/// The gradients of what [`recurrent`](super::recurrent) reads, of the same lengths.
#[derive(Clone, Debug)]
pub struct RecurrentGradients {
    /// `None` if it was not asked for.
    pub input: Option<Vec<f32>>,
    /// Of the state before the first step.
    pub hidden: Vec<f32>,
    /// Of the memory before the first step; empty but for an LSTM.
    pub memory: Vec<f32>,
    /// Of `weight_ih`.
    pub weight_ih: Vec<f32>,
    /// Of `weight_hh`.
    pub weight_hh: Vec<f32>,
    /// Of `bias_ih`.
    pub bias_ih: Vec<f32>,
    /// Of `bias_hh`.
    pub bias_hh: Vec<f32>,
}

/// The gradients, from what [`recurrent`](super::recurrent) read, returned and kept, and the gradient of
/// what it returned.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn recurrent_gradient(
    level: Level,
    shape: &RecurrentShape,
    weights: &RecurrentWeights<'_>,
    given: &RecurrentInputs<'_>,
    (output, kept): (&[f32], RecurrentKept),
    gradient: &[f32],
    with_input: bool,
) -> RecurrentGradients {
    check(shape, weights, given);
    let (steps, batch, hidden, inputs) = (shape.steps, shape.batch, shape.hidden, shape.inputs);
    let state = shape.state();
    let ends = steps + usize::from(shape.is_lstm());
    assert_eq!([output.len(), gradient.len()], [ends * state; 2]);
    let output = &output[..steps * state];
    let (gradient, of_memory) = gradient.split_at(steps * state);
    let RecurrentKept { mut gates, memory } = kept;
    let (of_hidden, of_memory) = through_time(
        level,
        shape,
        weights.hh,
        given,
        [output, &memory, gradient],
        of_memory,
        &mut gates,
    );

    let all = Matrix::new(&gates, steps * batch, shape.kept());
    let of_input_gates = all.columns(0..shape.rows());
    let of_input = with_input.then(|| {
        let ih = Panels::new(level, &[Matrix::new(weights.ih, shape.rows(), inputs)]);
        let mut of_input = memory::buffer(steps * batch * inputs);
        product(
            level,
            of_input_gates,
            &ih,
            Start::Zero,
            &mut of_input,
            inputs,
        );
        of_input
    });
    let input = Panels::new(level, &[Matrix::new(given.input, steps * batch, inputs)]);
    let mut of_ih = memory::buffer(weights.ih.len());
    product(
        level,
        of_input_gates.transposed(),
        &input,
        Start::Zero,
        &mut of_ih,
        inputs,
    );

    // The state that every step began with, in the order of the steps.
    let first = Matrix::new(given.hidden, batch, hidden);
    let states = Matrix::new(output, steps * batch, hidden);
    let between = (steps - 1) * batch;
    let before = match shape.reverse {
        false => Panels::new(level, &[first, states.rows(0..between)]),
        true => Panels::new(level, &[states.rows(batch..batch + between), first]),
    };
    let mut of_hh = memory::buffer(weights.hh.len());
    for (rows, at) in shape.blocks() {
        let gates = all.columns(at..at + rows.len()).transposed();
        let to = &mut of_hh[rows.start * hidden..rows.end * hidden];
        product(level, gates, &before, Start::Zero, to, hidden);
    }
    let mut sums = column_sums(level, all.columns(0..shape.cell.kept() * hidden));
    let bias_ih = sums[..shape.rows()].to_vec();
    if shape.cell == RecurrentCell::Gru {
        sums.copy_within(3 * hidden.., 2 * hidden);
        sums.truncate(3 * hidden);
    }
    RecurrentGradients {
        input: of_input,
        hidden: of_hidden,
        memory: of_memory,
        weight_ih: of_ih,
        weight_hh: of_hh,
        bias_ih,
        bias_hh: sums,
    }
}

/// Walks back through the steps: turns the gates into the gradients of their products, and returns the
/// gradients of the state before the first step.
fn through_time(
    level: Level,
    shape: &RecurrentShape,
    hh: &[f32],
    given: &RecurrentInputs<'_>,
    [output, memory, gradient]: [&[f32]; 3],
    of_memory: &[f32],
    gates: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let (hidden, kept, state) = (shape.hidden, shape.kept(), shape.state());
    let hh = Matrix::new(hh, shape.rows(), hidden);
    let blocks: Vec<_> = (shape.blocks().into_iter())
        .map(|(rows, at)| {
            (
                Panels::new(level, &[hh.rows(rows.clone())]),
                at..at + rows.len(),
            )
        })
        .collect();
    let zeros = vec![0.0; state];
    let piece = shape.piece();
    let size = piece * hidden;
    let pieces = (shape.cut(gates, kept, piece).into_iter())
        .zip(State::cut(&zeros, of_memory, size))
        .enumerate();
    let mut ends: Vec<_> = pieces
        .map(|(piece, pieces)| (piece * size, pieces))
        .collect();
    for_each(
        ends.iter_mut().collect(),
        shape.cost(),
        |(first, (gates, gradients))| {
            let count = gradients.hidden.len();
            // The numbers of this piece in those of a step; nothing of nothing.
            let part = |numbers: &'_ [f32], step: usize| {
                let start = step * state + *first;
                match numbers.is_empty() {
                    true => 0..0,
                    false => start..start + count,
                }
            };
            let mut row = vec![0.0; hidden];
            for step in shape.order().rev() {
                let now = &gradient[part(gradient, step)];
                for (sum, number) in gradients.hidden.iter_mut().zip(now) {
                    *sum += number;
                }
                let (states, before) = match shape.before(step) {
                    Some(before) => ([output, memory], before),
                    None => ([given.hidden, given.memory], 0),
                };
                let backward = Backward {
                    cell: shape.cell,
                    units: hidden,
                    row: kept,
                    gates: gates[step],
                    before: states.map(|numbers| &numbers[part(numbers, before)]),
                    memory: &memory[part(memory, step)],
                    gradient: gradients,
                    scratch: &mut row,
                };
                run(level, backward);
                let all = Matrix::new(gates[step], count / hidden, kept);
                for (panels, columns) in &blocks {
                    let of_gates = all.columns(columns.clone());
                    let to = &mut gradients.hidden;
                    multiply_add(level, of_gates, panels, to, hidden);
                }
            }
        },
    );
    let ends = ends.into_iter().map(|(_, (_, state))| state);
    let (of_hidden, of_memory): (Vec<_>, Vec<_>) =
        ends.map(|state| (state.hidden, state.memory)).unzip();
    (of_hidden.concat(), of_memory.concat())
}
