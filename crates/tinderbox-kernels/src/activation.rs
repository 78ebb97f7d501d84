//! Element-wise functions, one pass over memory each.

use crate::memory;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

/// Numbers in a piece of work.
const PIECE: usize = 1 << 14;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// x sigmoid(x).
    Silu,
    /// x times the normal distribution function at x.
    Gelu,
}

impl Function {
    /// Whether the gradient is computed from the output, so that the input need not be kept.
    pub fn uses_output(self) -> bool {
        matches!(self, Self::Relu | Self::Relu6 | Self::Sigmoid)
    }
}

/// Replaces every number by the function of it.
pub fn activate(level: Level, function: Function, numbers: &mut [f32]) {
    let cost = numbers.len();
    for_each_chunk(numbers, PIECE, cost, |_, numbers| {
        run(level, Forward { function, numbers });
    });
}

/// The function of every number.
pub fn activation(level: Level, function: Function, input: &[f32]) -> Vec<f32> {
    let mut output = memory::buffer(input.len());
    for_each_chunk(&mut output, PIECE, input.len(), |index, numbers| {
        numbers.copy_from_slice(&input[index * PIECE..][..numbers.len()]);
        run(level, Forward { function, numbers });
    });
    output
}

/// Replaces the gradient of the output by that of the input; `kept` is the output if
/// [`Function::uses_output`], else the input.
///
/// # Panics
/// If the slices differ in length.
pub fn activation_gradient(level: Level, function: Function, kept: &[f32], gradient: &mut [f32]) {
    assert_eq!(kept.len(), gradient.len());
    let cost = gradient.len();
    for_each_chunk(gradient, PIECE, cost, |index, gradient| {
        let kept = &kept[index * PIECE..][..gradient.len()];
        let backward = Backward {
            function,
            kept,
            gradient,
        };
        run(level, backward);
    });
}

struct Forward<'a> {
    function: Function,
    numbers: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let numbers = self.numbers.iter_mut();
        match self.function {
            // NaN stays NaN.
            Function::Relu => numbers.for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
            Function::Relu6 => numbers.for_each(|x| {
                let positive = if *x < 0.0 { 0.0 } else { *x };
                *x = if positive > 6.0 { 6.0 } else { positive };
            }),
            Function::Sigmoid => numbers.for_each(|x| *x = sigmoid::<S>(*x)),
            Function::Silu => numbers.for_each(|x| *x *= sigmoid::<S>(*x)),
            Function::Gelu => numbers.for_each(|x| *x *= normal::<S>(*x)),
        }
    }
}

struct Backward<'a> {
    function: Function,
    kept: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let pairs = self.gradient.iter_mut().zip(self.kept);
        match self.function {
            Function::Relu => pairs.for_each(|(gradient, output)| {
                *gradient = if *output > 0.0 { *gradient } else { 0.0 };
            }),
            Function::Relu6 => pairs.for_each(|(gradient, output)| {
                let inside = (*output > 0.0) & (*output < 6.0);
                *gradient = if inside { *gradient } else { 0.0 };
            }),
            Function::Sigmoid => pairs.for_each(|(gradient, output)| {
                *gradient *= output * (1.0 - output);
            }),
            Function::Silu => pairs.for_each(|(gradient, input)| {
                let sigmoid = sigmoid::<S>(*input);
                *gradient *= S::mul_add(input * sigmoid, 1.0 - sigmoid, sigmoid);
            }),
            Function::Gelu => pairs.for_each(|(gradient, input)| {
                const DENSITY: f32 = 0.398_942_3;
                let density = DENSITY * exp::<S>(-0.5 * input * input);
                *gradient *= S::mul_add(*input, density, normal::<S>(*input));
            }),
        }
    }
}

#[inline(always)]
fn sigmoid<S: Simd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<S>(-x))
}

/// The normal distribution function.
#[inline(always)]
fn normal<S: Simd>(x: f32) -> f32 {
    S::mul_add(0.5, erf::<S>(x * std::f32::consts::FRAC_1_SQRT_2), 0.5)
}

/// e to the x, to two units in the last place: powers of two by shifting bits, the rest by a
/// polynomial (Cephes, `expf`). Values below the smallest normal number become zero.
#[inline(always)]
fn exp<S: Simd>(x: f32) -> f32 {
    // Adding and subtracting 1.5 x 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let bounded = if x > 88.0 { 88.0 } else { x };
    let bounded = if bounded < -87.0 { -87.0 } else { bounded };
    let shifted = S::mul_add(bounded, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = S::mul_add(whole, -0.693_359_4, bounded);
    let rest = S::mul_add(whole, 2.121_944_4e-4, rest);
    let mut sum = 1.987_569_1e-4;
    for term in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        sum = S::mul_add(sum, rest, term);
    }
    let sum = S::mul_add(sum, rest * rest, rest + 1.0);
    // The integer lies in the low bits of `shifted`.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let result = sum * power;
    let result = if x > 88.0 { f32::INFINITY } else { result };
    let result = if x < -87.0 { 0.0 } else { result };
    if x.is_nan() { x } else { result }
}

/// The error function as a ratio of polynomials, as in Eigen.
#[inline(always)]
fn erf<S: Simd>(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let square = x * x;
    let mut above = -2.726_142_3e-10;
    for term in [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        above = S::mul_add(above, square, term);
    }
    let mut below = -1.456_607_2e-5;
    for term in [
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329e-3,
        -1.426_473_9e-2,
    ] {
        below = S::mul_add(below, square, term);
    }
    x * above / below
}
