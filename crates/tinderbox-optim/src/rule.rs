//! An update formula and the two ways to run it: a fused loop on the CPU, tensor operations elsewhere.

use burn::tensor::Tensor;
use std::ops::{Add, Div, Mul, Sub};

/// The values of an update formula: one number, or a whole tensor.
///
/// An optimizer writes its formula once. On a CPU it runs with `f32` in one pass over memory; tensor
/// operations would need ten or more, and an optimizer step is limited by memory bandwidth.
pub(crate) trait Value:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The value times a number.
    fn scale(self, factor: f64) -> Self;
    /// The value plus a number.
    fn shift(self, offset: f64) -> Self;
    /// The square root.
    fn root(self) -> Self;
    /// -1, 0 or 1.
    fn sign(self) -> Self;
    /// The larger of the two.
    fn larger(self, other: Self) -> Self;
}

impl Value for f32 {
    #[inline(always)]
    fn scale(self, factor: f64) -> Self {
        self * factor as f32
    }

    #[inline(always)]
    fn shift(self, offset: f64) -> Self {
        self + offset as f32
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn sign(self) -> Self {
        // Not `signum`, which is 1 for 0: a parameter without gradient must not change.
        if self > 0.0 {
            1.0
        } else if self < 0.0 {
            -1.0
        } else {
            // 0 for 0, and NaN for NaN.
            if self.is_nan() { self } else { 0.0 }
        }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl<const D: usize> Value for Tensor<D> {
    fn scale(self, factor: f64) -> Self {
        self.mul_scalar(factor)
    }

    fn shift(self, offset: f64) -> Self {
        self.add_scalar(offset)
    }

    fn root(self) -> Self {
        self.sqrt()
    }

    fn sign(self) -> Self {
        Tensor::sign(self)
    }

    fn larger(self, other: Self) -> Self {
        self.max_pair(other)
    }
}

/// An optimizer whose update of a number depends on that number's own history only.
pub(crate) trait Rule<const N: usize>: Clone + Send + Sync + 'static {
    /// Prefix of the names in a saved state, by which the state of another optimizer is recognized.
    const NAME: &'static str;

    /// The values that all numbers of a step share, computed once in `f64`.
    type Step: Copy + Send + Sync;

    /// The name of slot `index` in a saved state.
    fn slot(index: usize) -> &'static str;

    /// The shared values of step number `time` (from 1) with learning rate `rate`.
    fn prepare(&self, rate: f64, time: usize) -> Self::Step;

    /// The new parameter; `slots` start at 0 and are updated in place.
    fn update<V: Value>(step: &Self::Step, parameter: V, gradient: V, slots: &mut [V; N]) -> V;
}
