//! Transposed convolution: the gradient of a convolution's input as an operation of its own.

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::ConvTransposeOptions;

use super::autodiff::Tracked;
use super::flex::{self, in_order, numbers, tensor};
use super::{chosen, transposed_shape};
use crate::conv::{self, ConvShape};

/// # Panics
/// If the tensors do not fit each other; callers have checked that.
fn shape_of(
    input: &FlexTensor,
    weight: &FlexTensor,
    options: &ConvTransposeOptions<2>,
) -> ConvShape {
    let shape = transposed_shape(input.shape().dims(), weight.shape().dims(), options);
    shape.unwrap_or_else(|| panic!("the weight must have as many channels as the input"))
}

/// `[batch, outputs, height', width']`; input and weight are in order.
fn output(shape: &ConvShape, input: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let numbers = conv::conv2d_input_gradient(chosen(), shape, numbers(weight), numbers(input));
    let [height, width] = shape.input;
    tensor(
        numbers,
        [shape.batch, shape.channels[0], height, width].into(),
    )
}

pub(super) fn conv_transpose2d(
    input: FlexTensor,
    weight: FlexTensor,
    options: &ConvTransposeOptions<2>,
) -> FlexTensor {
    let shape = shape_of(&input, &weight, options);
    output(&shape, &in_order(input), &in_order(weight))
}

pub(super) fn tracked<C: CheckpointStrategy>(
    input: Tracked<C>,
    weight: Tracked<C>,
    options: &ConvTransposeOptions<2>,
) -> Tracked<C> {
    let given = [&input, &weight].map(|tensor| in_order(tensor.primitive().clone()));
    let shape = shape_of(&given[0], &given[1], options);
    let output = output(&shape, &given[0], &given[1]);
    drop(given);
    let nodes = [input.node(), weight.node()];
    match ConvTranspose.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let state = [&input, &weight].map(|tensor| prepared.checkpoint(tensor));
            prepared.finish((state, shape), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct ConvTranspose;

impl Backward<Flex, 2> for ConvTranspose {
    type State = ([NodeId; 2], ConvShape);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let (nodes, shape) = ops.state;
        let [input, weight] =
            nodes.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let [of_input, of_weight] = ops.parents;
        if let Some(node) = of_input {
            let of_input = flex::conv2d(&shape, &gradient, &weight, None);
            grads.register::<Flex>(node.id, of_input);
        }
        if let Some(node) = of_weight {
            let of_weight =
                conv::conv2d_weight_gradient(chosen(), &shape, numbers(&gradient), numbers(&input));
            grads.register::<Flex>(node.id, tensor(of_weight, weight.shape()));
        }
    }
}
