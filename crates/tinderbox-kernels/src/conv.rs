//! 2-D convolution and its gradients over slices, `[batch, channels, height, width]` throughout.

mod columns;
mod depthwise;
mod gather;
mod input;
mod pack;
mod rows;
mod weight;

use columns::Columns;
use gather::Gather;
pub use input::conv2d_input_gradient;
use rows::{Rows, TapRow};

use crate::memory;
use crate::parallel::for_each_chunk;
use crate::plane::{self, Padded};
use crate::simd::Level;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Channels of the input and of the output; `groups` divides both.
    pub channels: [usize; 2],
    /// Number of independent groups of channels.
    pub groups: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps between two positions of the kernel.
    pub stride: [usize; 2],
    /// Rows of zeros above and below, columns left and right.
    pub padding: [(usize, usize); 2],
    /// Steps between two places of the kernel.
    pub dilation: [usize; 2],
}

impl ConvShape {
    /// Height and width of the output; `None` if the kernel does not fit into the padded input.
    pub fn output(&self) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let reach = self.dilation[axis] * (self.kernel[axis].checked_sub(1)?) + 1;
            Some((self.padded(axis).checked_sub(reach)?) / self.stride[axis] + 1)
        };
        Some([side(0)?, side(1)?])
    }

    fn padded(&self, axis: usize) -> usize {
        self.input[axis] + self.padding[axis].0 + self.padding[axis].1
    }

    /// Whether the kernels of this crate compute this convolution: it has an output, nothing is
    /// empty, and offsets fit into 32 bits.
    pub fn is_supported(&self) -> bool {
        let Some([height, width]) = self.output() else {
            return false;
        };
        let [inputs, outputs] = self.channels;
        let parts = [
            self.batch,
            self.groups,
            inputs,
            outputs,
            self.kernel[0],
            self.kernel[1],
        ];
        let divides = self.groups > 0
            && inputs.is_multiple_of(self.groups)
            && outputs.is_multiple_of(self.groups);
        let reach = |axis: usize| self.padded(axis) + self.dilation[axis] * self.kernel[axis];
        let planes = self
            .batch
            .saturating_mul(inputs.max(outputs))
            .saturating_mul(reach(0))
            .saturating_mul(reach(1));
        divides && parts.iter().all(|&part| part > 0) && height * width > 0 && planes < 1 << 31
    }

    fn pixels(&self) -> usize {
        let [height, width] = self.output().unwrap_or([0, 0]);
        height * width
    }

    /// Channels of a group: of the input, of the output.
    fn per_group(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.groups)
    }

    fn window(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether the convolution is depthwise: every output channel has one input channel of its own.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.per_group() == [1, 1]
    }

    /// Numbers in the input, the weights and the output.
    pub fn lengths(&self) -> [usize; 3] {
        let [inputs, outputs] = self.channels;
        [
            self.batch * inputs * self.input[0] * self.input[1],
            outputs * self.per_group()[0] * self.window(),
            self.batch * outputs * self.pixels(),
        ]
    }

    /// Offsets of the terms of an output, `(channel, row, column)` of a kernel, in padded planes.
    fn term_offsets(&self) -> Vec<u32> {
        let (height, width) = (self.padded(0), self.padded(1));
        let mut offsets = Vec::with_capacity(self.per_group()[0] * self.window());
        for channel in 0..self.per_group()[0] {
            for row in 0..self.kernel[0] {
                for column in 0..self.kernel[1] {
                    let (row, column) = (row * self.dilation[0], column * self.dilation[1]);
                    offsets.push(((channel * height + row) * width + column) as u32);
                }
            }
        }
        offsets
    }

    /// Where the window of each output pixel begins in a padded plane.
    fn pixel_bases(&self) -> Vec<u32> {
        let [height, width] = self.output().unwrap_or([0, 0]);
        let mut bases = Vec::with_capacity(height * width);
        for row in 0..height {
            for column in 0..width {
                let (row, column) = (row * self.stride[0], column * self.stride[1]);
                bases.push((row * self.padded(1) + column) as u32);
            }
        }
        bases
    }

    fn pad_input<'a>(&self, input: &'a [f32], slack: usize) -> Padded<'a> {
        plane::pad(input, self.input, self.padding, slack)
    }
}

