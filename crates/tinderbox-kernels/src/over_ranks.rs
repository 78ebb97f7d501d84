//! Batch norms over the examples of all ranks of a data-parallel run.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::Tensor;

use crate::BatchNormOutput;

/// Replaces numbers by their sums over all ranks. The second argument is the place of the sum in the pass of
/// this step: ranks that compute the same model come with the same place.
pub type RankSum = Rc<dyn Fn(&mut Vec<f32>, usize)>;

thread_local! {
    static RANKS: RefCell<Option<Ranks>> = const { RefCell::new(None) };
}

struct Ranks {
    sum: RankSum,
    /// The number of sums of the forward pass so far.
    #[cfg_attr(not(feature = "flex"), allow(dead_code))]
    sums: usize,
}

/// Whether batch norms over ranks are compiled in: with the feature `flex`.
pub const BATCH_NORMS_OVER_RANKS: bool = cfg!(feature = "flex");

/// Ends what [`batch_norms_over_ranks`] began when it is dropped.
#[derive(Debug)]
pub struct OverRanks(());

impl Drop for OverRanks {
    fn drop(&mut self) {
        RANKS.with_borrow_mut(Option::take);
    }
}

/// From now on, batch norms that train on this thread have the statistics of the examples of all ranks
/// (synchronised batch norm). Keep the result until the backward pass is done.
///
/// `sum` is called in the forward and in the backward pass, on every rank equally often and in the same
/// order if all compute the same model.
pub fn batch_norms_over_ranks(sum: RankSum) -> OverRanks {
    RANKS.set(Some(Ranks { sum, sums: 0 }));
    OverRanks(())
}

/// Whether batch norms on this thread have the statistics of the examples of all ranks.
pub fn is_over_ranks() -> bool {
    RANKS.with_borrow(Option::is_some)
}

/// The place of the next sum.
#[cfg(feature = "flex")]
pub(crate) fn next_place() -> usize {
    RANKS.with_borrow_mut(|ranks| {
        let Some(ranks) = ranks else { return 0 };
        ranks.sums += 1;
        2 * ranks.sums
    })
}

/// Replaces the numbers by their sums over all ranks, of which there may be only this one.
#[cfg(feature = "flex")]
pub(crate) fn sum(numbers: &mut [f32], place: usize) {
    let sum = RANKS.with_borrow(|ranks| ranks.as_ref().map(|ranks| Rc::clone(&ranks.sum)));
    if let Some(sum) = sum {
        let mut all = numbers.to_vec();
        sum(&mut all, place);
        numbers.copy_from_slice(&all);
    }
}

/// The sums over all ranks; the gradient is the sum of the gradients of all ranks. They are computed on the
/// host, wherever the tensor is.
fn sum_over_ranks(numbers: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "flex")]
    {
        use crate::extension::Kernels;
        use burn::backend::Dispatch;
        use burn::tensor::{DType, Device};

        let (device, dtype) = (numbers.device(), numbers.dtype());
        let numbers = numbers.cast(DType::F32).to_device(&Device::flex());
        let sums = Dispatch::tinder_sum_over_ranks(numbers.into_dispatch());
        let sums: Tensor<1> = Tensor::from_dispatch(sums);
        sums.to_device(&device).cast(dtype)
    }
    #[cfg(not(feature = "flex"))]
    numbers
}

/// As [`batch_norm_train`](crate::batch_norm_train) with the statistics of the examples of all ranks, as
/// PyTorch's `SyncBatchNorm`; only after [`batch_norms_over_ranks`], and only with the feature `flex`.
///
/// Mean and variance are exchanged one after the other, so that the variance is that of centered numbers. A
/// gradient is right if the loss of every rank is multiplied by its weight in the loss of all.
pub fn batch_norm_over_ranks<const D: usize>(
    input: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> BatchNormOutput<D> {
    let channels = input.dims()[1];
    let wide: [usize; D] = std::array::from_fn(|axis| if axis == 1 { channels } else { 1 });
    let sums = |numbers: Tensor<D>| {
        let others = (0..D).filter(|&axis| axis != 1);
        let sums = others.fold(numbers, |sums, axis| sums.sum_dim(axis));
        sums.reshape([channels])
    };
    let count = input.shape().num_elements() / channels;
    let count = Tensor::<1>::from_floats([count as f32], &input.device()).cast(input.dtype());
    let all = sum_over_ranks(Tensor::cat(vec![sums(input.clone()), count], 0));
    let count = all.clone().narrow(0, channels, 1).detach();
    let mean = all.narrow(0, 0, channels) / count.clone();
    let centered = input - mean.clone().reshape(wide);
    let variance = sum_over_ranks(sums(centered.clone().square())) / count;
    let deviation = (variance.clone() + epsilon).sqrt();
    let scale = (gamma / deviation).reshape(wide);
    BatchNormOutput {
        output: centered * scale + beta.reshape(wide),
        mean: mean.detach(),
        variance: variance.detach(),
    }
}
