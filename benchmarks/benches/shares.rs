//! The share of its time that a training loop waits for data: from the request of a batch until it is on the device.
//!
//! Prints a line for each training run, and writes the shares to `tmp/shares.json` in the target folder, where
//! `cargo xtask bench` reads them.
#![recursion_limit = "256"]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benchmarks::{IMAGE_TRAINING_RUNS, classification, regression};
use tinderbox::data::{BatchIterator, Result};
use tinderbox::prelude::*;
use tinderbox::train::Accuracy;

type Failure = Box<dyn Error>;

/// Epochs of a training run on a table and on images. The first epoch starts without prepared batches, as in real use:
/// a step of 50 µs has to wait until the order of 65,536 rows is drawn.
const EPOCHS: usize = 20;
const IMAGE_EPOCHS: usize = 5;

/// How long each training run is measured.
const SECONDS: f64 = 3.0;

fn main() -> std::result::Result<(), Failure> {
    // `cargo bench -- FILTER` gives the filter to every bench.
    let mut arguments = std::env::args().skip(1).filter(|one| !one.starts_with('-'));
    let filter = arguments.next().unwrap_or_default();
    let device = Device::flex();
    let mut shares = BTreeMap::new();
    let mut measure =
        |name: &str, training: &dyn Fn(&Clock) -> std::result::Result<(), Failure>| {
            let name = format!("share/{name}");
            if name.contains(&filter) {
                let share = waiting(training)?;
                println!(
                    "{name}: {:.2} % of the loop's time is waiting for data",
                    100.0 * share
                );
                shares.insert(name, share);
            }
            Ok::<_, Failure>(())
        };
    for (examples, width, batch) in [(10_000, 2, 10), (65_536, 32, 1024)] {
        let loader = Loader::new(regression(examples, width)?, batch)?.shuffle(Seed::new(1));
        let model = LinearRegressionConfig::new(width).init(Seed::new(2), &device)?;
        measure(&format!("linear_regression/{batch}x{width}"), &|clock| {
            let metrics = [RegressionMetric::Mse, RegressionMetric::Mae];
            Trainer::new(epochs(0.01))?
                .metric(RegressionMetrics::new(&metrics))
                .fit(
                    model.clone(),
                    &Regression::default(),
                    &clock.on(&loader),
                    None,
                )?;
            Ok(())
        })?;
    }
    let loader = Loader::new(classification(25_600, 784, 10)?, 256)?.shuffle(Seed::new(1));
    let model = LinearRegressionConfig {
        outputs: 10,
        ..LinearRegressionConfig::new(784)
    };
    let model = model.init(Seed::new(2), &device)?;
    measure("softmax_regression/256x784", &|clock| {
        Trainer::new(epochs(0.1))?.metric(Accuracy::default()).fit(
            model.clone(),
            &Classification::default(),
            &clock.on(&loader),
            None,
        )?;
        Ok(())
    })?;
    for training in &IMAGE_TRAINING_RUNS {
        let (loader, model) = (training.loader()?, training.model(&device)?);
        measure(&format!("images/{}", training.name), &|clock| {
            training.train(model.clone(), &clock.on(&loader), IMAGE_EPOCHS)?;
            Ok(())
        })?;
    }
    if !shares.is_empty() {
        let lines: Vec<_> = shares
            .iter()
            .map(|(name, share)| format!("\"{name}\": {share}"))
            .collect();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shares.json");
        tinderbox::write_atomic(file, format!("{{{}}}\n", lines.join(", ")))?;
    }
    Ok(())
}

fn epochs(rate: f64) -> TrainConfig {
    TrainConfig {
        epochs: EPOCHS,
        learning_rate: rate,
        ..TrainConfig::default()
    }
}

/// The share of the training time spent waiting for batches.
fn waiting(
    training: &dyn Fn(&Clock) -> std::result::Result<(), Failure>,
) -> std::result::Result<f64, Failure> {
    training(&Clock::default())?; // warm up
    let clock = Clock::default();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs_f64(SECONDS) {
        training(&clock)?;
    }
    let all = started.elapsed().as_secs_f64();
    Ok(clock.waited.load(Ordering::Relaxed) as f64 * 1e-9 / all)
}

/// Sums the nanoseconds spent waiting for batches.
#[derive(Default)]
struct Clock {
    waited: AtomicU64,
}

impl Clock {
    fn on<'a, L: Batches + Sync>(&'a self, batches: &'a L) -> Timed<'a, L> {
        Timed {
            clock: self,
            batches,
        }
    }

    fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        let nanos = started.elapsed().as_nanos() as u64;
        self.waited.fetch_add(nanos, Ordering::Relaxed);
        result
    }
}

/// Batches that a clock measures.
struct Timed<'a, L> {
    clock: &'a Clock,
    batches: &'a L,
}

impl<L: Batches + Sync> Batches for Timed<'_, L> {
    type Batch = L::Batch;

    fn examples(&self) -> Option<usize> {
        self.batches.examples()
    }

    fn batches(&self) -> Option<usize> {
        self.batches.batches()
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, L::Batch>> {
        let mut batches = self
            .clock
            .time(|| self.batches.epoch(epoch, skip, device))?;
        Ok(Box::new(std::iter::from_fn(move || {
            self.clock.time(|| batches.next())
        })))
    }
}
