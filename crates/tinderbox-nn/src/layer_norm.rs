use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;

use crate::layer::ids;
use crate::{Fans, Initializer, Layer, trace};

/// Normalizes over the last dimension, scales and shifts (Ba, Kiros, Hinton 2016).
///
/// Burn's layer with the kernels of `tinderbox-kernels`; a state dict has the names of PyTorch's `LayerNorm`,
/// `weight` and `bias`.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// The scale of each feature, `[features]`; 1 at the start.
    pub gamma: Param<Tensor<1>>,
    /// The shift of each feature, `[features]`; 0 at the start.
    pub beta: Option<Param<Tensor<1>>>,
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm {
    /// For this number of features; `epsilon` is added to the variance.
    pub fn new(features: usize, epsilon: f64, device: &Device) -> Self {
        let fans = Fans {
            fan_in: 1,
            fan_out: 1,
        };
        // Nothing is drawn, so the seed does not matter.
        let constant =
            |value| Initializer::Constant { value }.param([features], fans, Seed::new(0), device);
        Self {
            gamma: constant(1.0),
            beta: Some(constant(0.0)),
            epsilon,
        }
    }
}

/// # Shapes
/// `[…, features]` in and out; statistics over the features.
impl<const D: usize> Layer<D> for LayerNorm {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        let beta = self.beta.as_ref().map(|beta| beta.val());
        let output = tinderbox_kernels::layer_norm(input, self.gamma.val(), beta, self.epsilon);
        let weights = || ids(&self.gamma, &self.beta);
        trace::step("LayerNorm", weights, &output.dims(), || 0);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_mean_0_and_variance_1_and_values_are_burn_s() {
        let device = Device::flex();
        let input = Tensor::<3>::from_data([[[1.0f32, 2.0, 6.0], [-4.0, 0.5, 0.5]]], &device);
        let ours = LayerNorm::new(3, 1e-5, &device).apply(input.clone());
        let rows: Vec<f32> = ours.clone().into_data().iter::<f32>().collect();
        for row in rows.chunks(3) {
            let mean = row.iter().sum::<f32>() / 3.0;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 3.0;
            assert!(
                mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4,
                "{row:?}"
            );
        }
        let burn = burn::nn::LayerNormConfig::new(3)
            .init(&device)
            .forward(input);
        let distance: f32 = (ours - burn).abs().max().into_scalar();
        assert!(distance < 1e-6, "{distance}");
    }
}
