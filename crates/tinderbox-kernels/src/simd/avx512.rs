use std::arch::x86_64::*;

use super::{Kernel, Simd, avx2};

#[derive(Clone, Copy)]
pub(super) struct Avx512;

/// # Safety
/// The processor must have AVX-512F, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx2,fma")]
pub(super) unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
    kernel.call::<Avx512>()
}

// SAFETY: the functions are inlined into `call`, which has the instructions enabled.
unsafe impl Simd for Avx512 {
    const LANES: usize = 16;
    type V = __m512;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the caller passes a pointer to sixteen numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        // SAFETY: the caller passes a pointer to room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn larger(one: (__m512, __m512), other: (__m512, __m512)) -> (__m512, __m512) {
        // SAFETY: only register operations; the caller has the instructions.
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(other.0, one.0);
            let wins = above | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(other.0, other.0);
            let number = _mm512_mask_blend_ps(wins, one.0, other.0);
            (number, _mm512_mask_blend_ps(wins, one.1, other.1))
        }
    }

    #[inline(always)]
    fn prefetch(from: *const f32) {
        // SAFETY: a hint, which reads nothing; part of every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose8(from: [*const f32; 8], to: *mut f32, to_row: usize) {
        // SAFETY: as the caller's; AVX-512 includes AVX2.
        unsafe { avx2::transpose8(from, to, to_row) }
    }

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}
