//! Operations on the last dimension, and tables.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Bool, Int, Tensor, activation as stock, module};

#[cfg(feature = "flex")]
use crate::extension::{self, Kernels, is_ours};
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// exp(x) / sum of exp(x) over the last dimension.
///
/// # Shapes
/// Any, the same in and out.
pub fn softmax<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    match on_rows(input, false) {
        Ok(output) => output,
        Err(input) => stock::softmax(input, D - 1),
    }
}

/// The logarithm of [`softmax`], exact where that is close to 0.
///
/// # Shapes
/// Any, the same in and out.
pub fn log_softmax<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    match on_rows(input, true) {
        Ok(output) => output,
        Err(input) => stock::log_softmax(input, D - 1),
    }
}

#[allow(clippy::result_large_err)]
fn on_rows<const D: usize>(input: Tensor<D>, log: bool) -> Result<Tensor<D>, Tensor<D>> {
    #[cfg(feature = "flex")]
    if input.shape().num_elements() > 0 {
        let input = input.into_dispatch();
        if is_ours([Some(&input)]) {
            return Ok(Tensor::from_dispatch(Dispatch::tinder_softmax(input, log)));
        }
        return Err(Tensor::from_dispatch(input));
    }
    let _ = log;
    Err(input)
}

/// The cross-entropy of logits and the classes that are right, a mean over the rows; label smoothing `e` in
/// `[0, 1)` (Szegedy et al. 2016) gives every class `e / classes` of the weight.
///
/// # Shapes
/// `[rows, classes]` and `[rows]` to `[1]`. Targets must be below `classes`: see [`first_outside`]. Where they are not
/// looked at on the host, a target that is no class makes the loss NaN, without a gradient.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    #[cfg(feature = "flex")]
    let (logits, targets) = {
        let [rows, classes] = logits.dims();
        let fits = rows * classes > 0 && targets.dims() == [rows];
        let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
        if fits && is_ours([Some(&logits)]) && extension::on_host(&targets).is_some() {
            let loss = Dispatch::tinder_cross_entropy(logits, targets, smoothing);
            return Tensor::from_dispatch(loss);
        }
        (
            Tensor::from_dispatch(logits),
            Tensor::from_dispatch(targets),
        )
    };
    let stock = CrossEntropyLossConfig::new()
        .with_smoothing((smoothing > 0.0).then_some(smoothing))
        .init(&logits.device());
    let classes = logits.dims()[1];
    if is_flex(&targets) || classes == 0 {
        return stock.forward(logits, targets);
    }
    let wrong = outside(targets.clone(), classes).any();
    let loss = stock.forward(logits, targets.clamp(0, classes as i64 - 1));
    loss.mask_fill(wrong, f32::NAN)
}

/// Whether the numbers can be looked at where they are.
fn is_flex<const D: usize>(numbers: &Tensor<D, Int>) -> bool {
    #[cfg(feature = "flex")]
    return extension::on_host(&numbers.clone().into_dispatch()).is_some();
    #[cfg(not(feature = "flex"))]
    {
        let _ = numbers;
        false
    }
}

/// The places of numbers that are not in `0..limit`.
fn outside<const D: usize>(numbers: Tensor<D, Int>, limit: usize) -> Tensor<D, Bool> {
    let negative = numbers.clone().lower_elem(0);
    negative.bool_or(numbers.greater_equal_elem(limit as i64))
}

/// The first number that is not in `0..limit` with its place, counted through all dimensions. Looks at the
/// numbers where they are on Flex, reads them back from other devices.
pub fn first_outside<const D: usize>(
    tensor: &Tensor<D, Int>,
    limit: usize,
) -> Option<(usize, i64)> {
    #[cfg(feature = "flex")]
    if let Some(tensor) = extension::on_host(&tensor.clone().into_dispatch()) {
        return extension::first_outside(tensor, limit);
    }
    let data = tensor.to_data();
    let outside = |number: i64| usize::try_from(number).map_or(true, |at| at >= limit);
    let mut numbers = data.iter::<i64>().enumerate();
    numbers.find(|(_, number)| outside(*number))
}

/// Normalizes over the last dimension, scales and shifts (Ba, Kiros, Hinton 2016).
///
/// # Shapes
/// `[…, features]` in and out, parameters `[features]`.
pub fn layer_norm<const D: usize>(
    input: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let (input, gamma, beta) = {
        let features = input.dims()[D - 1];
        let fits = gamma.dims() == [features] && input.shape().num_elements() > 0;
        let beta = match beta {
            Some(beta) if fits && beta.dims() == [features] => {
                let (input, gamma) = (input.into_dispatch(), gamma.into_dispatch());
                let beta = beta.into_dispatch();
                if is_ours([&input, &gamma, &beta].map(Some)) {
                    let output = Dispatch::tinder_layer_norm(input, gamma, beta, epsilon);
                    return Tensor::from_dispatch(output);
                }
                let (input, gamma) = (Tensor::from_dispatch(input), Tensor::from_dispatch(gamma));
                let beta = Some(Tensor::from_dispatch(beta));
                return module::layer_norm(input, gamma, beta, epsilon);
            }
            beta => beta,
        };
        (input, gamma, beta)
    };
    module::layer_norm(input, gamma, beta, epsilon)
}

/// The rows of `weight` with these numbers.
///
/// # Shapes
/// `[rows, size]` and `[batch, steps]` to `[batch, steps, size]`.
///
/// # Panics
/// If there is no such row; where numbers are not looked at on the host, that row of the output is NaN.
pub fn embedding(weight: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    let (weight, ids) = {
        let [rows, columns] = weight.dims();
        let some = rows * columns > 0 && ids.shape().num_elements() > 0;
        let (weight, ids) = (weight.into_dispatch(), ids.into_dispatch());
        let host = extension::on_host(&ids);
        let fits = host.is_some_and(|ids| extension::first_outside(ids, rows).is_none());
        if some && fits && is_ours([Some(&weight)]) {
            return Tensor::from_dispatch(Dispatch::tinder_embedding(weight, ids));
        }
        (Tensor::from_dispatch(weight), Tensor::from_dispatch(ids))
    };
    let [rows, _] = weight.dims();
    if is_flex(&ids) || rows == 0 {
        return module::embedding(weight, ids);
    }
    let wrong = outside(ids.clone(), rows).unsqueeze_dim::<3>(2);
    let found = module::embedding(weight, ids.clamp(0, rows as i64 - 1));
    let wrong = wrong.expand(found.dims());
    found.mask_fill(wrong, f32::NAN)
}
