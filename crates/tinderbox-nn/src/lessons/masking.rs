use burn::tensor::{Int, Tensor};

use super::{cross_entropy, softmax};

/// Sets the numbers beyond the length of each row to `fill` (course, "Sequence to Sequence Learning").
///
/// # Shapes
/// Values `[batch, steps]` and lengths `[batch]` to `[batch, steps]`.
pub fn sequence_mask(values: Tensor<2>, lengths: Tensor<1, Int>, fill: f64) -> Tensor<2> {
    let [batch, steps] = values.dims();
    let places = Tensor::<1, Int>::arange(0..steps as i64, &values.device());
    let places = places.unsqueeze::<2>().expand([batch, steps]);
    let lengths = lengths.unsqueeze_dim::<2>(1).expand([batch, steps]);
    values.mask_fill(places.greater_equal(lengths), fill)
}

/// The cross-entropy of every token, 0 for padding.
///
/// What divides the sum is left to the caller: the mean over `[batch, steps]` counts padding too and
/// is smaller the shorter the sequences are; a mean over the tokens divides by the sum of the lengths.
///
/// # Shapes
/// Logits `[batch, steps, vocabulary]`, labels `[batch, steps]`, lengths `[batch]` to `[batch, steps]`.
pub fn masked_cross_entropy(
    logits: Tensor<3>,
    labels: Tensor<2, Int>,
    lengths: Tensor<1, Int>,
) -> Tensor<2> {
    let [batch, steps, vocabulary] = logits.dims();
    let probabilities = softmax(logits.reshape([batch * steps, vocabulary]));
    let losses = cross_entropy(probabilities, labels.reshape([batch * steps]));
    sequence_mask(losses.reshape([batch, steps]), lengths, 0.0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn values_that_the_course_prints() {
        let device = Device::flex();
        let values = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], &device);
        let lengths = Tensor::from_data([1, 2], &device);
        let masked = sequence_mask(values, lengths, 0.0);
        assert_eq!(numbers(masked), [1.0, 0.0, 0.0, 4.0, 5.0, 0.0]);
        let losses = masked_cross_entropy(
            Tensor::ones([3, 4, 10], &device),
            Tensor::ones([3, 4], &device),
            Tensor::from_data([4, 2, 0], &device),
        );
        let over_steps = numbers(losses.mean_dim(1));
        let ln_10 = std::f32::consts::LN_10;
        for (got, expected) in over_steps.into_iter().zip([ln_10, ln_10 / 2.0, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }

    #[test]
    fn padding_gets_no_gradient() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<3>::ones([2, 3, 4], &device).require_grad();
        let labels = Tensor::from_data([[0, 1, 2], [3, 0, 0]], &device);
        let lengths = Tensor::from_data([3, 1], &device);
        let losses = masked_cross_entropy(logits.clone(), labels, lengths);
        let gradient = logits.grad(&losses.sum().backward()).unwrap();
        let sizes = gradient.abs().sum_dim(2).reshape([2, 3]);
        assert_eq!(numbers(sizes), [1.5, 1.5, 1.5, 1.5, 0.0, 0.0]);
    }
}