/// The output `[batch, outputs, height', width']`.
///
/// # Panics
/// If `shape` is not supported or does not match the length of a slice.
pub fn conv2d(
    level: Level,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    assert!(shape.is_supported());
    let [inputs, weights, outputs] = shape.lengths();
    assert_eq!([input.len(), weight.len()], [inputs, weights]);
    assert!(bias.is_none_or(|bias| bias.len() == shape.channels[1]));
    let few = shape.per_group()[1] <= rows::CHANNELS && shape.stride[1] == 1;
    let padded = shape.pad_input(input, if few { rows::SLACK } else { 0 });
    let mut output = memory::buffer(outputs);
    if shape.is_depthwise() {
        depthwise::forward(level, shape, &padded, weight, bias, &mut output);
        return output;
    }
    let [group_inputs, group_outputs] = shape.per_group();
    let plane = shape.padded(0) * shape.padded(1);
    if few {
        let [rows, columns] = shape.kernel;
        let tap = |row: usize| TapRow {
            down: row * shape.dilation[0],
            offsets: (0..group_inputs * columns)
                .map(|term| (term / columns * plane + term % columns * shape.dilation[1]) as u32)
                .collect(),
        };
        let by_row = Rows {
            source: &padded,
            image: shape.channels[0] * plane,
            group: group_inputs * plane,
            row: shape.padded(1),
            real: shape.padding[0].0..shape.padding[0].0 + shape.input[0],
            step: shape.stride[0],
            taps: &(0..rows).map(tap).collect::<Vec<_>>(),
            weight: &|group, channel, term| {
                let (row, input) = (
                    term / (group_inputs * columns),
                    term / columns % group_inputs,
                );
                let output = group * group_outputs + channel;
                let place = row * columns + term % columns;
                weight[(output * group_inputs + input) * rows * columns + place]
            },
            bias,
            groups: shape.groups,
            channels: group_outputs,
            output: shape.output().unwrap_or([0, 0]),
        };
        by_row.run(level, &mut output);
        return output;
    }
    let offsets = shape.term_offsets();
    if shape.batch * shape.pixels() <= columns::PIXELS {
        let columns = Columns {
            source: &padded,
            image: shape.channels[0] * plane,
            group: group_inputs * plane,
            offsets: &offsets,
            bases: &shape.pixel_bases(),
            weight,
            bias,
            groups: shape.groups,
            channels: group_outputs,
        };
        columns.run(level, &mut output);
        return output;
    }
    let panels = pack::rows(level, weight, shape.groups, group_outputs, offsets.len());
    let gather = Gather {
        source: &padded,
        image: shape.channels[0] * plane,
        group: group_inputs * plane,
        offsets: &offsets,
        bases: &shape.pixel_bases(),
        targets: None,
        panels: &panels,
        bias,
        groups: shape.groups,
        channels: group_outputs,
        plane: shape.pixels(),
    };
    gather.run(level, &mut output);
    output
}

/// The gradient of the weights, from the input and the gradient of the output.
///
/// # Panics
/// As [`conv2d`].
pub fn conv2d_weight_gradient(
    level: Level,
    shape: &ConvShape,
    input: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    assert!(shape.is_supported());
    let [inputs, _, outputs] = shape.lengths();
    assert_eq!([input.len(), gradient.len()], [inputs, outputs]);
    let padded = shape.pad_input(input, 0);
    match shape.is_depthwise() {
        true => depthwise::weight_gradient(level, shape, &padded, gradient),
        false => weight::gradient(level, shape, &padded, gradient),
    }
}

/// The gradient of the bias: the sum of the output's gradient over everything but the channels.
///
/// # Panics
/// As [`conv2d`].
pub fn conv2d_bias_gradient(level: Level, shape: &ConvShape, gradient: &[f32]) -> Vec<f32> {
    assert_eq!(gradient.len(), shape.lengths()[2]);
    let (channels, pixels) = (shape.channels[1], shape.pixels());
    let mut sums = vec![0.0; channels];
    for_each_chunk(&mut sums, 1, gradient.len(), |channel, sum| {
        for image in 0..shape.batch {
            let first = (image * channels + channel) * pixels;
            sum[0] += plane::sum(level, &gradient[first..first + pixels]);
        }
    });
    sums
}
