use burn::tensor::{Bool, Tensor};
use tinderbox_kernels::{AttentionInputs, attention};

use crate::Dropout;

/// Scaled dot-product attention of several heads at once, without the projections before and after it:
/// the means of all heads side by side, and the weights without dropout.
///
/// # Shapes
/// Inputs as in [`AttentionInputs`] to `[batch, queries, heads * part]` and `[batch, heads, queries, keys]`; a mask
/// as in [`masked_softmax`](super::masked_softmax).
///
/// # Panics
/// If the heads do not divide the numbers of a query, or the groups the heads.
pub fn heads_attention(
    inputs: AttentionInputs,
    heads: usize,
    mask: Option<Tensor<3, Bool>>,
    dropout: &Dropout,
) -> (Tensor<3>, Tensor<4>) {
    let (queries, keys) = match &inputs {
        AttentionInputs::Packed(all) => (all, all),
        AttentionInputs::Apart([queries, keys, _]) => (queries, keys),
    };
    let ([batch, steps, _], [_, count, _]) = (queries.dims(), keys.dims());
    let factors = dropout.factors([batch, heads, steps, count], &queries.device());
    attention(inputs, heads, mask, factors)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use tinderbox_core::Seed;

    use super::super::causal_mask;
    use super::*;

    #[test]
    fn a_group_of_heads_shares_keys_and_values() {
        let device = Device::flex();
        let random = |size: usize, seed| {
            let mut rng = Seed::new(seed).rng();
            let numbers: Vec<f32> = (0..2 * 3 * size).map(|_| rng.normal() as f32).collect();
            Tensor::<3>::from_data(TensorData::new(numbers, [2, 3, size]), &device)
        };
        // Four heads of two numbers; two heads of keys and values.
        let (queries, keys, values) = (random(8, 1), random(4, 2), random(4, 3));
        let attend = |keys, values| {
            let mask = Some(causal_mask(3, 3, &device));
            let inputs = AttentionInputs::Apart([queries.clone(), keys, values]);
            heads_attention(inputs, 4, mask, &Dropout::new(0.0)).0
        };
        let repeated = |tensor: &Tensor<3>| {
            let head = |index: usize| tensor.clone().narrow(2, 2 * index, 2);
            Tensor::cat(vec![head(0), head(0), head(1), head(1)], 2)
        };
        let whole = attend(repeated(&keys), repeated(&values));
        let grouped = attend(keys, values);
        assert_eq!(grouped.to_data(), whole.to_data());
    }
}
