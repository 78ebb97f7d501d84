use burn::tensor::{Int, Tensor};

/// Softmax from scratch: exponentials, divided by their sum in each row.
///
/// The largest number of the row is subtracted first, which does not change the result but keeps the
/// exponentials finite (course, "Concise Implementation of Softmax Regression").
///
/// # Shapes
/// `[batch, classes]` in and out; rows of the output sum to 1.
pub fn softmax(logits: Tensor<2>) -> Tensor<2> {
    let largest = logits.clone().max_dim(1);
    let exponentials = (logits - largest).exp();
    let sums = exponentials.clone().sum_dim(1);
    exponentials / sums
}

/// Cross-entropy from scratch: minus the logarithm of the probability of the true class.
///
/// # Shapes
/// Probabilities `[batch, classes]` and labels `[batch]` to `[batch]`.
pub fn cross_entropy(probabilities: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let picked = probabilities.gather(1, labels.unsqueeze_dim(1));
    -picked.log().squeeze_dim(1)
}

/// The fraction of rows whose largest number is that of the true class.
///
/// # Shapes
/// `[batch, classes]` and `[batch]`.
pub fn accuracy(scores: Tensor<2>, labels: Tensor<1, Int>) -> f64 {
    let rows = labels.dims()[0];
    let right = scores.argmax(1).squeeze_dim(1).equal(labels).int().sum();
    right.into_scalar::<i64>() as f64 / rows.max(1) as f64
}

#[cfg(test)]
mod tests {
    use burn::nn::loss::CrossEntropyLossConfig;
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;

    fn course() -> (Tensor<2>, Tensor<1, Int>) {
        let device = Device::flex();
        let probabilities = [[0.1f32, 0.3, 0.6], [0.3, 0.2, 0.5]];
        (
            Tensor::from_data(probabilities, &device),
            Tensor::from_data([0i32, 2], &device),
        )
    }

    #[test]
    fn values_that_the_course_prints() {
        let (probabilities, labels) = course();
        let losses = cross_entropy(probabilities.clone(), labels.clone()).to_data();
        let expected = TensorData::from([std::f32::consts::LN_10, std::f32::consts::LN_2]);
        losses.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        assert_eq!(accuracy(probabilities, labels), 0.5);
    }

    #[test]
    fn large_logits_stay_finite_and_agree_with_the_loss_of_burn() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data([[1000.0f32, 998.0, 0.0], [-5.0, 2.0, 1.0]], &device);
        let labels = Tensor::<1, Int>::from_data([1i32, 2], &device);
        let probabilities = softmax(logits.clone());
        let sums = probabilities.clone().sum_dim(1).to_data();
        sums.assert_approx_eq::<f32>(
            &TensorData::from([[1.0f32], [1.0]]),
            Tolerance::absolute(1e-6),
        );
        let lesson = cross_entropy(probabilities, labels.clone())
            .mean()
            .into_scalar::<f32>();
        let loss = CrossEntropyLossConfig::new()
            .init(&device)
            .forward(logits, labels);
        assert!((lesson - loss.into_scalar::<f32>()).abs() < 1e-5);
    }
}
