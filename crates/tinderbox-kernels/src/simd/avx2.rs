use std::arch::x86_64::*;

use super::{Kernel, Simd};

#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
    kernel.call::<Avx2>()
}

// SAFETY: the functions are inlined into `call`, which has the instructions enabled.
unsafe impl Simd for Avx2 {
    const LANES: usize = 8;
    type V = __m256;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: the caller passes a pointer to eight numbers.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        // SAFETY: the caller passes a pointer to room for eight numbers.
        unsafe { _mm256_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn larger(one: (__m256, __m256), other: (__m256, __m256)) -> (__m256, __m256) {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(other.0, one.0);
            let wins = _mm256_or_ps(above, _mm256_cmp_ps::<_CMP_UNORD_Q>(other.0, other.0));
            let number = _mm256_blendv_ps(one.0, other.0, wins);
            (number, _mm256_blendv_ps(one.1, other.1, wins))
        }
    }

    #[inline(always)]
    fn prefetch(from: *const f32) {
        // SAFETY: a hint, which reads nothing; part of every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose8(from: [*const f32; 8], to: *mut f32, to_row: usize) {
        // SAFETY: the caller passes pointers to eight rows of eight numbers each.
        unsafe { transpose8(from, to, to_row) }
    }

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// # Safety
/// As [`Simd::transpose8`].
#[inline(always)]
pub(super) unsafe fn transpose8(from: [*const f32; 8], to: *mut f32, to_row: usize) {
    // SAFETY: the caller passes pointers to eight rows of eight numbers each; the rest are
    // register operations that the caller has.
    unsafe {
        let mut rows = [_mm256_setzero_ps(); 8];
        for (row, from) in rows.iter_mut().zip(from) {
            *row = _mm256_loadu_ps(from);
        }
        // Pairs, then fours, then halves.
        let mut pairs = [_mm256_setzero_ps(); 8];
        for index in 0..4 {
            let (low, high) = (rows[2 * index], rows[2 * index + 1]);
            pairs[2 * index] = _mm256_unpacklo_ps(low, high);
            pairs[2 * index + 1] = _mm256_unpackhi_ps(low, high);
        }
        let mut fours = [_mm256_setzero_ps(); 8];
        for half in [0, 4] {
            fours[half] = _mm256_shuffle_ps::<0x44>(pairs[half], pairs[half + 2]);
            fours[half + 1] = _mm256_shuffle_ps::<0xEE>(pairs[half], pairs[half + 2]);
            fours[half + 2] = _mm256_shuffle_ps::<0x44>(pairs[half + 1], pairs[half + 3]);
            fours[half + 3] = _mm256_shuffle_ps::<0xEE>(pairs[half + 1], pairs[half + 3]);
        }
        for index in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(fours[index], fours[index + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(fours[index], fours[index + 4]);
            _mm256_storeu_ps(to.add(index * to_row), low);
            _mm256_storeu_ps(to.add((index + 4) * to_row), high);
        }
    }
}
