//! The peak speed of the processor: multiply-adds that never leave the registers.

use std::time::Instant;

use rayon::prelude::*;

use crate::simd::{Kernel, Level, Simd, run};

/// Sums that do not depend on each other.
const SUMS: usize = 12;
const ROUNDS: usize = 400_000;

struct Registers;

impl Kernel for Registers {
    type Output = f32;

    #[inline(always)]
    fn call<S: Simd>(self) -> f32 {
        // SAFETY: register operations, and a store to a buffer of the widest vector.
        unsafe {
            let (factor, term) = (S::splat(0.999), S::splat(0.5));
            let mut sums = [S::splat(1.0); SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = S::fma(*sum, factor, term);
                }
            }
            let mut total = S::splat(0.0);
            for sum in sums {
                total = S::fma(sum, factor, total);
            }
            let mut lanes = [0.0; 16];
            S::store(lanes.as_mut_ptr(), total);
            lanes[0]
        }
    }
}

/// Floating-point operations per second that all threads reach together when nothing is read from or
/// written to memory, the best of `runs`.
pub fn peak_flops(level: Level, runs: usize) -> f64 {
    let threads = rayon::current_num_threads();
    let operations = 2 * SUMS * ROUNDS * level.lanes() * threads;
    let time = |_| {
        let start = Instant::now();
        let total: f32 = (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .map(|_| run(level, Registers))
            .sum();
        std::hint::black_box(total);
        start.elapsed().as_secs_f64()
    };
    operations as f64 / (0..runs).map(time).fold(f64::INFINITY, f64::min)
}
