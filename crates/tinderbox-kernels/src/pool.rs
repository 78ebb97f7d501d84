//! Maximum and average over windows, `[planes, height, width]`.

use crate::memory::{self, Scratch};
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

/// Used instead of a place if a window holds nothing above minus infinity.
const NOWHERE: u8 = u8::MAX;

/// The sizes of a pooling; padding on all sides, windows that would leave it are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Images times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of a window.
    pub window: [usize; 2],
    /// Steps between two windows.
    pub stride: [usize; 2],
    /// Rows and columns on every side.
    pub padding: [usize; 2],
}

impl PoolShape {
    /// Height and width of the output; `None` if the window does not fit.
    pub fn output(&self) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let padded = self.input[axis] + 2 * self.padding[axis];
            Some(padded.checked_sub(self.window[axis])? / self.stride[axis] + 1)
        };
        Some([side(0)?, side(1)?])
    }

    /// Whether the kernels of this crate compute this pooling: it has an output, nothing is empty,
    /// every window covers a number, and a place in a window fits into a byte.
    pub fn is_supported(&self) -> bool {
        let fits = |axis: usize| self.padding[axis] < self.window[axis] && self.stride[axis] > 0;
        let [height, width] = self.window;
        let output = self
            .output()
            .is_some_and(|[height, width]| height * width > 0);
        // With padding of at most half a window, the usual rule, no window lies outside.
        let half = self.padding[0] * 2 <= height && self.padding[1] * 2 <= width;
        let some = self.planes > 0 && self.input[0] * self.input[1] > 0;
        output && half && some && fits(0) && fits(1) && height * width < usize::from(NOWHERE)
    }

    /// Numbers in the input and in the output.
    pub fn lengths(&self) -> [usize; 2] {
        let [height, width] = self.output().unwrap_or([0, 0]);
        let [rows, columns] = self.input;
        [self.planes * rows * columns, self.planes * height * width]
    }

    /// Outputs whose window has `place` inside of the input.
    #[inline(always)]
    fn outputs(&self, axis: usize, place: usize, count: usize) -> std::ops::Range<usize> {
        let (stride, padding) = (self.stride[axis], self.padding[axis]);
        let first = padding.saturating_sub(place).div_ceil(stride);
        let end = (self.input[axis] + padding)
            .saturating_sub(place)
            .div_ceil(stride);
        first..end.min(count).max(first)
    }

    /// Where in the input the window of output `first` has `place`.
    #[inline(always)]
    fn start(&self, axis: usize, place: usize, first: usize) -> usize {
        first * self.stride[axis] + place - self.padding[axis]
    }

    /// Every place of a window with the output rows and columns that have it inside of the input.
    #[inline(always)]
    fn for_each_row(&self, mut row: impl FnMut(u8, usize, usize, std::ops::Range<usize>)) {
        let [height, width] = self.output().unwrap_or([0, 0]);
        for y in 0..height {
            for down in 0..self.window[0] {
                if !self.outputs(0, down, height).contains(&y) {
                    continue;
                }
                let from = self.start(0, down, y);
                for right in 0..self.window[1] {
                    let columns = self.outputs(1, right, width);
                    if !columns.is_empty() {
                        let start = from * self.input[1] + self.start(1, right, columns.start);
                        let to = y * width + columns.start;
                        let place = (down * self.window[1] + right) as u8;
                        row(place, start, to, 0..columns.len());
                    }
                }
            }
        }
    }

    fn is_halving(&self) -> bool {
        self.window == [2, 2] && self.stride == [2, 2] && self.padding == [0, 0]
    }
}

/// The mean of each window; padding counts as zeros.
///
/// # Panics
/// If `shape` is not supported or does not match the length of `input`.
pub fn avg_pool2d(level: Level, shape: &PoolShape, input: &[f32]) -> Vec<f32> {
    let lengths = shape.lengths();
    for_each_plane(shape, input, lengths, |input, output| {
        let average = Average {
            shape,
            input,
            output,
        };
        run(level, average);
    })
}

/// The results of `work` from every plane of `numbers`, of the input or of the output, to a plane of the
/// other; `lengths` are those of all planes.
fn for_each_plane(
    shape: &PoolShape,
    numbers: &[f32],
    [from, to]: [usize; 2],
    work: impl Fn(&[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    assert!(shape.is_supported());
    assert_eq!(numbers.len(), from);
    let mut results = memory::buffer(to);
    let (from_plane, to_plane) = (from / shape.planes, to / shape.planes);
    for_each_chunk(&mut results, to_plane, from.max(to), |plane, results| {
        work(&numbers[plane * from_plane..][..from_plane], results);
    });
    results
}

struct Average<'a> {
    shape: &'a PoolShape,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            shape,
            input,
            output,
        } = self;
        let [_, width] = shape.output().unwrap_or([0, 0]);
        let step = shape.stride[1];
        if shape.is_halving() {
            let side = shape.input[1];
            for (output, rows) in output
                .chunks_exact_mut(width)
                .zip(input.chunks_exact(2 * side))
            {
                let (top, bottom) = rows.split_at(side);
                let pairs = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
                for (output, (top, bottom)) in output.iter_mut().zip(pairs) {
                    *output = (top[0] + top[1] + (bottom[0] + bottom[1])) * 0.25;
                }
            }
            return;
        }
        output.fill(0.0);
        shape.for_each_row(|_, start, to, columns| {
            let output = output[to..to + columns.len()].iter_mut();
            for (output, input) in output.zip(input[start..].iter().step_by(step)) {
                *output += input;
            }
        });
        let scale = 1.0 / (shape.window[0] * shape.window[1]) as f32;
        output.iter_mut().for_each(|output| *output *= scale);
    }
}

