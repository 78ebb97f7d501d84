use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;

use crate::{Conv, Fans, Initializer, LinearInit, conv2d, linear};

/// Where the layers of a model get their first weights: a seed, a device and initialisers.
///
/// Each layer draws from the child of the seed that bears its name, so that a layer keeps its
/// weights when another one is added.
#[derive(Clone, Debug)]
pub struct Init {
    seed: Seed,
    device: Device,
    convolutions: Initializer,
    linears: Initializer,
    biases: Initializer,
}

impl Init {
    /// One initialiser for the weights of all layers.
    pub fn new(seed: Seed, device: &Device, weights: Initializer) -> Self {
        Self {
            seed,
            device: device.clone(),
            convolutions: weights,
            linears: weights,
            biases: Initializer::Zeros,
        }
    }

    /// Another initialiser for the linear layers.
    pub fn linears(mut self, weights: Initializer) -> Self {
        self.linears = weights;
        self
    }

    /// Another initialiser than zeros for the biases of convolutions and linear layers.
    pub fn biases(mut self, biases: Initializer) -> Self {
        self.biases = biases;
        self
    }

    /// For the part of the model with this name.
    pub fn child(&self, name: &str) -> Self {
        Self {
            seed: self.seed.child(name),
            ..self.clone()
        }
    }

    /// For the part of the model with this number.
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

    /// A convolution; its bias, if it has one, starts at 0 unless [`Init::biases`] says otherwise.
    pub fn conv2d(&self, name: &str, conv: Conv) -> Conv2d {
        let seed = self.seed.child(name);
        let layer = conv2d(conv, self.convolutions, seed, &self.device);
        let bias = layer.bias.is_some();
        Conv2d {
            bias: bias.then(|| self.bias(conv.outputs(), conv.fans(), seed)),
            ..layer
        }
    }

    /// A linear layer; its bias starts at 0 unless [`Init::biases`] says otherwise.
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

    /// A batch norm that starts as the identity of normalised input (Ioffe and Szegedy 2015).
    pub fn batch_norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels).init(&self.device)
    }

    /// A layer norm over this many features (Ba, Kiros, Hinton 2016).
    pub fn layer_norm(&self, features: usize, epsilon: f64) -> LayerNorm {
        LayerNormConfig::new(features)
            .with_epsilon(epsilon)
            .init(&self.device)
    }

    /// A parameter that belongs to no layer: a class token, a position embedding, a scale.
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
