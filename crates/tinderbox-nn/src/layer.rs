use burn::module::{Param, ParamId};
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::{BatchNorm, Linear, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use crate::trace;

/// A layer that maps a tensor of rank `D` to a tensor of the same rank.
///
/// All layers of the image models are computed through this trait, including Burn's own, so that
/// kernels and the trace of a forward pass ([`trace`]) each have one place. Tuples, vectors and
/// options of layers are layers: the tuple `(conv, norm, relu)` is PyTorch's
/// `Sequential(conv, norm, relu)`, with the same names `0`, `1`, `2` in a state dict.
pub trait Layer<const D: usize> {
    /// The output of the layer.
    fn apply(&self, input: Tensor<D>) -> Tensor<D>;
}

/// The id of a weight and, where there is one, of a bias.
pub(crate) fn ids<const D: usize>(
    weight: &Param<Tensor<D>>,
    bias: &Option<Param<Tensor<1>>>,
) -> Vec<ParamId> {
    std::iter::once(weight.id)
        .chain(bias.as_ref().map(|bias| bias.id))
        .collect()
}

fn numel(shape: &[usize]) -> u64 {
    shape.iter().map(|&side| side as u64).product()
}

/// # Shapes
/// `[batch, channels_in, height, width]` to `[batch, channels_out, height', width']`.
impl Layer<4> for Conv2d {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let output = convolve(self, input);
        trace::step(
            "Conv2d",
            || ids(&self.weight, &self.bias),
            &output.dims(),
            || {
                let weights = &self.weight.lazy_shape()[1..];
                numel(&output.dims()) * numel(weights)
            },
        );
        output
    }
}

/// `Conv2d::forward` with the kernels of `tinderbox-kernels`.
fn convolve(layer: &Conv2d, input: Tensor<4>) -> Tensor<4> {
    let padding = match layer.padding {
        PaddingConfig2d::Valid => [(0, 0); 2],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
        PaddingConfig2d::Same => return layer.forward(input),
    };
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    let options =
        ConvOptions::new_with_padding(layer.stride, padding, layer.dilation, layer.groups);
    tinderbox_kernels::conv2d(input, layer.weight.val(), bias, options)
}

/// # Shapes
/// `[batch, channels_in, height, width]` to `[batch, channels_out, height', width']`.
impl Layer<4> for ConvTranspose2d {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let products = numel(&input.dims());
        let bias = self.bias.as_ref().map(|bias| bias.val());
        let options = ConvTransposeOptions::new(
            self.stride,
            self.padding,
            self.padding_out,
            self.dilation,
            self.groups,
        );
        let output = tinderbox_kernels::conv_transpose2d(input, self.weight.val(), bias, options);
        trace::step(
            "ConvTranspose2d",
            || ids(&self.weight, &self.bias),
            &output.dims(),
            || products * numel(&self.weight.lazy_shape()[1..]),
        );
        output
    }
}

/// # Shapes
/// `[…, inputs]` to `[…, outputs]`.
impl<const D: usize> Layer<D> for Linear {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        let output = tinderbox_kernels::linear(input, self.weight.val(), bias);
        trace::step(
            "Linear",
            || ids(&self.weight, &self.bias),
            &output.dims(),
            || numel(&output.dims()) * self.weight.lazy_shape()[0] as u64,
        );
        output
    }
}

/// # Shapes
/// `[batch, channels, …]` in and out; statistics over everything but the channels.
impl<const D: usize> Layer<D> for BatchNorm {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        let output = normalize(self, input);
        let ids = || vec![self.gamma.id, self.beta.id];
        trace::step("BatchNorm", ids, &output.dims(), || 0);
        output
    }
}

/// `BatchNorm::forward` with the kernels of `tinderbox-kernels`.
fn normalize<const D: usize>(layer: &BatchNorm, input: Tensor<D>) -> Tensor<D> {
    let device = input.device();
    let (gamma, beta) = (layer.gamma.val(), layer.beta.val());
    if D < 2 || [input.dims()[1]] != gamma.dims() {
        // Burn reports this with its own message.
        return layer.forward(input);
    }
    if !(device.is_autodiff() && layer.training.is_enabled()) {
        let mean = layer.running_mean.value().to_device(&device);
        let variance = layer.running_var.value().to_device(&device);
        let parameters = [gamma, beta, mean, variance];
        return tinderbox_kernels::batch_norm(input, parameters, layer.epsilon);
    }
    let train = match tinderbox_kernels::is_over_ranks() {
        true => tinderbox_kernels::batch_norm_over_ranks,
        false => tinderbox_kernels::batch_norm_train,
    };
    let result = train(input, gamma, beta, layer.epsilon);
    let momentum = layer.momentum;
    let running = [
        (&layer.running_mean, result.mean),
        (&layer.running_var, result.variance),
    ];
    for (state, statistic) in running {
        let old = state.value_sync().to_device(&device);
        let new = old.mul_scalar(1.0 - momentum) + statistic.detach().mul_scalar(momentum);
        state.update(new.detach());
    }
    result.output
}

