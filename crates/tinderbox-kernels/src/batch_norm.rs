//! Batch normalization (Ioffe and Szegedy 2015) over `[batch, channels, rest]`.

use crate::memory;
use crate::parallel::{for_each, for_each_chunk};
use crate::plane::{dot, reduce};
use crate::simd::{Kernel, Level, Simd, run};

/// The sizes of a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormShape {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Numbers of a channel of an image.
    pub plane: usize,
}

impl NormShape {
    fn length(&self) -> usize {
        self.batch * self.channels * self.plane
    }

    fn planes<'a>(&self, numbers: &'a [f32], channel: usize) -> impl Iterator<Item = &'a [f32]> {
        let (channels, plane) = (self.channels, self.plane);
        (0..self.batch).map(move |image| &numbers[(image * channels + channel) * plane..][..plane])
    }
}

/// Mean and biased variance of every channel.
///
/// # Panics
/// If the length of `input` does not match `shape`, or if it is empty.
pub fn batch_statistics(level: Level, shape: &NormShape, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
    assert!(input.len() == shape.length() && !input.is_empty());
    let mut statistics = vec![(0.0, 0.0); shape.channels];
    for_each_chunk(
        &mut statistics,
        1,
        2 * input.len(),
        |channel, statistics| {
            let kernel = Statistics {
                shape,
                input,
                channel,
            };
            statistics[0] = run(level, kernel);
        },
    );
    statistics.into_iter().unzip()
}

struct Statistics<'a> {
    shape: &'a NormShape,
    input: &'a [f32],
    channel: usize,
}

impl Kernel for Statistics<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call<S: Simd>(self) -> (f32, f32) {
        let count = (self.shape.batch * self.shape.plane) as f64;
        let mut sum = 0.0;
        for plane in self.shape.planes(self.input, self.channel) {
            sum += f64::from(reduce::<S>(plane, |number| number));
        }
        let mean = (sum / count) as f32;
        let mut squares = 0.0;
        for plane in self.shape.planes(self.input, self.channel) {
            let square = |number: f32| (number - mean) * (number - mean);
            squares += f64::from(reduce::<S>(plane, square));
        }
        (mean, (squares / count) as f32)
    }
}

/// `(input - mean) / sqrt(variance + epsilon) * gamma + beta`.
///
/// # Panics
/// If the length of a slice does not match `shape`.
pub fn batch_norm(
    level: Level,
    shape: &NormShape,
    input: &[f32],
    [gamma, beta, mean, variance]: [&[f32]; 4],
    epsilon: f64,
) -> Vec<f32> {
    assert_eq!(input.len(), shape.length());
    let mut output = memory::buffer(input.len());
    for_each_chunk(&mut output, shape.plane, input.len(), |index, output| {
        let channel = index % shape.channels;
        let scale = gamma[channel] / deviation(variance[channel], epsilon);
        let map = Map {
            input: &input[index * shape.plane..][..shape.plane],
            mean: mean[channel],
            scale,
            shift: beta[channel],
            output,
        };
        run(level, map);
    });
    output
}

fn deviation(variance: f32, epsilon: f64) -> f32 {
    (f64::from(variance) + epsilon).sqrt() as f32
}

struct Map<'a> {
    input: &'a [f32],
    mean: f32,
    scale: f32,
    shift: f32,
    output: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        for (output, input) in self.output.iter_mut().zip(self.input) {
            *output = S::mul_add(input - self.mean, self.scale, self.shift);
        }
    }
}

/// The gradients of the input, of gamma and of beta when statistics are those of the batch.
///
/// # Panics
/// If the length of a slice does not match `shape`.
pub fn batch_norm_gradient(
    level: Level,
    shape: &NormShape,
    input: &[f32],
    [gamma, mean, variance]: [&[f32]; 3],
    epsilon: f64,
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    assert_eq!([input.len(), gradient.len()], [shape.length(); 2]);
    let mut sums = vec![(0.0, 0.0); shape.channels];
    for_each_chunk(&mut sums, 1, 2 * input.len(), |channel, sums| {
        let kernel = Sums {
            shape,
            input,
            gradient,
            channel,
            mean: mean[channel],
        };
        sums[0] = run(level, kernel);
    });
    let count = (shape.batch * shape.plane) as f32;
    let mut output = memory::buffer(input.len());
    let planes = output.chunks_mut(shape.plane.max(1)).enumerate().collect();
    for_each(
        planes,
        input.len(),
        |(index, output): (usize, &mut [f32])| {
            let channel = index % shape.channels;
            let inverse = 1.0 / deviation(variance[channel], epsilon);
            let (sum, product) = sums[channel];
            let start = index * shape.plane;
            let kernel = InputGradient {
                input: &input[start..start + output.len()],
                gradient: &gradient[start..start + output.len()],
                mean: mean[channel],
                scale: gamma[channel] * inverse,
                sum: sum / count,
                product: product * inverse * inverse / count,
                output,
            };
            run(level, kernel);
        },
    );
    let products = sums.iter().zip(variance);
    let of_gamma = products.map(|(sums, variance)| sums.1 / deviation(*variance, epsilon));
    let of_beta = sums.iter().map(|sums| sums.0);
    [output, of_gamma.collect(), of_beta.collect()]
}

/// The sums of the gradient and of its product with the centered input.
struct Sums<'a> {
    shape: &'a NormShape,
    input: &'a [f32],
    gradient: &'a [f32],
    channel: usize,
    mean: f32,
}

impl Kernel for Sums<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call<S: Simd>(self) -> (f32, f32) {
        let (mut sum, mut product) = (0.0, 0.0);
        let inputs = self.shape.planes(self.input, self.channel);
        let gradients = self.shape.planes(self.gradient, self.channel);
        for (input, gradient) in inputs.zip(gradients) {
            sum += f64::from(reduce::<S>(gradient, |number| number));
            product += f64::from(dot::<S>(input, self.mean, gradient));
        }
        (sum as f32, product as f32)
    }
}

struct InputGradient<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
    mean: f32,
    scale: f32,
    sum: f32,
    product: f32,
    output: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let pairs = self.input.iter().zip(self.gradient);
        for (output, (input, gradient)) in self.output.iter_mut().zip(pairs) {
            let rest = S::mul_add(-(input - self.mean), self.product, gradient - self.sum);
            *output = rest * self.scale;
        }
    }
}
