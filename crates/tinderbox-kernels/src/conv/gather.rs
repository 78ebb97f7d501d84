//! Outputs as sums over a table of offsets: the forward pass and the gradient of the input.

use super::pack;
use crate::memory::Scratch;
use crate::panel::panel_product;
use crate::parallel::{PRODUCTS, for_each};
use crate::simd::{Kernel, Level, Simd, run};

/// Pixels whose sums are kept in the cache while the panel is read in blocks of terms.
const PIXELS: usize = 96;
/// Terms of a block, so that its part of the panel stays in the first-level cache.
pub(super) const TERMS: usize = 144;
/// Lanes of the widest panel.
const WIDEST: usize = 32;

/// `output[n][channel][target(p)] = bias + sum over t of panel[t][channel] * source[n][bases[p] + offsets[t]]`.
pub(super) struct Gather<'a> {
    pub source: &'a [f32],
    /// Numbers between two images, and between two groups of channels, of the source.
    pub image: usize,
    pub group: usize,
    pub offsets: &'a [u32],
    /// One per pixel.
    pub bases: &'a [u32],
    /// Where each pixel goes in a plane of the output; `None` if in order.
    pub targets: Option<&'a [u32]>,
    pub panels: &'a [f32],
    /// One per channel of the output.
    pub bias: Option<&'a [f32]>,
    pub groups: usize,
    /// Output channels of a group.
    pub channels: usize,
    /// Numbers in a plane of the output.
    pub plane: usize,
}

/// A block of channels of a few images.
struct Task<'a, 'b> {
    gather: &'a Gather<'a>,
    /// Bases of the pixels of all images of the task.
    bases: &'a [u32],
    first_image: usize,
    group: usize,
    block: usize,
    /// The channels of the block in each image.
    planes: Vec<&'b mut [f32]>,
}

impl Gather<'_> {
    /// Computes every image of `output`, on all threads.
    pub fn run(&self, level: Level, output: &mut [f32]) {
        let width = pack::width(level, self.channels);
        let blocks = self.channels.div_ceil(width);
        let image = self.groups * self.channels * self.plane;
        let batch = output.len() / image;
        // Small images are computed several at once, so that weights are read once for all of them.
        let wanted = PIXELS.div_ceil(self.bases.len());
        let together = wanted.min(batch.div_ceil(4)).max(1);
        let bases: Vec<u32> = (0..together)
            .flat_map(|index| {
                self.bases
                    .iter()
                    .map(move |&base| base + (index * self.image) as u32)
            })
            .collect();
        let mut tasks = Vec::with_capacity(batch.div_ceil(together) * self.groups * blocks);
        for (index, images) in output.chunks_mut(together * image).enumerate() {
            let first = tasks.len();
            for image in images.chunks_mut(image) {
                let groups = image.chunks_mut(self.channels * self.plane).enumerate();
                let parts = groups.flat_map(|(group, planes)| {
                    let blocks = planes.chunks_mut(width * self.plane).enumerate();
                    blocks.map(move |(block, planes)| (group, block, planes))
                });
                for (at, (group, block, planes)) in parts.enumerate() {
                    if tasks.len() == first + at {
                        tasks.push(Task {
                            gather: self,
                            bases: &bases,
                            first_image: index * together,
                            group,
                            block,
                            planes: Vec::with_capacity(together),
                        });
                    }
                    tasks[first + at].planes.push(planes);
                }
            }
        }
        let cost =
            batch * self.groups * self.channels * self.bases.len() * self.offsets.len() / PRODUCTS;
        for_each(tasks, cost, |task| {
            match pack::vectors(level, self.channels) {
                1 => run(level, Tiles::<1, 8>(task)),
                // As many sums as stay in the registers.
                _ if level.lanes() == 16 => run(level, Tiles::<2, 8>(task)),
                _ => run(level, Tiles::<2, 6>(task)),
            }
        });
    }
}

