//! The kernels as operations of Burn's Flex backend, and which tensors they take.

mod attention;
mod autodiff;
mod flex;
mod linear;
mod recurrent;
mod rows;
mod transposed;

use std::sync::OnceLock;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{
    Backend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    TensorMetadata, backend_extension,
};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, GradientCheckpointingStrategy};

pub(crate) use attention::AttentionPlan;

use crate::adaptive::AdaptiveShape;
use crate::conv::ConvShape;
use crate::pool::PoolShape;
use crate::simd::Level;
use crate::{Function, RecurrentCell};

/// The operations, on Flex and on Flex with autodiff. [`is_ours`] must hold for the arguments.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait Kernels: Backend {
    fn tinder_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    fn tinder_conv2d_with_bias(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    /// The weight is `[inputs, outputs / groups, kernel, kernel]`.
    fn tinder_conv_transpose2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        options: ConvTransposeOptions<2>,
    ) -> FloatTensor<Self>;

    /// Window, stride and padding.
    fn tinder_avg_pool2d(input: FloatTensor<Self>, sizes: [usize; 3]) -> FloatTensor<Self>;

    /// Window, stride and padding.
    fn tinder_max_pool2d(input: FloatTensor<Self>, sizes: [usize; 3]) -> FloatTensor<Self>;

    fn tinder_activation(input: FloatTensor<Self>, function: Function) -> FloatTensor<Self>;

    /// Output, mean and variance.
    fn tinder_batch_norm_train(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn tinder_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// Of the last dimension, or its logarithm.
    fn tinder_softmax(input: FloatTensor<Self>, log: bool) -> FloatTensor<Self>;

    /// The mean over the rows, `[1]`; the targets are classes.
    fn tinder_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        smoothing: f32,
    ) -> FloatTensor<Self>;

    /// Over the last dimension.
    fn tinder_layer_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// The rows of the weight with these numbers, `[.., columns]`.
    fn tinder_embedding(weight: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self>;

    /// Height and width of the output.
    fn tinder_adaptive_avg_pool2d(
        input: FloatTensor<Self>,
        output: [usize; 2],
    ) -> FloatTensor<Self>;

    /// Means and weights of queries, keys and values; a mask of 0 and 1, and factors of the weights, where the plan
    /// says that they are given.
    fn tinder_attention(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        plan: AttentionPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The same of queries, keys and values side by side.
    fn tinder_self_attention(
        packed: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        plan: AttentionPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `[…, inputs]` times `[inputs, outputs]`.
    fn tinder_linear(input: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    fn tinder_linear_with_bias(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// A recurrent layer in one direction, backwards if `reverse`; weights and biases of inputs, then of
    /// the state. Outputs `[steps, batch, hidden]`, of an LSTM followed by the last memory. Cells without
    /// a memory ignore `memory`.
    #[allow(clippy::too_many_arguments)]
    fn tinder_recurrent(
        input: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        memory: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        cell: RecurrentCell,
        reverse: bool,
    ) -> FloatTensor<Self>;

    /// The sums over all ranks of a data-parallel run, `[numbers]` in and out.
    fn tinder_sum_over_ranks(numbers: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The level to compute with; `None` if the kernels are turned off. Read once.
fn level() -> Option<Level> {
    static LEVEL: OnceLock<Option<Level>> = OnceLock::new();
    *LEVEL.get_or_init(|| match std::env::var("TINDERBOX_KERNELS").as_deref() {
        Ok("stock") => None,
        Ok("portable") => Some(Level::Portable),
        _ => Some(Level::detect()),
    })
}

/// [`level`] inside of an operation, which is called only if there is one.
fn chosen() -> Level {
    level().unwrap_or(Level::Portable)
}

/// Whether the kernels take these tensors: all on Flex, of 32-bit floats.
pub(crate) fn is_ours<const N: usize>(tensors: [Option<&DispatchTensor>; N]) -> bool {
    let on_flex = |tensor: &DispatchTensor| {
        let flex = match &tensor.kind {
            DispatchTensorKind::Flex(_) => true,
            DispatchTensorKind::Autodiff(inner) => matches!(**inner, DispatchTensorKind::Flex(_)),
            #[allow(unreachable_patterns)]
            _ => false,
        };
        flex && tensor.dtype() == DType::F32
    };
    level().is_some() && tensors.into_iter().flatten().all(on_flex)
}

/// The tensor of whole numbers if it lies in host memory.
pub(crate) fn on_host(tensor: &DispatchTensor) -> Option<&FlexTensor> {
    let kind = match &tensor.kind {
        DispatchTensorKind::Autodiff(inner) => inner,
        kind => kind,
    };
    match kind {
        DispatchTensorKind::Flex(BackendTensor::Int(tensor))
            if [DType::I32, DType::I64].contains(&tensor.dtype()) =>
        {
            Some(tensor)
        }
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// The first number that is not in `0..limit`, and its place.
pub(crate) fn first_outside(tensor: &FlexTensor, limit: usize) -> Option<(usize, i64)> {
    let outside = |number: i64| usize::try_from(number).map_or(true, |at| at >= limit);
    flex::with_whole(tensor, |numbers| {
        numbers.enumerate().find(|(_, number)| outside(*number))
    })
}

/// Whether Burn should recompute values in the backward pass to save memory.
pub(crate) fn is_checkpointed(tensor: &DispatchTensor) -> bool {
    let balanced = GradientCheckpointingStrategy::Balanced;
    tensor.autodiff == DispatchAutodiffContext::Enabled(balanced)
}

/// The shape of a convolution of tensors, if they fit each other.
pub(crate) fn conv_shape(
    [batch, inputs, height, width]: [usize; 4],
    [outputs, group_inputs, rows, columns]: [usize; 4],
    options: &ConvOptions<2>,
) -> Option<ConvShape> {
    let shape = ConvShape {
        batch,
        channels: [inputs, outputs],
        groups: options.groups,
        input: [height, width],
        kernel: [rows, columns],
        stride: options.stride,
        padding: options.padding,
        dilation: options.dilation,
    };
    (options.groups * group_inputs == inputs).then_some(shape)
}

/// The shape of the convolution whose input has the shape of a transposed convolution's output, if the tensors fit
/// each other.
pub(crate) fn transposed_shape(
    [batch, inputs, height, width]: [usize; 4],
    [weight_inputs, group_outputs, rows, columns]: [usize; 4],
    options: &ConvTransposeOptions<2>,
) -> Option<ConvShape> {
    let side = |axis: usize, size: usize, kernel: usize| {
        let reach = options.dilation[axis] * kernel.checked_sub(1)? + 1;
        let spread = size.checked_sub(1)? * options.stride[axis] + reach;
        // More than a stride of extra rows would be another convolution's.
        let extra = options.padding_out[axis];
        let fits = extra < options.stride[axis];
        (spread + extra)
            .checked_sub(2 * options.padding[axis])
            .filter(|_| fits)
    };
    let shape = ConvShape {
        batch,
        channels: [group_outputs * options.groups, inputs],
        groups: options.groups,
        input: [side(0, height, rows)?, side(1, width, columns)?],
        kernel: [rows, columns],
        stride: options.stride,
        padding: options.padding.map(|padding| (padding, padding)),
        dilation: options.dilation,
    };
    let fits = weight_inputs == inputs && shape.output() == Some([height, width]);
    fits.then_some(shape)
}

/// The shape of a pooling of a tensor.
pub(crate) fn pool_shape(
    [batch, channels, height, width]: [usize; 4],
    [window, stride, padding]: [usize; 3],
) -> PoolShape {
    PoolShape {
        planes: batch * channels,
        input: [height, width],
        window: [window; 2],
        stride: [stride; 2],
        padding: [padding; 2],
    }
}

/// The shape of an adaptive pooling of a tensor.
pub(crate) fn adaptive_shape(
    [batch, channels, height, width]: [usize; 4],
    output: [usize; 2],
) -> AdaptiveShape {
    AdaptiveShape {
        planes: batch * channels,
        input: [height, width],
        output,
    }
}

/// Whether a batch norm has something to normalize and a parameter for every channel.
pub(crate) fn norm_fits(input: &[usize], parameters: &[[usize; 1]]) -> bool {
    let channels = input.get(1);
    let fits = |parameter: &[usize; 1]| Some(&parameter[0]) == channels;
    // Short planes are left to Burn.
    let plane: usize = input.iter().skip(2).product();
    plane >= 8 && input.iter().all(|&side| side > 0) && parameters.iter().all(fits)
}
