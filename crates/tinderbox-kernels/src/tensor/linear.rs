use burn::tensor::{Tensor, module};

#[cfg(feature = "flex")]
use crate::extension::{Kernels, is_ours};
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// Rows and outputs from which the weights are packed; smaller products are left to Burn.
#[cfg(feature = "flex")]
const PACKED_FROM: usize = 8;

/// A linear layer, `input weight + bias`.
///
/// # Shapes
/// `[…, inputs]`, weight `[inputs, outputs]` and bias `[outputs]` to `[…, outputs]`.
///
/// # Panics
/// If the sizes do not fit each other.
pub fn linear<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let (input, weight, bias) = {
        let ([inputs, outputs], size) = (weight.dims(), input.dims()[D - 1]);
        let rows = input.shape().num_elements() / size.max(1);
        let fits = size == inputs && bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]);
        if fits && size > 0 && rows >= PACKED_FROM && outputs >= PACKED_FROM {
            let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
            let bias = bias.map(Tensor::into_dispatch);
            if is_ours([Some(&input), Some(&weight), bias.as_ref()]) {
                return Tensor::from_dispatch(match bias {
                    Some(bias) => Dispatch::tinder_linear_with_bias(input, weight, bias),
                    None => Dispatch::tinder_linear(input, weight),
                });
            }
            (
                Tensor::from_dispatch(input),
                Tensor::from_dispatch(weight),
                bias.map(Tensor::from_dispatch),
            )
        } else {
            (input, weight, bias)
        }
    };
    module::linear(input, weight, bias)
}
