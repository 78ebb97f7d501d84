use burn::tensor::{Bool, Tensor};

use super::masked_softmax;
use crate::Dropout;

/// Scaled dot-product attention of several heads at once, without the projections before and after it:
/// the means of all heads side by side, and the weights.
///
/// With fewer heads of keys and values than of queries, each serves a group of neighboring queries'
/// heads (grouped-query attention, Ainslie et al. 2023).
///
/// # Shapes
/// Queries `[batch, steps, heads * part]`, keys and values `[batch, keys, groups * part]` to `[batch, steps,
/// heads * part]` and `[batch, heads, steps, keys]`; a mask as in [`masked_softmax`].
///
/// # Panics
/// If the heads do not divide the queries' numbers, or the groups do not divide the heads.
pub fn heads_attention(
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
    heads: usize,
    mask: Option<Tensor<3, Bool>>,
    dropout: &Dropout,
) -> (Tensor<3>, Tensor<4>) {
    let [batch, steps, size] = queries.dims();
    let [_, count, key_size] = keys.dims();
    let part = size / heads;
    let groups = key_size / part;
    assert!(size == heads * part && key_size == groups * part && heads.is_multiple_of(groups));
    // Heads join the batch: [batch * heads, steps, part].
    let queries = queries.reshape([batch, steps, heads, part]);
    let queries = queries.swap_dims(1, 2);
    let queries = queries.reshape([batch * heads, steps, part]);
    let split = |tensor: Tensor<3>| {
        let tensor = tensor.reshape([batch, count, groups, part]).swap_dims(1, 2);
        let tensor = match groups == heads {
            true => tensor,
            false => {
                let tensor = tensor.reshape([batch * groups, 1, count, part]);
                tensor.expand([batch * groups, heads / groups, count, part])
            }
        };
        tensor.reshape([batch * heads, count, part])
    };
    let scores = queries.matmul(split(keys).transpose()) / (part as f64).sqrt();
    let mask = mask.map(|mask| match mask.dims() {
        // One for all rows and heads.
        [1, ..] => mask,
        [rows, queries, _] => {
            let mask = mask.reshape([rows, 1, queries, count]);
            let mask = mask.expand([batch, heads, steps, count]);
            mask.reshape([batch * heads, steps, count])
        }
    });
    let weights = masked_softmax(scores, mask);
    let means = dropout.forward(weights.clone()).matmul(split(values));
    let means = means.reshape([batch, heads, steps, part]).swap_dims(1, 2);
    (
        means.reshape([batch, steps, size]),
        weights.reshape([batch, heads, steps, count]),
    )
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
            heads_attention(queries.clone(), keys, values, 4, mask, &Dropout::new(0.0)).0
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
