//! Speed of single convolutions: `tinderbox-kernels` and Burn's own operations, timed in turn.
//!
//! Prints one JSON object per line: best seconds forward, and forward and backward, and percent of the multiply-adds
//! that the processor reached in the same run. An argument restricts it to the layers whose name contains it.
//! `layers.py` prints the same for PyTorch.

use std::time::Instant;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};
use tinderbox_kernels::slices::Level;
use tinderbox_kernels::{conv2d, peak_flops};

/// A layer on each line: batch, channels in and out, side of the input, kernel, stride, padding, groups, name.
const LAYERS: &str = include_str!("layers.txt");

/// The sizes and the names of the layers.
fn read() -> impl Iterator<Item = ([usize; 8], &'static str)> {
    let lines = LAYERS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut rest = line;
        let sizes = std::array::from_fn(|_| {
            let (number, behind) = rest.split_once(' ').expect("eight numbers and a name");
            rest = behind;
            number.parse().expect("a number")
        });
        (sizes, rest)
    })
}

type Conv = fn(Tensor<4>, Tensor<4>, ConvOptions<2>) -> Tensor<4>;

fn ours(input: Tensor<4>, weight: Tensor<4>, options: ConvOptions<2>) -> Tensor<4> {
    conv2d(input, weight, None, options)
}

fn stock(input: Tensor<4>, weight: Tensor<4>, options: ConvOptions<2>) -> Tensor<4> {
    module::conv2d(input, weight, None, options)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn layers(filter: &str) {
    let peak = peak_flops(Level::detect(), 20);
    for (sizes, name) in read() {
        if !name.contains(filter) {
            continue;
        }
        let [
            batch,
            inputs,
            outputs,
            side,
            kernel,
            stride,
            padding,
            groups,
        ] = sizes;
        let plain = Device::flex();
        let device = plain.clone().autodiff();
        let input = Tensor::<4>::ones([batch, inputs, side, side], &plain) * 0.5;
        let weight = Tensor::<4>::ones([outputs, inputs / groups, kernel, kernel], &plain) * 0.25;
        let options = || ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
        let forward = |conv: Conv| {
            let (input, weight) = (input.clone(), weight.clone());
            seconds(|| drop(std::hint::black_box(conv(input, weight, options()))))
        };
        // The first layer of a network needs no gradient of its input.
        let first = inputs <= 3;
        let tracked = |tensor: &Tensor<4>| Tensor::from_data(tensor.to_data(), &device);
        let both = |conv: Conv| {
            let (input, weight) = (tracked(&input), tracked(&weight).require_grad());
            let input = if first { input } else { input.require_grad() };
            seconds(|| drop(conv(input, weight, options()).sum().backward()))
        };
        // Forward of each, forward and backward of each, in turn.
        let mut best = [f64::INFINITY; 4];
        let start = Instant::now();
        let mut rounds = 0;
        while rounds < 4 || (start.elapsed().as_secs_f64() < 2.0 && rounds < 40) {
            let times = [forward(stock), forward(ours), both(stock), both(ours)];
            for (best, time) in best.iter_mut().zip(times) {
                *best = best.min(time);
            }
            rounds += 1;
        }
        let side = (side + 2 * padding - kernel) / stride + 1;
        let adds = batch * outputs * side * side * inputs / groups * kernel * kernel;
        let of_peak = |passes: f64, time: f64| 200.0 * passes * adds as f64 / time / peak;
        let [stock, ours, stock_both, ours_both] = best;
        println!(
            "{{\"name\": \"{name}\", \"stock\": {stock:.3e}, \"ours\": {ours:.3e}, \"peak\": {:.0}, \
             \"stock_both\": {stock_both:.3e}, \"ours_both\": {ours_both:.3e}, \"peak_both\": {:.0}}}",
            of_peak(1.0, ours),
            of_peak(if first { 2.0 } else { 3.0 }, ours_both),
        );
    }
}

fn main() {
    layers(&std::env::args().nth(1).unwrap_or_default());
}