/// The gradient of the input of [`avg_pool2d`].
///
/// # Panics
/// As [`avg_pool2d`].
pub fn avg_pool2d_gradient(level: Level, shape: &PoolShape, gradient: &[f32]) -> Vec<f32> {
    let [inputs, outputs] = shape.lengths();
    for_each_plane(shape, gradient, [outputs, inputs], |gradient, output| {
        let gradients = AverageGradient {
            shape,
            gradient,
            output,
        };
        run(level, gradients);
    })
}

struct AverageGradient<'a> {
    shape: &'a PoolShape,
    gradient: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for AverageGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            shape,
            gradient,
            output,
        } = self;
        let [_, width] = shape.output().unwrap_or([0, 0]);
        let (step, side) = (shape.stride[1], shape.input[1]);
        let scale = 1.0 / (shape.window[0] * shape.window[1]) as f32;
        if shape.is_halving() && shape.input.iter().all(|side| side.is_multiple_of(2)) {
            let rows = output.chunks_exact_mut(2 * side);
            for (rows, gradient) in rows.zip(gradient.chunks_exact(width)) {
                let (top, bottom) = rows.split_at_mut(side);
                for (pair, gradient) in top.as_chunks_mut::<2>().0.iter_mut().zip(gradient) {
                    *pair = [gradient * scale; 2];
                }
                bottom.copy_from_slice(top);
            }
            return;
        }
        output.fill(0.0);
        shape.for_each_row(|_, start, to, columns| {
            let gradient = &gradient[to..to + columns.len()];
            for (output, gradient) in output[start..].iter_mut().step_by(step).zip(gradient) {
                *output += gradient * scale;
            }
        });
    }
}

/// The largest number of each window, and its place in the window.
///
/// # Panics
/// As [`avg_pool2d`].
pub fn max_pool2d(level: Level, shape: &PoolShape, input: &[f32]) -> (Vec<f32>, Vec<u8>) {
    assert!(shape.is_supported());
    let [inputs, outputs] = shape.lengths();
    assert_eq!(input.len(), inputs);
    let (from, to) = (inputs / shape.planes, outputs / shape.planes);
    let mut output = memory::buffer(outputs);
    let mut places = vec![NOWHERE; outputs];
    let planes = output
        .chunks_mut(PLANES * to)
        .zip(places.chunks_mut(PLANES * to));
    let mut planes: Vec<_> = planes.collect();
    for_each_chunk(&mut planes, 1, inputs, |group, planes| {
        let (output, places) = &mut planes[0];
        let max = Max {
            shape,
            input: &input[group * PLANES * from..],
            output,
            places,
        };
        run(level, max);
    });
    (output, places)
}

/// Planes that a thread takes at once.
const PLANES: usize = 8;

struct Max<'a> {
    shape: &'a PoolShape,
    /// From the first plane on.
    input: &'a [f32],
    /// Some planes.
    output: &'a mut [f32],
    places: &'a mut [u8],
}

impl Kernel for Max<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            shape,
            input,
            output,
            places,
        } = self;
        let [height, width] = shape.output().unwrap_or([0, 0]);
        let columns = Columns::new(shape, width);
        let mut rows =
            Scratch::new(columns.row * ((height - 1) * shape.stride[0] + shape.window[0]));
        rows.fill(f32::NEG_INFINITY);
        let inputs = input.chunks_exact(shape.input[0] * shape.input[1]);
        let outputs = output.chunks_exact_mut(height * width);
        let outputs = outputs.zip(places.chunks_exact_mut(height * width));
        for (input, (output, places)) in inputs.zip(outputs) {
            columns.fill(shape, input, &mut rows);
            let lines = output.chunks_exact_mut(width);
            for (y, (output, places)) in lines.zip(places.chunks_exact_mut(width)).enumerate() {
                let rows = &rows[y * shape.stride[0] * columns.row..];
                let blocks = output.chunks_mut(S::LANES).zip(places.chunks_mut(S::LANES));
                for (block, (output, places)) in blocks.enumerate() {
                    columns.largest::<S>(&rows[block * S::LANES..], output, places);
                }
            }
        }
    }
}

