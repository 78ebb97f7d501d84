//! Linear layers: rows of numbers times a matrix.

use crate::matrix::{Matrix, Panels, Start, column_sums, product};
use crate::memory;
use crate::simd::Level;

/// A matrix of weights `[inputs, outputs]`, row after row or column after column.
#[derive(Clone, Copy, Debug)]
pub struct LinearWeight<'a> {
    /// The weights.
    pub numbers: &'a [f32],
    /// Numbers of an input and of an output.
    pub sizes: [usize; 2],
    /// Whether the weights of an output, not those of an input, lie side by side.
    pub transposed: bool,
}

impl<'a> LinearWeight<'a> {
    fn matrix(self) -> Matrix<'a> {
        let [inputs, outputs] = self.sizes;
        match self.transposed {
            false => Matrix::new(self.numbers, inputs, outputs),
            true => Matrix::new(self.numbers, outputs, inputs).transposed(),
        }
    }
}

/// `input weight + bias`, `[rows, outputs]`, of an input `[rows, inputs]`.
///
/// # Panics
/// If the sizes do not fit each other.
pub fn linear(
    level: Level,
    input: &[f32],
    weight: LinearWeight<'_>,
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let [inputs, outputs] = weight.sizes;
    let rows = input.len() / inputs;
    assert!(bias.is_none_or(|bias| bias.len() == outputs));
    let mut output = memory::buffer(rows * outputs);
    let start = bias.map_or(Start::Zero, Start::Row);
    let (left, right) = (
        Matrix::new(input, rows, inputs),
        Panels::new(level, &[weight.matrix()]),
    );
    product(level, left, &right, start, &mut output, outputs);
    output
}

/// The gradient of the input from that of the output.
///
/// # Panics
/// If the sizes do not fit each other.
pub fn linear_input_gradient(level: Level, weight: LinearWeight<'_>, gradient: &[f32]) -> Vec<f32> {
    let [inputs, outputs] = weight.sizes;
    let rows = gradient.len() / outputs;
    let mut of_input = memory::buffer(rows * inputs);
    let left = Matrix::new(gradient, rows, outputs);
    let right = Panels::new(level, &[weight.matrix().transposed()]);
    product(level, left, &right, Start::Zero, &mut of_input, inputs);
    of_input
}

/// The gradient of the weights `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`, from the input and the
/// gradient of the output.
///
/// # Panics
/// If the sizes do not fit each other.
pub fn linear_weight_gradient(
    level: Level,
    input: &[f32],
    gradient: &[f32],
    [inputs, outputs]: [usize; 2],
    transposed: bool,
) -> Vec<f32> {
    let rows = input.len() / inputs;
    let (input, gradient) = (
        Matrix::new(input, rows, inputs),
        Matrix::new(gradient, rows, outputs),
    );
    let (left, right, columns) = match transposed {
        false => (input, gradient, outputs),
        true => (gradient, input, inputs),
    };
    let mut of_weight = memory::buffer(inputs * outputs);
    let right = Panels::new(level, &[right]);
    product(
        level,
        left.transposed(),
        &right,
        Start::Zero,
        &mut of_weight,
        columns,
    );
    of_weight
}

/// The gradient of the bias: the sum of the gradients of all rows.
///
/// # Panics
/// If the gradient is no whole number of rows.
pub fn linear_bias_gradient(level: Level, gradient: &[f32], outputs: usize) -> Vec<f32> {
    column_sums(
        level,
        Matrix::new(gradient, gradient.len() / outputs, outputs),
    )
}
