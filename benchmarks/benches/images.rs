//! Image models: whole training loops (loader, forward, loss, backward, step, accuracy; one iteration is an epoch), and
//! the logits of a batch with a trained model.
#![recursion_limit = "256"]

use std::time::Duration;

use benchmarks::{IMAGE_TRAINING_RUNS, ImageTraining, Outcome};
use criterion::{Criterion, SamplingMode, Throughput};
use tinderbox::models::find;
use tinderbox::nn::Network;
use tinderbox::prelude::*;

fn training(criterion: &mut Criterion) {
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

/// The models whose predictions are measured, the shape of an image, and the number of images.
const PREDICTED: [(&str, [usize; 3], usize); 4] = [
    ("lenet", [1, 28, 28], 256),
    ("resnet18_course", [1, 96, 96], 1),
    ("resnet18_course", [1, 96, 96], 32),
    ("mobilenet_v2", [3, 224, 224], 1),
];

fn prediction(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("inference");
    for (name, shape @ [channels, height, width], batch) in PREDICTED {
        let entry = find(name).expect("a registered model");
        let model = (entry.config)(shape, entry.classes).init(Seed::new(1), &device);
        let model = model.expect("sizes that fit");
        let images = Tensor::<4>::ones([batch, channels, height, width], &device);
        group.bench_function(format!("{name} b{batch}"), |bencher| {
            bencher.iter(|| model.forward(images.clone()).into_data())
        });
    }
    group.finish();
}

/// The one measurement of peak memory: steps of ResNet-18 with the course's batches.
const MEMORY: &str = "images/resnet18 memory";

fn steps() -> Outcome {
    let mut runs = IMAGE_TRAINING_RUNS.into_iter();
    let resnet = runs.find(|run| run.name == "resnet18");
    let training = ImageTraining {
        batch: 256,
        batches: 2,
        ..resnet.ok_or("no run resnet18")?
    };
    let model = training.model(&Device::flex())?;
    training.train(model, &training.loader()?, 1)?;
    Ok(())
}

fn main() -> Outcome {
    if benchmarks::peaks(&[MEMORY], |_| steps())? {
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    training(&mut criterion);
    prediction(&mut criterion);
    criterion.final_summary();
    Ok(())
}
