use burn::tensor::Tensor;

use super::WindowError;
use super::convolution::output_size;

/// The kind of pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The largest number.
    Max,
    /// The mean.
    Average,
}

/// Pooling with a window that moves by 1 (course, "Pooling").
///
/// # Shapes
/// `[height, width]` to `[height - rows + 1, width - columns + 1]`.
///
/// # Errors
/// A window that is larger than the input, or empty.
pub fn pool2d(
    input: Tensor<2>,
    window: [usize; 2],
    pooling: Pooling,
) -> Result<Tensor<2>, WindowError> {
    let [height, width] = output_size(input.dims(), window)?;
    let shifted = |a: usize, b: usize| input.clone().slice([a..a + height, b..b + width]);
    let mut output = shifted(0, 0);
    for a in 0..window[0] {
        for b in 0..window[1] {
            output = match pooling {
                Pooling::Max => output.max_pair(shifted(a, b)),
                Pooling::Average if a + b == 0 => output,
                Pooling::Average => output + shifted(a, b),
            };
        }
    }
    Ok(match pooling {
        Pooling::Max => output,
        Pooling::Average => output.div_scalar((window[0] * window[1]) as f64),
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::{Layer, Pool};

    fn count_up() -> Tensor<2> {
        let data = [[0.0f32, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]];
        Tensor::from_data(data, &Device::flex())
    }

    #[test]
    fn values_that_the_course_prints_and_the_layer_computes() {
        for (pooling, layer, expected) in [
            (Pooling::Max, Pool::max(2, 1), [[4.0f32, 5.0], [7.0, 8.0]]),
            (
                Pooling::Average,
                Pool::average(2, 1),
                [[2.0, 3.0], [5.0, 6.0]],
            ),
        ] {
            let lesson = pool2d(count_up(), [2, 2], pooling).unwrap();
            assert_eq!(lesson.to_data(), TensorData::from(expected));
            let output = layer.apply(count_up().unsqueeze::<4>());
            assert_eq!(output.to_data(), TensorData::from([[expected]]));
        }
        let wide = pool2d(count_up(), [1, 3], Pooling::Max).unwrap().to_data();
        assert_eq!(wide, TensorData::from([[2.0f32], [5.0], [8.0]]));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        for window in [[4, 1], [1, 0]] {
            assert!(pool2d(count_up(), window, Pooling::Max).is_err());
        }
    }
}
