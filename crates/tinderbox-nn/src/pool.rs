use burn::module::Module;
use burn::tensor::Tensor;
use tinderbox_kernels::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};

use crate::{Layer, trace};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Max,
    Average,
}

/// Pooling over square windows, as a layer without parameters.
#[derive(Module, Debug)]
pub struct Pool {
    #[module(skip)]
    kind: Kind,
    #[module(skip)]
    window: usize,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
}

impl Pool {
    /// Max pooling: the largest number of each window.
    pub fn max(window: usize, stride: usize) -> Self {
        Self {
            kind: Kind::Max,
            window,
            stride,
            padding: 0,
        }
    }

    /// Average pooling: the mean of each window.
    pub fn average(window: usize, stride: usize) -> Self {
        Self {
            kind: Kind::Average,
            ..Self::max(window, stride)
        }
    }

    /// Rows and columns of padding on every side: ignored in a maximum, 0 in a mean.
    pub fn padding(mut self, padding: usize) -> Self {
        self.padding = padding;
        self
    }
}

/// # Shapes
/// `[batch, channels, height, width]` to
/// `[batch, channels, (height + 2 padding - window) / stride + 1, …]`.
impl Layer<4> for Pool {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let (kind, output) = match self.kind {
            Kind::Max => {
                let output = max_pool2d(input, self.window, self.stride, self.padding);
                ("MaxPool2d", output)
            }
            Kind::Average => {
                let output = avg_pool2d(input, self.window, self.stride, self.padding);
                ("AvgPool2d", output)
            }
        };
        trace::step(kind, Vec::new, &output.dims(), || 0);
        output
    }
}

/// Global average pooling: the mean of every channel (Lin, Chen, Yan 2013).
///
/// # Shapes
/// `[batch, channels, height, width]` to `[batch, channels]`.
pub fn global_avg_pool(input: Tensor<4>) -> Tensor<2> {
    let [batch, channels, _, _] = input.dims();
    let output = adaptive_avg_pool2d(input, [1, 1]).reshape([batch, channels]);
    trace::step("GlobalAvgPool", Vec::new, &output.dims(), || 0);
    output
}

/// Adaptive average pooling to `side` x `side`, whatever the size of the input (PyTorch's
/// `AdaptiveAvgPool2d`).
///
/// # Shapes
/// `[batch, channels, height, width]` to `[batch, channels, side, side]`.
pub fn adaptive_avg_pool(input: Tensor<4>, side: usize) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    // The usual case, an input of the right size already, is the identity.
    let output = if [height, width] == [side; 2] {
        input
    } else {
        adaptive_avg_pool2d(input, [side; 2])
    };
    trace::step("AdaptiveAvgPool2d", Vec::new, &output.dims(), || 0);
    output
}

/// Flattens everything but the batch.
///
/// # Shapes
/// `[batch, channels, height, width]` to `[batch, channels * height * width]`.
pub fn flatten(input: Tensor<4>) -> Tensor<2> {
    let output = input.flatten(1, 3);
    trace::step("Flatten", Vec::new, &output.dims(), || 0);
    output
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn count_up(side: i64) -> Tensor<4> {
        let device = Device::flex();
        Tensor::<1, burn::tensor::Int>::arange(0..side * side, &device)
            .float()
            .reshape([1, 1, side as usize, side as usize])
    }

    #[test]
    fn values_that_the_course_prints() {
        let output = |layer: Pool, side| layer.apply(count_up(side)).to_data();
        let expect = |rows: [[f32; 2]; 2]| TensorData::from([[rows]]);
        assert_eq!(output(Pool::max(2, 1), 3), expect([[4.0, 5.0], [7.0, 8.0]]));
        assert_eq!(
            output(Pool::average(2, 1), 3),
            expect([[2.0, 3.0], [5.0, 6.0]])
        );
        assert_eq!(
            output(Pool::max(3, 3), 4),
            TensorData::from([[[[10.0f32]]]])
        );
        let padded = Pool::max(3, 2).padding(1);
        assert_eq!(output(padded, 4), expect([[5.0, 7.0], [13.0, 15.0]]));
    }

    #[test]
    fn adaptive_windows_are_those_of_pytorch() {
        // From 3 to 2 the windows overlap: rows 0-1 and 1-2. From 1 to 2 the number is repeated.
        let shrunk = adaptive_avg_pool(count_up(3), 2).to_data();
        assert_eq!(shrunk, TensorData::from([[[[2.0f32, 3.0], [5.0, 6.0]]]]));
        let grown = adaptive_avg_pool(count_up(1).add_scalar(4.0), 2).to_data();
        assert_eq!(grown, TensorData::from([[[[4.0f32, 4.0], [4.0, 4.0]]]]));
        assert_eq!(
            global_avg_pool(count_up(3)).to_data(),
            TensorData::from([[4.0f32]])
        );
    }
}
