//! Attention: weighted means of values, whose weights measure how well a query matches each key.

use burn::tensor::{Bool, Device, Int, Tensor};
use tinderbox_kernels::softmax;

mod additive;
mod heads;
mod multihead;

pub use additive::AdditiveAttention;
pub use heads::heads_attention;
pub use multihead::{HeadsError, KeyValueCache, MultiheadAttention, MultiheadAttentionConfig};
pub use tinderbox_kernels::AttentionInputs;

/// The value of masked scores before the softmax, as in the course: far below any other, so that the
/// weight is exactly 0, and finite, so that a row without any key gives no NaN.
const MASKED: f64 = -1e6;

/// Softmax over the last dimension in which masked places (`true`) have a weight of 0.
///
/// A row whose places are all masked has equal weights, not NaN.
///
/// # Shapes
/// Scores `[batch, queries, keys]`; a mask of the same shape, or with 1 in place of `batch` or
/// `queries`.
pub fn masked_softmax(scores: Tensor<3>, mask: Option<Tensor<3, Bool>>) -> Tensor<3> {
    let scores = match mask {
        Some(mask) => {
            let mask = mask.expand(scores.dims());
            scores.mask_fill(mask, MASKED)
        }
        None => scores,
    };
    softmax(scores)
}

/// The mask of keys beyond the length of each sequence: `true` for padding.
///
/// # Shapes
/// Lengths `[batch]` to `[batch, 1, keys]`.
pub fn length_mask(lengths: Tensor<1, Int>, keys: usize) -> Tensor<3, Bool> {
    let [batch] = lengths.dims();
    let places = Tensor::<1, Int>::arange(0..keys as i64, &lengths.device());
    let places = places.reshape([1, 1, keys]).expand([batch, 1, keys]);
    let lengths = lengths.reshape([batch, 1, 1]).expand([batch, 1, keys]);
    places.greater_equal(lengths)
}

/// The causal mask: query `i` of the last `queries` of `keys` steps may attend to every
/// step up to its own.
///
/// # Shapes
/// `[1, queries, keys]`.
pub fn causal_mask(queries: usize, keys: usize, device: &Device) -> Tensor<3, Bool> {
    let before = keys.saturating_sub(queries) as i64;
    let rows = Tensor::<1, Int>::arange(before..before + queries as i64, device);
    let columns = Tensor::<1, Int>::arange(0..keys as i64, device);
    let rows = rows.reshape([1, queries, 1]).expand([1, queries, keys]);
    let columns = columns.reshape([1, 1, keys]).expand([1, queries, keys]);
    columns.greater(rows)
}

/// Scaled dot-product attention: softmax(Q Kᵀ / √size) V (Vaswani et al. 2017). Returns the means and
/// the weights.
///
/// # Shapes
/// Queries `[batch, queries, size]`, keys `[batch, keys, size]`, values `[batch, keys, values]` to
/// `[batch, queries, values]` and `[batch, queries, keys]`; masks as in [`masked_softmax`].
pub fn dot_product_attention(
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
    mask: Option<Tensor<3, Bool>>,
) -> (Tensor<3>, Tensor<3>) {
    let [_, _, size] = queries.dims();
    let scores = queries.matmul(keys.transpose()) / (size as f64).sqrt();
    let weights = masked_softmax(scores, mask);
    (weights.clone().matmul(values), weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    /// The course's values: 10 keys alike, values 0 to 39 in rows of 4, lengths 2 and 6.
    fn values(device: &Device) -> Tensor<3> {
        let values = Tensor::<1, Int>::arange(0..40, device).float();
        values.reshape([1, 10, 4]).repeat_dim(0, 2)
    }

    #[test]
    fn equal_keys_give_the_mean_of_the_values_within_the_length() {
        let device = Device::flex();
        let lengths = Tensor::from_data([2, 6], &device);
        let mask = length_mask(lengths, 10);
        let queries = Tensor::<3>::ones([2, 1, 2], &device);
        let keys = Tensor::<3>::ones([2, 10, 2], &device);
        let (means, weights) = dot_product_attention(queries, keys, values(&device), Some(mask));
        let expected = [2.0, 3.0, 4.0, 5.0, 10.0, 11.0, 12.0, 13.0];
        for (got, expected) in numbers(means).into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
        let weights = numbers(weights);
        assert_eq!(weights[..4], [0.5, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn a_row_of_padding_gives_no_nan_and_no_nan_gradient() {
        let device = Device::flex().autodiff();
        let scores = Tensor::<3>::from_data([[[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]], &device);
        let scores = scores.require_grad();
        let mask = length_mask(Tensor::from_data([0], &device), 3);
        let weights = masked_softmax(scores.clone(), Some(mask));
        let third = 1.0 / 3.0;
        for weight in numbers(weights.clone()) {
            assert!((weight - third).abs() < 1e-6, "{weight}");
        }
        let gradients = weights.powi_scalar(2).sum().backward();
        let gradient = numbers(scores.grad(&gradients).unwrap());
        assert_eq!(gradient, [0.0; 6]);
    }

    #[test]
    fn the_past_is_seen_and_the_future_is_not() {
        let device = Device::flex();
        let mask = |queries, keys| -> Vec<bool> {
            let mask = causal_mask(queries, keys, &device);
            assert_eq!(mask.dims(), [1, queries, keys]);
            mask.into_data().iter::<bool>().collect()
        };
        let (t, f) = (true, false);
        assert_eq!(mask(3, 3), [f, t, t, f, f, t, f, f, f]);
        // One new step after three that are cached.
        assert_eq!(mask(1, 4), [f, f, f, f]);
        assert_eq!(mask(2, 4), [f, f, f, t, f, f, f, f]);
    }
}
