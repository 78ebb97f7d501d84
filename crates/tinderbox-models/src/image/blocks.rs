//! Parts that several families share.

use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use tinderbox_nn::{Activation, Conv, Init, Initializer};

/// Xavier-uniform, the course's choice for convolutions and linear layers alike.
pub(super) const XAVIER: Initializer = Initializer::XavierUniform { gain: 1.0 };

/// Kaiming-normal for ReLU by the outputs, torchvision's choice for most convolutions.
pub(super) const KAIMING_OUT: Initializer = Initializer::KaimingNormalOut {
    gain: std::f64::consts::SQRT_2,
};

/// Xavier-uniform, for serde.
pub(super) fn xavier() -> Initializer {
    XAVIER
}

/// Convolution, batch norm, activation; `0`, `1` and `2` of a `Sequential` in torchvision.
pub(super) type ConvNorm = (Conv2d, BatchNorm, Activation);

/// A [`ConvNorm`] whose convolution has no bias: the batch norm would subtract it again.
pub(super) fn conv_norm(init: &Init, conv: Conv, activation: Activation) -> ConvNorm {
    let norm = init.batch_norm(conv.outputs());
    (init.conv2d("0", conv.no_bias()), norm, activation)
}

/// Implements `Network<4>` for a model with the fields `input` and `classes` and the method
/// `logits`, which documents the computation.
macro_rules! image_network {
    ($model:ty) => {
        impl tinderbox_nn::Network<4> for $model {
            /// # Shapes
            /// `[batch, channels, height, width]` in, `[batch, classes]` out.
            fn forward(&self, inputs: burn::tensor::Tensor<4>) -> burn::tensor::Tensor<2> {
                self.logits(inputs)
            }

            fn input_shape(&self) -> Vec<usize> {
                self.input.to_vec()
            }

            fn outputs(&self) -> usize {
                self.classes
            }
        }
    };
}
pub(super) use image_network;