/// At least as many outputs as are computed together.
const BLOCK: usize = 16;

/// The columns of an input row sorted by their remainder when divided by the stride, with minus infinity for padding:
/// neighbouring outputs then have neighbouring inputs.
struct Columns {
    stride: usize,
    /// Remainders that a window has.
    remainders: usize,
    /// Room for the columns of one remainder.
    each: usize,
    /// Room for a row.
    row: usize,
    /// Where the first output of a row finds every place of its window.
    offsets: Vec<usize>,
}

impl Columns {
    fn new(shape: &PoolShape, width: usize) -> Self {
        let stride = shape.stride[1];
        let each = width.next_multiple_of(BLOCK) + (shape.window[1] - 1) / stride;
        let remainders = stride.min(shape.window[1]);
        let row = remainders * each;
        let places = (0..shape.window[0])
            .flat_map(|down| (0..shape.window[1]).map(move |right| (down, right)));
        let offset = |(down, right)| down * row + right % stride * each + right / stride;
        Self {
            stride,
            remainders,
            each,
            row,
            offsets: places.map(offset).collect(),
        }
    }

    /// The largest numbers of neighbouring windows, as many as there is room for, and their places.
    #[inline(always)]
    fn largest<S: Simd>(&self, rows: &[f32], output: &mut [f32], at: &mut [u8]) {
        let (mut numbers, mut places) = ([0.0; BLOCK], [0.0; BLOCK]);
        // SAFETY: the slices have a vector's length, and the instructions are those of the caller.
        unsafe {
            let mut largest = (S::splat(f32::NEG_INFINITY), S::splat(f32::from(NOWHERE)));
            for (place, from) in self.offsets.iter().enumerate() {
                let input = S::load(rows[*from..from + S::LANES].as_ptr());
                largest = S::larger(largest, (input, S::splat(place as f32)));
            }
            S::store(numbers[..S::LANES].as_mut_ptr(), largest.0);
            S::store(places[..S::LANES].as_mut_ptr(), largest.1);
        }
        output.copy_from_slice(&numbers[..output.len()]);
        for (at, place) in at.iter_mut().zip(places) {
            *at = place as u8;
        }
    }

    /// Writes all numbers of a plane; what is padding stays as it is.
    #[inline(always)]
    fn fill(&self, shape: &PoolShape, input: &[f32], rows: &mut [f32]) {
        let [top, left] = shape.padding;
        let inputs = input.chunks_exact(shape.input[1]);
        for (row, input) in rows.chunks_exact_mut(self.row).skip(top).zip(inputs) {
            for remainder in 0..self.remainders {
                // The first column at or after the beginning of the input that has this remainder.
                let skipped = left.saturating_sub(remainder).div_ceil(self.stride);
                let first = skipped * self.stride + remainder - left;
                let to = &mut row[remainder * self.each..][skipped..self.each];
                let from = input.get(first..).unwrap_or_default();
                match self.stride {
                    1 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
                    2 => {
                        let (pairs, last) = from.as_chunks::<2>();
                        for (to, pair) in to.iter_mut().zip(pairs) {
                            *to = pair[0];
                        }
                        if let (Some(to), [last]) = (to.get_mut(pairs.len()), last) {
                            *to = *last;
                        }
                    }
                    stride => {
                        let from = from.iter().step_by(stride);
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }
}

/// The gradient of the input of [`max_pool2d`], from the places that it returned.
///
/// # Panics
/// As [`avg_pool2d`].
pub fn max_pool2d_gradient(shape: &PoolShape, places: &[u8], gradient: &[f32]) -> Vec<f32> {
    assert!(shape.is_supported());
    let [inputs, outputs] = shape.lengths();
    assert_eq!([places.len(), gradient.len()], [outputs; 2]);
    let (to, from) = (inputs / shape.planes, outputs / shape.planes);
    let [_, width] = shape.output().unwrap_or([0, 0]);
    // Where each place lies from the first number of the window.
    let down = |place: usize| place / shape.window[1] * shape.input[1];
    let offsets: Vec<usize> = (0..shape.window[0] * shape.window[1])
        .map(|place| down(place) + place % shape.window[1])
        .collect();
    let mut output = memory::buffer(inputs);
    for_each_chunk(&mut output, to, inputs, |plane, output| {
        output.fill(0.0);
        let rows = gradient[plane * from..][..from].chunks_exact(width);
        let places = places[plane * from..][..from].chunks_exact(width);
        for (y, (gradient, places)) in rows.zip(places).enumerate() {
            let row = y * shape.stride[0] * shape.input[1];
            for (x, (gradient, place)) in gradient.iter().zip(places).enumerate() {
                if *place == NOWHERE {
                    continue;
                }
                let window = row + x * shape.stride[1] + offsets[usize::from(*place)];
                // The window may begin in the padding, the place lies in the input.
                let padding = shape.padding[0] * shape.input[1] + shape.padding[1];
                output[window - padding] += gradient;
            }
        }
    });
    output
}
