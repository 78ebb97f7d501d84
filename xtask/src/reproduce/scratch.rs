//! Training by hand: parameters are tensors, a network is a function of them, an update is a subtraction.
//!
//! Initial weights and order come from the same seeds as with the framework, so that both give the same metrics.
//! The exception is dropout, which the course initializes differently and which draws its masks in another way.

mod start;
mod train;

use anyhow::{Context, Result};
use tinderbox::burn::tensor::module::conv2d;
use tinderbox::burn::tensor::ops::ConvOptions;
use tinderbox::nn::lessons::{BatchStatistics, batch_norm, dropout};
use tinderbox::nn::{Layer, Pool, sigmoid};
use tinderbox::prelude::*;
use tinderbox::train::History;

use super::SeedRun;
use super::images::{Data, Settings};
use start::Start;
use train::train;

const NORMAL: Initializer = Initializer::Normal { std: 0.01 };
const XAVIER: Initializer = Initializer::XavierUniform { gain: 1.0 };

/// Chapter "Implementation of Softmax Regression from Scratch".
pub fn softmax_regression(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let start = Start::new(run);
    let (pixels, classes) = data.sizes();
    let parameters = [
        start.weights("linear", [pixels, classes], NORMAL),
        start.zeros(classes),
    ];
    let network = |[w, b]: &[Tensor<2>; 2], images: Tensor<4>, _: Option<Seed>| {
        affine(images.flatten(1, 3), w, b)
    };
    train(settings, data, run, parameters, network)
}

/// Chapter "Implementation of Multilayer Perceptrons from Scratch": 256 hidden units.
pub fn mlp(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let start = Start::new(run);
    let (pixels, classes) = data.sizes();
    let parameters = [
        start.weights("hidden", [pixels, 256], NORMAL),
        start.zeros(256),
        start.weights("output", [256, classes], NORMAL),
        start.zeros(classes),
    ];
    let network = |[w1, b1, w2, b2]: &[Tensor<2>; 4], images: Tensor<4>, _: Option<Seed>| {
        let hidden = affine(images.flatten(1, 3), w1, b1).clamp_min(0.0);
        affine(hidden, w2, b2)
    };
    train(settings, data, run, parameters, network)
}

/// Chapter "Dropout": 256 and 256 hidden units, with dropout of 0.2 and 0.5.
///
/// The course initializes this version with PyTorch's default, U(±1/√inputs) for weights and biases, and the concise
/// one with N(0, 0.01): that is why their bands differ.
pub fn dropout_mlp(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let start = Start::new(run);
    let (pixels, classes) = data.sizes();
    let layer = |name: &str, inputs: usize, outputs: usize| {
        let bound = 1.0 / (inputs as f64).sqrt();
        let uniform = Initializer::Uniform { bound };
        let biases = format!("{name} bias");
        [
            start.weights(name, [inputs, outputs], uniform),
            start.weights(&biases, [1, outputs], uniform),
        ]
    };
    let [w1, b1] = layer("hidden1", pixels, 256);
    let [w2, b2] = layer("hidden2", 256, 256);
    let [w3, b3] = layer("output", 256, classes);
    let network =
        |[w1, b1, w2, b2, w3, b3]: &[Tensor<2>; 6], images: Tensor<4>, training: Option<Seed>| {
            let dropped = |hidden, probability, which| match training {
                Some(seed) => dropout(hidden, probability, seed.at(which)),
                None => hidden,
            };
            let hidden = affine(images.flatten(1, 3), w1, b1).clamp_min(0.0);
            let hidden = affine(dropped(hidden, 0.2, 1), w2, b2).clamp_min(0.0);
            affine(dropped(hidden, 0.5, 2), w3, b3)
        };
    train(settings, data, run, [w1, b1, w2, b2, w3, b3], network)
}

