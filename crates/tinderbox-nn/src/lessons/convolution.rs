use burn::tensor::Tensor;

/// A kernel or window that does not fit its input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// It is larger than the input, or has no rows or columns.
    #[error("a window of {window:?} on an input of {input:?}: use 1 to {} rows and 1 to {} columns", input[0], input[1])]
    Size {
        /// Rows and columns of the window.
        window: [usize; 2],
        /// Rows and columns of the input.
        input: [usize; 2],
    },
    /// The kernel has another number of channels than the input.
    #[error(
        "a kernel for {kernel} channels on an input of {input}; both need the same number, at least 1"
    )]
    Channels {
        /// Channels of the kernel.
        kernel: usize,
        /// Channels of the input.
        input: usize,
    },
}

/// Rows and columns of the output of a window that moves by 1.
pub(super) fn output_size(
    input: [usize; 2],
    window: [usize; 2],
) -> Result<[usize; 2], WindowError> {
    let fits = |axis: usize| (1..=input[axis]).contains(&window[axis]);
    if fits(0) && fits(1) {
        Ok([input[0] - window[0] + 1, input[1] - window[1] + 1])
    } else {
        Err(WindowError::Size { window, input })
    }
}

/// The 2-D cross-correlation, which deep learning calls convolution (course, "Convolutions for
/// Images"): `Y[i, j] = Σ X[i + a, j + b] K[a, b]`.
///
/// Computed as a sum of shifted copies of the input, one for each number of the kernel.
///
/// # Shapes
/// `[height, width]` and `[rows, columns]` to `[height - rows + 1, width - columns + 1]`.
///
/// # Errors
/// A kernel that is larger than the input.
pub fn corr2d(input: Tensor<2>, kernel: Tensor<2>) -> Result<Tensor<2>, WindowError> {
    let [rows, columns] = kernel.dims();
    let [height, width] = output_size(input.dims(), [rows, columns])?;
    let mut output = Tensor::zeros([height, width], &input.device());
    for a in 0..rows {
        for b in 0..columns {
            let shifted = input.clone().slice([a..a + height, b..b + width]);
            let weight = kernel.clone().slice([a..a + 1, b..b + 1]);
            output = output + shifted * weight;
        }
    }
    Ok(output)
}

/// Cross-correlation of several input channels: the sum over the channels.
///
/// # Shapes
/// `[channels, height, width]` and `[channels, rows, columns]` to
/// `[height - rows + 1, width - columns + 1]`.
///
/// # Errors
/// A kernel that is larger than the input or has another number of channels.
pub fn corr2d_multi_in(input: Tensor<3>, kernel: Tensor<3>) -> Result<Tensor<2>, WindowError> {
    let channels = input.dims()[0];
    if channels == 0 || kernel.dims()[0] != channels {
        return Err(WindowError::Channels {
            kernel: kernel.dims()[0],
            input: channels,
        });
    }
    let channel = |tensor: &Tensor<3>, index: usize| -> Tensor<2> {
        tensor.clone().slice(index..index + 1).squeeze_dim(0)
    };
    let mut output = corr2d(channel(&input, 0), channel(&kernel, 0))?;
    for index in 1..channels {
        output = output + corr2d(channel(&input, index), channel(&kernel, index))?;
    }
    Ok(output)
}

