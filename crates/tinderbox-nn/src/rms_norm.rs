use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::{Fans, Initializer};
use tinderbox_core::Seed;

/// Divides by the root of the mean square over the last dimension, and scales (Zhang and Sennrich 2019).
///
/// In a state dict its scale has the name of PyTorch's `RMSNorm`, `weight`.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// The scale of each feature, `[features]`; 1 at the start.
    pub gamma: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl RmsNorm {
    /// For this number of features; `epsilon` is added to the mean square.
    pub fn new(features: usize, epsilon: f64, device: &Device) -> Self {
        let ones = Initializer::Constant { value: 1.0 };
        let fans = Fans {
            fan_in: features,
            fan_out: features,
        };
        Self {
            gamma: ones.param([features], fans, Seed::new(0), device),
            epsilon,
        }
    }

    /// # Shapes
    /// `[…, features]` in and out.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let mean_square = input.clone().square().mean_dim(D - 1);
        let scale = (mean_square + self.epsilon).sqrt().recip();
        input * scale * self.gamma.val().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_square_becomes_1() {
        let device = Device::flex();
        let layer = RmsNorm::new(2, 0.0, &device);
        let input = Tensor::<3>::from_data([[[3.0, 4.0], [0.0, -2.0]]], &device);
        let output = layer.forward(input).into_data();
        let root = 12.5f32.sqrt();
        let expected = [3.0 / root, 4.0 / root, 0.0, -(2f32.sqrt())];
        for (got, expected) in output.iter::<f32>().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }
}
