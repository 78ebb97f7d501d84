//! Recurrent layers over tensors: `[input, hidden, memory, weight_ih, weight_hh, bias_ih, bias_hh]`.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};

use super::chosen;
use super::flex::{in_order, numbers, tensor};
use crate::recurrent::{
    RecurrentCell, RecurrentInputs, RecurrentKept, RecurrentShape, RecurrentWeights, recurrent,
    recurrent_gradient,
};

type Given = [FlexTensor; 7];

fn shape_of(given: &Given, cell: RecurrentCell, reverse: bool) -> RecurrentShape {
    let [steps, batch, inputs] = given[0].shape().dims();
    let [_, hidden] = given[1].shape().dims();
    RecurrentShape {
        cell,
        reverse,
        steps,
        batch,
        inputs,
        hidden,
    }
}

fn slices(given: &Given, cell: RecurrentCell) -> (RecurrentInputs<'_>, RecurrentWeights<'_>) {
    let [input, hidden, memory, ih, hh, bias_ih, bias_hh] = given.each_ref().map(numbers);
    let memory = match cell {
        RecurrentCell::Lstm => memory,
        _ => &[],
    };
    let inputs = RecurrentInputs {
        input,
        hidden,
        memory,
    };
    let weights = RecurrentWeights {
        ih,
        hh,
        bias_ih,
        bias_hh,
    };
    (inputs, weights)
}

/// The outputs, of an LSTM followed by its last memory, and what the gradient needs.
pub(super) fn forward(
    given: &Given,
    cell: RecurrentCell,
    reverse: bool,
) -> (FlexTensor, RecurrentKept) {
    let shape = shape_of(given, cell, reverse);
    let (inputs, weights) = slices(given, cell);
    let (output, kept) = recurrent(chosen(), &shape, &weights, &inputs);
    let RecurrentShape { batch, hidden, .. } = shape;
    let steps = output.len() / (batch * hidden);
    (tensor(output, [steps, batch, hidden].into()), kept)
}

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

/// [`forward`] with its backward pass.
pub(super) fn tracked<C: CheckpointStrategy>(
    parents: [Tracked<C>; 7],
    cell: RecurrentCell,
    reverse: bool,
) -> Tracked<C> {
    let given = parents
        .each_ref()
        .map(|tensor| in_order(tensor.primitive().clone()));
    let (output, kept) = forward(&given, cell, reverse);
    let nodes = parents.each_ref().map(|tensor| tensor.node());
    match Recurrent.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let nodes = parents.each_ref().map(|tensor| prepared.checkpoint(tensor));
            prepared.finish((nodes, (cell, reverse), output.clone(), kept), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Recurrent;

impl Backward<Flex, 7> for Recurrent {
    type State = (
        [NodeId; 7],
        (RecurrentCell, bool),
        FlexTensor,
        RecurrentKept,
    );

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let (nodes, (cell, reverse), output, kept) = ops.state;
        let given =
            nodes.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let shape = shape_of(&given, cell, reverse);
        let (inputs, weights) = slices(&given, cell);
        let with_input = ops.parents[0].is_some();
        let gradients = recurrent_gradient(
            chosen(),
            &shape,
            &weights,
            &inputs,
            (numbers(&output), kept),
            numbers(&gradient),
            with_input,
        );
        let memory = (cell == RecurrentCell::Lstm).then_some(gradients.memory);
        let gradients = [
            gradients.input,
            Some(gradients.hidden),
            memory,
            Some(gradients.weight_ih),
            Some(gradients.weight_hh),
            Some(gradients.bias_ih),
            Some(gradients.bias_hh),
        ];
        for ((node, gradient), given) in ops.parents.into_iter().zip(gradients).zip(&given) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<Flex>(node.id, tensor(gradient, given.shape()));
            }
        }
    }
}
