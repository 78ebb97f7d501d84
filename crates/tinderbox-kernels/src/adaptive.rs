//! Adaptive average pooling: windows of the size that gives the output its size.

use crate::memory;
use crate::parallel::for_each_chunk;
use crate::plane::reduce;
use crate::simd::{Kernel, Level, Simd, run};

/// The sizes of an adaptive pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveShape {
    /// Images times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

impl AdaptiveShape {
    /// Whether nothing is empty.
    pub fn is_supported(&self) -> bool {
        let [[a, b], [c, d]] = [self.input, self.output];
        [self.planes, a, b, c, d].iter().all(|&side| side > 0)
    }

    /// The input rows (axis 0) or columns (axis 1) of an output's window, as in PyTorch.
    fn window(&self, axis: usize, place: usize) -> std::ops::Range<usize> {
        let (input, output) = (self.input[axis], self.output[axis]);
        place * input / output..((place + 1) * input).div_ceil(output)
    }

    /// Calls `work(output, rows, columns)` for every output of a plane with its window.
    fn for_each_window(
        &self,
        mut work: impl FnMut(usize, std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let [height, width] = self.output;
        for y in 0..height {
            for x in 0..width {
                work(y * width + x, self.window(0, y), self.window(1, x));
            }
        }
    }

    fn plane_lengths(&self) -> [usize; 2] {
        [self.input, self.output].map(|[height, width]| height * width)
    }
}

/// The mean of each window.
///
/// # Panics
/// If `shape` is not supported or `input` has another length than it says.
pub fn adaptive_avg_pool2d(level: Level, shape: &AdaptiveShape, input: &[f32]) -> Vec<f32> {
    assert!(shape.is_supported());
    let [from, to] = shape.plane_lengths();
    assert_eq!(input.len(), shape.planes * from);
    let mut output = memory::buffer(shape.planes * to);
    // Some planes at a time: a plane may be one number.
    let planes = (4096 / from).max(1);
    for_each_chunk(&mut output, planes * to, input.len(), |index, output| {
        let input = &input[index * planes * from..][..output.len() / to * from];
        run(
            level,
            Means {
                shape,
                input,
                output,
            },
        );
    });
    output
}

struct Means<'a> {
    shape: &'a AdaptiveShape,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let [from, to] = self.shape.plane_lengths();
        let planes = self.output.chunks_exact_mut(to);
        for (output, input) in planes.zip(self.input.chunks_exact(from)) {
            if to == 1 {
                output[0] = reduce::<S>(input, |x| x) / from as f32;
                continue;
            }
            self.shape.for_each_window(|place, rows, columns| {
                let count = rows.len() * columns.len();
                let mut sum = 0.0;
                for row in rows {
                    let row = &input[row * self.shape.input[1]..];
                    sum += row[columns.clone()].iter().sum::<f32>();
                }
                output[place] = sum / count as f32;
            });
        }
    }
}

/// The gradient of the input of [`adaptive_avg_pool2d`].
///
/// # Panics
/// As [`adaptive_avg_pool2d`].
pub fn adaptive_avg_pool2d_gradient(shape: &AdaptiveShape, gradient: &[f32]) -> Vec<f32> {
    assert!(shape.is_supported());
    let [from, to] = shape.plane_lengths();
    assert_eq!(gradient.len(), shape.planes * to);
    let mut output = memory::buffer(shape.planes * from);
    let cost = output.len();
    for_each_chunk(&mut output, from, cost, |plane, output| {
        let gradient = &gradient[plane * to..][..to];
        output.fill(0.0);
        shape.for_each_window(|place, rows, columns| {
            let share = gradient[place] / (rows.len() * columns.len()) as f32;
            for row in rows {
                let row = &mut output[row * shape.input[1]..];
                row[columns.clone()].iter_mut().for_each(|x| *x += share);
            }
        });
    });
    output
}
