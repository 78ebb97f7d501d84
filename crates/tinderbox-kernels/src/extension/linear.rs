//! Linear layers as one operation.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::autodiff::Tracked;
use super::chosen;
use super::flex::{in_order, numbers, tensor};
use crate::linear::{self as kernels, LinearWeight};

/// The weights of a tensor that [`readable`] returned.
fn weight(tensor: &FlexTensor) -> LinearWeight<'_> {
    let sizes = tensor.shape().dims();
    match tensor.as_slice::<f32>() {
        Some(numbers) => LinearWeight {
            numbers,
            sizes,
            transposed: false,
        },
        None => {
            let start = tensor.layout().start_offset();
            let all: &[f32] = tensor.storage();
            LinearWeight {
                numbers: &all[start..start + sizes[0] * sizes[1]],
                sizes,
                transposed: true,
            }
        }
    }
}

/// The tensor itself if it is in order or the transpose of one that is, else a copy.
fn readable(tensor: FlexTensor) -> FlexTensor {
    let [rows, _] = tensor.shape().dims();
    match tensor.layout().strides() == [1, rows as isize] {
        true => tensor,
        false => in_order(tensor),
    }
}

/// `[…, outputs]`; the tensors are in order or [`readable`].
fn output(input: &FlexTensor, weights: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let weights = weight(weights);
    let output = kernels::linear(chosen(), numbers(input), weights, bias.map(numbers));
    let mut shape = input.shape();
    let last = shape.num_dims() - 1;
    shape[last] = weights.sizes[1];
    tensor(output, shape)
}

pub(super) fn linear(
    input: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
) -> FlexTensor {
    let bias = bias.map(in_order);
    output(&in_order(input), &readable(weight), bias.as_ref())
}

/// Of input, weight and, with three, bias.
pub(super) fn linear_tracked<C: CheckpointStrategy, const N: usize>(
    parents: [&Tracked<C>; N],
) -> Tracked<C> {
    let [input, weight] = [0, 1].map(|parent| parents[parent].primitive().clone());
    let bias = parents.get(2).map(|bias| bias.primitive().clone());
    let output = linear(input, weight, bias);
    let nodes = parents.map(|tensor| tensor.node());
    match Linear.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let state = [0, 1].map(|parent| prepared.checkpoint(parents[parent]));
            prepared.finish(state, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Linear;

/// Parents are input, weight and, with three, bias.
impl<const N: usize> Backward<Flex, N> for Linear {
    type State = [NodeId; 2];

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let gradient = numbers(&gradient);
        let [input, weights] = ops
            .state
            .map(|node| checkpointer.retrieve_node_output::<FlexTensor>(node));
        let (input, weights) = (in_order(input), readable(weights));
        let weights = weight(&weights);
        let [inputs, outputs] = weights.sizes;
        let mut parents = ops.parents.into_iter();
        let mut parent = || parents.next().flatten();
        if let Some(node) = parent() {
            let of_input = kernels::linear_input_gradient(chosen(), weights, gradient);
            grads.register::<Flex>(node.id, tensor(of_input, input.shape()));
        }
        if let Some(node) = parent() {
            // As the weights lie in memory, so that the optimizer need not copy it.
            let flip = weights.transposed;
            let of_weight = kernels::linear_weight_gradient(
                chosen(),
                numbers(&input),
                gradient,
                [inputs, outputs],
                flip,
            );
            let of_weight = match flip {
                false => tensor(of_weight, [inputs, outputs].into()),
                true => tensor(of_weight, [outputs, inputs].into()).transpose(0, 1),
            };
            grads.register::<Flex>(node.id, of_weight);
        }
        if let Some(node) = parent() {
            let of_bias = kernels::linear_bias_gradient(chosen(), gradient, outputs);
            grads.register::<Flex>(node.id, tensor(of_bias, [outputs].into()));
        }
    }
}
