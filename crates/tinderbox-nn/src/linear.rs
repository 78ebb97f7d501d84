use burn::nn::Linear;
use burn::tensor::Device;
use tinderbox_core::Seed;

use crate::{Fans, Initializer};

/// The initial state of a linear layer: `weight` for the weights, zeros for the bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearInit {
    /// Whether there is a bias.
    pub bias: bool,
    /// The initializer of the weights.
    pub weight: Initializer,
}

/// Burn's linear layer `x W + b` with weights that are a pure function of the seed.
///
/// # Shapes
/// Weight `[inputs, outputs]`, bias `[outputs]` (zeros); `[…, inputs]` in, `[…, outputs]` out.
pub fn linear(
    inputs: usize,
    outputs: usize,
    init: LinearInit,
    seed: Seed,
    device: &Device,
) -> Linear {
    let fans = Fans {
        fan_in: inputs,
        fan_out: outputs,
    };
    let bias = || Initializer::Zeros.param([outputs], fans, seed.child("bias"), device);
    Linear {
        weight: init
            .weight
            .param([inputs, outputs], fans, seed.child("weight"), device),
        bias: init.bias.then(bias),
    }
}
