//! Whether training changes how its process returns memory: a test with a process of its own.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Loader, synthetic};
use tinderbox_nn::{Initializer, LinearInit, linear};
use tinderbox_train::{LrFinder, Step, StepError, TrainConfig, Trainer};

/// Megabytes that the process holds.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<f64>().unwrap() / 1024.0
}

/// Whether 16 MB that are freed stay with the process. (Unasked, glibc keeps blocks of a size once one
/// of them was freed: the answer is good once.)
fn keeps() -> bool {
    let before = resident();
    drop(std::hint::black_box(vec![1u8; 16 << 20]));
    resident() - before > 8.0
}

#[test]
fn a_process_keeps_memory_unless_training_is_told_not_to() {
    let device = Device::flex();
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.1, 100, Seed::new(1)).unwrap();
    let loader = Loader::new(data, 10).unwrap();
    let init = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.01 },
    };
    let model = linear(2, 1, init, Seed::new(2), &device);
    let squared = |model: &burn::nn::Linear, batch: Batch| -> Result<Step, StepError> {
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().mean(), 10))
    };
    let config = TrainConfig {
        epochs: 1,
        ..TrainConfig::default()
    };
    let trainer = || Trainer::new(config.clone()).unwrap();
    let finder = LrFinder {
        keep_memory: false,
        ..LrFinder::default()
    };
    finder.search(&model, &squared, &config, &loader).unwrap();
    let fitted = trainer().keep_memory(false);
    fitted.fit(model.clone(), &squared, &loader, None).unwrap();
    assert!(!keeps(), "`keep_memory` is off");
    trainer().fit(model, &squared, &loader, None).unwrap();
    assert!(keeps(), "the default");
}
