//! Attention of several heads as one operation.

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
use crate::attention::{
    self, AttentionGradient, AttentionMask, AttentionOptions, AttentionShape, HeadRows, join,
};

/// What an attention takes beside queries, keys and values. A tensor that is not given stands for nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionPlan {
    pub shape: AttentionShape,
    pub has_mask: bool,
    pub has_factors: bool,
}

/// Mask and factors, if they are given, in order.
#[derive(Clone, Debug)]
struct Extra {
    mask: Option<FlexTensor>,
    factors: Option<FlexTensor>,
}

impl Extra {
    fn new(plan: &AttentionPlan, mask: FlexTensor, factors: FlexTensor) -> Self {
        Self {
            mask: plan.has_mask.then(|| in_order(mask)),
            factors: plan.has_factors.then(|| in_order(factors)),
        }
    }

    fn options(&self) -> AttentionOptions<'_> {
        let mask = self.mask.as_ref().map(|mask| {
            let [sequences, queries, _] = mask.shape().dims();
            AttentionMask {
                numbers: numbers(mask),
                sequences,
                queries,
            }
        });
        AttentionOptions {
            mask,
            factors: self.factors.as_ref().map(numbers),
        }
    }
}

/// Queries, keys and values of three tensors, or side by side in one.
fn rows(given: &[FlexTensor]) -> [HeadRows<'_>; 3] {
    let row = |tensor: &FlexTensor| tensor.shape()[2];
    match given {
        [packed] => {
            let (all, row) = (numbers(packed), row(packed));
            [0, 1, 2].map(|which| HeadRows {
                numbers: &all[which * (row / 3)..],
                row,
            })
        }
        given => [0, 1, 2].map(|which| HeadRows {
            numbers: numbers(&given[which]),
            row: row(&given[which]),
        }),
    }
}

/// Means and weights; the tensors given are in order.
fn output(shape: &AttentionShape, given: &[FlexTensor], extra: &Extra) -> (FlexTensor, FlexTensor) {
    let (means, weights) = attention::attention(chosen(), shape, rows(given), extra.options());
    let AttentionShape {
        batch,
        heads,
        part,
        queries,
        keys,
        ..
    } = *shape;
    (
        tensor(means, [batch, queries, heads * part].into()),
        tensor(weights, [batch, heads, queries, keys].into()),
    )
}

/// Of queries, keys and values, or of one tensor that has them side by side.
pub(super) fn attend<const N: usize>(
    given: [FlexTensor; N],
    mask: FlexTensor,
    factors: FlexTensor,
    plan: &AttentionPlan,
) -> (FlexTensor, FlexTensor) {
    let extra = Extra::new(plan, mask, factors);
    output(&plan.shape, &given.map(in_order), &extra)
}

/// [`attend`] with a backward pass from each of its results.
pub(super) fn attend_tracked<C: CheckpointStrategy, const N: usize>(
    parents: [Tracked<C>; N],
    mask: Tracked<C>,
    factors: Tracked<C>,
    plan: &AttentionPlan,
) -> (Tracked<C>, Tracked<C>) {
    let [mask, factors] = [mask, factors].map(|extra| extra.primitive().clone());
    let extra = Extra::new(plan, mask, factors);
    let given = parents
        .each_ref()
        .map(|parent| in_order(parent.primitive().clone()));
    let (means, weights) = output(&plan.shape, &given, &extra);
    drop(given);
    let track = |output: FlexTensor, of_weights: bool| {
        let nodes = parents.each_ref().map(|parent| parent.node());
        let attention = Attention { of_weights };
        match attention.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = State {
                    parents: parents.each_ref().map(|parent| prepared.checkpoint(parent)),
                    shape: plan.shape,
                    extra: extra.clone(),
                    weights: weights.clone(),
                };
                prepared.finish(state, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    };
    (track(means, false), track(weights.clone(), true))
}

#[derive(Debug)]
struct Attention {
    /// Whether this is the backward pass from the weights, not from the means.
    of_weights: bool,
}

#[derive(Clone, Debug)]
struct State<const N: usize> {
    parents: [NodeId; N],
    shape: AttentionShape,
    extra: Extra,
    weights: FlexTensor,
}

impl<const N: usize> Backward<Flex, N> for Attention {
    type State = State<N>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = in_order(grads.consume::<Flex>(&ops.node));
        let State {
            parents,
            shape,
            extra,
            weights,
        } = ops.state;
        let given =
            parents.map(|node| in_order(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        let gradients = attention::attention_gradient(
            chosen(),
            &shape,
            rows(&given),
            extra.options(),
            numbers(&weights),
            match self.of_weights {
                false => AttentionGradient::Means(numbers(&gradient)),
                true => AttentionGradient::Weights(numbers(&gradient)),
            },
        );
        let steps = [shape.queries, shape.keys, shape.keys];
        let heads = [shape.heads, shape.groups, shape.groups];
        let part = |which: usize| (gradients[which].as_slice(), heads[which]);
        let all = [part(0), part(1), part(2)];
        for (which, node) in ops.parents.into_iter().enumerate() {
            let Some(node) = node else { continue };
            let parts = if N == 1 {
                &all[..]
            } else {
                &all[which..=which]
            };
            let joined = join(shape.batch, steps[which], shape.part, parts);
            grads.register::<Flex>(node.id, tensor(joined, given[which].shape()));
        }
    }
}
