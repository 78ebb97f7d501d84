//! Whole training loops: loader, forward, loss, backward, step, metrics. One iteration is an epoch.
#![recursion_limit = "256"]

use benchmarks::{classification, regression};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tinderbox::prelude::*;
use tinderbox::train::Accuracy;

/// (examples, width, batch size): a small step, where overhead dominates, and a larger one.
const LINEAR: [(usize, usize, usize); 2] = [(10_000, 2, 10), (65_536, 32, 1024)];

fn linear_regression(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("linear_regression");
    for (examples, width, batch) in LINEAR {
        let data = regression(examples, width).expect("sizes that fit");
        let loader = Loader::new(data, batch).expect("a batch size that fits");
        let loader = loader.shuffle(Seed::new(1));
        let model = LinearRegressionConfig::new(width);
        let model = model.init(Seed::new(2), &device).expect("a valid shape");
        let config = TrainConfig {
            epochs: 1,
            learning_rate: 0.01,
            ..TrainConfig::default()
        };
        // Elements are optimizer steps, so criterion prints steps per second.
        group.throughput(Throughput::Elements((examples / batch) as u64));
        group.bench_function(format!("{batch}x{width}"), |bencher| {
            bencher.iter(|| {
                let trainer = Trainer::new(config.clone()).expect("a valid configuration");
                let metrics = [RegressionMetric::Mse, RegressionMetric::Mae];
                trainer
                    .metric(RegressionMetrics::new(&metrics))
                    .fit(model.clone(), &Regression::default(), &loader, None)
                    .expect("a finite loss")
            })
        });
    }
    group.finish();
}

fn softmax_regression(criterion: &mut Criterion) {
    let device = Device::flex();
    let (examples, width, classes, batch) = (25_600, 784, 10, 256);
    let data = classification(examples, width, classes).expect("sizes that fit");
    let loader = Loader::new(data, batch).expect("a batch size that fits");
    let loader = loader.shuffle(Seed::new(1));
    let model = LinearRegressionConfig {
        outputs: classes,
        ..LinearRegressionConfig::new(width)
    };
    let model = model.init(Seed::new(2), &device).expect("a valid shape");
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 0.1,
        ..TrainConfig::default()
    };
    let mut group = criterion.benchmark_group("softmax_regression");
    group.throughput(Throughput::Elements((examples / batch) as u64));
    group.bench_function(format!("{batch}x{width}"), |bencher| {
        bencher.iter(|| {
            let trainer = Trainer::new(config.clone()).expect("a valid configuration");
            trainer
                .metric(Accuracy::default())
                .fit(model.clone(), &Classification::default(), &loader, None)
                .expect("a finite loss")
        })
    });
    group.finish();
}

criterion_group!(benches, linear_regression, softmax_regression);
criterion_main!(benches);
