//! The operations on Flex itself.

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::ops::ModuleOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Bytes, DType, Shape};

use super::{
    AttentionPlan, Kernels, adaptive_shape, attention, chosen, conv_shape, linear, pool_shape,
    recurrent, rows, transposed,
};
use crate::batch_norm::NormShape;
use crate::conv::ConvShape;
use crate::{Function, RecurrentCell, activation, adaptive, batch_norm, conv, over_ranks, pool};

/// The tensor with its numbers in order.
pub(super) fn in_order(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor that is [`in_order`].
pub(super) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().unwrap_or(&[])
}

/// Calls `work` with the whole numbers of a tensor, `i32` or `i64`.
pub(super) fn with_whole<R>(
    tensor: &FlexTensor,
    work: impl FnOnce(&mut dyn Iterator<Item = i64>) -> R,
) -> R {
    let narrow = tensor.dtype() == DType::I32;
    let tensor = match tensor.layout().is_contiguous() {
        true => tensor.clone(),
        false => tensor.to_contiguous(),
    };
    match narrow {
        true => {
            let numbers = tensor.as_slice::<i32>().unwrap_or(&[]);
            work(&mut numbers.iter().map(|&number| number.into()))
        }
        false => work(&mut tensor.as_slice::<i64>().unwrap_or(&[]).iter().copied()),
    }
}

/// Whole numbers that are not negative.
pub(super) fn ids(tensor: &FlexTensor) -> Vec<u32> {
    with_whole(tensor, |numbers| numbers.map(|id| id as u32).collect())
}

pub(super) fn tensor(numbers: Vec<f32>, shape: Shape) -> FlexTensor {
    let bytes = Bytes::from_elems(numbers);
    FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
}

/// Changes the numbers of a tensor that nothing else refers to in place, those of others in a copy.
pub(super) fn modify(tensor: FlexTensor, change: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut tensor = in_order(tensor);
    let length = tensor.layout().num_elements();
    let start = tensor.layout().start_offset();
    change(&mut tensor.storage_mut()[start..start + length]);
    tensor
}

/// # Panics
/// If the tensors do not fit each other; callers have checked that.
pub(super) fn shape_of(
    input: &FlexTensor,
    weight: &FlexTensor,
    options: &ConvOptions<2>,
) -> ConvShape {
    let shape = conv_shape(input.shape().dims(), weight.shape().dims(), options);
    shape.unwrap_or_else(|| panic!("the weight must have inputs / groups channels"))
}

pub(super) fn conv2d(
    shape: &ConvShape,
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
) -> FlexTensor {
    if shape.is_depthwise() {
        // Burn's loop is as fast; its gradients are not.
        let (stride, padding, dilation) = (shape.stride, shape.padding, shape.dilation);
        let options = ConvOptions::new_with_padding(stride, padding, dilation, shape.groups);
        let (input, weight) = (input.clone(), weight.clone());
        return <Flex as ModuleOps<Flex>>::conv2d(input, weight, bias.cloned(), options);
    }
    let [height, width] = shape.output().unwrap_or([0, 0]);
    let bias = bias.map(numbers);
    let output = conv::conv2d(chosen(), shape, numbers(input), numbers(weight), bias);
    tensor(
        output,
        [shape.batch, shape.channels[1], height, width].into(),
    )
}

pub(super) fn pooled(input: &FlexTensor, shape: &pool::PoolShape) -> Shape {
    let [batch, channels, _, _] = input.shape().dims();
    let [height, width] = shape.output().unwrap_or([0, 0]);
    [batch, channels, height, width].into()
}

pub(super) fn norm_shape(input: &FlexTensor) -> NormShape {
    let shape = input.shape();
    let (batch, channels) = (shape[0], shape[1]);
    NormShape {
        batch,
        channels,
        plane: shape.num_elements() / (batch * channels).max(1),
    }
}

impl Kernels for Flex {
    fn tinder_conv2d(input: FlexTensor, weight: FlexTensor, options: ConvOptions<2>) -> FlexTensor {
        let shape = shape_of(&input, &weight, &options);
        conv2d(&shape, &in_order(input), &in_order(weight), None)
    }

    fn tinder_conv2d_with_bias(
        input: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        options: ConvOptions<2>,
    ) -> FlexTensor {
        let shape = shape_of(&input, &weight, &options);
        conv2d(
            &shape,
            &in_order(input),
            &in_order(weight),
            Some(&in_order(bias)),
        )
    }

    fn tinder_conv_transpose2d(
        input: FlexTensor,
        weight: FlexTensor,
        options: ConvTransposeOptions<2>,
    ) -> FlexTensor {
        transposed::conv_transpose2d(input, weight, &options)
    }

