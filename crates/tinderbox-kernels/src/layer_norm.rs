//! Layer normalization (Ba, Kiros, Hinton 2016): rows of numbers with mean 0 and variance 1.

use crate::matrix::{Matrix, column_sums};
use crate::memory;
use crate::parallel::for_each;
use crate::plane::{dot, reduce};
use crate::simd::{Kernel, Level, Simd, run};

/// Numbers of a piece of work.
const PIECE: usize = 1 << 12;

/// `(input - mean) / sqrt(variance + epsilon) * gamma + beta` of every row as long as `gamma`, and for each
/// row its mean and one over its deviation.
///
/// # Panics
/// If `gamma` is empty, or `beta` has another length.
pub fn layer_norm(
    level: Level,
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f64,
) -> (Vec<f32>, Vec<[f32; 2]>) {
    let columns = gamma.len();
    assert!(columns > 0 && beta.len() == columns && input.len().is_multiple_of(columns));
    let mut output = memory::buffer(input.len());
    let mut statistics = vec![[0.0; 2]; input.len() / columns];
    let rows = (PIECE / columns).max(1);
    let size = rows * columns;
    let pieces = output.chunks_mut(size).zip(statistics.chunks_mut(rows));
    let pieces = pieces.zip(input.chunks(size)).collect();
    for_each(pieces, 4 * input.len(), |((output, statistics), input)| {
        let normalize = Normalize {
            input,
            parameters: [gamma, beta],
            epsilon,
            output,
            statistics,
        };
        run(level, normalize);
    });
    (output, statistics)
}

struct Normalize<'a> {
    input: &'a [f32],
    parameters: [&'a [f32]; 2],
    epsilon: f64,
    output: &'a mut [f32],
    statistics: &'a mut [[f32; 2]],
}

impl Kernel for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let [gamma, beta] = self.parameters;
        let columns = gamma.len();
        let rows = (self.output.chunks_exact_mut(columns)).zip(self.input.chunks_exact(columns));
        for ((output, input), statistics) in rows.zip(self.statistics) {
            let mean = reduce::<S>(input, |x| x) / columns as f32;
            let squares = reduce::<S>(input, |x| (x - mean) * (x - mean));
            let variance = f64::from(squares) / columns as f64;
            let inverse = (1.0 / (variance + self.epsilon).sqrt()) as f32;
            for (output, (input, gamma)) in output.iter_mut().zip(input.iter().zip(gamma)) {
                *output = (input - mean) * inverse * gamma;
            }
            for (output, beta) in output.iter_mut().zip(beta) {
                *output += beta;
            }
            *statistics = [mean, inverse];
        }
    }
}

/// The gradients of the input, of gamma and of beta, from the statistics that [`layer_norm`] returned.
///
/// # Panics
/// As [`layer_norm`].
pub fn layer_norm_gradient(
    level: Level,
    input: &[f32],
    gamma: &[f32],
    statistics: &[[f32; 2]],
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    let columns = gamma.len();
    let rows = statistics.len();
    assert!(columns > 0);
    assert_eq!([input.len(), gradient.len()], [rows * columns; 2]);
    let mut of_input = memory::buffer(input.len());
    // The terms of the gradient of gamma, summed over the rows below.
    let mut terms = memory::buffer(input.len());
    let step = (PIECE / columns).max(1);
    let size = step * columns;
    let pieces = of_input.chunks_mut(size).zip(terms.chunks_mut(size));
    let pieces = pieces.enumerate().collect();
    for_each(pieces, 4 * input.len(), |(index, (of_input, terms))| {
        let at = index * size;
        let gradients = Gradients {
            input: &input[at..at + of_input.len()],
            gradient: &gradient[at..at + of_input.len()],
            gamma,
            statistics: &statistics[index * step..],
            of_input,
            terms,
        };
        run(level, gradients);
    });
    let sums = |numbers: &[f32]| column_sums(level, Matrix::new(numbers, rows, columns));
    let (of_gamma, of_beta) = (sums(&terms), sums(gradient));
    [of_input, of_gamma, of_beta]
}

struct Gradients<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
    gamma: &'a [f32],
    statistics: &'a [[f32; 2]],
    of_input: &'a mut [f32],
    terms: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let columns = self.gamma.len();
        let inputs = self.input.chunks_exact(columns);
        let inputs = inputs.zip(self.gradient.chunks_exact(columns));
        let outputs = self.of_input.chunks_exact_mut(columns);
        let outputs = outputs.zip(self.terms.chunks_exact_mut(columns));
        let rows = inputs.zip(outputs).zip(self.statistics);
        for (((input, gradient), (of_input, terms)), &[mean, inverse]) in rows {
            for (term, (input, gradient)) in terms.iter_mut().zip(input.iter().zip(gradient)) {
                *term = (input - mean) * inverse * gradient;
            }
            for (of_input, (gradient, gamma)) in
                of_input.iter_mut().zip(gradient.iter().zip(self.gamma))
            {
                *of_input = gradient * gamma;
            }
            let sum = reduce::<S>(of_input, |x| x) / columns as f32;
            let product = dot::<S>(input, mean, of_input) * inverse * inverse / columns as f32;
            for (of_input, input) in of_input.iter_mut().zip(input) {
                let rest = S::mul_add(-(input - mean), product, *of_input - sum);
                *of_input = rest * inverse;
            }
        }
    }
}
