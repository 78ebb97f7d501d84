//! Gathering batches, directly and by a loader, compared with a plain copy of the same number of bytes.
#![recursion_limit = "256"]

use benchmarks::classification;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tinderbox::data::Examples;
use tinderbox::data::images::{Images, Transform};
use tinderbox::prelude::*;

const EXAMPLES: usize = 25_600;
const WIDTH: usize = 784;
const BATCH: usize = 256;
const BYTES: u64 = (BATCH * WIDTH * size_of::<f32>()) as u64;

fn gather(criterion: &mut Criterion) {
    let data = classification(EXAMPLES, WIDTH, 10).expect("sizes that fit");
    let orders: Vec<Vec<usize>> = (0..100)
        .map(|epoch| {
            let mut order = Seed::new(epoch).rng().permutation(EXAMPLES);
            order.truncate(BATCH);
            order
        })
        .collect();
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Bytes(BYTES));
    let mut next = orders.iter().cycle();
    group.bench_function("gather 256x784", |bencher| {
        bencher.iter(|| {
            let order = next.next().expect("a cycle never ends");
            data.features().gather(black_box(order))
        })
    });
    // The same number of bytes, contiguous, from different places of the same memory.
    let source = data.features().as_slice();
    let starts: Vec<usize> = (0..100).map(|block| block * BATCH * WIDTH).collect();
    let mut next = starts.iter().cycle();
    group.bench_function("memcpy 256x784", |bencher| {
        bencher.iter(|| {
            let start = *next.next().expect("a cycle never ends");
            source[start..start + BATCH * WIDTH].to_vec()
        })
    });
    group.finish();
}

/// The batches of a training loop without arithmetic. The loader's thread gathers them; if none is ready, the caller
/// gathers one itself.
fn batches(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let data = classification(EXAMPLES, WIDTH, 10).expect("sizes that fit");
    let loader = Loader::new(data, BATCH).expect("a batch size that fits");
    let loader = loader.shuffle(Seed::new(1));
    let epochs = (0..).map(|epoch| loader.epoch(epoch, 0, &device).expect("an epoch"));
    let mut batches = epochs.flatten();
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Bytes(BYTES));
    group.bench_function("batches 256x784", |bencher| {
        bencher.iter(|| batches.next().expect("no end").expect("a batch"))
    });
    group.finish();
}

/// Image bytes to batches, to be compared with the steps that use them: those of softmax regression, LeNet and
/// ResNet-18.
fn images(criterion: &mut Criterion) {
    let images = |shape: [usize; 3], transforms: Vec<Transform>| {
        let mut draw = Seed::new(0).rng();
        let pixels = (0..EXAMPLES * shape.iter().product::<usize>())
            .map(|_| draw.below(256) as u8)
            .collect();
        let classes = Classes::new(vec![0; EXAMPLES], vec!["one".into()]).expect("labels");
        let images = Images::new(pixels, shape, classes).expect("sizes that fit");
        images.with_transforms(transforms).expect("transforms")
    };
    let resize = Transform::Resize {
        height: 96,
        width: 96,
    };
    let crop = Transform::RandomCrop {
        height: 32,
        width: 32,
        padding: 4,
    };
    let flip = Transform::HorizontalFlip { probability: 0.5 };
    let cases = [
        ("256x1x28x28", 256, images([1, 28, 28], vec![])),
        ("32x1x28x28 to 96x96", 32, images([1, 28, 28], vec![resize])),
        (
            "128x3x32x32, cropped and flipped",
            128,
            images([3, 32, 32], vec![crop, flip]),
        ),
    ];
    let mut group = criterion.benchmark_group("images");
    for (name, batch, images) in cases {
        let order = Seed::new(1).rng().permutation(EXAMPLES);
        let mut batches = order.chunks_exact(batch).cycle();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("gather {name}"), |bencher| {
            bencher.iter(|| {
                let indices = batches.next().expect("a cycle never ends");
                images.gather(black_box(indices), Seed::new(2))
            })
        });
    }
    group.finish();
}

criterion_group!(benches, gather, batches, images);
criterion_main!(benches);
