//! The kernels over tensors: on Flex with 32-bit floats, else Burn's own operations.

use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation as stock, module};

use crate::Function;

mod attention;
mod linear;
mod recurrent;
mod rows;

pub use attention::{AttentionInputs, attention};
pub use linear::linear;
pub use recurrent::{RecurrentOutput, RecurrentTensors, recurrent};
pub use rows::{cross_entropy, embedding, first_outside, layer_norm, log_softmax, softmax};

#[cfg(feature = "flex")]
use crate::extension::{self, Kernels, is_ours};
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// A 2-D convolution.
///
/// # Shapes
/// `[batch, inputs, height, width]`, weight `[outputs, inputs / groups, kernel, kernel]` and bias
/// `[outputs]` to `[batch, outputs, height', width']`.
///
/// # Panics
/// As Burn's `conv2d`: if the shapes do not fit each other.
pub fn conv2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if extension::conv_shape(input.dims(), weight.dims(), &options)
        .is_some_and(|shape| shape.is_supported())
        && bias
            .as_ref()
            .is_none_or(|bias| bias.dims()[0] == weight.dims()[0])
    {
        let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
        let bias = bias.map(Tensor::into_dispatch);
        let all = [Some(&input), Some(&weight), bias.as_ref()];
        if is_ours(all) {
            return Tensor::from_dispatch(match bias {
                Some(bias) => Dispatch::tinder_conv2d_with_bias(input, weight, bias, options),
                None => Dispatch::tinder_conv2d(input, weight, options),
            });
        }
        return module::conv2d(
            Tensor::from_dispatch(input),
            Tensor::from_dispatch(weight),
            bias.map(Tensor::from_dispatch),
            options,
        );
    }
    module::conv2d(input, weight, bias, options)
}

/// A transposed 2-D convolution: what a convolution with the same weight does to the gradient of its output.
///
/// # Shapes
/// `[batch, inputs, height, width]`, weight `[inputs, outputs / groups, kernel, kernel]` and bias `[outputs]` to
/// `[batch, outputs, height', width']`.
///
/// # Panics
/// As Burn's `conv_transpose2d`: if the shapes do not fit each other.
pub fn conv_transpose2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvTransposeOptions<2>,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    let (input, weight) = {
        let shape = extension::transposed_shape(input.dims(), weight.dims(), &options);
        let fits = shape.is_some_and(|shape| shape.is_supported());
        let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
        if fits && is_ours([Some(&input), Some(&weight)]) {
            let output = Dispatch::tinder_conv_transpose2d(input, weight, options);
            let output = Tensor::<4>::from_dispatch(output);
            return match bias {
                Some(bias) => {
                    let channels = bias.dims()[0];
                    output + bias.reshape([1, channels, 1, 1])
                }
                None => output,
            };
        }
        (Tensor::from_dispatch(input), Tensor::from_dispatch(weight))
    };
    module::conv_transpose2d(input, weight, bias, options)
}

/// The mean of each window; padding, the same on all sides, counts as zeros.
///
/// # Shapes
/// `[batch, channels, height, width]` to
/// `[batch, channels, (height + 2 padding - window) / stride + 1, …]`.
pub fn avg_pool2d(input: Tensor<4>, window: usize, stride: usize, padding: usize) -> Tensor<4> {
    let options = AvgPoolOptions::new([window; 2])
        .with_stride([stride; 2])
        .with_padding_pairs([(padding, padding); 2])
        .with_count_include_pad(true);
    #[cfg(feature = "flex")]
    if extension::pool_shape(input.dims(), [window, stride, padding]).is_supported() {
        let input = input.into_dispatch();
        if is_ours([Some(&input)]) {
            let sizes = [window, stride, padding];
            return Tensor::from_dispatch(Dispatch::tinder_avg_pool2d(input, sizes));
        }
        return module::avg_pool2d(Tensor::from_dispatch(input), options);
    }
    module::avg_pool2d(input, options)
}

/// The largest number of each window; padding is never the largest.
///
/// # Shapes
/// As [`avg_pool2d`].
pub fn max_pool2d(input: Tensor<4>, window: usize, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([window; 2])
        .with_stride([stride; 2])
        .with_padding_pairs([(padding, padding); 2]);
    #[cfg(feature = "flex")]
    if extension::pool_shape(input.dims(), [window, stride, padding]).is_supported() {
        let input = input.into_dispatch();
        if is_ours([Some(&input)]) {
            let sizes = [window, stride, padding];
            return Tensor::from_dispatch(Dispatch::tinder_max_pool2d(input, sizes));
        }
        return module::max_pool2d(Tensor::from_dispatch(input), options);
    }
    module::max_pool2d(input, options)
}

