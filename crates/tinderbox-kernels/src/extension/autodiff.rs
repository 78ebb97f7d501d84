//! The operations with their backward passes.

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Flex, TensorMetadata};
use burn::tensor::Shape;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::flex::{in_order, modify, norm_shape, numbers, pooled, shape_of, tensor};
use super::{
    AttentionPlan, Kernels, adaptive_shape, attention, chosen, flex, linear, pool_shape, recurrent,
    rows, transposed,
};
use crate::adaptive::{self, AdaptiveShape};
use crate::conv::{self, ConvShape};
use crate::pool::{self, PoolShape};
use crate::{Function, RecurrentCell, activation, batch_norm, over_ranks};

pub(super) type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

impl<C: CheckpointStrategy> Kernels for Autodiff<Flex, C> {
    fn tinder_conv2d(input: Tracked<C>, weight: Tracked<C>, options: ConvOptions<2>) -> Tracked<C> {
        convolve::<C, 2>([&input, &weight], &options)
    }

    fn tinder_conv2d_with_bias(
        input: Tracked<C>,
        weight: Tracked<C>,
        bias: Tracked<C>,
        options: ConvOptions<2>,
    ) -> Tracked<C> {
        convolve::<C, 3>([&input, &weight, &bias], &options)
    }

    fn tinder_conv_transpose2d(
        input: Tracked<C>,
        weight: Tracked<C>,
        options: ConvTransposeOptions<2>,
    ) -> Tracked<C> {
        transposed::tracked::<C>(input, weight, &options)
    }