/// Chapter "Batch Normalization": a LeNet with the batch norm written out.
pub fn batch_norm_lenet(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let start = Start::new(run);
    let [channels, height, width] = data.train.shape();
    let (_, classes) = data.sizes();
    let side = |side: usize| ((side - 4) / 2 - 4) / 2;
    let features = 16 * side(height) * side(width);
    let kernels = |name, outputs, inputs| start.kernels(name, outputs, inputs, 5);
    let linear = |name, inputs, outputs| start.weights(name, [inputs, outputs], XAVIER);
    let parameters = [
        [
            kernels("conv1", 6, channels),
            start.biases("conv1", 25 * channels, 6),
        ],
        [start.ones(6), start.zeros(6)],
        [kernels("conv2", 16, 6), start.biases("conv2", 25 * 6, 16)],
        [start.ones(16), start.zeros(16)],
        [
            linear("fc1", features, 120),
            start.biases("fc1", features, 120),
        ],
        [start.ones(120), start.zeros(120)],
        [linear("fc2", 120, 84), start.biases("fc2", 120, 84)],
        [start.ones(84), start.zeros(84)],
        [linear("fc3", 84, classes), start.biases("fc3", 84, classes)],
    ];
    // The running statistics, used for predictions.
    let mut statistics = [6, 16, 120, 84].map(|channels| BatchStatistics {
        mean: Tensor::zeros([channels], &start.device),
        variance: Tensor::ones([channels], &start.device),
    });
    let network = |parameters: &[Tensor<2>; 18], images: Tensor<4>, training: Option<Seed>| {
        let [
            k1,
            c1,
            g1,
            d1,
            k2,
            c2,
            g2,
            d2,
            w1,
            b1,
            g3,
            d3,
            w2,
            b2,
            g4,
            d4,
            w3,
            b3,
        ] = parameters;
        let [s1, s2, s3, s4] = &mut statistics;
        let norm = |input: Tensor<4>, gamma: &Tensor<2>, beta: &Tensor<2>, running: &mut _| {
            let channels = [input.dims()[1]];
            let (gamma, beta) = (
                gamma.clone().reshape(channels),
                beta.clone().reshape(channels),
            );
            batch_norm(input, gamma, beta, running, 0.1, 1e-5, training.is_some())
        };
        let norm_row = |input: Tensor<2>, gamma: &Tensor<2>, beta: &Tensor<2>, running: &mut _| {
            let [rows, features] = input.dims();
            let input = input.reshape([rows, features, 1, 1]);
            norm(input, gamma, beta, running).reshape([rows, features])
        };
        let pool = Pool::average(2, 2);
        let maps = sigmoid(norm(convolution(images, k1, c1, 5), g1, d1, s1));
        let maps = pool.apply(maps);
        let maps = sigmoid(norm(convolution(maps, k2, c2, 5), g2, d2, s2));
        let row = pool.apply(maps).flatten(1, 3);
        let row = sigmoid(norm_row(affine(row, w1, b1), g3, d3, s3));
        let row = sigmoid(norm_row(affine(row, w2, b2), g4, d4, s4));
        affine(row, w3, b3)
    };
    let parameters: [Tensor<2>; 18] = parameters.concat().try_into().ok().context("nine pairs")?;
    train(settings, data, run, parameters, network)
}

/// `x W + b`, with one row of biases.
fn affine(x: Tensor<2>, w: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
    x.matmul(w.clone()) + b.clone()
}

/// Square kernels over images, without padding.
fn convolution(images: Tensor<4>, kernels: &Tensor<2>, bias: &Tensor<2>, side: usize) -> Tensor<4> {
    let [outputs, numbers] = kernels.dims();
    let kernels = kernels
        .clone()
        .reshape([outputs, numbers / (side * side), side, side]);
    let bias = bias.clone().reshape([outputs]);
    conv2d(
        images,
        kernels,
        Some(bias),
        ConvOptions::new([1; 2], [0; 2], [1; 2], 1),
    )
}

impl Data {
    /// Numbers of an image, classes.
    fn sizes(&self) -> (usize, usize) {
        let pixels = self.train.shape().iter().product();
        (pixels, self.train.classes().names().len())
    }
}