impl<const D: usize, L: Layer<D>> Layer<D> for Vec<L> {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        self.iter().fold(input, |input, layer| layer.apply(input))
    }
}

/// `None` is the identity.
impl<const D: usize, L: Layer<D>> Layer<D> for Option<L> {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Some(layer) => layer.apply(input),
            None => input,
        }
    }
}

macro_rules! sequential {
    ($($layer:ident $index:tt),+) => {
        impl<const D: usize, $($layer: Layer<D>),+> Layer<D> for ($($layer,)+) {
            fn apply(&self, input: Tensor<D>) -> Tensor<D> {
                $(let input = self.$index.apply(input);)+
                input
            }
        }
    };
}

sequential!(A 0, B 1);
sequential!(A 0, B 1, C 2);
sequential!(A 0, B 1, C 2, E 3);
sequential!(A 0, B 1, C 2, E 3, F 4);
sequential!(A 0, B 1, C 2, E 3, F 4, G 5);
sequential!(A 0, B 1, C 2, E 3, F 4, G 5, H 6);
sequential!(A 0, B 1, C 2, E 3, F 4, G 5, H 6, I 7);

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::{Device, Int, Tolerance};
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Activation, Conv, Init, Initializer, trace};

    #[test]
    fn a_tuple_is_its_layers_one_after_the_other_and_each_reports() {
        let device = Device::flex();
        let init = Init::new(Seed::new(1), &device, Initializer::Normal { std: 1.0 });
        let layers = (
            init.conv2d("0", Conv::new(4, 6, 3).padding(1).groups(2)),
            init.batch_norm(6),
            Activation::relu(),
            None::<Activation>,
        );
        let input = Tensor::<4>::ones([2, 4, 5, 7], &device);
        let (output, steps) = trace::record(|| layers.apply(input.clone()));
        let by_hand = layers.2.apply(layers.1.apply(layers.0.apply(input)));
        assert_eq!(output.to_data(), by_hand.to_data());
        let kinds: Vec<_> = steps.iter().map(|step| step.kind).collect();
        assert_eq!(kinds, ["Conv2d", "BatchNorm", "ReLU"]);
        assert_eq!(steps[0].output, [2, 6, 5, 7]);
        // Every output sums over 4 / 2 channels and 3 x 3 positions.
        assert_eq!(steps[0].multiply_adds, 2 * 6 * 5 * 7 * (2 * 9));
        assert_eq!(steps[0].weights.len(), 2);
    }

    #[test]
    fn convolutions_and_batch_norms_are_burns() {
        let device = Device::flex().autodiff();
        let init = Init::new(Seed::new(1), &device, Initializer::Normal { std: 1.0 });
        let input = Tensor::<1, Int>::arange(0..2 * 3 * 8 * 7, &device).float();
        let input = (input * 0.37).sin().reshape([2, 3, 8, 7]);
        let close = |ours: Tensor<4>, burns: Tensor<4>| {
            let tolerance = Tolerance::<f32>::absolute(1e-4);
            ours.to_data().assert_approx_eq(&burns.to_data(), tolerance);
        };
        let mut conv = init.conv2d("0", Conv::new(3, 5, 3).padding(1).stride(2));
        close(conv.apply(input.clone()), conv.forward(input.clone()));
        // Rows above, columns left, below, right; then as many as keep the size.
        conv.padding = PaddingConfig2d::Explicit(1, 0, 2, 1);
        close(conv.apply(input.clone()), conv.forward(input.clone()));
        conv.stride = [1, 1];
        conv.padding = PaddingConfig2d::Same;
        close(conv.apply(input.clone()), conv.forward(input.clone()));
        // Two steps of training, so that running statistics are used twice, then inference.
        let (ours, burns) = (init.batch_norm(3), init.batch_norm(3));
        for scale in [1.0, 3.0] {
            let input = input.clone() * scale + 2.0;
            close(ours.apply(input.clone()), burns.forward(input));
        }
        let plain = input.inner();
        let (ours, burns) = (ours.valid(), burns.valid());
        close(ours.apply(plain.clone()), burns.forward(plain));
    }

    #[test]
    fn a_linear_layer_counts_every_row() {
        let device = Device::flex();
        let init = Init::new(Seed::new(1), &device, Initializer::Normal { std: 1.0 });
        let layer = init.linear("fc", 5, 3);
        let (_, steps) = trace::record(|| layer.apply(Tensor::<3>::ones([2, 7, 5], &device)));
        assert_eq!(steps[0].multiply_adds, 2 * 7 * 5 * 3);
    }
}