/// A task with the size of its tiles: vectors and pixels.
struct Tiles<'a, 'b, const V: usize, const J: usize>(Task<'a, 'b>);

impl<const V: usize, const J: usize> Kernel for Tiles<'_, '_, V, J> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Task {
            gather,
            bases,
            first_image,
            group,
            block,
            mut planes,
        } = self.0;
        let width = V * S::LANES;
        let (terms, pixels) = (gather.offsets.len(), gather.bases.len());
        let blocks = gather.channels.div_ceil(width);
        let panel = &gather.panels[(group * blocks + block) * terms * width..][..terms * width];
        let source = &gather.source[first_image * gather.image + group * gather.group..];
        let channels = width.min(gather.channels - block * width);
        let mut start = [0.0; WIDEST];
        if let Some(bias) = gather.bias {
            let first = group * gather.channels + block * width;
            start[..channels].copy_from_slice(&bias[first..first + channels]);
        }
        // Blocks of terms of about the same size.
        let step = terms.div_ceil(terms.div_ceil(TERMS));
        let mut sums = Scratch::new(PIXELS * width);
        let all = planes.len() * pixels;
        for first in (0..all).step_by(PIXELS) {
            let count = PIXELS.min(all - first);
            let sums = &mut sums[..count * width];
            for sums in sums.chunks_exact_mut(width) {
                sums.copy_from_slice(&start[..width]);
            }
            let bases = &bases[first..first + count];
            for (offsets, panel) in gather.offsets.chunks(step).zip(panel.chunks(step * width)) {
                panel_product::<S, V, J>(panel, source, offsets, bases, sums);
            }
            // The block may hold pixels of several images.
            let mut at = 0;
            while at < count {
                let (image, pixel) = ((first + at) / pixels, (first + at) % pixels);
                let length = (pixels - pixel).min(count - at);
                let sums = &sums[at * width..(at + length) * width];
                match gather.targets {
                    None => store::<S>(sums, width, channels, planes[image], gather.plane, pixel),
                    Some(targets) => {
                        for (sums, target) in sums.chunks_exact(width).zip(&targets[pixel..]) {
                            for (channel, sum) in sums[..channels].iter().enumerate() {
                                planes[image][channel * gather.plane + *target as usize] = *sum;
                            }
                        }
                    }
                }
                at += length;
            }
        }
    }
}

/// Writes sums, a row of `width` channels for each pixel, to neighboring pixels of planes.
#[inline(always)]
fn store<S: Simd>(
    sums: &[f32],
    width: usize,
    channels: usize,
    planes: &mut [f32],
    plane: usize,
    pixel: usize,
) {
    let count = sums.len() / width;
    assert!(channels <= width && pixel + count <= plane && planes.len() >= channels * plane);
    let whole = count / 8 * 8;
    for first in (0..channels).step_by(8) {
        for at in (0..whole).step_by(8) {
            let mut from = [sums.as_ptr(); 8];
            for (row, from) in from.iter_mut().enumerate() {
                *from = sums[(at + row) * width + first..].as_ptr();
            }
            let to = first * plane + pixel + at;
            if first + 8 <= channels {
                // SAFETY: every row of sums has lanes `first..first + 8`, its width being a
                // multiple of eight; eight planes have the pixels `pixel + at..pixel + at + 8`.
                unsafe { S::transpose8(from, planes.as_mut_ptr().add(to), plane) };
            } else {
                let mut block = [0.0; 64];
                // SAFETY: as above, and the block holds eight rows of eight numbers.
                unsafe { S::transpose8(from, block.as_mut_ptr(), 8) };
                for channel in 0..channels - first {
                    planes[to + channel * plane..][..8].copy_from_slice(&block[channel * 8..][..8]);
                }
            }
        }
        for at in whole..count {
            for channel in first..channels.min(first + 8) {
                planes[channel * plane + pixel + at] = sums[at * width + channel];
            }
        }
    }
}
