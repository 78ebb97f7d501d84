use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::layer_norm;

use crate::layer::ids;
use crate::{Fans, Initializer, Layer, trace};

/// A layer norm over the channels of every pixel (Liu et al. 2022, "A ConvNet for the 2020s").
#[derive(Module, Debug)]
pub struct LayerNorm2d {
    /// The scale of each channel.
    pub weight: Param<Tensor<1>>,
    /// The shift of each channel.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm2d {
    /// Scales of 1 and shifts of 0.
    pub fn new(channels: usize, epsilon: f64, device: &Device) -> Self {
        let fans = Fans {
            fan_in: 1,
            fan_out: 1,
        };
        // Nothing is drawn, so the seed does not matter.
        let seed = tinderbox_core::Seed::new(0);
        let constant =
            |value| Initializer::Constant { value }.param([channels], fans, seed, device);
        Self {
            weight: constant(1.0),
            bias: Some(constant(0.0)),
            epsilon,
        }
    }
}

/// # Shapes
/// `[batch, channels, height, width]` in and out.
impl Layer<4> for LayerNorm2d {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        let last = ChannelOrder::last().apply(input);
        let normed = layer_norm(last, self.weight.val(), bias, self.epsilon);
        let output = ChannelOrder::first().apply(normed);
        let weights = || ids(&self.weight, &self.bias);
        trace::step("LayerNorm2d", weights, &output.dims(), || 0);
        output
    }
}

/// Moves the channels to the end or back; PyTorch's `Permute` as ConvNeXt uses it.
#[derive(Module, Debug)]
pub struct ChannelOrder {
    #[module(skip)]
    axes: [isize; 4],
}

impl ChannelOrder {
    /// `[batch, channels, height, width]` to `[batch, height, width, channels]`.
    pub fn last() -> Self {
        Self { axes: [0, 2, 3, 1] }
    }

    /// `[batch, height, width, channels]` to `[batch, channels, height, width]`.
    pub fn first() -> Self {
        Self { axes: [0, 3, 1, 2] }
    }
}

impl Layer<4> for ChannelOrder {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        input.permute(self.axes)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    #[test]
    fn every_pixel_is_normalized_over_its_channels() {
        let device = Device::flex();
        let input = Tensor::<4>::from_data([[[[1.0f32, 5.0]], [[3.0, 5.0]]]], &device);
        let output = LayerNorm2d::new(2, 1e-6, &device).apply(input).to_data();
        let expected = TensorData::from([[[[-1.0f32, 0.0]], [[1.0, 0.0]]]]);
        output.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
    }

    #[test]
    fn orders_undo_each_other() {
        let device = Device::flex();
        let input = Tensor::<1, burn::tensor::Int>::arange(0..120, &device);
        let input = input.float().reshape([2, 3, 4, 5]);
        let last = ChannelOrder::last().apply(input.clone());
        assert_eq!(last.dims(), [2, 4, 5, 3]);
        assert_eq!(ChannelOrder::first().apply(last).to_data(), input.to_data());
    }
}
