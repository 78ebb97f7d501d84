//! The gradient of the weights: sums over pixels and images.

use super::{ConvShape, pack};
use crate::memory::{self, Scratch};
use crate::panel::panel_product;
use crate::parallel::{PRODUCTS, for_each};
use crate::simd::{Kernel, Level, Simd, run};

/// Pixels of a block: its panel stays in the first-level cache.
const PIXELS: usize = 144;
/// Terms of a task: what they read of the input stays in the second-level cache.
const TERMS: usize = 288;
/// Pieces that the work is cut into at least.
const PIECES: usize = 8;

/// All output channels of a group, for a part of the batch and some of the terms.
struct Task<'a> {
    shape: &'a ConvShape,
    padded: &'a [f32],
    gradient: &'a [f32],
    /// Offsets of the terms of a weight, and of the pixels of an image.
    terms: &'a [u32],
    pixels: &'a [u32],
    images: std::ops::Range<usize>,
    group: usize,
    /// `[blocks][terms][width]`.
    sums: &'a mut [f32],
}

/// `[outputs, inputs / groups, kernel, kernel]`.
pub(super) fn gradient(
    level: Level,
    shape: &ConvShape,
    padded: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let outputs = shape.per_group()[1];
    let width = pack::width(level, outputs);
    let blocks = outputs.div_ceil(width);
    let (terms, pixels) = (shape.term_offsets(), shape.pixel_bases());
    let chunk = terms.len().div_ceil(terms.len().div_ceil(TERMS));
    let chunks = terms.len().div_ceil(chunk);
    // The same whatever the number of threads, so that sums are always added in the same order.
    let parts = PIECES.div_ceil(shape.groups * chunks).min(shape.batch);
    let group_sums = blocks * terms.len() * width;
    let mut sums = Scratch::new(parts * shape.groups * group_sums);
    sums.fill(0.0);
    let mut tasks = Vec::with_capacity(parts * shape.groups * chunks);
    for (index, sums) in sums.chunks_mut(group_sums).enumerate() {
        let (part, group) = (index / shape.groups, index % shape.groups);
        let mut rest = sums;
        for terms in terms.chunks(chunk) {
            let (sums, later) = rest.split_at_mut(blocks * terms.len() * width);
            rest = later;
            tasks.push(Task {
                shape,
                padded,
                gradient,
                terms,
                pixels: &pixels,
                images: part * shape.batch / parts..(part + 1) * shape.batch / parts,
                group,
                sums,
            });
        }
    }
    let cost = gradient.len() * terms.len() / PRODUCTS;
    for_each(tasks, cost, |task| match pack::vectors(level, outputs) {
        1 => run(level, Tiles::<1, 8>(task)),
        _ if level.lanes() == 16 => run(level, Tiles::<2, 8>(task)),
        _ => run(level, Tiles::<2, 6>(task)),
    });
    let (total, others) = sums.split_at_mut(shape.groups * group_sums);
    for part in others.chunks_exact(total.len()) {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    let mut weights = memory::buffer(shape.lengths()[1]);
    let blocks_of_weights = weights
        .chunks_mut(outputs * terms.len())
        .enumerate()
        .flat_map(|(group, weights)| {
            let blocks = weights.chunks_mut(width * terms.len()).enumerate();
            blocks.map(move |(block, weights)| (group, block, weights))
        });
    let total = &*total;
    let unpack = |(group, block, weights): (usize, usize, &mut [f32])| {
        let channels = weights.len() / terms.len();
        for (index, part) in terms.chunks(chunk).enumerate() {
            let first = group * group_sums + index * blocks * chunk * width;
            let sums = &total[first + block * part.len() * width..][..part.len() * width];
            let transpose = pack::Transpose {
                rows: sums,
                stride: width,
                count: part.len(),
                panel: &mut weights[index * chunk..],
                width: part.len(),
                row: terms.len(),
                length: channels,
            };
            run(level, transpose);
        }
    };
    for_each(blocks_of_weights.collect(), total.len(), unpack);
    weights
}

/// A task with the size of its tiles: vectors and terms.
struct Tiles<'a, const V: usize, const J: usize>(Task<'a>);

impl<const V: usize, const J: usize> Kernel for Tiles<'_, V, J> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Task {
            shape,
            padded,
            gradient,
            terms,
            pixels,
            images,
            group,
            sums,
        } = self.0;
        let width = V * S::LANES;
        let [inputs, outputs] = shape.per_group();
        let plane = shape.padded(0) * shape.padded(1);
        let image = shape.channels[0] * plane;
        let source = &padded[images.start * image + group * inputs * plane..];
        let all = images.len() * pixels.len();
        // Blocks of pixels of about the same size, whatever images they are of.
        let step = all.div_ceil(all.div_ceil(PIXELS));
        let mut panel = Scratch::new(step * width);
        let mut offsets = Vec::with_capacity(step);
        let mut runs = Vec::new();
        for first in (0..all).step_by(step) {
            offsets.clear();
            runs.clear();
            let end = all.min(first + step);
            while first + offsets.len() < end {
                let at = first + offsets.len();
                let (index, pixel) = (at / pixels.len(), at % pixels.len());
                let length = (pixels.len() - pixel).min(end - at);
                runs.push((offsets.len(), index, pixel, length));
                let base = (index * image) as u32;
                offsets.extend(pixels[pixel..pixel + length].iter().map(|from| base + from));
            }
            for (block, sums) in sums.chunks_exact_mut(terms.len() * width).enumerate() {
                for &(at, index, pixel, length) in &runs {
                    let channel = (images.start + index) * shape.channels[1];
                    let channel = channel + group * outputs + block * width;
                    let transpose = pack::Transpose {
                        rows: &gradient[channel * pixels.len() + pixel..],
                        stride: pixels.len(),
                        count: width.min(outputs - block * width),
                        panel: &mut panel[at * width..],
                        width,
                        row: width,
                        length,
                    };
                    transpose.call::<S>();
                }
                panel_product::<S, V, J>(&panel, source, &offsets, terms, sums);
            }
        }
    }
}
