//! Planes of images: padding and sums.

use crate::memory::Scratch;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

/// Planes with zeros around them, or as they were.
pub(crate) enum Padded<'a> {
    Same(&'a [f32]),
    Copied(Scratch),
}

impl std::ops::Deref for Padded<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Same(planes) => planes,
            Self::Copied(planes) => planes,
        }
    }
}

/// The planes of `side[0]` x `side[1]` numbers with zeros around them and `slack` zeros after
/// them all; the same slice if there is nothing to add.
pub(crate) fn pad(
    planes: &[f32],
    side: [usize; 2],
    padding: [(usize, usize); 2],
    slack: usize,
) -> Padded<'_> {
    if padding == [(0, 0); 2] && slack == 0 {
        return Padded::Same(planes);
    }
    let [height, width] = side;
    let [(top, bottom), (left, right)] = padding;
    let row = width + left + right;
    let plane = row * (height + top + bottom);
    let count = planes.len() / (height * width);
    let mut padded = Scratch::new(count * plane + slack);
    padded[count * plane..].fill(0.0);
    for_each_chunk(
        &mut padded[..count * plane],
        plane,
        count * plane,
        |index, padded| {
            let from = &planes[index * height * width..];
            padded.fill(0.0);
            let rows = padded[top * row..].chunks_exact_mut(row);
            for (to, from) in rows.zip(from.chunks_exact(width).take(height)) {
                copy(from, &mut to[left..left + width]);
            }
        },
    );
    Padded::Copied(padded)
}

/// Copies a row: rows are often too short for the call that a copy of any length is.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let ((blocks, rest), (to_blocks, to_rest)) = (from.as_chunks::<8>(), to.as_chunks_mut::<8>());
    for (to, from) in to_blocks.iter_mut().zip(blocks) {
        *to = *from;
    }
    let ((blocks, rest), (to_blocks, to_rest)) =
        (rest.as_chunks::<4>(), to_rest.as_chunks_mut::<4>());
    if let (Some(to), Some(from)) = (to_blocks.first_mut(), blocks.first()) {
        *to = *from;
    }
    let ((blocks, rest), (to_blocks, to_rest)) =
        (rest.as_chunks::<2>(), to_rest.as_chunks_mut::<2>());
    if let (Some(to), Some(from)) = (to_blocks.first_mut(), blocks.first()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to_rest.first_mut(), rest.first()) {
        *to = *from;
    }
}

/// The sum, added in eight interleaved parts.
pub(crate) fn sum(level: Level, numbers: &[f32]) -> f32 {
    struct Sum<'a>(&'a [f32]);
    impl Kernel for Sum<'_> {
        type Output = f32;
        #[inline(always)]
        fn call<S: Simd>(self) -> f32 {
            reduce::<S>(self.0, |number| number)
        }
    }
    run(level, Sum(numbers))
}

/// The sum of `term` of each number, in sixteen interleaved parts that are added in a fixed order.
#[inline(always)]
pub(crate) fn reduce<S: Simd>(numbers: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0; 16];
    let (blocks, rest) = numbers.as_chunks::<16>();
    for block in blocks {
        for (part, number) in parts.iter_mut().zip(block) {
            *part += term(*number);
        }
    }
    for (part, number) in parts.iter_mut().zip(rest) {
        *part += term(*number);
    }
    total(parts)
}

/// The sum of `(left - shift) right` over pairs, as [`reduce`].
#[inline(always)]
pub(crate) fn dot<S: Simd>(left: &[f32], shift: f32, right: &[f32]) -> f32 {
    let mut parts = [0.0; 16];
    let ((lefts, left), (rights, right)) = (left.as_chunks::<16>(), right.as_chunks::<16>());
    for (left, right) in lefts.iter().zip(rights) {
        for lane in 0..16 {
            parts[lane] = S::mul_add(left[lane] - shift, right[lane], parts[lane]);
        }
    }
    for (lane, (left, right)) in left.iter().zip(right).enumerate() {
        parts[lane] = S::mul_add(*left - shift, *right, parts[lane]);
    }
    total(parts)
}

#[inline(always)]
fn total(mut parts: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            parts[lane] += parts[lane + half];
        }
    }
    parts[0]
}
