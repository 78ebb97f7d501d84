//! Weights in panels: `[groups][blocks][terms][width]`, a block being `width` neighboring channels.

use super::ConvShape;
use crate::memory::Scratch;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

/// Vectors in a row of a panel: two, or one if all channels fit into one.
pub(super) fn vectors(level: Level, channels: usize) -> usize {
    if channels <= level.lanes() { 1 } else { 2 }
}

/// Channels in a row of a panel.
pub(super) fn width(level: Level, channels: usize) -> usize {
    vectors(level, channels) * level.lanes()
}

/// Panels whose lanes are the rows of `matrix`, `[groups][channels][terms]`.
pub(super) fn rows(
    level: Level,
    matrix: &[f32],
    groups: usize,
    channels: usize,
    terms: usize,
) -> Scratch {
    let width = width(level, channels);
    let blocks = channels.div_ceil(width);
    let mut panels = Scratch::new(groups * blocks * terms * width);
    let cost = panels.len();
    for_each_chunk(&mut panels, terms * width, cost, |index, panel| {
        let first = index % blocks * width;
        let rows = &matrix[(index / blocks * channels + first) * terms..];
        let count = width.min(channels - first);
        let transpose = Transpose {
            rows,
            stride: terms,
            count,
            panel,
            width,
            row: width,
            length: terms,
        };
        run(level, transpose);
    });
    panels
}

/// Panels whose lanes are input channels and whose terms are `(output channel, place)`, for the
/// given places of the kernel.
pub(super) fn columns(
    level: Level,
    weight: &[f32],
    shape: &ConvShape,
    places: &[usize],
) -> Scratch {
    let [inputs, outputs] = shape.per_group();
    let (width, window) = (width(level, inputs), shape.window());
    let blocks = inputs.div_ceil(width);
    let terms = outputs * places.len();
    let mut panels = Scratch::new(shape.groups * blocks * terms * width);
    let cost = panels.len();
    for_each_chunk(&mut panels, terms * width, cost, |index, panel| {
        let first = index % blocks * width;
        let count = width.min(inputs - first);
        let weight = &weight[index / blocks * outputs * inputs * window..];
        let rows = panel.chunks_exact_mut(width * places.len()).enumerate();
        for (output, rows) in rows {
            let from = &weight[(output * inputs + first) * window..][..count * window];
            for (row, place) in rows.chunks_exact_mut(width).zip(places) {
                for (lane, numbers) in row.iter_mut().zip(from.chunks_exact(window)) {
                    *lane = numbers[*place];
                }
                row[count..].fill(0.0);
            }
        }
    });
    panels
}

/// Writes `count <= width` rows of `length` numbers, `stride` apart, as `length` rows of `width`
/// lanes, `row` apart; lanes without a row are zero.
pub(super) struct Transpose<'a> {
    pub rows: &'a [f32],
    pub stride: usize,
    pub count: usize,
    pub panel: &'a mut [f32],
    pub width: usize,
    pub row: usize,
    pub length: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            rows,
            stride,
            count,
            panel,
            width,
            row,
            length,
        } = self;
        assert!(count <= width && width <= row);
        assert!(length == 0 || panel.len() >= (length - 1) * row + width);
        assert!(count == 0 || rows.len() >= (count - 1) * stride + length);
        let whole = length / 8 * 8;
        let zeros = [0.0; 8];
        for lane in (0..width).step_by(8) {
            if lane + 8 <= width {
                for at in (0..whole).step_by(8) {
                    let mut from = [zeros.as_ptr(); 8];
                    for (index, from) in
                        from.iter_mut().enumerate().take(count.saturating_sub(lane))
                    {
                        *from = rows[(lane + index) * stride + at..].as_ptr();
                    }
                    // SAFETY: eight numbers follow in every row that there is, and rows
                    // `at..at + 8` of the panel have lanes `lane..lane + 8`; checked above.
                    unsafe {
                        let to = panel.as_mut_ptr().add(at * row + lane);
                        S::transpose8(from, to, row);
                    }
                }
            }
            let rest = if lane + 8 <= width { whole } else { 0 };
            for at in rest..length {
                for lane in lane..width.min(lane + 8) {
                    panel[at * row + lane] = match lane < count {
                        true => rows[lane * stride + at],
                        false => 0.0,
                    };
                }
            }
        }
    }
}
