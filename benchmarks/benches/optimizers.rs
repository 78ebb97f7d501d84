//! One optimizer step on models of 1 thousand, 100 thousand and 11 million parameters, with given gradients.
#![recursion_limit = "256"]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::module::Param;
use tinderbox::burn::tensor::Distribution;
use tinderbox::optim::GradientsParams;
use tinderbox::prelude::*;

/// Name, side of the square matrices, number of matrices: one tensor, a small network, and about as many parameters
/// and tensors as a ResNet-18 has.
const SIZES: [(&str, usize, usize); 3] = [("1k", 32, 1), ("100k", 158, 4), ("11M", 512, 42)];

#[derive(Module, Debug)]
struct Matrices {
    all: Vec<Param<Tensor<2>>>,
}

fn optimizer_step(criterion: &mut Criterion) {
    tinderbox::keep_memory(); // as a trainer does
    let device = Device::flex();
    let mut group = criterion.benchmark_group("optimizer_step");
    for (size, side, count) in SIZES {
        for (name, optimizer) in [
            ("sgd_momentum", "momentum"),
            ("adam", "adam"),
            ("adamw", "adamw"),
        ] {
            let normal =
                || Tensor::<2>::random([side, side], Distribution::Normal(0.0, 1.0), &device);
            let matrices = Matrices {
                all: (0..count).map(|_| Param::from_tensor(normal())).collect(),
            };
            let gradients: Vec<Tensor<2>> = (0..count).map(|_| normal()).collect();
            let optimizer = OptimizerConfig::by_name(optimizer).expect("a known name");
            let mut optimizer = optimizer.build().expect("default settings");
            let mut model = Some(matrices.train());
            group.bench_function(format!("{name}_{size}"), |bencher| {
                // In training no other tensor shares the gradients, so they are copied here, outside the timing.
                bencher.iter_batched(
                    || {
                        gradients
                            .iter()
                            .map(|gradient| gradient.clone() * 1.0)
                            .collect()
                    },
                    |gradients: Vec<Tensor<2>>| {
                        let current = model.take().expect("put back after every step");
                        let mut given = GradientsParams::new();
                        for (parameter, gradient) in current.all.iter().zip(gradients) {
                            given.register(parameter.id, gradient);
                        }
                        model = Some(optimizer.step(1e-3, current, given));
                    },
                    BatchSize::PerIteration,
                )
            });
        }
    }
    group.finish();
}

criterion_group!(benches, optimizer_step);
criterion_main!(benches);
