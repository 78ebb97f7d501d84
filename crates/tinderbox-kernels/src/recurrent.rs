//! RNN, GRU and LSTM over whole sequences, `[steps, batch, features]`, and their gradients.
//!
//! The products of all inputs are one large product, as are the gradients of the weights. What is left
//! for the steps, one after the other, are the products with the state. The sequences of a batch do not
//! see each other: each thread takes some of them through all steps.

mod gates;
mod gradient;

use gates::Forward;
pub use gradient::{RecurrentGradients, recurrent_gradient};

use crate::matrix::{Matrix, Panels, Start, multiply_add, product};
use crate::memory::{self, Scratch};
use crate::parallel::{PRODUCTS, for_each};
use crate::simd::{Level, run};

/// How a step changes the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentCell {
    /// tanh(W x + U h + b) (Elman 1990).
    Tanh,
    /// The same with ReLU in place of tanh.
    Relu,
    /// Gated recurrent unit (Cho et al. 2014), with the reset gate behind the product, as PyTorch.
    Gru,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997).
    Lstm,
}

impl RecurrentCell {
    /// Rows of the weights for each unit; gates stand in PyTorch's order (r, z, n and i, f, g, o).
    pub fn gates(self) -> usize {
        match self {
            Self::Tanh | Self::Relu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Numbers that are kept for each unit: the gates; of a GRU also the product that its reset gate
    /// scales.
    fn kept(self) -> usize {
        match self {
            Self::Gru => 4,
            _ => self.gates(),
        }
    }
}

/// The sizes of a recurrent layer in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentShape {
    /// How a step changes the state.
    pub cell: RecurrentCell,
    /// Whether it goes from the last step to the first.
    pub reverse: bool,
    /// Length of a sequence.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// Numbers of an input.
    pub inputs: usize,
    /// Units.
    pub hidden: usize,
}

impl RecurrentShape {
    /// Numbers of a state of all sequences.
    fn state(&self) -> usize {
        self.batch * self.hidden
    }

    /// Numbers between what is kept of two sequences: a line more than there are, since rows that lie a
    /// power of two apart would share a few sets of the cache.
    fn kept(&self) -> usize {
        self.cell.kept() * self.hidden + 16
    }

    /// Rows of the weights.
    fn rows(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    fn is_lstm(&self) -> bool {
        self.cell == RecurrentCell::Lstm
    }

    /// Steps in the order in which they are computed.
    fn order(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (steps, reverse) = (self.steps, self.reverse);
        (0..steps).map(move |step| if reverse { steps - 1 - step } else { step })
    }

    /// The step that was computed before this one.
    fn before(&self, step: usize) -> Option<usize> {
        match self.reverse {
            false => step.checked_sub(1),
            true => Some(step + 1).filter(|before| *before < self.steps),
        }
    }

    /// Sequences that a thread takes through all steps; results do not depend on it.
    fn piece(&self) -> usize {
        let share = self.batch.div_ceil(crate::parallel::threads());
        share.next_multiple_of(8).min(32)
    }

    /// Rows of `weight_hh` that belong to columns of what is kept: `(rows, first column)`.
    fn blocks(&self) -> Vec<(std::ops::Range<usize>, usize)> {
        match self.cell {
            RecurrentCell::Gru => {
                let hidden = self.hidden;
                vec![(0..2 * hidden, 0), (2 * hidden..3 * hidden, 3 * hidden)]
            }
            _ => vec![(0..self.rows(), 0)],
        }
    }

    /// Multiplications of a step, for the decision about threads.
    fn cost(&self) -> usize {
        let step = self.state() * self.rows();
        step.saturating_mul(self.steps) / PRODUCTS
    }

    /// The slices of every `piece` sequences, step by step, of `[steps, batch, width]` (or of nothing).
    fn cut<'a>(
        &self,
        numbers: &'a mut [f32],
        width: usize,
        piece: usize,
    ) -> Vec<Vec<&'a mut [f32]>> {
        let mut pieces: Vec<Vec<_>> = Vec::new();
        pieces.resize_with(self.batch.div_ceil(piece), Vec::new);
        for step in numbers.chunks_exact_mut(self.batch * width) {
            for (part, steps) in step.chunks_mut(piece * width).zip(&mut pieces) {
                steps.push(part);
            }
        }
        pieces
    }
}

/// The weights of a recurrent layer in one direction, as PyTorch holds them.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentWeights<'a> {
    /// `[gates * hidden, inputs]`.
    pub ih: &'a [f32],
    /// `[gates * hidden, hidden]`.
    pub hh: &'a [f32],
    /// `[gates * hidden]`.
    pub bias_ih: &'a [f32],
    /// `[gates * hidden]`.
    pub bias_hh: &'a [f32],
}

/// What a recurrent layer reads.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentInputs<'a> {
    /// `[steps, batch, inputs]`.
    pub input: &'a [f32],
    /// `[batch, hidden]`.
    pub hidden: &'a [f32],
    /// The memory of an LSTM, `[batch, hidden]`; empty for other cells.
    pub memory: &'a [f32],
}

