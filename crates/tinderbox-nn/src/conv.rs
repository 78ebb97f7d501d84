use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Device;
use tinderbox_core::Seed;

use crate::{Fans, Initializer};

/// The shape of a 2-D convolution with square kernels.
///
/// ```
/// use tinderbox_nn::Conv;
///
/// let stem = Conv::new(3, 64, 7).stride(2).padding(3).no_bias();
/// assert_eq!(stem.output_side(224), 112);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
    bias: bool,
}

impl Conv {
    /// From `inputs` to `outputs` channels with kernels of `kernel` x `kernel`: stride 1, no padding,
    /// one group, a bias.
    pub const fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding: 0,
            groups: 1,
            bias: true,
        }
    }

    /// The step between two positions of the kernel.
    pub const fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// Rows and columns of zeros on every side.
    pub const fn padding(mut self, padding: usize) -> Self {
        self.padding = padding;
        self
    }

    /// Number of groups of channels with separate kernels; must divide both numbers of channels.
    pub const fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// No bias, as before a batch norm, which subtracts the mean.
    pub const fn no_bias(mut self) -> Self {
        self.bias = false;
        self
    }

    /// Height of the output for an input of this height; the same for widths.
    pub const fn output_side(&self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Fan-in and fan-out as PyTorch counts them: `inputs / groups * kernel²` and `outputs * kernel²`.
    pub const fn fans(&self) -> Fans {
        let window = self.kernel * self.kernel;
        Fans {
            fan_in: self.inputs / self.groups * window,
            fan_out: self.outputs * window,
        }
    }

    /// Channels of the output.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Burn's 2-D convolution with weights that are a pure function of the seed, and a bias of zeros.
///
/// # Shapes
/// Weight `[outputs, inputs / groups, kernel, kernel]`, drawn for the fans of [`Conv::fans`].
pub fn conv2d(conv: Conv, weight: Initializer, seed: Seed, device: &Device) -> Conv2d {
    let Conv {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        groups,
        bias,
    } = conv;
    let fans = conv.fans();
    let shape = [outputs, inputs / groups, kernel, kernel];
    let zeros = || Initializer::Zeros.param([outputs], fans, seed.child("bias"), device);
    Conv2d {
        weight: weight.param(shape, fans, seed.child("weight"), device),
        bias: bias.then(zeros),
        stride: [stride; 2],
        kernel_size: [kernel; 2],
        dilation: [1; 2],
        groups,
        padding: PaddingConfig2d::Explicit(padding, padding, padding, padding),
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Tensor;

    use super::*;

    const NORMAL: Initializer = Initializer::Normal { std: 1.0 };

    #[test]
    fn output_shapes_of_the_course() {
        // Dive into Deep Learning, "Padding and Stride", with square kernels.
        let device = Device::flex();
        let same = Conv::new(1, 1, 3).padding(1);
        for (conv, side) in [(same, 8), (same.stride(2), 4), (Conv::new(1, 1, 3), 6)] {
            let layer = conv2d(conv, NORMAL, Seed::new(1), &device);
            let output = layer.forward(Tensor::zeros([1, 1, 8, 8], &device));
            assert_eq!(output.dims(), [1, 1, side, side]);
            assert_eq!(conv.output_side(8), side);
        }
    }

    #[test]
    fn counting_draws_nothing_and_reading_draws_the_same_everywhere() {
        let device = Device::flex();
        let of = |seed| conv2d(Conv::new(3, 8, 5), NORMAL, Seed::new(seed), &device);
        let layer = of(1);
        assert_eq!(layer.num_params(), 8 * 3 * 25 + 8);
        assert!(!layer.weight.is_initialized());
        // Reading the bias first changes nothing in the weights.
        let other = of(1);
        let _ = other.bias.as_ref().map(|bias| bias.val());
        assert_eq!(layer.weight.val().to_data(), other.weight.val().to_data());
        assert_ne!(layer.weight.val().to_data(), of(2).weight.val().to_data());
        assert!(of(1).train().weight.val().is_require_grad());
    }
}
