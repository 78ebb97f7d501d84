//! Outputs of few pixels: vectors run along pixels, so that weights, which are many more, are read as they lie and not
//! packed. The sums are those of [`super::gather`], in the same order.

use super::gather::TERMS;
use crate::memory::Scratch;
use crate::panel::panel_product;
use crate::parallel::{PRODUCTS, for_each};
use crate::simd::{Kernel, Level, Simd, run};

/// The largest number of pixels, of all images, for which this is faster.
pub(super) const PIXELS: usize = 64;
/// Channels of a task.
const CHANNELS: usize = 16;

/// `output[n][channel][p] = bias + sum over t of weight[channel][t] * source[n][bases[p] + offsets[t]]`.
pub(super) struct Columns<'a> {
    pub source: &'a [f32],
    /// Numbers between two images, and between two groups of channels, of the source.
    pub image: usize,
    pub group: usize,
    pub offsets: &'a [u32],
    /// One per pixel.
    pub bases: &'a [u32],
    /// `[groups][channels][terms]`.
    pub weight: &'a [f32],
    /// One per channel of the output.
    pub bias: Option<&'a [f32]>,
    pub groups: usize,
    /// Output channels of a group.
    pub channels: usize,
}

/// Some channels of a group.
struct Task<'a> {
    panel: &'a [f32],
    weight: &'a [f32],
    /// The first terms of a weight, and where each channel begins.
    terms: &'a [u32],
    starts: &'a [u32],
    count: usize,
    bias: Option<&'a [f32]>,
    /// `[channels][width]`.
    sums: &'a mut [f32],
}

impl Columns<'_> {
    /// Computes every image of `output`.
    pub fn run(&self, level: Level, output: &mut [f32]) {
        let (terms, pixels) = (self.offsets.len(), self.bases.len());
        let all = output.len() / (self.groups * self.channels);
        let lanes = level.lanes();
        let vectors = if all <= lanes { 1 } else { 2 };
        let width = vectors * lanes;
        // Blocks of terms of about the same size.
        let step = terms.div_ceil(terms.div_ceil(TERMS));
        let range: Vec<u32> = (0..step as u32).collect();
        let starts: Vec<u32> = (0..CHANNELS).map(|at| (at * terms) as u32).collect();
        let mut panel = Scratch::new(terms * width);
        let mut sums = Scratch::new(self.channels * width);
        let cost = self.channels * terms * width / PRODUCTS;
        for group in 0..self.groups {
            let weight = &self.weight[group * self.channels * terms..][..self.channels * terms];
            let first_channel = group * self.channels;
            for first in (0..all).step_by(width) {
                let count = width.min(all - first);
                let base = |at: usize| {
                    let base = at / pixels * self.image + group * self.group;
                    base + self.bases[at % pixels] as usize
                };
                let bases: Vec<usize> = (first..first + count).map(base).collect();
                for (row, offset) in panel.chunks_exact_mut(width).zip(self.offsets) {
                    let source = &self.source[*offset as usize..];
                    for (number, base) in row.iter_mut().zip(&bases) {
                        *number = source[*base];
                    }
                    row[count..].fill(0.0);
                }
                let tasks = sums.chunks_mut(CHANNELS * width).enumerate();
                let tasks = tasks.map(|(index, sums)| {
                    let (channel, count) = (index * CHANNELS, sums.len() / width);
                    let bias = self
                        .bias
                        .map(|bias| &bias[first_channel + channel..][..count]);
                    Task {
                        panel: &panel,
                        weight: &weight[channel * terms..][..count * terms],
                        terms: &range,
                        starts: &starts[..count],
                        count: terms,
                        bias,
                        sums,
                    }
                });
                for_each(tasks.collect(), cost, |task| match vectors {
                    1 => run(level, Tiles::<1, 8>(task)),
                    _ if lanes == 16 => run(level, Tiles::<2, 8>(task)),
                    _ => run(level, Tiles::<2, 6>(task)),
                });
                for (channel, sums) in sums.chunks_exact(width).enumerate() {
                    let mut at = 0;
                    while at < count {
                        let (image, pixel) = ((first + at) / pixels, (first + at) % pixels);
                        let length = (pixels - pixel).min(count - at);
                        let plane = image * self.groups * self.channels + first_channel + channel;
                        output[plane * pixels + pixel..][..length]
                            .copy_from_slice(&sums[at..at + length]);
                        at += length;
                    }
                }
            }
        }
    }
}

/// A task with the size of its tiles: vectors and channels.
struct Tiles<'a, const V: usize, const J: usize>(Task<'a>);

impl<const V: usize, const J: usize> Kernel for Tiles<'_, V, J> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let task = self.0;
        let width = V * S::LANES;
        for (channel, sums) in task.sums.chunks_exact_mut(width).enumerate() {
            sums.fill(task.bias.map_or(0.0, |bias| bias[channel]));
        }
        let step = task.terms.len();
        for first in (0..task.count).step_by(step) {
            let terms = &task.terms[..step.min(task.count - first)];
            panel_product::<S, V, J>(
                &task.panel[first * width..],
                &task.weight[first..],
                terms,
                task.starts,
                task.sums,
            );
        }
    }
}
