//! A sequence of numbers: predict the next one, and then many more from predictions alone.
//!
//! Dive into Deep Learning, "Sequence Models": a noisy sine of 1,000 points, an MLP with 10 hidden units
//! that sees 4 points, 600 examples to learn from.
//! `cargo run --example sequence`

use anyhow::Result;
use clap::Parser;
use examples::{expected, say, unless_interrupted};
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::nn::Linear;
use tinderbox::nn::{Init, Layer, relu};
use tinderbox::plot::{self, Plot, Series};
use tinderbox::prelude::*;
use tinderbox::train::evaluate;

/// Points of the sequence, points that the model sees, examples to learn from.
pub const POINTS: usize = 1000;
pub const SEEN: usize = 4;
pub const TRAIN: usize = 600;

/// sin(0.01 t) + N(0, 0.2) for t = 1 to 1,000.
pub fn noisy_sine(seed: Seed) -> Vec<f32> {
    let mut rng = seed.rng();
    let point = |t| (0.01 * t as f64).sin() + 0.2 * rng.normal();
    (1..=POINTS).map(point).map(|x| x as f32).collect()
}

/// Four points and the one that follows, for each of these starts.
pub fn examples_of(points: &[f32], starts: std::ops::Range<usize>) -> Result<Rows> {
    let features = starts
        .clone()
        .flat_map(|start| &points[start..start + SEEN]);
    let features = Values::new(features.copied().collect(), SEEN)?;
    let targets = starts.map(|start| points[start + SEEN]).collect();
    Ok(Rows::new(features, Values::new(targets, 1)?)?)
}

/// 4 inputs, 10 hidden units, 1 output.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Mlp {
    pub fn new(seed: Seed, device: &Device) -> Self {
        let xavier = Initializer::XavierUniform { gain: 1.0 };
        let init = Init::new(seed, device, xavier).biases(Initializer::PYTORCH);
        Self {
            hidden: init.linear("hidden", SEEN, 10),
            output: init.linear("output", 10, 1),
        }
    }
}

impl Network<2> for Mlp {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.output.apply(relu(self.hidden.apply(inputs)))
    }
    fn input_shape(&self) -> Vec<usize> {
        vec![SEEN]
    }
    fn outputs(&self) -> usize {
        1
    }
}

/// The predictions `steps` points ahead of each window of four points: every step after the first sees
/// the predictions before it. Number `i` is for point `i + 3 + steps`; the last are for points to come.
pub fn ahead(model: &Mlp, points: &[f32], steps: usize, device: &Device) -> Result<Vec<f64>> {
    let windows: Vec<f32> = points.windows(SEEN).flatten().copied().collect();
    let count = windows.len() / SEEN;
    let mut windows = Tensor::<2>::from_data(TensorData::new(windows, [count, SEEN]), device);
    for _ in 0..steps {
        let next = model.predict(windows.clone())?;
        windows = Tensor::cat(vec![windows.narrow(1, 1, SEEN - 1), next], 1);
    }
    Ok(windows.narrow(1, SEEN - 1, 1).try_into_vec_as()?)
}

/// The mean squared error of predictions that are for the points from `first` on, over those behind the
/// training examples.
pub fn error(predicted: &[f64], points: &[f32], first: usize) -> f64 {
    let pairs = (first..points.len()).zip(predicted);
    let squares: Vec<f64> = pairs
        .filter(|(place, _)| *place >= TRAIN + SEEN)
        .map(|(place, predicted)| (predicted - f64::from(points[place])).powi(2))
        .collect();
    squares.iter().sum::<f64>() / squares.len() as f64
}

pub fn settings(seed: u64) -> TrainConfig {
    TrainConfig {
        epochs: 5,
        learning_rate: 0.01,
        seed,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    }
}

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let (device, seed) = (args.device()?, args.seed());
    let points = noisy_sine(seed.child("data"));
    let train = examples_of(&points, 0..TRAIN)?;
    let held_out = Loader::for_evaluation(examples_of(&points, TRAIN..POINTS - SEEN)?, 400)?;
    let batch_size = args.batch_size.unwrap_or(16);
    let loader = Loader::new(train.clone(), batch_size)?.shuffle(seed.child("order"));

    let config = settings(args.seed);
    let config = TrainConfig {
        epochs: args.epochs.unwrap_or(config.epochs),
        learning_rate: args.lr.unwrap_or(config.learning_rate),
        ..config
    };
    let run = args.run("sequence")?;
    let model = Mlp::new(seed.child("weights"), &device);
    let trainer = args.trainer(config, &run)?;
    let fitted = trainer.fit(model, &Regression::default(), &loader, Some(&held_out))?;
    let model = unless_interrupted(fitted.finished())?.model;

    let whole = Loader::for_evaluation(train, TRAIN)?;
    let loss = evaluate(&model, &Regression::default(), &whole, &mut [])?;
    expected(
        "squared error of the training examples",
        "0.047 to 0.060 (the noise alone: 0.040)",
        format!("{loss:.4}"),
    );
    let observed = points
        .iter()
        .enumerate()
        .map(|(t, &x)| (t as f64, f64::from(x)));
    let mut lines = vec![Series::new("points", observed)];
    for steps in [1, 4, 16, 64] {
        let (predicted, first) = (ahead(&model, &points, steps, &device)?, SEEN - 1 + steps);
        let error = error(&predicted, &points, first);
        say!("squared error {steps} ahead, held out: {error:.4}");
        let places = (first..).zip(predicted).map(|(t, x)| (t as f64, x));
        lines.push(Series::new(format!("{steps} ahead"), places));
    }
    // From the last training point on, nothing but predictions.
    let mut free: Vec<f32> = points[..TRAIN + SEEN].to_vec();
    while free.len() < POINTS {
        let next = ahead(&model, &free[free.len() - SEEN..], 1, &device)?;
        free.push(next[0] as f32);
    }
    let free: Vec<f64> = free.into_iter().map(f64::from).collect();
    let free_error = error(&free, &points, 0);
    say!(
        "squared error from predictions alone, up to 396 steps: {free_error:.4} (a sine has a variance of 0.5)"
    );
    let behind = (TRAIN + SEEN..POINTS).map(|t| (t as f64, free[t]));
    lines.push(Series::new("predictions alone", behind));
    let plot = Plot::new("A noisy sine, 604 points learned").labels("t", "x");
    let file = run.folder().join("sequence.svg");
    tinderbox::write_atomic(&file, plot::line(&plot, &lines)?)?;
    say!("figure: {}", file.display());
    Ok(())
}
