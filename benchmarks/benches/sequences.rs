//! Whole training loops of character language models: windows, forward, loss, clipping, step, perplexity. One
//! iteration is an epoch.
#![recursion_limit = "256"]

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use tinderbox::data::text::{Sampling, TextLoader};
use tinderbox::models::LanguageModelConfig;
use tinderbox::prelude::*;
use tinderbox::train::{Clip, LanguageModeling, Perplexity};

/// Of the course: windows of 35 characters, 32 side by side, 28 different ones.
const STEPS: usize = 35;
const BATCH: usize = 32;
const VOCABULARY: u64 = 28;
const BATCHES: usize = 20;

fn characters(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut draw = Seed::new(0).rng();
    let ids: Vec<u32> = (0..BATCHES * STEPS * BATCH + BATCH)
        .map(|_| draw.below(VOCABULARY) as u32)
        .collect();
    let loader = TextLoader::new(ids, STEPS, BATCH, Sampling::Sequential);
    let loader = loader.expect("a text longer than a batch");
    let loader = loader.last_batch(LastBatch::Drop);
    let mut group = criterion.benchmark_group("characters");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1));
    // Elements are batches, so criterion prints steps per second.
    group.throughput(Throughput::Elements(BATCHES as u64));
    for name in ["rnn", "gru", "lstm"] {
        let config = LanguageModelConfig::by_name(name, VOCABULARY as usize);
        let model = config.and_then(|config| config.init(Seed::new(2), &device));
        let model = model.expect("a model of the course");
        let config = TrainConfig {
            epochs: 1,
            learning_rate: 1.0,
            clip: Some(Clip::Norm(1.0)),
            ..TrainConfig::default()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let trainer = Trainer::new(config.clone()).expect("a valid configuration");
                trainer
                    .metric(Perplexity::default())
                    .fit(model.clone(), &LanguageModeling, &loader, None)
                    .expect("a finite loss")
            })
        });
    }
    group.finish();
}

criterion_group!(benches, characters);
criterion_main!(benches);
