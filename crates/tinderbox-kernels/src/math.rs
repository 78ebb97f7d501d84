//! Functions of one number that the compiler turns into vector instructions.

use crate::simd::Simd;

#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<S>(-x))
}

/// The normal distribution function.
#[inline(always)]
pub(crate) fn normal<S: Simd>(x: f32) -> f32 {
    S::mul_add(0.5, erf::<S>(x * std::f32::consts::FRAC_1_SQRT_2), 0.5)
}

/// 2 √(2 / π), and the factor of the cube, of [`normal_tanh`].
pub(crate) const TANH_SCALE: f32 = 1.595_769_2;
pub(crate) const TANH_CUBE: f32 = 0.044_715;

/// The normal distribution function, approximated as (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2, which is a
/// sigmoid (Hendrycks and Gimpel 2016).
#[inline(always)]
pub(crate) fn normal_tanh<S: Simd>(x: f32) -> f32 {
    sigmoid::<S>(TANH_SCALE * x * S::mul_add(TANH_CUBE * x, x, 1.0))
}

/// e to the x, to two units in the last place: powers of two by shifting bits, the rest by a
/// polynomial (Cephes, `expf`). Values below the smallest normal number become zero.
#[inline(always)]
pub(crate) fn exp<S: Simd>(x: f32) -> f32 {
    // Adding and taking away 1.5 x 2^23 rounds to the nearest integer.
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

/// The hyperbolic tangent as a ratio of polynomials, as in Eigen: exact to a few units in the last
/// place, near zero too.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(x: f32) -> f32 {
    // From here on the result rounds to 1.
    const LARGE: f32 = 7.905_311;
    let bounded = if x > LARGE { LARGE } else { x };
    let bounded = if bounded < -LARGE { -LARGE } else { bounded };
    let square = bounded * bounded;
    let mut above = -2.760_768_5e-16;
    for term in [
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619e-4,
        4.893_524_6e-3,
    ] {
        above = S::mul_add(above, square, term);
    }
    let mut below = 1.198_258_4e-6;
    for term in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        below = S::mul_add(below, square, term);
    }
    bounded * above / below
}
