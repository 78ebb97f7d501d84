use super::Simd;

/// Plain Rust over eight numbers.
#[derive(Clone, Copy)]
pub(super) struct Portable;

// SAFETY: needs no instruction set; pointers are read and written as the trait requires.
unsafe impl Simd for Portable {
    const LANES: usize = 8;
    type V = [f32; 8];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        [value; 8]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller passes a pointer to eight numbers.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::V) {
        // SAFETY: the caller passes a pointer to room for eight numbers.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let mut sum = c;
        for lane in 0..8 {
            sum[lane] += a[lane] * b[lane];
        }
        sum
    }

    #[inline(always)]
    unsafe fn larger(one: (Self::V, Self::V), other: (Self::V, Self::V)) -> (Self::V, Self::V) {
        let mut larger = one;
        for lane in 0..8 {
            if other.0[lane] > one.0[lane] || other.0[lane].is_nan() {
                (larger.0[lane], larger.1[lane]) = (other.0[lane], other.1[lane]);
            }
        }
        larger
    }

    #[inline(always)]
    unsafe fn transpose8(from: [*const f32; 8], to: *mut f32, to_row: usize) {
        for (row, from) in from.into_iter().enumerate() {
            for column in 0..8 {
                // SAFETY: the caller passes pointers to eight rows of eight numbers each.
                unsafe { *to.add(column * to_row + row) = *from.add(column) };
            }
        }
    }

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}
