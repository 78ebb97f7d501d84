//! The gradient of the input.

use super::gather::Gather;
use super::rows::{self, Rows, TapRow};
use super::{ConvShape, depthwise, pack};
use crate::simd::Level;
use crate::{memory, plane};

/// The gradient of the input, from that of the output.
///
/// # Panics
/// As [`super::conv2d`].
pub fn conv2d_input_gradient(
    level: Level,
    shape: &ConvShape,
    weight: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    assert!(shape.is_supported());
    let [inputs, weights, outputs] = shape.lengths();
    assert_eq!([weight.len(), gradient.len()], [weights, outputs]);
    if shape.is_depthwise() {
        return depthwise::input_gradient(level, shape, weight, gradient);
    }
    let [group_inputs, group_outputs] = shape.per_group();
    let axes = [Phases::new(shape, 0), Phases::new(shape, 1)];
    let [height, width] = shape.output().unwrap_or([0, 0]);
    let padding = [0, 1].map(|axis| {
        let phases = &axes[axis];
        (phases.before, phases.after)
    });
    let few = group_inputs <= rows::CHANNELS && shape.stride == [1, 1];
    let slack = if few { rows::SLACK } else { 0 };
    let padded = plane::pad(gradient, [height, width], padding, slack);
    let row = width + padding[1].0 + padding[1].1;
    let plane = (height + padding[0].0 + padding[0].1) * row;
    if few {
        let (down, right) = (&axes[0].phases[0], &axes[1].phases[0]);
        let tap = |&(_, back): &(usize, usize)| TapRow {
            down: back,
            offsets: (0..group_outputs)
                .flat_map(|output| {
                    right
                        .taps
                        .iter()
                        .map(move |tap| (output * plane + tap.1) as u32)
                })
                .collect(),
        };
        let columns = right.taps.len();
        let mut output = memory::buffer(inputs);
        // The first input row and column start there.
        let start = down.pixels[0].1 * row + right.pixels[0].1;
        let by_row = Rows {
            source: &padded[start..],
            image: shape.channels[1] * plane,
            group: group_outputs * plane,
            row,
            real: padding[0].0.saturating_sub(down.pixels[0].1)
                ..(padding[0].0 + height).saturating_sub(down.pixels[0].1),
            step: 1,
            taps: &down.taps.iter().map(tap).collect::<Vec<_>>(),
            weight: &|group, channel, term| {
                let (y, output) = (
                    term / (group_outputs * columns),
                    term / columns % group_outputs,
                );
                let output = group * group_outputs + output;
                let place = down.taps[y].0 * shape.kernel[1] + right.taps[term % columns].0;
                weight[(output * group_inputs + channel) * shape.window() + place]
            },
            bias: None,
            groups: shape.groups,
            channels: group_inputs,
            output: shape.input,
        };
        by_row.run(level, &mut output);
        return output;
    }
    // Pixels that no window touches stay zero.
    let mut output = match axes.iter().all(Phases::cover) {
        true => memory::buffer(inputs),
        false => vec![0.0; inputs],
    };
    for rows in &axes[0].phases {
        for columns in &axes[1].phases {
            let taps = rows.taps.iter().flat_map(|&(y, back_y)| {
                let tap = move |&(x, back_x): &(usize, usize)| {
                    (y * shape.kernel[1] + x, back_y * row + back_x)
                };
                columns.taps.iter().map(tap)
            });
            let taps: Vec<(usize, usize)> = taps.collect();
            let pixels = rows.pixels.iter().flat_map(|&(y, from_y)| {
                let pixel = move |&(x, from_x): &(usize, usize)| {
                    (y * shape.input[1] + x, from_y * row + from_x)
                };
                columns.pixels.iter().map(pixel)
            });
            let (targets, bases): (Vec<u32>, Vec<u32>) = pixels
                .map(|(target, base)| (target as u32, base as u32))
                .unzip();
            if taps.is_empty() || bases.is_empty() {
                continue;
            }
            let offsets = (0..group_outputs)
                .flat_map(|output| taps.iter().map(move |tap| (output * plane + tap.1) as u32));
            let offsets: Vec<u32> = offsets.collect();
            let places: Vec<usize> = taps.iter().map(|tap| tap.0).collect();
            let panels = pack::columns(level, weight, shape, &places);
            let whole = targets.len() == shape.input[0] * shape.input[1];
            let gather = Gather {
                source: &padded,
                image: shape.channels[1] * plane,
                group: group_outputs * plane,
                offsets: &offsets,
                bases: &bases,
                targets: (!whole).then_some(&targets),
                panels: &panels,
                bias: None,
                groups: shape.groups,
                channels: group_inputs,
                plane: shape.input[0] * shape.input[1],
            };
            gather.run(level, &mut output);
        }
    }
    output
}

/// With a stride of s, an input row is touched only by places of the kernel whose distance to it is
/// a multiple of s: rows fall into s phases, each a convolution of stride 1 with part of the kernel.
struct Phases {
    phases: Vec<Phase>,
    /// Zeros before and after the rows of the output gradient.
    before: usize,
    after: usize,
}

/// One axis of a phase.
struct Phase {
    /// Places of the kernel, and the offset of each in the padded gradient.
    taps: Vec<(usize, usize)>,
    /// Input rows, and where each begins in the padded gradient.
    pixels: Vec<(usize, usize)>,
}

impl Phases {
    fn new(shape: &ConvShape, axis: usize) -> Self {
        let (stride, dilation) = (shape.stride[axis], shape.dilation[axis]);
        let (kernel, side) = (shape.kernel[axis], shape.input[axis]);
        let padding = shape.padding[axis].0;
        let outputs = shape.output().unwrap_or([0, 0])[axis];
        // A row depends on at most this many earlier rows of the output.
        let before = dilation * (kernel - 1) / stride;
        let last = (side + padding - 1) / stride;
        let phase = |phase: usize| Phase {
            taps: (0..kernel)
                .filter(|tap| tap * dilation % stride == phase)
                .map(|tap| (tap, before - tap * dilation / stride))
                .collect(),
            pixels: (0..side)
                .filter(|row| (row + padding) % stride == phase)
                .map(|row| (row, (row + padding) / stride))
                .collect(),
        };
        Self {
            phases: (0..stride).map(phase).collect(),
            before,
            after: (last + 1).saturating_sub(outputs),
        }
    }

    /// Whether every pixel belongs to a phase that has places of the kernel.
    fn cover(&self) -> bool {
        let covered = |phase: &Phase| !phase.taps.is_empty() || phase.pixels.is_empty();
        self.phases.iter().all(covered)
    }
}
