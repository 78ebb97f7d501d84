use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;

use crate::{Conv, Fans, Initializer, LayerNorm, LinearInit, conv2d, linear};

/// Makes layers with initial weights from a seed, on a device, with initializers.
///
/// Each layer draws from the child of the seed with its name, so that adding a layer does not change the
/// weights of the others.
#[derive(Clone, Debug)]
pub struct Init {
    seed: Seed,
    device: Device,
    convolutions: Initializer,
    linears: Initializer,
    biases: Initializer,
}

impl Init {
    /// One initializer for the weights of all layers.
    pub fn new(seed: Seed, device: &Device, weights: Initializer) -> Self {
        Self {
            seed,
            device: device.clone(),
            convolutions: weights,
            linears: weights,
            biases: Initializer::Zeros,
        }
    }

    /// The initializer of the linear layers.
    pub fn linears(mut self, weights: Initializer) -> Self {
        self.linears = weights;
        self
    }

    /// The initializer of the biases of convolutions and linear layers; zeros by default.
    pub fn biases(mut self, biases: Initializer) -> Self {
        self.biases = biases;
        self
    }

    /// The same for the part of the model with this name.
    pub fn child(&self, name: &str) -> Self {
        Self {
            seed: self.seed.child(name),
            ..self.clone()
        }
    }

    /// The same for the part of the model with this index.
    pub fn at(&self, index: usize) -> Self {
        Self {
            seed: self.seed.at(index as u64),
            ..self.clone()
        }
    }

    /// The device of the weights.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A convolution; its bias, if it has one, starts at 0 unless [`Init::biases`] is set.
    pub fn conv2d(&self, name: &str, conv: Conv) -> Conv2d {
        let seed = self.seed.child(name);
        let layer = conv2d(conv, self.convolutions, seed, &self.device);
        let bias = layer.bias.is_some();
        Conv2d {
            bias: bias.then(|| self.bias(conv.outputs(), conv.fans(), seed)),
            ..layer
        }
    }

    /// A linear layer; its bias starts at 0 unless [`Init::biases`] is set.
    pub fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Linear {
        self.linear_with_bias(name, inputs, outputs, true)
    }

    /// A linear layer with or without a bias.
    pub fn linear_with_bias(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Linear {
        let init = LinearInit {
            bias,
            weight: self.linears,
        };
        let seed = self.seed.child(name);
        let fans = Fans {
            fan_in: inputs,
            fan_out: outputs,
        };
        Linear {
            bias: bias.then(|| self.bias(outputs, fans, seed)),
            ..linear(inputs, outputs, init, seed, &self.device)
        }
    }

    fn bias(&self, outputs: usize, fans: Fans, seed: Seed) -> Param<Tensor<1>> {
        self.biases
            .param([outputs], fans, seed.child("bias"), &self.device)
    }

    /// A batch norm with a scale of 1 and a shift of 0 (Ioffe and Szegedy 2015).
    pub fn batch_norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels).init(&self.device)
    }

    /// A layer norm over this many features (Ba, Kiros, Hinton 2016).
    pub fn layer_norm(&self, features: usize, epsilon: f64) -> LayerNorm {
        LayerNorm::new(features, epsilon, &self.device)
    }

    /// A parameter outside of any layer: a class token, a position embedding, a scale.
    pub fn parameter<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        initializer: Initializer,
    ) -> Param<Tensor<D>> {
        let fans = Fans {
            fan_in: 1,
            fan_out: 1,
        };
        initializer.param(shape, fans, self.seed.child(name), &self.device)
    }
}
