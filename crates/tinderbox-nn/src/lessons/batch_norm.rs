use burn::tensor::Tensor;

/// The running mean and variance of a batch norm, for prediction.
///
/// # Shapes
/// `[channels]` both.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// Mean of every channel.
    pub mean: Tensor<1>,
    /// Variance of every channel (divided by n, as the course does).
    pub variance: Tensor<1>,
}

/// Batch normalization from scratch (course, "Batch Normalization"; Ioffe and Szegedy 2015).
///
/// In training it normalizes with the mean and variance of the batch and updates the running
/// statistics; otherwise it normalizes with the running statistics. `momentum` is the weight of the
/// *new* value, as in PyTorch (0.1); the course's own code has the weight of the old one (0.9).
///
/// # Shapes
/// `[batch, channels, height, width]` in and out; use height and width 1 for rows of features.
/// `gamma` and `beta`: `[channels]`.
pub fn batch_norm(
    input: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    running: &mut BatchStatistics,
    momentum: f64,
    epsilon: f64,
    training: bool,
) -> Tensor<4> {
    let channels = input.dims()[1];
    let broadcast = |of: Tensor<1>| of.reshape([1, channels, 1, 1]);
    let channel_mean = |of: Tensor<4>| of.mean_dim(0).mean_dim(2).mean_dim(3);
    let (mean, variance) = if training {
        let mean = channel_mean(input.clone());
        let variance = channel_mean((input.clone() - mean.clone()).powi_scalar(2));
        let towards = |old: &Tensor<1>, new: &Tensor<4>| {
            let new = new.clone().detach().reshape([channels]);
            old.clone() * (1.0 - momentum) + new * momentum
        };
        running.mean = towards(&running.mean, &mean);
        running.variance = towards(&running.variance, &variance);
        (mean, variance)
    } else {
        let BatchStatistics { mean, variance } = running.clone();
        (broadcast(mean), broadcast(variance))
    };
    let normalized = (input - mean) / (variance + epsilon).sqrt();
    broadcast(gamma) * normalized + broadcast(beta)
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::{Device, TensorData, Tolerance};
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Init, Initializer, Layer};

    fn start(channels: usize, device: &Device) -> (Tensor<1>, Tensor<1>, BatchStatistics) {
        let running = BatchStatistics {
            mean: Tensor::zeros([channels], device),
            variance: Tensor::ones([channels], device),
        };
        let ones = Tensor::ones([channels], device);
        (ones, Tensor::zeros([channels], device), running)
    }

    #[test]
    fn columns_are_normalized_as_the_course_prints() {
        let device = Device::flex();
        let (gamma, beta, mut running) = start(2, &device);
        let input = Tensor::<2>::from_data([[1.0f32, 2.0], [2.0, 3.0]], &device);
        let input = input.reshape([2, 2, 1, 1]);
        let output = batch_norm(input, gamma, beta, &mut running, 0.1, 1e-5, true);
        let expected = TensorData::from([[-1.0f32, -1.0], [1.0, 1.0]]);
        let output = output.reshape([2, 2]).to_data();
        output.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-4));
        let mean = running.mean.to_data();
        mean.assert_approx_eq::<f32>(
            &TensorData::from([0.15f32, 0.25]),
            Tolerance::absolute(1e-6),
        );
        let expected = TensorData::from([0.925f32, 0.925]);
        let variance = running.variance.to_data();
        variance.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    #[test]
    fn the_layer_computes_the_same_in_training_and_after_it() {
        let device = Device::flex().autodiff();
        let init = Init::new(Seed::new(1), &device, Initializer::Zeros);
        let layer = init.batch_norm(3);
        let (gamma, beta, mut running) = start(3, &device);
        let fans = crate::Fans {
            fan_in: 1,
            fan_out: 1,
        };
        let numbers = Initializer::Normal { std: 2.0 }.draw(4 * 3 * 5 * 2, fans, Seed::new(4));
        let input = Tensor::<4>::from_data(TensorData::new(numbers, [4, 3, 5, 2]), &device);
        let tolerance = || Tolerance::absolute(1e-5);
        for _ in 0..3 {
            let (gamma, beta) = (gamma.clone(), beta.clone());
            let lesson = batch_norm(input.clone(), gamma, beta, &mut running, 0.1, 1e-5, true);
            let output = layer.apply(input.clone());
            output
                .to_data()
                .assert_approx_eq::<f32>(&lesson.to_data(), tolerance());
        }
        let plain = input.inner();
        let after = layer.valid().apply(plain.clone());
        let mut running = BatchStatistics {
            mean: running.mean.inner(),
            variance: running.variance.inner(),
        };
        let (gamma, beta) = (gamma.inner(), beta.inner());
        let lesson = batch_norm(plain, gamma, beta, &mut running, 0.1, 1e-5, false);
        after
            .to_data()
            .assert_approx_eq::<f32>(&lesson.to_data(), tolerance());
    }
}