    fn tinder_avg_pool2d(input: Tracked<C>, sizes: [usize; 3]) -> Tracked<C> {
        let (input, node) = input.into_parts();
        let input = in_order(input);
        let shape = pool_shape(input.shape().dims(), sizes);
        let output = pool::avg_pool2d(chosen(), &shape, numbers(&input));
        let output = tensor(output, pooled(&input, &shape));
        match AveragePool.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((shape, input.shape()), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn tinder_max_pool2d(input: Tracked<C>, sizes: [usize; 3]) -> Tracked<C> {
        let (input, node) = input.into_parts();
        let input = in_order(input);
        let shape = pool_shape(input.shape().dims(), sizes);
        let (output, places) = pool::max_pool2d(chosen(), &shape, numbers(&input));
        let output = tensor(output, pooled(&input, &shape));
        match MaxPool.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish((shape, input.shape(), Arc::new(places)), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn tinder_activation(input: Tracked<C>, function: Function) -> Tracked<C> {
        let (input, node) = input.into_parts();
        match Activation.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) if function.uses_output() => {
                let output = Flex::tinder_activation(input, function);
                prepared.finish((function, output.clone()), output)
            }
            OpsKind::Tracked(prepared) => {
                let output = Flex::tinder_activation(input.clone(), function);
                prepared.finish((function, in_order(input)), output)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(Flex::tinder_activation(input, function))
            }
        }
    }

    fn tinder_batch_norm_train(
        input: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        epsilon: f64,
    ) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
        let given = [&input, &gamma, &beta].map(|tensor| tensor.primitive().clone());
        let [x, g, b] = given;
        let (output, mean, variance) = Flex::tinder_batch_norm_train(x, g, b, epsilon);
        let nodes = [input.node(), gamma.node(), beta.node()];
        let output = match BatchNorm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = [&input, &gamma].map(|tensor| prepared.checkpoint(tensor));
                let statistics = [mean.clone(), variance.clone()];
                prepared.finish((state, statistics, epsilon), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        let statistics = [mean, variance].map(<Self as AutodiffBackend>::from_inner);
        let [mean, variance] = statistics;
        (output, mean, variance)
    }

    fn tinder_batch_norm(
        input: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        mean: Tracked<C>,
        variance: Tracked<C>,
        epsilon: f64,
    ) -> Tracked<C> {
        // Rare: training with frozen statistics.
        <Self as ModuleOps<Self>>::batch_norm(input, gamma, beta, mean, variance, epsilon)
    }

    fn tinder_softmax(input: Tracked<C>, log: bool) -> Tracked<C> {
        rows::softmax_tracked::<C>(input, log)
    }

    fn tinder_cross_entropy(logits: Tracked<C>, targets: FlexTensor, smoothing: f32) -> Tracked<C> {
        rows::cross_entropy_tracked::<C>(logits, targets, smoothing)
    }

    fn tinder_layer_norm(
        input: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        epsilon: f64,
    ) -> Tracked<C> {
        rows::layer_norm_tracked::<C>(input, gamma, beta, epsilon)
    }

    fn tinder_embedding(weight: Tracked<C>, ids: FlexTensor) -> Tracked<C> {
        rows::embedding_tracked::<C>(weight, ids)
    }

    fn tinder_adaptive_avg_pool2d(input: Tracked<C>, output: [usize; 2]) -> Tracked<C> {
        let (input, node) = input.into_parts();
        let shape = adaptive_shape(input.shape().dims(), output);
        let state = (shape, input.shape());
        let means = Flex::tinder_adaptive_avg_pool2d(input, output);
        match AdaptiveAveragePool
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(state, means),
            OpsKind::UnTracked(prepared) => prepared.finish(means),
        }
    }

    fn tinder_attention(
        queries: Tracked<C>,
        keys: Tracked<C>,
        values: Tracked<C>,
        mask: Tracked<C>,
        factors: Tracked<C>,
        plan: AttentionPlan,
    ) -> (Tracked<C>, Tracked<C>) {
        attention::attend_tracked::<C, 3>([queries, keys, values], mask, factors, &plan)
    }

    fn tinder_self_attention(
        packed: Tracked<C>,
        mask: Tracked<C>,
        factors: Tracked<C>,
        plan: AttentionPlan,
    ) -> (Tracked<C>, Tracked<C>) {
        attention::attend_tracked::<C, 1>([packed], mask, factors, &plan)
    }

    fn tinder_linear(input: Tracked<C>, weight: Tracked<C>) -> Tracked<C> {
        linear::linear_tracked::<C, 2>([&input, &weight])
    }

    fn tinder_linear_with_bias(
        input: Tracked<C>,
        weight: Tracked<C>,
        bias: Tracked<C>,
    ) -> Tracked<C> {
        linear::linear_tracked::<C, 3>([&input, &weight, &bias])
    }

    fn tinder_recurrent(
        input: Tracked<C>,
        hidden: Tracked<C>,
        memory: Tracked<C>,
        weight_ih: Tracked<C>,
        weight_hh: Tracked<C>,
        bias_ih: Tracked<C>,
        bias_hh: Tracked<C>,
        cell: RecurrentCell,
        reverse: bool,
    ) -> Tracked<C> {
        let parents = [
            input, hidden, memory, weight_ih, weight_hh, bias_ih, bias_hh,
        ];
        recurrent::tracked::<C>(parents, cell, reverse)
    }

    fn tinder_sum_over_ranks(numbers: Tracked<C>) -> Tracked<C> {
        let (numbers, node) = numbers.into_parts();
        let place = over_ranks::next_place();
        let sums = modify(numbers, |numbers| over_ranks::sum(numbers, place));
        match SumOverRanks.prepare::<C>([node]).compute_bound().stateful() {
            // The place of a sum of the backward pass follows that of the forward pass.
            OpsKind::Tracked(prepared) => prepared.finish(place + 1, sums),
            OpsKind::UnTracked(prepared) => prepared.finish(sums),
        }
    }
}

/// Of input, weight and, with three, bias.
fn convolve<C: CheckpointStrategy, const N: usize>(
    parents: [&Tracked<C>; N],
    options: &ConvOptions<2>,
) -> Tracked<C> {
    let given = parents.map(|tensor| in_order(tensor.primitive().clone()));
    let shape = shape_of(&given[0], &given[1], options);
    let output = flex::conv2d(&shape, &given[0], &given[1], given.get(2));
    drop(given);
    let nodes = parents.map(|tensor| tensor.node());
    match Conv.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let state = [0, 1].map(|parent| prepared.checkpoint(parents[parent]));
            prepared.finish((state, shape), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Conv;

/// Parents are input, weight and, with three, bias.
impl<const N: usize> Backward<Flex, N> for Conv {
    type State = ([NodeId; 2], ConvShape);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let gradient = numbers(&gradient);
        let (nodes, shape) = ops.state;
        let [input, weight] =
            nodes.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let mut parents = ops.parents.into_iter();
        let mut parent = || parents.next().flatten();
        if let Some(node) = parent() {
            let of_input =
                conv::conv2d_input_gradient(chosen(), &shape, numbers(&weight), gradient);
            grads.register::<Flex>(node.id, tensor(of_input, input.shape()));
        }
        if let Some(node) = parent() {
            let of_weight =
                conv::conv2d_weight_gradient(chosen(), &shape, numbers(&input), gradient);
            grads.register::<Flex>(node.id, tensor(of_weight, weight.shape()));
        }
        if let Some(node) = parent() {
            let of_bias = conv::conv2d_bias_gradient(chosen(), &shape, gradient);
            grads.register::<Flex>(node.id, tensor(of_bias, [shape.channels[1]].into()));
        }
    }
}

/// An operation with one parent whose gradient is a function of the output's.
macro_rules! backward {
    ($name:ident, $state:ty, $gradient:expr) => {
        #[derive(Debug)]
        struct $name;

        impl Backward<Flex, 1> for $name {
            type State = $state;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let gradient = in_order(grads.consume::<Flex>(&ops.node));
                if let [Some(node)] = ops.parents {
                    let backward: fn(FlexTensor, $state) -> FlexTensor = $gradient;
                    grads.register::<Flex>(node.id, backward(gradient, ops.state));
                }
            }
        }
    };
}

backward!(
    AveragePool,
    (PoolShape, Shape),
    |gradient, (shape, input)| {
        let gradient = pool::avg_pool2d_gradient(chosen(), &shape, numbers(&gradient));
        tensor(gradient, input)
    }
);

backward!(AdaptiveAveragePool, (AdaptiveShape, Shape), |gradient,
                                                        (
    shape,
    input,
)| {
    let gradient = adaptive::adaptive_avg_pool2d_gradient(&shape, numbers(&gradient));
    tensor(gradient, input)
});

backward!(MaxPool, (PoolShape, Shape, Arc<Vec<u8>>), |gradient,
                                                      (
    shape,
    input,
    places,
)| {
    let gradient = pool::max_pool2d_gradient(&shape, &places, numbers(&gradient));
    tensor(gradient, input)
});

backward!(
    Activation,
    (Function, FlexTensor),
    |gradient, (function, kept)| {
        modify(gradient, |gradient| {
            activation::activation_gradient(chosen(), function, numbers(&kept), gradient);
        })
    }
);

backward!(SumOverRanks, usize, |gradient, place| modify(
    gradient,
    |numbers| over_ranks::sum(numbers, place)
));

#[derive(Debug)]
struct BatchNorm;

impl Backward<Flex, 3> for BatchNorm {
    type State = ([NodeId; 2], [FlexTensor; 2], f64);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let (nodes, [mean, variance], epsilon) = ops.state;
        let [input, gamma] =
            nodes.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let gradients = batch_norm::batch_norm_gradient(
            chosen(),
            &norm_shape(&input),
            numbers(&input),
            [&gamma, &mean, &variance].map(numbers),
            epsilon,
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
