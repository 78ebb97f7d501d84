//! Tasks beyond one input and one target, each complete: data, model, task, metrics, training, and
//! predictions from the reopened bundle.

mod detection;
mod generator;
mod language_model;
mod translation;

use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::Seed;
use tinderbox_nn::{Initializer, LinearInit, linear};
use tinderbox_optim::OptimizerConfig;
use tinderbox_train::TrainConfig;

/// A linear layer with small random weights.
fn layer(inputs: usize, outputs: usize, seed: u64) -> Linear {
    let init = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.3 },
    };
    linear(inputs, outputs, init, Seed::new(seed), &Device::flex())
}

/// Token ids of shape `[rows, numbers of a row]`.
fn ids(numbers: Vec<i64>, rows: usize, device: &Device) -> Tensor<2, Int> {
    let columns = numbers.len() / rows;
    Tensor::from_data(TensorData::new(numbers, [rows, columns]), device)
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate: 0.02,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    }
}
