//! Vector width chosen at run time: AVX-512, AVX2 with FMA, or plain Rust.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::sync::OnceLock;

/// The instructions that kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 16 numbers per instruction.
    Avx512,
    /// 8 numbers per instruction.
    Avx2,
    /// Plain loops that the compiler vectorizes; runs everywhere.
    Portable,
}

impl Level {
    /// The widest level of this processor.
    pub fn detect() -> Self {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let available = Self::available();
            *available.first().unwrap_or(&Self::Portable)
        })
    }

    /// Every level of this processor, the widest first.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                levels.push(Self::Avx512);
            }
            if avx2 {
                levels.push(Self::Avx2);
            }
        }
        levels.push(Self::Portable);
        levels
    }

    /// Numbers in a vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 | Self::Portable => 8,
        }
    }
}

/// Vectors of one instruction set.
///
/// # Safety
/// Every function may only be called, directly or through functions that are inlined, from a
/// function that has the instruction set enabled; [`run`] ensures that. Pointers must be valid for
/// the numbers that are read or written.
pub(crate) unsafe trait Simd: Copy {
    const LANES: usize;
    type V: Copy;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, value: Self::V);
    /// a b + c.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Where `other` has a number above that of `one`, or NaN: what `other` has, and what `one` has elsewhere; both are
    /// numbers and what goes with them.
    unsafe fn larger(one: (Self::V, Self::V), other: (Self::V, Self::V)) -> (Self::V, Self::V);
    /// Asks for the line of a place that will be read soon; any pointer will do.
    #[inline(always)]
    fn prefetch(_: *const f32) {}
    /// Writes the transpose of eight rows of eight numbers to rows that begin `to_row` apart.
    unsafe fn transpose8(from: [*const f32; 8], to: *mut f32, to_row: usize);

    /// a b + c for loops that the compiler turns into vectors: one rounding where the hardware
    /// has it, two where that would be a call.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// A computation over any width of vectors.
pub(crate) trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`, so that the code takes on the instruction set of its caller.
    fn call<S: Simd>(self) -> Self::Output;
}

/// Runs `kernel` compiled for `level`.
///
/// # Panics
/// If this processor does not have the level.
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            assert!(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma"));
            // SAFETY: the processor has the instructions, checked above (AVX-512 implies AVX2).
            unsafe { avx512::call(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
            // SAFETY: the processor has the instructions, checked above.
            unsafe { avx2::call(kernel) }
        }
        _ => kernel.call::<portable::Portable>(),
    }
}