/// Cross-correlation of several channels with several kernels, one for each output channel.
///
/// # Shapes
/// `[channels, height, width]` and `[outputs, channels, rows, columns]` to
/// `[outputs, height - rows + 1, width - columns + 1]`.
///
/// # Errors
/// No kernel, a kernel that is larger than the input, or one with another number of channels.
pub fn corr2d_multi_in_out(input: Tensor<3>, kernels: Tensor<4>) -> Result<Tensor<3>, WindowError> {
    let [outputs, channels, ..] = kernels.dims();
    if outputs == 0 {
        return Err(WindowError::Channels {
            kernel: 0,
            input: channels,
        });
    }
    let maps = (0..outputs)
        .map(|index| {
            let kernel = kernels.clone().slice(index..index + 1).squeeze_dim(0);
            corr2d_multi_in(input.clone(), kernel)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::stack(maps, 0))
}

#[cfg(test)]
mod tests {
    use burn::nn::conv::Conv2d;
    use burn::tensor::{Device, TensorData, Tolerance};
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Conv, Initializer, Layer, conv2d};

    fn tensor<const D: usize>(data: impl Into<TensorData>) -> Tensor<D> {
        Tensor::from_data(data, &Device::flex())
    }

    fn first() -> Tensor<2> {
        tensor([[0.0f32, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
    }

    fn kernel() -> Tensor<2> {
        tensor([[0.0f32, 1.0], [2.0, 3.0]])
    }

    /// The course's pair of channels: the first, and the first plus 1.
    fn pair(of: Tensor<2>) -> Tensor<3> {
        Tensor::stack(vec![of.clone(), of + 1.0], 0)
    }

    #[test]
    fn values_that_the_course_prints() {
        let one = corr2d(first(), kernel()).unwrap().to_data();
        assert_eq!(one, TensorData::from([[19.0f32, 25.0], [37.0, 43.0]]));
        let several = corr2d_multi_in(pair(first()), pair(kernel()))
            .unwrap()
            .to_data();
        assert_eq!(several, TensorData::from([[56.0f32, 72.0], [104.0, 120.0]]));
        let k = pair(kernel());
        let kernels = Tensor::stack(vec![k.clone(), k.clone() + 1.0, k + 2.0], 0);
        let maps = corr2d_multi_in_out(pair(first()), kernels)
            .unwrap()
            .to_data();
        let expected = TensorData::from([
            [[56.0f32, 72.0], [104.0, 120.0]],
            [[76.0, 100.0], [148.0, 172.0]],
            [[96.0, 128.0], [192.0, 224.0]],
        ]);
        assert_eq!(maps, expected);
    }

    fn stripes() -> Tensor<2> {
        let row = [1.0f32, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
        tensor([row; 6])
    }

    #[test]
    fn edges_are_found_across_them_and_not_along_them() {
        let edge = tensor([[1.0f32, -1.0]]);
        let found = corr2d(stripes(), edge.clone()).unwrap().to_data();
        let row = [0.0f32, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0];
        assert_eq!(found, TensorData::from([row; 6]));
        let along = corr2d(stripes().transpose(), edge).unwrap().abs().sum();
        assert_eq!(along.into_scalar::<f32>(), 0.0);
    }

    #[test]
    fn the_edge_kernel_can_be_learned() {
        let target = corr2d(stripes(), tensor([[1.0f32, -1.0]])).unwrap();
        let device = Device::flex().autodiff();
        let (input, target) = (Tensor::from_inner(stripes()), Tensor::from_inner(target));
        let mut weights = tensor::<2>([[0.3f32, -0.2]]);
        let mut losses = Vec::new();
        for _ in 0..10 {
            let kernel = Tensor::<2>::from_data(weights.to_data(), &device).require_grad();
            let output = corr2d(input.clone(), kernel.clone()).unwrap();
            let loss = (output - target.clone()).powi_scalar(2).sum();
            losses.push(loss.clone().into_scalar::<f32>());
            let gradient = kernel.grad(&loss.backward()).unwrap();
            weights = weights - gradient * 0.03;
        }
        let learned = weights.try_into_vec_as::<f32>().unwrap();
        // The course ends near [1.00, -0.97], from a random start.
        assert!((learned[0] - 1.0).abs() < 0.05, "{learned:?}");
        assert!((learned[1] + 1.0).abs() < 0.05, "{learned:?}");
        assert!(losses[9] < 0.05 * losses[0], "{losses:?}");
    }

    #[test]
    fn the_layer_computes_the_same() {
        let device = Device::flex();
        let normal = Initializer::Normal { std: 1.0 };
        let layer: Conv2d = conv2d(Conv::new(3, 4, 3), normal, Seed::new(2), &device);
        let numbers = normal.draw(
            3 * 7 * 6,
            crate::Fans {
                fan_in: 1,
                fan_out: 1,
            },
            Seed::new(3),
        );
        let input = Tensor::<3>::from_data(TensorData::new(numbers, [3, 7, 6]), &device);
        let lesson = corr2d_multi_in_out(input.clone(), layer.weight.val()).unwrap();
        let output: Tensor<3> = layer.apply(input.unsqueeze_dim(0)).squeeze_dim(0);
        let tolerance = Tolerance::absolute(1e-5);
        output
            .to_data()
            .assert_approx_eq::<f32>(&lesson.to_data(), tolerance);
    }

    #[test]
    fn kernels_that_do_not_fit_are_refused() {
        let error = corr2d(kernel(), first()).unwrap_err().to_string();
        assert!(error.contains("1 to 2 rows"), "{error}");
        let three = Tensor::stack(vec![kernel(), kernel(), kernel()], 0);
        let error = corr2d_multi_in(pair(first()), three)
            .unwrap_err()
            .to_string();
        assert!(error.contains("3 channels on an input of 2"), "{error}");
    }
}
