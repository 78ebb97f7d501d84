//! Gathering batches, against a plain copy of the same number of bytes.
#![recursion_limit = "256"]

use benchmarks::classification;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tinderbox::prelude::*;

const EXAMPLES: usize = 25_600;
const WIDTH: usize = 784;
const BATCH: usize = 256;

fn gather(criterion: &mut Criterion) {
    let data = classification(EXAMPLES, WIDTH, 10).expect("sizes that fit");
    let bytes = (BATCH * WIDTH * size_of::<f32>()) as u64;
    let orders: Vec<Vec<usize>> = (0..100)
        .map(|epoch| {
            let mut order = Seed::new(epoch).rng().permutation(EXAMPLES);
            order.truncate(BATCH);
            order
        })
        .collect();
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Bytes(bytes));
    let mut next = orders.iter().cycle();
    group.bench_function("gather 256x784", |bencher| {
        bencher.iter(|| {
            let order = next.next().expect("a cycle has no end");
            data.features().gather(black_box(order))
        })
    });
    // The same bytes from as many places of the same memory, in one piece each.
    let source = data.features().as_slice();
    let starts: Vec<usize> = (0..100).map(|block| block * BATCH * WIDTH).collect();
    let mut next = starts.iter().cycle();
    group.bench_function("memcpy 256x784", |bencher| {
        bencher.iter(|| {
            let start = *next.next().expect("a cycle has no end");
            source[start..start + BATCH * WIDTH].to_vec()
        })
    });
    group.finish();
}

fn epoch(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let data = classification(EXAMPLES, WIDTH, 10).expect("sizes that fit");
    let loader = Loader::new(data, BATCH).expect("a batch size that fits");
    let loader = loader.shuffle(Seed::new(1));
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Elements((EXAMPLES / BATCH) as u64));
    // To be held against softmax_regression/256x784, which does the same and trains.
    group.bench_function("epoch 256x784", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let batches = loader.epoch(0, 0, &device).expect("an epoch");
                batches.map(|batch| batch.expect("a batch")).for_each(drop)
            },
            BatchSize::PerIteration,
        )
    });
    assert_eq!(loader.data().len(), EXAMPLES);
    group.finish();
}

criterion_group!(benches, gather, epoch);
criterion_main!(benches);
