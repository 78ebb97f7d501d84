//! Outputs of few channels: vectors run along the pixels of a row, so that none of their lanes
//! is wasted on a channel that does not exist.

use crate::memory;
use crate::parallel::{PRODUCTS, for_each_chunk};
use crate::simd::{Kernel, Level, Simd, run};

/// Numbers that may be read past the end of the source: two of the widest vectors.
pub(super) const SLACK: usize = 32;
/// The largest number of channels for which this is faster.
pub(super) const CHANNELS: usize = 8;
/// Channels computed together.
const TOGETHER: usize = 6;

/// `output[n][channel][y][x] = bias + sum over taps of weight * source[n][(y * step + tap.row) * row + x + tap.offset]`.
pub(super) struct Rows<'a> {
    /// Followed by [`SLACK`] numbers of any value.
    pub source: &'a [f32],
    /// Numbers between two images, two groups of channels and two rows of the source.
    pub image: usize,
    pub group: usize,
    pub row: usize,
    /// Source rows that are not padding.
    pub real: std::ops::Range<usize>,
    /// Source rows between two output rows.
    pub step: usize,
    pub taps: &'a [TapRow],
    /// The weight of `(group, channel, term)`, terms counted through all taps.
    pub weight: &'a dyn Fn(usize, usize, usize) -> f32,
    pub bias: Option<&'a [f32]>,
    pub groups: usize,
    /// Output channels of a group.
    pub channels: usize,
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// A row of the kernel: its distance in source rows, and offsets from there of its terms.
pub(super) struct TapRow {
    pub down: usize,
    pub offsets: Vec<u32>,
}

impl Rows<'_> {
    /// Computes every image of `output`, on all threads.
    pub fn run(&self, level: Level, output: &mut [f32]) {
        let plane = self.output[0] * self.output[1];
        let image = self.groups * self.channels * plane;
        let terms: usize = self.taps.iter().map(|tap| tap.offsets.len()).sum();
        // `[groups][blocks][terms][TOGETHER]`.
        let blocks = self.channels.div_ceil(TOGETHER);
        let mut weights = memory::buffer(self.groups * blocks * terms * TOGETHER);
        for (index, weight) in weights.iter_mut().enumerate() {
            let (lane, term) = (index % TOGETHER, index / TOGETHER % terms);
            let (block, group) = (
                index / TOGETHER / terms % blocks,
                index / TOGETHER / terms / blocks,
            );
            let channel = block * TOGETHER + lane;
            *weight = match channel < self.channels {
                true => (self.weight)(group, channel, term),
                false => 0.0,
            };
        }
        let cost = output.len() * terms / PRODUCTS;
        let parts = (self.groups * blocks, terms * TOGETHER);
        let (source, taps, bias) = (self.source, self.taps, self.bias);
        let Self {
            image: step,
            group: group_step,
            row,
            real,
            step: down,
            channels,
            output: side,
            ..
        } = self;
        for_each_chunk(output, image, cost, |index, output| {
            let groups = output.chunks_exact_mut(channels * plane).enumerate();
            for (group, output) in groups {
                for (block, output) in output.chunks_mut(TOGETHER * plane).enumerate() {
                    let at = group * blocks + block;
                    debug_assert!(at < parts.0);
                    let mut start = [0.0; TOGETHER];
                    let count = output.len() / plane;
                    if let Some(bias) = bias {
                        let first = group * channels + block * TOGETHER;
                        start[..count].copy_from_slice(&bias[first..first + count]);
                    }
                    let planes = Planes {
                        source: &source[index * step + group * group_step..],
                        row: *row,
                        real: real.clone(),
                        down: *down,
                        taps,
                        weights: &weights[at * parts.1..][..parts.1],
                        start,
                        side: *side,
                        output,
                    };
                    match count {
                        1 | 2 => run(level, Channels::<2>(planes)),
                        3 | 4 => run(level, Channels::<4>(planes)),
                        _ => run(level, Channels::<TOGETHER>(planes)),
                    }
                }
            }
        });
    }
}

/// The planes of up to `TOGETHER` channels of an image.
struct Planes<'a> {
    source: &'a [f32],
    row: usize,
    real: std::ops::Range<usize>,
    down: usize,
    taps: &'a [TapRow],
    weights: &'a [f32],
    start: [f32; TOGETHER],
    side: [usize; 2],
    output: &'a mut [f32],
}

/// Planes with the number of channels that are computed, which may be more than there are.
struct Channels<'a, const R: usize>(Planes<'a>);

impl<const R: usize> Kernel for Channels<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let mut planes = self.0;
        for y in 0..planes.side[0] {
            let mut x = 0;
            while x < planes.side[1] {
                let left = planes.side[1] - x;
                x += match left > S::LANES {
                    true => tile::<S, R, 2>(&mut planes, y, x, left),
                    false => tile::<S, R, 1>(&mut planes, y, x, left),
                };
            }
        }
    }
}

/// Computes up to `V` vectors of pixels of row `y` from `x` on; returns how many pixels.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    planes: &mut Planes<'_>,
    y: usize,
    x: usize,
    left: usize,
) -> usize {
    let width = V * S::LANES;
    // SAFETY: register operations of the level that this function is inlined into.
    let mut sums = unsafe { [[S::splat(0.0); V]; R] };
    let mut term = 0;
    for tap in planes.taps {
        let from = y * planes.down + tap.down;
        let weights = &planes.weights[term * TOGETHER..][..tap.offsets.len() * TOGETHER];
        term += tap.offsets.len();
        if !planes.real.contains(&from) {
            continue;
        }
        let from = from * planes.row + x;
        for (&offset, weights) in tap.offsets.iter().zip(weights.as_chunks::<TOGETHER>().0) {
            let pixels = &planes.source[from + offset as usize..][..width];
            // SAFETY: register operations.
            let mut vectors = unsafe { [S::splat(0.0); V] };
            for (v, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: `width` pixels were sliced.
                *vector = unsafe { S::load(pixels.as_ptr().add(v * S::LANES)) };
            }
            // One weight at a time, so that all sums stay in registers.
            for r in 0..R {
                // SAFETY: register operations.
                let weight = unsafe { S::splat(weights[r]) };
                for v in 0..V {
                    // SAFETY: register operations.
                    sums[r][v] = unsafe { S::fma(weight, vectors[v], sums[r][v]) };
                }
            }
        }
    }
    // Behind a black box, else the compiler keeps the biases in the registers of the sums.
    let start = std::hint::black_box(&planes.start);
    for (sums, start) in sums.iter_mut().zip(start) {
        for sum in sums {
            // SAFETY: register operations.
            *sum = unsafe { S::fma(S::splat(1.0), S::splat(*start), *sum) };
        }
    }
    let plane = planes.side[0] * planes.side[1];
    let to = y * planes.side[1] + x;
    let count = left.min(width);
    for (sums, output) in sums.iter().zip(planes.output.chunks_exact_mut(plane)) {
        if count == width {
            let output = &mut output[to..to + width];
            for (v, sums) in sums.iter().enumerate() {
                // SAFETY: `width` numbers were sliced.
                unsafe { S::store(output.as_mut_ptr().add(v * S::LANES), *sums) };
            }
        } else {
            let mut row = [0.0; SLACK];
            for (v, sums) in sums.iter().enumerate() {
                // SAFETY: the row holds two of the widest vectors.
                unsafe { S::store(row.as_mut_ptr().add(v * S::LANES), *sums) };
            }
            output[to..to + count].copy_from_slice(&row[..count]);
        }
    }
    count
}