/// What the gradient needs of the forward pass.
#[derive(Clone, Debug)]
pub struct RecurrentKept {
    /// `[steps, batch, kept * hidden]`, with a gap behind every row.
    gates: Scratch,
    /// Of an LSTM, `[steps, batch, hidden]`.
    memory: Scratch,
}

/// The outputs `[steps, batch, hidden]`, of an LSTM followed by the memory `[batch, hidden]` behind the
/// last step, and what [`recurrent_gradient`] needs.
///
/// # Panics
/// If a slice has another length than `shape` says, or a size is 0.
pub fn recurrent(
    level: Level,
    shape: &RecurrentShape,
    weights: &RecurrentWeights<'_>,
    given: &RecurrentInputs<'_>,
) -> (Vec<f32>, RecurrentKept) {
    check(shape, weights, given);
    let (steps, batch, hidden) = (shape.steps, shape.batch, shape.hidden);
    let (kept, state) = (shape.kept(), shape.state());
    // The products of the inputs, with the biases.
    let input = Matrix::new(given.input, steps * batch, shape.inputs);
    let ih = Matrix::new(weights.ih, shape.rows(), shape.inputs);
    let panels = Panels::new(level, &[ih.transposed()]);
    let mut gates = Scratch::new(steps * batch * kept);
    let start = start(shape, weights);
    product(level, input, &panels, Start::Row(&start), &mut gates, kept);

    let hh = Matrix::new(weights.hh, shape.rows(), hidden);
    let blocks = shape.blocks().into_iter().map(|(rows, at)| {
        let panels = Panels::new(level, &[hh.rows(rows).transposed()]);
        (panels, at)
    });
    let blocks: Vec<_> = blocks.collect();
    let mut output = memory::buffer((steps + usize::from(shape.is_lstm())) * state);
    let memories = if shape.is_lstm() { steps * state } else { 0 };
    let mut memory = Scratch::new(memories);
    let piece = shape.piece();
    let pieces = (shape.cut(&mut gates, kept, piece).into_iter())
        .zip(shape.cut(&mut output[..steps * state], hidden, piece))
        .zip(shape.cut(&mut memory, hidden, piece))
        .zip(State::cut(given.hidden, given.memory, piece * hidden))
        .collect();
    for_each(pieces, shape.cost(), |pieces| {
        let (((mut gates, mut outputs), mut memories), mut state) = pieces;
        for step in shape.order() {
            let before = Matrix::new(&state.hidden, state.hidden.len() / hidden, hidden);
            for (panels, at) in &blocks {
                let to = &mut gates[step][*at..];
                multiply_add(level, before, panels, to, kept);
            }
            let forward = Forward {
                cell: shape.cell,
                units: hidden,
                row: kept,
                gates: gates[step],
                state: &mut state,
            };
            run(level, forward);
            outputs[step].copy_from_slice(&state.hidden);
            if let Some(memory) = memories.get_mut(step) {
                memory.copy_from_slice(&state.memory);
            }
        }
    });
    if let (true, Some(last)) = (shape.is_lstm(), shape.order().next_back()) {
        output[steps * state..].copy_from_slice(&memory[last * state..][..state]);
    }
    (output, RecurrentKept { gates, memory })
}

/// What some of the sequences hand from step to step, `[sequences, hidden]` each.
struct State {
    hidden: Vec<f32>,
    /// Empty but for an LSTM.
    memory: Vec<f32>,
}

impl State {
    /// The states of pieces of `size` numbers.
    fn cut(hidden: &[f32], memory: &[f32], size: usize) -> impl Iterator<Item = Self> {
        let mut memories = memory.chunks(size);
        hidden.chunks(size).map(move |hidden| Self {
            hidden: hidden.to_vec(),
            memory: memories.next().unwrap_or(&[]).to_vec(),
        })
    }
}

/// What a row of gates begins with: the biases.
fn start(shape: &RecurrentShape, weights: &RecurrentWeights<'_>) -> Vec<f32> {
    let both = weights.bias_ih.iter().zip(weights.bias_hh);
    let mut start: Vec<f32> = both.map(|(ih, hh)| ih + hh).collect();
    if shape.cell == RecurrentCell::Gru {
        // The reset gate scales the second bias of the candidate together with its product.
        let candidate = 2 * shape.hidden..3 * shape.hidden;
        start[candidate.clone()].copy_from_slice(&weights.bias_ih[candidate.clone()]);
        start.extend_from_slice(&weights.bias_hh[candidate]);
    }
    start
}

fn check(shape: &RecurrentShape, weights: &RecurrentWeights<'_>, given: &RecurrentInputs<'_>) {
    let (rows, state) = (shape.rows(), shape.state());
    assert!(shape.steps * state * shape.inputs > 0);
    assert_eq!(weights.ih.len(), rows * shape.inputs);
    assert_eq!(weights.hh.len(), rows * shape.hidden);
    assert_eq!([weights.bias_ih.len(), weights.bias_hh.len()], [rows; 2]);
    assert_eq!(given.input.len(), shape.steps * shape.batch * shape.inputs);
    assert_eq!(given.hidden.len(), state);
    assert_eq!(given.memory.len(), if shape.is_lstm() { state } else { 0 });
}
