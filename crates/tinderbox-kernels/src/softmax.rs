//! Softmax, log-softmax and the cross-entropy of rows of numbers.

use crate::math::exp;
use crate::memory;
use crate::parallel::{for_each, for_each_chunk};
use crate::plane::{dot, reduce};
use crate::simd::{Kernel, Level, Simd, run};

/// Numbers of a piece of work: rows stay in the first cache.
const PIECE: usize = 1 << 12;
/// What an exponential costs, in multiplications.
const COST: usize = 16;

/// Numbers of whole rows that are one piece of work.
fn piece(columns: usize) -> usize {
    (PIECE / columns).max(1) * columns
}

/// The softmax of every row of `columns` numbers, or its logarithm.
///
/// # Panics
/// If `columns` is 0.
pub fn softmax(level: Level, columns: usize, log: bool, input: &[f32]) -> Vec<f32> {
    let mut output = memory::buffer(input.len());
    let size = piece(columns);
    for_each_chunk(&mut output, size, COST * input.len(), |index, numbers| {
        numbers.copy_from_slice(&input[index * size..][..numbers.len()]);
        let softmax = Softmax {
            columns,
            log,
            numbers,
        };
        run(level, softmax);
    });
    output
}

/// The softmax of every row in its place, on this thread.
pub(crate) fn in_place(level: Level, columns: usize, numbers: &mut [f32]) {
    let softmax = Softmax {
        columns,
        log: false,
        numbers,
    };
    run(level, softmax);
}

struct Softmax<'a> {
    columns: usize,
    log: bool,
    numbers: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            columns,
            log,
            numbers,
        } = self;
        for row in numbers.chunks_exact_mut(columns) {
            shift(row);
        }
        if log {
            let powers: Vec<f32> = numbers.iter().map(|x| exp::<S>(*x)).collect();
            let rows = numbers.chunks_exact_mut(columns);
            for (row, powers) in rows.zip(powers.chunks_exact(columns)) {
                let log = reduce::<S>(powers, |x| x).ln();
                row.iter_mut().for_each(|x| *x -= log);
            }
        } else {
            numbers.iter_mut().for_each(|x| *x = exp::<S>(*x));
            for row in numbers.chunks_exact_mut(columns) {
                let scale = 1.0 / reduce::<S>(row, |x| x);
                row.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }
}

/// Takes the largest number away from all, so that no power is too large.
#[inline(always)]
fn shift(row: &mut [f32]) {
    let mut parts = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        for (part, number) in parts.iter_mut().zip(block) {
            *part = if *number > *part { *number } else { *part };
        }
    }
    let parts = parts.iter().chain(rest);
    let largest = parts.fold(f32::NEG_INFINITY, |largest, x| largest.max(*x));
    row.iter_mut().for_each(|x| *x -= largest);
}

/// Replaces the gradient of the output of [`softmax`] by that of its input.
///
/// # Panics
/// If `columns` is 0 or the slices differ in length.
pub fn softmax_gradient(
    level: Level,
    columns: usize,
    log: bool,
    output: &[f32],
    gradient: &mut [f32],
) {
    assert_eq!(output.len(), gradient.len());
    let size = piece(columns);
    let cost = COST * gradient.len();
    for_each_chunk(gradient, size, cost, |index, gradient| {
        let gradients = SoftmaxGradient {
            columns,
            log,
            output: &output[index * size..][..gradient.len()],
            gradient,
        };
        run(level, gradients);
    });
}

/// [`softmax_gradient`] on this thread.
pub(crate) fn in_place_gradient(
    level: Level,
    columns: usize,
    output: &[f32],
    gradient: &mut [f32],
) {
    let gradients = SoftmaxGradient {
        columns,
        log: false,
        output,
        gradient,
    };
    run(level, gradients);
}

struct SoftmaxGradient<'a> {
    columns: usize,
    log: bool,
    output: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for SoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let rows = self.gradient.chunks_exact_mut(self.columns);
        for (gradient, output) in rows.zip(self.output.chunks_exact(self.columns)) {
            let pairs = |sum: f32, gradient: &mut [f32]| match self.log {
                true => {
                    for (gradient, output) in gradient.iter_mut().zip(output) {
                        *gradient = S::mul_add(-sum, exp::<S>(*output), *gradient);
                    }
                }
                false => {
                    for (gradient, output) in gradient.iter_mut().zip(output) {
                        *gradient = (*gradient - sum) * output;
                    }
                }
            };
            let sum = match self.log {
                true => reduce::<S>(gradient, |x| x),
                false => dot::<S>(gradient, 0.0, output),
            };
            pairs(sum, gradient);
        }
    }
}

/// The mean over the rows of the cross-entropy of logits and the classes that are right, and the
/// gradient of the logits.
///
/// With smoothing `e` and `K` classes the loss of a row is
/// `(1 - e) * -ln p(right class) + e / K * sum of -ln p(class)`.
///
/// # Panics
/// If there are not `columns` logits for each target, or a target is no column.
pub fn cross_entropy(
    level: Level,
    columns: usize,
    logits: &[f32],
    targets: &[u32],
    smoothing: f32,
) -> (f32, Vec<f32>) {
    assert_eq!(logits.len(), columns * targets.len());
    assert!(targets.iter().all(|&target| (target as usize) < columns));
    let mut gradient = memory::buffer(logits.len());
    let size = piece(columns.max(1));
    let rows = size / columns.max(1);
    let mut losses = vec![0.0; targets.len().div_ceil(rows)];
    let pieces = gradient.chunks_mut(size).zip(logits.chunks(size));
    let pieces = pieces.zip(targets.chunks(rows)).zip(&mut losses).collect();
    for_each(pieces, COST * logits.len(), |piece| {
        let (((gradient, logits), rights), loss): (((&mut [f32], _), _), &mut f64) = piece;
        gradient.copy_from_slice(logits);
        let losses = Losses {
            columns,
            targets: rights,
            smoothing,
            scale: 1.0 / targets.len() as f32,
            numbers: gradient,
        };
        *loss = run(level, losses);
    });
    let total: f64 = losses.iter().sum();
    ((total / targets.len() as f64) as f32, gradient)
}

/// Replaces logits by their gradient; gives the sum of the losses.
struct Losses<'a> {
    columns: usize,
    targets: &'a [u32],
    smoothing: f32,
    /// One over the number of all rows.
    scale: f32,
    numbers: &'a mut [f32],
}

impl Kernel for Losses<'_> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self) -> f64 {
        let Self {
            columns,
            targets,
            smoothing,
            scale,
            numbers,
        } = self;
        let uniform = smoothing / columns as f32;
        let mut total = 0.0;
        // Losses from the shifted logits, but for the logarithm of the sum of powers.
        for (row, target) in numbers.chunks_exact_mut(columns).zip(targets) {
            shift(row);
            total -= f64::from((1.0 - smoothing) * row[*target as usize]);
            if smoothing > 0.0 {
                total -= f64::from(uniform * reduce::<S>(row, |x| x));
            }
        }
        numbers.iter_mut().for_each(|x| *x = exp::<S>(*x));
        for (row, target) in numbers.chunks_exact_mut(columns).zip(targets) {
            let sum = reduce::<S>(row, |x| x);
            total += f64::from(sum.ln());
            let (factor, term) = (scale / sum, -uniform * scale);
            row.iter_mut()
                .for_each(|x| *x = S::mul_add(*x, factor, term));
            row[*target as usize] -= (1.0 - smoothing) * scale;
        }
        total
    }
}
