//! Initial weights, drawn from the seed as the framework draws them.

use tinderbox::nn::Fans;
use tinderbox::prelude::*;

use super::{SeedRun, XAVIER};

/// Draws initial weights, as tensors that record gradients.
pub struct Start {
    seed: Seed,
    pub device: Device,
}

impl Start {
    pub fn new(run: &SeedRun) -> Self {
        Self {
            seed: Seed::new(run.seed).child("weights"),
            device: run.device.clone().autodiff(),
        }
    }

    fn draw(&self, name: &str, shape: [usize; 2], fans: Fans, how: Initializer) -> Tensor<2> {
        let seed = self.seed.child(name).child("weight");
        let numbers = how.draw(shape[0] * shape[1], fans, seed);
        Tensor::from_data(TensorData::new(numbers, shape), &self.device).require_grad()
    }

    /// The weights of a linear layer, `[inputs, outputs]`.
    pub fn weights(
        &self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        how: Initializer,
    ) -> Tensor<2> {
        let fans = Fans {
            fan_in: inputs,
            fan_out: outputs,
        };
        self.draw(name, [inputs, outputs], fans, how)
    }

    /// The kernels of a convolution, one row for each output channel.
    pub fn kernels(&self, name: &str, outputs: usize, inputs: usize, side: usize) -> Tensor<2> {
        let square = side * side;
        let fans = Fans {
            fan_in: inputs * square,
            fan_out: outputs * square,
        };
        self.draw(name, [outputs, inputs * square], fans, XAVIER)
    }

    /// One row of biases for units with `fan_in` inputs.
    pub fn biases(&self, name: &str, fan_in: usize, count: usize) -> Tensor<2> {
        let fans = Fans {
            fan_in,
            fan_out: count,
        };
        let seed = self.seed.child(name).child("bias");
        let numbers = Initializer::PYTORCH.draw(count, fans, seed);
        Tensor::from_data(TensorData::new(numbers, [1, count]), &self.device).require_grad()
    }

    pub fn zeros(&self, count: usize) -> Tensor<2> {
        Tensor::zeros([1, count], &self.device).require_grad()
    }

    pub fn ones(&self, count: usize) -> Tensor<2> {
        Tensor::ones([1, count], &self.device).require_grad()
    }
}