/// The mean of each of `output[0]` x `output[1]` windows that cover the input (PyTorch's
/// `AdaptiveAvgPool2d`).
///
/// # Shapes
/// `[batch, channels, height, width]` to `[batch, channels, output[0], output[1]]`.
pub fn adaptive_avg_pool2d(input: Tensor<4>, output: [usize; 2]) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if extension::adaptive_shape(input.dims(), output).is_supported() {
        let input = input.into_dispatch();
        if is_ours([Some(&input)]) {
            return Tensor::from_dispatch(Dispatch::tinder_adaptive_avg_pool2d(input, output));
        }
        return module::adaptive_avg_pool2d(Tensor::from_dispatch(input), output);
    }
    module::adaptive_avg_pool2d(input, output)
}

/// The function of every number.
///
/// # Shapes
/// Any, the same in and out.
pub fn activation<const D: usize>(input: Tensor<D>, function: Function) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let input = {
        let input = input.into_dispatch();
        // With gradient checkpointing Burn computes activations again instead of keeping them.
        if is_ours([Some(&input)]) && !extension::is_checkpointed(&input) {
            return Tensor::from_dispatch(Dispatch::tinder_activation(input, function));
        }
        Tensor::from_dispatch(input)
    };
    match function {
        Function::Relu => stock::relu(input),
        // Not Burn's `relu6`: this one is a single pass.
        Function::Relu6 => input.clamp(0.0, 6.0),
        Function::Sigmoid => stock::sigmoid(input),
        Function::Tanh => input.tanh(),
        Function::Silu => stock::silu(input),
        Function::Gelu => stock::gelu(input),
        Function::GeluTanh => {
            let scale = 2.0 * std::f64::consts::FRAC_2_PI.sqrt();
            let cubic = input.clone().square() * 0.044_715 + 1.0;
            input.clone() * stock::sigmoid(input * cubic * scale)
        }
    }
}

/// The result of [`batch_norm_train`].
#[derive(Debug)]
pub struct BatchNormOutput<const D: usize> {
    /// As the input.
    pub output: Tensor<D>,
    /// The mean of every channel, without gradient.
    pub mean: Tensor<1>,
    /// The biased variance of every channel, without gradient.
    pub variance: Tensor<1>,
}

/// Normalizes every channel by the statistics of the batch (Ioffe and Szegedy 2015).
///
/// # Shapes
/// `[batch, channels, …]` in and out; everything else `[channels]`.
pub fn batch_norm_train<const D: usize>(
    input: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> BatchNormOutput<D> {
    #[cfg(feature = "flex")]
    let (input, gamma, beta) = {
        let fits = extension::norm_fits(&input.dims(), &[gamma.dims(), beta.dims()]);
        let input = input.into_dispatch();
        let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
        if fits && is_ours([Some(&input), Some(&gamma), Some(&beta)]) {
            let (output, mean, variance) =
                Dispatch::tinder_batch_norm_train(input, gamma, beta, epsilon);
            return BatchNormOutput {
                output: Tensor::from_dispatch(output),
                mean: Tensor::from_dispatch(mean),
                variance: Tensor::from_dispatch(variance),
            };
        }
        let parameters = (Tensor::from_dispatch(gamma), Tensor::from_dispatch(beta));
        (Tensor::from_dispatch(input), parameters.0, parameters.1)
    };
    let result = module::batch_norm_train(input, gamma, beta, epsilon);
    BatchNormOutput {
        output: result.output,
        mean: result.mean,
        variance: result.variance,
    }
}

/// Normalizes every channel by given statistics; `[gamma, beta, mean, variance]`.
///
/// # Shapes
/// As [`batch_norm_train`].
pub fn batch_norm<const D: usize>(
    input: Tensor<D>,
    parameters: [Tensor<1>; 4],
    epsilon: f64,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if extension::norm_fits(&input.dims(), &parameters.each_ref().map(Tensor::dims)) {
        let input = input.into_dispatch();
        let [gamma, beta, mean, variance] = parameters.map(Tensor::into_dispatch);
        let all = [&input, &gamma, &beta, &mean, &variance].map(Some);
        if is_ours(all) {
            let output = Dispatch::tinder_batch_norm(input, gamma, beta, mean, variance, epsilon);
            return Tensor::from_dispatch(output);
        }
        let [gamma, beta, mean, variance] =
            [gamma, beta, mean, variance].map(Tensor::from_dispatch);
        let input = Tensor::from_dispatch(input);
        return module::batch_norm(input, gamma, beta, mean, variance, epsilon);
    }
    let [gamma, beta, mean, variance] = parameters;
    module::batch_norm(input, gamma, beta, mean, variance, epsilon)
}
