//! Every backend that is compiled in, compared with plain arithmetic and with the
//! others: `cargo test -p tinderbox --test backends --features ndarray`, or `wgpu`.
#![recursion_limit = "256"]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tinderbox::burn::module::{ModuleVisitor, Param};
use tinderbox::data::images::Images;
use tinderbox::data::synthetic;
use tinderbox::models::{ImageModel, find};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, Clip, Logits, Metric, StepError, TrainError};

/// Float sums differ in order between backends, and their functions in the last bits.
const TOLERANCE: f32 = 1e-4;

fn devices() -> Vec<(&'static str, Device)> {
    let names = tinderbox::backends().into_iter();
    // The backend may be compiled in on a machine without a CUDA card.
    let found: Vec<_> = names
        .filter_map(|name| Some((name, device(Some(name)).ok()?)))
        .collect();
    assert!(!found.is_empty(), "no backend has a device here");
    println!(
        "backends: {:?}",
        found.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    found
}

fn config(epochs: usize, learning_rate: f64) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate,
        ..TrainConfig::default()
    }
}

fn course_data() -> Rows {
    synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 200, Seed::new(1)).unwrap()
}

fn order() -> Loader<Rows> {
    Loader::new(course_data(), 32)
        .unwrap()
        .shuffle(Seed::new(2))
}

/// The same training run in plain arithmetic: weights and bias after `epochs` of minibatch SGD on the
/// mean of the squared error.
fn by_hand(start: &LinearRegression, epochs: usize, rate: f64) -> Vec<f64> {
    let numbers = |tensor: TensorData| tensor.iter::<f64>().collect::<Vec<_>>();
    let mut w = numbers(start.linear.weight.val().into_data());
    let bias = start.linear.bias.as_ref().unwrap();
    w.extend(numbers(bias.val().into_data()));
    let (cpu, loader) = (devices().pop().unwrap().1, order());
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch, 0, &cpu).unwrap() {
            let batch = batch.unwrap();
            let x = numbers(batch.inputs.into_data());
            let y = numbers(batch.targets.into_data());
            let examples = y.len() as f64;
            let mut gradient = [0.0; 3];
            for (x, y) in x.chunks_exact(2).zip(&y) {
                let error = x[0] * w[0] + x[1] * w[1] + w[2] - y;
                for (g, factor) in gradient.iter_mut().zip([x[0], x[1], 1.0]) {
                    *g += 2.0 * error * factor / examples;
                }
            }
            for (w, g) in w.iter_mut().zip(gradient) {
                *w -= rate * g;
            }
        }
    }
    w
}

#[test]
fn linear_regression_is_what_the_formula_says_on_every_backend() {
    for (name, device) in devices() {
        let model = LinearRegressionConfig::new(2)
            .init(Seed::new(3), &device)
            .unwrap();
        let expected = by_hand(&model, 3, 0.03);
        let fitted = Trainer::new(config(3, 0.03))
            .unwrap()
            .fit(model, &Regression::default(), &order(), None)
            .unwrap();
        let linear = fitted.model.linear;
        let mut got: Vec<f32> = linear.weight.val().into_data().iter().collect();
        got.extend(linear.bias.unwrap().val().into_data().iter::<f32>());
        for (got, expected) in got.iter().zip(&expected) {
            assert!(
                (got - *expected as f32).abs() < TOLERANCE,
                "{name}: {got}, by hand {expected}"
            );
        }
        // Training converges to 2, -3.4 and 4.2.
        assert!(
            fitted.history.last().unwrap().get("train_loss").unwrap() < 10.0,
            "{name}"
        );
    }
}

/// Grey images of 28 x 28 in ten classes, each class with a bright stripe of its own.
fn pictures() -> Images {
    let (examples, mut rng) = (64, Seed::new(4).rng());
    let labels: Vec<i32> = (0..examples).map(|index| index % 10).collect();
    let mut pixels = Vec::new();
    for label in &labels {
        for row in 0..28 {
            let stripe = if row / 2 == *label { 160.0 } else { 0.0 };
            pixels.extend((0..28).map(|_| (stripe + 90.0 * rng.uniform()) as u8));
        }
    }
    let names = (0..10).map(|class| class.to_string()).collect();
    Images::new(pixels, [1, 28, 28], Classes::new(labels, names).unwrap()).unwrap()
}

