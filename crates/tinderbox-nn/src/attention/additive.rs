#![allow(non_snake_case)] // the names that the course gives the weights

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Tensor};
use tinderbox_core::Seed;

use super::masked_softmax;
use crate::{Dropout, Init, Initializer, Layer, tanh};

/// Additive attention, for queries and keys of different sizes: scores `wᵀ tanh(W q + U k)`
/// (Bahdanau, Cho, Bengio 2015).
///
/// Weights have the course's names: `W_q`, `W_k`, `w_v`, none with a bias.
#[derive(Module, Debug)]
pub struct AdditiveAttention {
    W_k: Linear,
    W_q: Linear,
    w_v: Linear,
    dropout: Dropout,
}

impl AdditiveAttention {
    /// For queries and keys of these sizes, projected to `hidden` features, with PyTorch's initial weights.
    pub fn new(
        queries: usize,
        keys: usize,
        hidden: usize,
        dropout: f64,
        seed: Seed,
        device: &Device,
    ) -> Self {
        let init = Init::new(seed, device, Initializer::PYTORCH);
        let linear = |name, inputs, outputs| init.linear_with_bias(name, inputs, outputs, false);
        Self {
            W_k: linear("W_k", keys, hidden),
            W_q: linear("W_q", queries, hidden),
            w_v: linear("w_v", hidden, 1),
            dropout: Dropout::new(dropout),
        }
    }

    /// Weighted means of the values, and the weights.
    ///
    /// # Shapes
    /// Queries `[batch, queries, size]`, keys `[batch, keys, size']`, values `[batch, keys, values]`
    /// to `[batch, queries, values]` and `[batch, queries, keys]`.
    pub fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Tensor<3>) {
        let queries = self.W_q.apply(queries).unsqueeze_dim::<4>(2);
        let keys = self.W_k.apply(keys).unsqueeze_dim::<4>(1);
        let scores = self.w_v.apply(tanh(queries + keys)).squeeze_dim(3);
        let weights = masked_softmax(scores, mask);
        let means = self.dropout.forward(weights.clone()).matmul(values);
        (means, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::super::length_mask;
    use super::*;
    use crate::parameters;

    #[test]
    fn shapes_names_and_the_course_s_values() {
        let device = Device::flex();
        let layer = AdditiveAttention::new(20, 2, 8, 0.1, Seed::new(1), &device);
        let found: Vec<_> = parameters(&layer)
            .into_iter()
            .map(|parameter| parameter.path)
            .collect();
        assert_eq!(found, ["W_k.weight", "W_q.weight", "w_v.weight"]);
        let queries = Tensor::<3>::ones([2, 1, 20], &device);
        let keys = Tensor::<3>::ones([2, 10, 2], &device);
        let values = Tensor::arange(0..40, &device).float();
        let values = values.reshape([1, 10, 4]).repeat_dim(0, 2);
        let mask = length_mask(Tensor::from_data([2, 6], &device), 10);
        let (means, weights) = layer.forward(queries, keys, values, Some(mask));
        assert_eq!(weights.dims(), [2, 1, 10]);
        let means: Vec<f32> = means.into_data().iter::<f32>().collect();
        let expected = [2.0, 3.0, 4.0, 5.0, 10.0, 11.0, 12.0, 13.0];
        for (got, expected) in means.into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let device = Device::flex();
        let layer = AdditiveAttention::new(2, 3, 4, 0.0, Seed::new(2), &device);
        let (q, k) = ([0.3, -0.7], [[0.1, 0.9, -0.4], [-0.6, 0.2, 0.8]]);
        let queries = Tensor::<3>::from_data([[q]], &device);
        let keys = Tensor::<3>::from_data([k], &device);
        let values = Tensor::<3>::from_data([[[1.0], [0.0]]], &device);
        let (mean, _) = layer.forward(queries, keys, values, None);
        // Burn keeps linear weights as [inputs, outputs].
        let weights =
            |layer: &Linear| -> Vec<f64> { layer.weight.val().into_data().iter::<f64>().collect() };
        let (w_q, w_k, w_v) = (
            weights(&layer.W_q),
            weights(&layer.W_k),
            weights(&layer.w_v),
        );
        let score = |key: [f64; 3]| {
            let hidden = (0..4).map(|unit| {
                let query: f64 = (0..2).map(|i| q[i] * w_q[i * 4 + unit]).sum();
                let key: f64 = (0..3).map(|i| key[i] * w_k[i * 4 + unit]).sum();
                w_v[unit] * (query + key).tanh()
            });
            hidden.sum::<f64>()
        };
        let expected = 1.0 / (1.0 + (score(k[1]) - score(k[0])).exp());
        let got: f64 = mean.into_scalar();
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }
}
