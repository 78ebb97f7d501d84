//! Whole training loops of image models: loader, forward, loss, backward, step, accuracy. One iteration is an epoch.
#![recursion_limit = "256"]

use std::time::Duration;

use benchmarks::IMAGE_TRAINING_RUNS;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use tinderbox::prelude::*;

fn images(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("images");
    // An epoch takes up to seconds: few samples, each of one iteration.
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1));
    for training in &IMAGE_TRAINING_RUNS {
        let loader = training.loader().expect("sizes that fit");
        let model = training.model(&device).expect("a registered model");
        // Elements are images, so criterion prints images per second.
        group.throughput(Throughput::Elements(training.examples() as u64));
        group.bench_function(training.name, |bencher| {
            bencher.iter(|| {
                training
                    .train(model.clone(), &loader, 1)
                    .expect("a finite loss")
            })
        });
    }
    group.finish();
}

criterion_group!(benches, images);
criterion_main!(benches);
