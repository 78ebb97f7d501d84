//! Trainings by hand: parameters are tensors, a network is a function of them, an update is a subtraction.
//!
//! First weights and order come from the same seeds as in the trainings with the framework, so that both give the
//! same figures (but for dropout, which the course starts differently and which draws its masks in another way).

use anyhow::{Context, Result, ensure};
use tinderbox::burn::tensor::module::conv2d;
use tinderbox::burn::tensor::ops::ConvOptions;
use tinderbox::nn::lessons::{
    BatchStatistics, accuracy, batch_norm, cross_entropy, dropout, softmax,
};
use tinderbox::nn::{Fans, Layer, Pool, sigmoid};
use tinderbox::prelude::*;
use tinderbox::train::{EpochRecord, History, Mean};

use super::Setting;
use super::images::{Data, Plan};

const NORMAL: Initializer = Initializer::Normal { std: 0.01 };
const XAVIER: Initializer = Initializer::XavierUniform { gain: 1.0 };

/// Chapter "Implementation of Softmax Regression from Scratch".
pub fn softmax_regression(plan: &Plan, data: &Data, setting: &Setting) -> Result<History> {
    let start = Start::new(setting);
    let (pixels, classes) = data.sizes();
    let parameters = [
        start.weights("linear", [pixels, classes], NORMAL),
        start.zeros(classes),
    ];
    let network = |[w, b]: &[Tensor<2>; 2], images: Tensor<4>, _: Option<Seed>| {
        affine(images.flatten(1, 3), w, b)
    };
    train(plan, data, setting, parameters, network)
}

/// Chapter "Implementation of Multilayer Perceptrons from Scratch": 256 hidden units.
pub fn mlp(plan: &Plan, data: &Data, setting: &Setting) -> Result<History> {
    let start = Start::new(setting);
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
    train(plan, data, setting, parameters, network)
}

/// Chapter "Dropout": 256 and 256 hidden units, a fifth and a half of which are dropped.
///
/// The course starts this version with PyTorch's own initialiser, U(±1/√inputs) for weights and biases, and the
/// concise one with N(0, 0.01): that is why their bands differ.
pub fn dropout_mlp(plan: &Plan, data: &Data, setting: &Setting) -> Result<History> {
    let start = Start::new(setting);
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
            let thinned = |hidden, probability, which| match training {
                Some(seed) => dropout(hidden, probability, seed.at(which)),
                None => hidden,
            };
            let hidden = affine(images.flatten(1, 3), w1, b1).clamp_min(0.0);
            let hidden = affine(thinned(hidden, 0.2, 1), w2, b2).clamp_min(0.0);
            affine(thinned(hidden, 0.5, 2), w3, b3)
        };
    train(plan, data, setting, [w1, b1, w2, b2, w3, b3], network)
}

/// Chapter "Batch Normalization": a LeNet with the batch norm written out.
pub fn batch_norm_lenet(plan: &Plan, data: &Data, setting: &Setting) -> Result<History> {
    let start = Start::new(setting);
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
    // What the batch norms remember for predictions.
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
    train(plan, data, setting, parameters, network)
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

/// Where first weights come from: tensors that remember what becomes of them.
struct Start {
    seed: Seed,
    device: Device,
}

impl Start {
    fn new(setting: &Setting) -> Self {
        Self {
            seed: Seed::new(setting.seed).child("weights"),
            device: setting.device.clone().autodiff(),
        }
    }

    fn draw(&self, name: &str, shape: [usize; 2], fans: Fans, how: Initializer) -> Tensor<2> {
        let seed = self.seed.child(name).child("weight");
        let numbers = how.draw(shape[0] * shape[1], fans, seed);
        Tensor::from_data(TensorData::new(numbers, shape), &self.device).require_grad()
    }

    /// From `inputs` to `outputs` numbers.
    fn weights(&self, name: &str, [inputs, outputs]: [usize; 2], how: Initializer) -> Tensor<2> {
        let fans = Fans {
            fan_in: inputs,
            fan_out: outputs,
        };
        self.draw(name, [inputs, outputs], fans, how)
    }

    /// One row of numbers an output channel.
    fn kernels(&self, name: &str, outputs: usize, inputs: usize, side: usize) -> Tensor<2> {
        let square = side * side;
        let fans = Fans {
            fan_in: inputs * square,
            fan_out: outputs * square,
        };
        self.draw(name, [outputs, inputs * square], fans, XAVIER)
    }

    /// One row of biases for units of `fan_in` inputs.
    fn biases(&self, name: &str, fan_in: usize, count: usize) -> Tensor<2> {
        let fans = Fans {
            fan_in,
            fan_out: count,
        };
        let seed = self.seed.child(name).child("bias");
        let numbers = Initializer::PYTORCH.draw(count, fans, seed);
        Tensor::from_data(TensorData::new(numbers, [1, count]), &self.device).require_grad()
    }

    fn zeros(&self, count: usize) -> Tensor<2> {
        Tensor::zeros([1, count], &self.device).require_grad()
    }

    fn ones(&self, count: usize) -> Tensor<2> {
        Tensor::ones([1, count], &self.device).require_grad()
    }
}

/// Minibatch SGD. `network` gives the logits of images; in training it also gets a seed for what it draws.
fn train<const N: usize>(
    plan: &Plan,
    data: &Data,
    setting: &Setting,
    mut parameters: [Tensor<2>; N],
    mut network: impl FnMut(&[Tensor<2>; N], Tensor<4>, Option<Seed>) -> Tensor<2>,
) -> Result<History> {
    let device = setting.device.clone().autodiff();
    let seed = Seed::new(setting.seed);
    let (train, test) = data.loaders(plan.batch, seed)?;
    let mut history = History::default();
    for epoch in 0..plan.epochs {
        let started = std::time::Instant::now();
        let draws = seed.child("draws").at(epoch as u64);
        let (mut losses, mut right, mut tested) =
            (Mean::default(), Mean::default(), Mean::default());
        for (step, batch) in train.epoch(epoch, 0, &device)?.enumerate() {
            let Batch { inputs, targets } = batch?;
            let examples = targets.dims()[0];
            let logits = network(&parameters, inputs, Some(draws.at(step as u64)));
            right.add(accuracy(logits.clone(), targets.clone()), examples);
            // The mean over the examples of this batch: the last one is shorter.
            let loss = cross_entropy(softmax(logits), targets).mean();
            let gradients = loss.backward();
            for parameter in &mut parameters {
                let gradient = parameter.grad(&gradients);
                let gradient = gradient.context("every parameter takes part in the loss")?;
                let moved = parameter.clone().inner() - gradient * plan.rate;
                *parameter = Tensor::from_inner(moved).require_grad();
            }
            let loss: f64 = loss.into_scalar();
            ensure!(
                loss.is_finite(),
                "the loss is {loss} in epoch {}, step {}",
                epoch + 1,
                step + 1
            );
            losses.add(loss, examples);
        }
        for batch in test.epoch(0, 0, &device)? {
            let Batch { inputs, targets } = batch?;
            let logits = network(&parameters, inputs, None);
            tested.add(accuracy(logits, targets.clone()), targets.dims()[0]);
        }
        let figure = |name: &str, mean: Mean| (name.to_string(), mean.value());
        history.epochs.push(EpochRecord {
            epoch: epoch + 1,
            step: (epoch + 1) * train.num_batches(),
            learning_rate: plan.rate,
            figures: vec![
                figure("train_loss", losses),
                figure("train_accuracy", right),
                figure("valid_accuracy", tested),
            ],
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    Ok(history)
}
