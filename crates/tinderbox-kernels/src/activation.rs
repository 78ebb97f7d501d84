//! Element-wise functions, one pass over memory each.

use crate::math::{TANH_CUBE, TANH_SCALE, exp, normal, normal_tanh, sigmoid, tanh};
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
    /// The hyperbolic tangent.
    Tanh,
    /// x sigmoid(x).
    Silu,
    /// x times the normal distribution function at x.
    Gelu,
    /// [`Gelu`](Self::Gelu) with the distribution function approximated by a tanh, as in GPT-2.
    GeluTanh,
}

impl Function {
    /// Whether the gradient is computed from the output, so that the input need not be kept.
    pub fn uses_output(self) -> bool {
        matches!(self, Self::Relu | Self::Relu6 | Self::Sigmoid | Self::Tanh)
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
            Function::Tanh => numbers.for_each(|x| *x = tanh::<S>(*x)),
            Function::Silu => numbers.for_each(|x| *x *= sigmoid::<S>(*x)),
            Function::Gelu => numbers.for_each(|x| *x *= normal::<S>(*x)),
            Function::GeluTanh => numbers.for_each(|x| *x *= normal_tanh::<S>(*x)),
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
            Function::Tanh => pairs.for_each(|(gradient, output)| {
                *gradient *= 1.0 - output * output;
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
            Function::GeluTanh => pairs.for_each(|(gradient, input)| {
                let normal = normal_tanh::<S>(*input);
                let slope = S::mul_add(3.0 * TANH_CUBE * input, *input, 1.0) * TANH_SCALE;
                let density = normal * (1.0 - normal) * slope;
                *gradient *= S::mul_add(*input, density, normal);
            }),
        }
    }
}
