//! Operations on rows of numbers: softmax, cross-entropy, layer norm, embedding.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Shape;

use super::chosen;
use super::flex::{ids, in_order, modify, numbers, tensor};
use crate::{embedding as table, layer_norm as norm, softmax as soft};

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

/// Length of the last dimension.
fn columns(tensor: &FlexTensor) -> usize {
    tensor.shape().iter().next_back().copied().unwrap_or(1)
}

pub(super) fn softmax(input: FlexTensor, log: bool) -> FlexTensor {
    let input = in_order(input);
    let output = soft::softmax(chosen(), columns(&input), log, numbers(&input));
    tensor(output, input.shape())
}

pub(super) fn softmax_tracked<C: CheckpointStrategy>(input: Tracked<C>, log: bool) -> Tracked<C> {
    let (input, node) = input.into_parts();
    let output = softmax(input, log);
    match Softmax.prepare::<C>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((log, output.clone()), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Softmax;

impl Backward<Flex, 1> for Softmax {
    type State = (bool, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let ([Some(node)], (log, output)) = (ops.parents, ops.state) else {
            return;
        };
        let gradient = modify(gradient, |gradient| {
            let output = (columns(&output), numbers(&output));
            soft::softmax_gradient(chosen(), output.0, log, output.1, gradient);
        });
        grads.register::<Flex>(node.id, gradient);
    }
}

/// The loss `[1]` and the gradient of the logits.
pub(super) fn cross_entropy(
    logits: FlexTensor,
    targets: FlexTensor,
    smoothing: f32,
) -> (FlexTensor, FlexTensor) {
    let logits = in_order(logits);
    let (loss, gradient) = soft::cross_entropy(
        chosen(),
        columns(&logits),
        numbers(&logits),
        &ids(&targets),
        smoothing,
    );
    (
        tensor(vec![loss], [1].into()),
        tensor(gradient, logits.shape()),
    )
}

pub(super) fn cross_entropy_tracked<C: CheckpointStrategy>(
    logits: Tracked<C>,
    targets: FlexTensor,
    smoothing: f32,
) -> Tracked<C> {
    let (logits, node) = logits.into_parts();
    let (loss, gradient) = cross_entropy(logits, targets, smoothing);
    match CrossEntropy.prepare::<C>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(gradient, loss),
        OpsKind::UnTracked(prepared) => prepared.finish(loss),
    }
}

#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 1> for CrossEntropy {
    /// The gradient of the logits.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let scale = in_order(grads.consume::<Flex>(&ops.node));
        let ([Some(node)], &[scale]) = (ops.parents, numbers(&scale)) else {
            return;
        };
        let gradient = match scale == 1.0 {
            true => ops.state,
            false => modify(ops.state, |numbers| {
                numbers.iter_mut().for_each(|number| *number *= scale);
            }),
        };
        grads.register::<Flex>(node.id, gradient);
    }
}

/// The output, and the mean and one over the deviation of every row. Input and gamma are in order.
pub(super) fn layer_norm(
    input: &FlexTensor,
    gamma: &FlexTensor,
    beta: FlexTensor,
    epsilon: f64,
) -> (FlexTensor, Vec<[f32; 2]>) {
    let beta = in_order(beta);
    let [x, gamma, beta] = [input, gamma, &beta].map(numbers);
    let (output, statistics) = norm::layer_norm(chosen(), x, gamma, beta, epsilon);
    (tensor(output, input.shape()), statistics)
}

pub(super) fn layer_norm_tracked<C: CheckpointStrategy>(
    input: Tracked<C>,
    gamma: Tracked<C>,
    beta: Tracked<C>,
    epsilon: f64,
) -> Tracked<C> {
    let given = [&input, &gamma].map(|tensor| in_order(tensor.primitive().clone()));
    let (output, statistics) = layer_norm(&given[0], &given[1], beta.primitive().clone(), epsilon);
    let nodes = [input.node(), gamma.node(), beta.node()];
    match LayerNorm.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let state = [&input, &gamma].map(|tensor| prepared.checkpoint(tensor));
            prepared.finish((state, statistics), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    type State = ([NodeId; 2], Vec<[f32; 2]>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let (nodes, statistics) = ops.state;
        let [input, gamma] =
            nodes.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let gradients = norm::layer_norm_gradient(
            chosen(),
            numbers(&input),
            numbers(&gamma),
            &statistics,
            numbers(&gradient),
        );
        let shapes = [input.shape(), gamma.shape(), gamma.shape()];
        for ((node, gradient), shape) in ops.parents.into_iter().zip(gradients).zip(shapes) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(gradient, shape));
            }
        }
    }
}

pub(super) fn embedding(weight: FlexTensor, ids: &[u32], shape: Shape) -> FlexTensor {
    let weight = in_order(weight);
    tensor(
        table::embedding(numbers(&weight), columns(&weight), ids),
        shape,
    )
}

pub(super) fn embedding_tracked<C: CheckpointStrategy>(
    weight: Tracked<C>,
    ids: FlexTensor,
) -> Tracked<C> {
    let (weight, node) = weight.into_parts();
    let [rows, columns] = weight.shape().dims();
    let mut shape = ids.shape();
    shape.push(columns);
    let ids = self::ids(&ids);
    let output = embedding(weight, &ids, shape);
    match Embedding.prepare::<C>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(([rows, columns], ids), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Embedding;

impl Backward<Flex, 1> for Embedding {
    type State = ([usize; 2], Vec<u32>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        if let ([Some(node)], ([rows, columns], ids)) = (ops.parents, ops.state) {
            let gradient = table::embedding_gradient(rows, columns, &ids, numbers(&gradient));
            grads.register::<Flex>(node.id, tensor(gradient, [rows, columns].into()));
        }
    }
}
