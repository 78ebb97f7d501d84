//! What the benches share: the data of the twins in `benchmarks/pytorch`.
#![recursion_limit = "256"]

use tinderbox::data::{Classes, Result, Rows, Values};
use tinderbox::prelude::*;

/// Standard normal features and one target, as `torch.randn` makes them.
pub fn regression(examples: usize, width: usize) -> Result<Rows> {
    let mut draw = Seed::new(0).rng();
    let features = (0..examples * width)
        .map(|_| draw.normal() as f32)
        .collect();
    let targets = (0..examples).map(|_| draw.normal() as f32).collect();
    Rows::new(Values::new(features, width)?, Values::new(targets, 1)?)
}

/// Standard normal features and a class in `0..classes`.
pub fn classification(examples: usize, width: usize, classes: usize) -> Result<Rows<Classes>> {
    let mut draw = Seed::new(0).rng();
    let features = (0..examples * width)
        .map(|_| draw.normal() as f32)
        .collect();
    let labels = (0..examples)
        .map(|_| draw.below(classes as u64) as i32)
        .collect();
    let names = (0..classes).map(|class| class.to_string()).collect();
    Rows::new(Values::new(features, width)?, Classes::new(labels, names)?)
}

/// The most memory that this process ever used, in MB; Linux says it, others do not.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