    fn tinder_avg_pool2d(input: FlexTensor, sizes: [usize; 3]) -> FlexTensor {
        let input = in_order(input);
        let shape = pool_shape(input.shape().dims(), sizes);
        let output = pool::avg_pool2d(chosen(), &shape, numbers(&input));
        tensor(output, pooled(&input, &shape))
    }

    fn tinder_max_pool2d(input: FlexTensor, sizes: [usize; 3]) -> FlexTensor {
        let input = in_order(input);
        let shape = pool_shape(input.shape().dims(), sizes);
        let (output, _) = pool::max_pool2d(chosen(), &shape, numbers(&input));
        tensor(output, pooled(&input, &shape))
    }

    fn tinder_activation(input: FlexTensor, function: Function) -> FlexTensor {
        if input.is_unique() {
            return modify(input, |numbers| {
                activation::activate(chosen(), function, numbers);
            });
        }
        let input = in_order(input);
        let output = activation::activation(chosen(), function, numbers(&input));
        tensor(output, input.shape())
    }

    fn tinder_batch_norm_train(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let input = in_order(input);
        let shape = norm_shape(&input);
        let statistics = batch_norm::batch_statistics(chosen(), &shape, numbers(&input));
        let channels = || Shape::from([shape.channels]);
        let mean = tensor(statistics.0, channels());
        let variance = tensor(statistics.1, channels());
        let parameters = (mean.clone(), variance.clone());
        let output =
            Self::tinder_batch_norm(input, gamma, beta, parameters.0, parameters.1, epsilon);
        (output, mean, variance)
    }

    fn tinder_batch_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        epsilon: f64,
    ) -> FlexTensor {
        let input = in_order(input);
        let parameters = [gamma, beta, mean, variance].map(in_order);
        let parameters = parameters.each_ref().map(numbers);
        let shape = norm_shape(&input);
        let output = batch_norm::batch_norm(chosen(), &shape, numbers(&input), parameters, epsilon);
        tensor(output, input.shape())
    }

    fn tinder_softmax(input: FlexTensor, log: bool) -> FlexTensor {
        rows::softmax(input, log)
    }

    fn tinder_cross_entropy(logits: FlexTensor, targets: FlexTensor, smoothing: f32) -> FlexTensor {
        rows::cross_entropy(logits, targets, smoothing).0
    }

    fn tinder_layer_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> FlexTensor {
        rows::layer_norm(&in_order(input), &in_order(gamma), beta, epsilon).0
    }

    fn tinder_embedding(weight: FlexTensor, ids: FlexTensor) -> FlexTensor {
        let mut shape = ids.shape();
        shape.push(weight.shape()[1]);
        rows::embedding(weight, &self::ids(&ids), shape)
    }

    fn tinder_adaptive_avg_pool2d(input: FlexTensor, output: [usize; 2]) -> FlexTensor {
        let input = in_order(input);
        let [batch, channels, height, width] = input.shape().dims();
        let shape = adaptive_shape([batch, channels, height, width], output);
        let means = adaptive::adaptive_avg_pool2d(chosen(), &shape, numbers(&input));
        tensor(means, [batch, channels, output[0], output[1]].into())
    }

    fn tinder_attention(
        queries: FlexTensor,
        keys: FlexTensor,
        values: FlexTensor,
        mask: FlexTensor,
        factors: FlexTensor,
        plan: AttentionPlan,
    ) -> (FlexTensor, FlexTensor) {
        attention::attend([queries, keys, values], mask, factors, &plan)
    }

    fn tinder_self_attention(
        packed: FlexTensor,
        mask: FlexTensor,
        factors: FlexTensor,
        plan: AttentionPlan,
    ) -> (FlexTensor, FlexTensor) {
        attention::attend([packed], mask, factors, &plan)
    }

    fn tinder_linear(input: FlexTensor, weight: FlexTensor) -> FlexTensor {
        linear::linear(input, weight, None)
    }

    fn tinder_linear_with_bias(
        input: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
    ) -> FlexTensor {
        linear::linear(input, weight, Some(bias))
    }

    fn tinder_recurrent(
        input: FlexTensor,
        hidden: FlexTensor,
        memory: FlexTensor,
        weight_ih: FlexTensor,
        weight_hh: FlexTensor,
        bias_ih: FlexTensor,
        bias_hh: FlexTensor,
        cell: RecurrentCell,
        reverse: bool,
    ) -> FlexTensor {
        let given = [
            input, hidden, memory, weight_ih, weight_hh, bias_ih, bias_hh,
        ];
        recurrent::forward(&given.map(in_order), cell, reverse).0
    }

    fn tinder_sum_over_ranks(numbers: FlexTensor) -> FlexTensor {
        let place = over_ranks::next_place();
        modify(numbers, |numbers| over_ranks::sum(numbers, place))
    }
}
