//! Depthwise convolutions, in which every output channel has one input channel: rows times numbers.

use super::ConvShape;
use crate::memory;
use crate::parallel::{PRODUCTS, for_each_chunk};
use crate::plane::dot;
use crate::simd::{Kernel, Level, Simd, run};

/// The places of the kernel: row and column in a padded plane.
fn places(shape: &ConvShape) -> impl Iterator<Item = (usize, usize)> {
    let [kernel, dilation] = [shape.kernel, shape.dilation];
    let columns = move |y: usize| (0..kernel[1]).map(move |x| (y * dilation[0], x * dilation[1]));
    (0..kernel[0]).flat_map(columns)
}

pub(super) fn forward(
    level: Level,
    shape: &ConvShape,
    padded: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    output: &mut [f32],
) {
    let (pixels, window) = (shape.pixels(), shape.window());
    let plane = shape.padded(0) * shape.padded(1);
    let cost = output.len() * window / PRODUCTS;
    for_each_chunk(output, pixels, cost, |index, output| {
        let channel = index % shape.channels[1];
        let forward = Forward {
            shape,
            padded: &padded[index * plane..][..plane],
            weight: &weight[channel * window..][..window],
            bias: bias.map_or(0.0, |bias| bias[channel]),
            output,
        };
        run(level, forward);
    });
}

struct Forward<'a> {
    shape: &'a ConvShape,
    padded: &'a [f32],
    weight: &'a [f32],
    bias: f32,
    output: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let [_, width] = self.shape.output().unwrap_or([0, 0]);
        let (row, stride) = (self.shape.padded(1), self.shape.stride);
        self.output.fill(self.bias);
        for (y, output) in self.output.chunks_exact_mut(width).enumerate() {
            for ((down, right), &weight) in places(self.shape).zip(self.weight) {
                let input = &self.padded[(y * stride[0] + down) * row + right..];
                match stride[1] {
                    1 => {
                        for (output, input) in output.iter_mut().zip(input) {
                            *output = S::mul_add(weight, *input, *output);
                        }
                    }
                    step => {
                        for (output, input) in output.iter_mut().zip(input.iter().step_by(step)) {
                            *output = S::mul_add(weight, *input, *output);
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn input_gradient(
    level: Level,
    shape: &ConvShape,
    weight: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let mut output = memory::buffer(shape.lengths()[0]);
    let (pixels, window) = (shape.pixels(), shape.window());
    let cost = gradient.len() * window / PRODUCTS;
    for_each_chunk(
        &mut output,
        shape.input[0] * shape.input[1],
        cost,
        |index, output| {
            let channel = index % shape.channels[0];
            let backward = Backward {
                shape,
                weight: &weight[channel * window..][..window],
                gradient: &gradient[index * pixels..][..pixels],
                output,
            };
            run(level, backward);
        },
    );
    output
}

struct Backward<'a> {
    shape: &'a ConvShape,
    weight: &'a [f32],
    gradient: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let shape = self.shape;
        let [_, width] = shape.output().unwrap_or([0, 0]);
        let (row, stride) = (shape.padded(1), shape.stride);
        let mut padded = vec![0.0; shape.padded(0) * row];
        for (y, gradient) in self.gradient.chunks_exact(width).enumerate() {
            for ((down, right), &weight) in places(shape).zip(self.weight) {
                let padded = &mut padded[(y * stride[0] + down) * row + right..];
                match stride[1] {
                    1 => {
                        for (padded, gradient) in padded.iter_mut().zip(gradient) {
                            *padded = S::mul_add(weight, *gradient, *padded);
                        }
                    }
                    step => {
                        for (padded, gradient) in padded.iter_mut().step_by(step).zip(gradient) {
                            *padded = S::mul_add(weight, *gradient, *padded);
                        }
                    }
                }
            }
        }
        let [(top, _), (left, _)] = shape.padding;
        for (y, output) in self.output.chunks_exact_mut(shape.input[1]).enumerate() {
            output.copy_from_slice(&padded[(top + y) * row + left..][..shape.input[1]]);
        }
    }
}

pub(super) fn weight_gradient(
    level: Level,
    shape: &ConvShape,
    padded: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let mut weights = vec![0.0; shape.lengths()[1]];
    let cost = gradient.len() * shape.window() / PRODUCTS;
    for_each_chunk(&mut weights, shape.window(), cost, |channel, weight| {
        let sums = Weight {
            shape,
            padded,
            gradient,
            channel,
            weight,
        };
        run(level, sums);
    });
    weights
}

struct Weight<'a> {
    shape: &'a ConvShape,
    padded: &'a [f32],
    gradient: &'a [f32],
    channel: usize,
    weight: &'a mut [f32],
}

impl Kernel for Weight<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let shape = self.shape;
        let [_, width] = shape.output().unwrap_or([0, 0]);
        let (row, stride, pixels) = (shape.padded(1), shape.stride, shape.pixels());
        let plane = shape.padded(0) * row;
        let mut columns = vec![0.0; width];
        for image in 0..shape.batch {
            let index = image * shape.channels[0] + self.channel;
            let padded = &self.padded[index * plane..][..plane];
            let gradient = &self.gradient[index * pixels..][..pixels];
            for ((down, right), weight) in places(shape).zip(self.weight.iter_mut()) {
                for (y, gradient) in gradient.chunks_exact(width).enumerate() {
                    let input = &padded[(y * stride[0] + down) * row + right..];
                    *weight += match stride[1] {
                        1 => dot::<S>(&input[..width], 0.0, gradient),
                        step => {
                            let inputs = input.iter().step_by(step);
                            for (column, input) in columns.iter_mut().zip(inputs) {
                                *column = *input;
                            }
                            dot::<S>(&columns, 0.0, gradient)
                        }
                    };
                }
            }
        }
    }
}