/// Every number of an image model after two epochs, so that convolutions, pooling, normalisation
/// and their gradients all take part.
fn trained(name: &str, device: &Device) -> Result<(Vec<f32>, f64), StepError> {
    let entry = find(name)?;
    let model: ImageModel = entry.init(Seed::new(5), device)?;
    let loader = Loader::new(pictures(), 16)?.shuffle(Seed::new(6));
    let fitted =
        Trainer::new(config(2, 0.1))?.fit(model, &Classification::default(), &loader, None)?;
    let loss = fitted
        .history
        .last()
        .and_then(|epoch| epoch.get("train_loss"));
    Ok((numbers(&fitted.model), loss.unwrap_or(f64::NAN)))
}

/// All float parameters, running statistics included, in the order of the module.
fn numbers(model: &impl Module) -> Vec<f32> {
    struct Collect(Vec<f32>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>());
        }
    }
    let mut collect = Collect(Vec::new());
    model.visit(&mut collect);
    collect.0
}

#[test]
fn image_models_train_to_the_same_weights_on_every_backend() {
    for model in ["softmax_regression", "lenet_modern", "lenet_batch_norm"] {
        let all = devices().into_iter().map(|(name, device)| {
            let trained = trained(model, &device)
                .unwrap_or_else(|error| panic!("{model} on {name}: {error}"));
            (name, trained)
        });
        let all: Vec<_> = all.collect();
        let (first, (weights, loss)) = &all[0];
        // ln 10 is chance.
        assert!(
            *loss < 2.4 && weights.iter().all(|w| w.is_finite()),
            "{model} on {first}: {loss}"
        );
        for (name, (others, _)) in &all[1..] {
            assert_eq!(weights.len(), others.len());
            let far = weights
                .iter()
                .zip(others)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            println!("{model}: {name} is within {far:e} of {first}");
            assert!(
                far < TOLERANCE,
                "{model}: {name} is {far:e} away from {first}"
            );
        }
    }
}

#[test]
fn a_seed_gives_the_same_bits_again_on_cpus() {
    for (name, device) in devices() {
        if matches!(name, "flex" | "ndarray") {
            let again = || trained("lenet_modern", &device).unwrap().0;
            assert_eq!(again(), again(), "{name}");
        }
    }
}

/// Counts how often it is given an output, and the rows in it.
#[derive(Clone, Default)]
struct Count {
    reads: Arc<AtomicUsize>,
    rows: Arc<AtomicUsize>,
}

impl Metric<Logits> for Count {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        assert_eq!(output.logits.dims()[0], output.targets.dims()[0]);
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.rows
            .fetch_add(output.logits.dims()[0], Ordering::Relaxed);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("count".into(), 0.0)]
    }

    fn reset(&mut self) {}

    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: &serde_json::Value) -> bool {
        true
    }
}

/// The first epoch of a linear classifier, 64 batches of one image, with clipped gradients.
fn counted(device: &Device, classes: usize, count: &Count) -> Result<f64, TrainError> {
    let entry = find("softmax_regression").unwrap();
    let config = (entry.config)(entry.input, classes);
    let model = config.init(Seed::new(5), device).unwrap();
    let loader = Loader::new(pictures(), 1).unwrap();
    let settings = TrainConfig {
        clip: Some(Clip::Norm(0.1)),
        ..self::config(1, 0.1)
    };
    let fitted = Trainer::new(settings)?
        .metric(count.clone())
        .metric(Accuracy::default())
        .fit(model, &Classification::default(), &loader, Some(&loader))?;
    Ok(fitted.history.epochs[0].get("valid_accuracy").unwrap())
}

#[test]
fn outputs_are_read_from_a_gpu_once_in_32_batches() {
    let mut found = Vec::new();
    for (name, device) in devices() {
        let count = Count::default();
        found.push(counted(&device, 10, &count).unwrap());
        // Training and validation.
        let reads = if matches!(name, "flex" | "ndarray") {
            128
        } else {
            4
        };
        assert_eq!(count.reads.load(Ordering::Relaxed), reads, "{name}");
        assert_eq!(count.rows.load(Ordering::Relaxed), 128, "{name}");
        // A label that the model does not have is found without a read in every step.
        let error = counted(&device, 9, &Count::default()).unwrap_err();
        let text = format!("{error} {:?}", std::error::Error::source(&error));
        assert!(
            text.contains("label") || text.contains("Label"),
            "{name}: {text}"
        );
    }
    assert!(
        found.iter().all(|accuracy| *accuracy == found[0]),
        "{found:?}"
    );
}
