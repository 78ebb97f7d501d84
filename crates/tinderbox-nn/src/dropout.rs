use std::cell::Cell;

use burn::module::{Flag, Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::{Seed, layer_rows, next_layer_seed};

use crate::{Layer, is_host, trace};

thread_local! {
    static FACTOR: Cell<f64> = const { Cell::new(1.0) };
}

/// Multiplies the probability of every [`Dropout`] on this thread, in training, until the result is dropped.
///
/// A trainer does so in every step, so that the dropout of a model can have a schedule.
#[must_use = "the factor holds until this is dropped"]
pub fn scale_dropout(factor: f64) -> DropoutScale {
    DropoutScale(FACTOR.replace(factor))
}

/// Gives dropout its earlier factor when it is dropped; see [`scale_dropout`].
#[derive(Debug)]
pub struct DropoutScale(f64);

impl Drop for DropoutScale {
    fn drop(&mut self) {
        FACTOR.set(self.0);
    }
}

/// Inverted dropout: sets numbers to 0 at random (Srivastava et al. 2014).
///
/// In training each number is kept with probability `1 - probability` and divided by it, so that the
/// mean does not change; in evaluation it is the identity. The masks are drawn in host memory, and cross to a
/// GPU as a bit for each number, from
/// [`seed_layers`](tinderbox_core::seed_layers), so they are the same on every backend and do not
/// depend on training runs on other threads (Burn's own dropout uses one generator for the process).
#[derive(Module, Debug)]
pub struct Dropout {
    #[module(skip)]
    probability: f64,
    training: Param<Flag>,
}

impl Dropout {
    /// Drops with this probability, clamped to 0 to 1.
    pub fn new(probability: f64) -> Self {
        Self {
            probability: probability.clamp(0.0, 1.0),
            training: Param::from_bool(true),
        }
    }

    /// Sets numbers of the input to 0 at random.
    ///
    /// # Shapes
    /// Any in, the same out.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        match self.factors(input.dims(), &input.device()) {
            Some(factors) => input * factors,
            None => input,
        }
    }

    /// What [`forward`](Self::forward) would multiply a tensor of this shape by; `None` if it would return the
    /// tensor itself.
    pub fn factors<const D: usize>(&self, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        let probability = (self.probability * FACTOR.get()).clamp(0.0, 1.0);
        factors(shape, probability, &self.training, device)
    }
}

impl<const D: usize> Layer<D> for Dropout {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        let output = self.forward(input);
        trace::step("Dropout", Vec::new, &output.dims(), || 0);
        output
    }
}

/// Stochastic depth: leaves out a residual branch for some examples (Huang et al. 2016).
///
/// In training the branch is kept for each example with probability `1 - probability` and divided by
/// it, so that the mean does not change; in evaluation it is the identity. Draws like [`Dropout`].
#[derive(Module, Debug)]
pub struct DropPath {
    #[module(skip)]
    probability: f64,
    training: Param<Flag>,
}

impl DropPath {
    /// Leaves the branch out with this probability, clamped to 0 to 1.
    pub fn new(probability: f64) -> Self {
        Self {
            probability: probability.clamp(0.0, 1.0),
            training: Param::from_bool(true),
        }
    }
}

/// # Shapes
/// `[batch, channels, height, width]` in and out.
impl Layer<4> for DropPath {
    fn apply(&self, input: Tensor<4>) -> Tensor<4> {
        let rows = [input.dims()[0], 1, 1, 1];
        let output = match factors(rows, self.probability, &self.training, &input.device()) {
            Some(factors) => input * factors,
            None => input,
        };
        trace::step("DropPath", Vec::new, &output.dims(), || 0);
        output
    }
}

/// Factors of this shape in training on a device with autodiff.
fn factors<const D: usize>(
    shape: [usize; D],
    probability: f64,
    training: &Param<Flag>,
    device: &Device,
) -> Option<Tensor<D>> {
    if probability == 0.0 || !training.is_enabled() || !device.is_autodiff() {
        return None;
    }
    let (seed, skip) = place(&shape, next_layer_seed());
    let kept = kept(skip, shape.iter().product(), 1.0 - probability, seed);
    if is_host(&device.clone().inner()) {
        return Some(Tensor::from_data(TensorData::new(kept, shape), device));
    }
    Some(from_bits(&kept, device).reshape(shape))
}

/// Numbers that are all 0 or the same other one, brought to a device as a bit each.
fn from_bits(kept: &[f32], device: &Device) -> Tensor<1> {
    const BITS: usize = i32::BITS as usize;
    let scale = kept.iter().copied().find(|&number| number != 0.0);
    let Some(scale) = scale else {
        return Tensor::zeros([kept.len()], device);
    };
    let words: Vec<i32> = kept
        .chunks(BITS)
        .map(|numbers| {
            let bits = numbers.iter().enumerate();
            bits.fold(0, |word, (place, &number)| {
                word | (i32::from(number != 0.0) << place)
            })
        })
        .collect();
    let rows = words.len();
    let words = Tensor::<2, Int>::from_data(TensorData::new(words, [rows, 1]), device);
    let places = Tensor::<1, Int>::arange(0..BITS as i64, device);
    let places = places.unsqueeze::<2>().repeat_dim(0, rows);
    let bits = (words.repeat_dim(1, BITS).bitwise_right_shift(places)).bitwise_and_scalar(1);
    let numbers = bits.float().mul_scalar(scale).reshape([rows * BITS]);
    numbers.narrow(0, 0, kept.len())
}

/// Where the draws of a mask of this shape begin: of some rows of a batch, behind those of the rows before.
fn place<const D: usize>(mask: &[usize; D], seed: Seed) -> (Seed, usize) {
    let Some(rows) = layer_rows() else {
        return (seed, 0);
    };
    let first = mask.first().copied().unwrap_or(1);
    match first.checked_rem(rows.len()) {
        // The first dimension is that of the rows, or of the rows and something within each.
        Some(0) => {
            let numbers: usize = mask.iter().product();
            (seed, numbers / rows.len() * rows.start)
        }
        _ => (seed.child("rows").at(rows.start as u64), 0),
    }
}

/// `count` numbers behind the first `skip` ones, `1 / keep` with probability `keep` and 0 otherwise.
fn kept(skip: usize, count: usize, keep: f64, seed: Seed) -> Vec<f32> {
    // One draw of 64 bits decides two numbers.
    let below = (keep * (1u64 << 32) as f64) as u64;
    let scale = if keep == 0.0 { 0.0 } else { 1.0 / keep } as f32;
    let number = |half: u64| if half < below { scale } else { 0.0 };
    let mut rng = seed.rng();
    rng.skip(skip / 2);
    let mut numbers = Vec::with_capacity(count + 2);
    if skip % 2 == 1 && count > 0 {
        numbers.push(number(rng.next_u64() & 0xffff_ffff));
    }
    while numbers.len() < count {
        let bits = rng.next_u64();
        numbers.extend([number(bits >> 32), number(bits & 0xffff_ffff)]);
    }
    numbers.truncate(count);
    numbers
}

#[cfg(test)]
mod tests {
    use tinderbox_core::{seed_layers, seed_layers_of_rows};

    use super::*;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.try_into_vec_as().unwrap()
    }

    #[test]
    fn rows_of_a_batch_get_the_masks_that_they_have_in_the_whole() {
        let device = Device::flex().autodiff();
        for width in [1, 3, 8] {
            let input = Tensor::<2>::ones([7, width], &device);
            seed_layers(Seed::new(3));
            let whole: Vec<_> = (0..2)
                .map(|_| numbers(Dropout::new(0.5).forward(input.clone())))
                .collect();
            for rows in [0..2, 2..5, 5..7] {
                seed_layers_of_rows(Seed::new(3), rows.clone());
                for whole in &whole {
                    let part = input.clone().slice([rows.clone(), 0..width]);
                    let part = numbers(Dropout::new(0.5).forward(part));
                    assert_eq!(part, whole[rows.start * width..rows.end * width]);
                }
            }
        }
        // Tensors with another first dimension still get other masks for other rows.
        let input = Tensor::<2>::ones([5, 64], &device);
        let [one, two] = [0..3, 3..6].map(|rows| {
            seed_layers_of_rows(Seed::new(3), rows);
            numbers(Dropout::new(0.5).forward(input.clone()))
        });
        assert_ne!(one, two);
    }

    #[test]
    fn numbers_are_dropped_and_scaled_in_training_only() {
        let device = Device::flex().autodiff();
        let input = Tensor::<2>::ones([100, 301], &device);
        for probability in [0.2, 0.5, 0.9] {
            let layer = Dropout::new(probability);
            seed_layers(Seed::new(3));
            let output = numbers(layer.forward(input.clone()));
            let scale = 1.0 / (1.0 - probability) as f32;
            assert!(output.iter().all(|&x| x == 0.0 || x == scale));
            let mean = output.iter().sum::<f32>() / output.len() as f32;
            // Five standard deviations of the mean of 30,100 draws.
            let tolerance = 5.0 * (probability / (1.0 - probability) / 30_100.0).sqrt();
            assert!((f64::from(mean) - 1.0).abs() < tolerance, "{mean}");
            assert_eq!(numbers(layer.valid().forward(input.clone())), [1.0; 30_100]);
        }
        let plain = Tensor::<1>::ones([9], &Device::flex());
        assert_eq!(numbers(Dropout::new(0.5).forward(plain)), [1.0; 9]);
        assert_eq!(
            numbers(Dropout::new(0.0).forward(input.clone())),
            [1.0; 30_100]
        );
        assert_eq!(numbers(Dropout::new(1.0).forward(input)), [0.0; 30_100]);
    }

    #[test]
    fn a_mask_crosses_to_a_device_as_bits() {
        let device = Device::flex();
        for (count, keep) in [(1, 0.5), (32, 0.7), (1_001, 0.9), (64, 1.0), (7, 0.0)] {
            let kept = kept(3, count, keep, Seed::new(4));
            assert_eq!(numbers(from_bits(&kept, &device)), kept, "{count} {keep}");
        }
    }

    #[test]
    fn a_factor_changes_the_probability() {
        let device = Device::flex().autodiff();
        let input = Tensor::<1>::ones([10_000], &device);
        let zeros = |factor| {
            let _scale = scale_dropout(factor);
            seed_layers(Seed::new(3));
            let output = numbers(Dropout::new(0.4).forward(input.clone()));
            output.iter().filter(|&&x| x == 0.0).count()
        };
        assert_eq!(zeros(0.0), 0);
        assert_eq!(FACTOR.get(), 1.0, "afterwards");
        assert!((1_800..2_200).contains(&zeros(0.5)), "a probability of 0.2");
        assert!((3_800..4_200).contains(&zeros(1.0)), "a probability of 0.4");
    }

    #[test]
    fn masks_are_a_function_of_the_seed_on_every_backend() {
        let layer = Dropout::new(0.5);
        let draw = |device: Device, seed| {
            seed_layers(Seed::new(seed));
            let input = Tensor::<2>::ones([8, 8], &device.autodiff());
            (
                numbers(layer.forward(input.clone())),
                numbers(layer.forward(input)),
            )
        };
        let (first, second) = draw(Device::flex(), 1);
        assert_ne!(first, second);
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        let other = Device::ndarray();
        assert_eq!(draw(other, 1), (first.clone(), second));
        assert_ne!(draw(Device::flex(), 2).0, first);
    }

    #[test]
    fn the_gradient_is_the_mask() {
        let input = Tensor::<1>::ones([64], &Device::flex().autodiff()).require_grad();
        let output = Dropout::new(0.5).forward(input.clone());
        let gradients = output.clone().sum().backward();
        assert_eq!(numbers(input.grad(&gradients).unwrap()), numbers(output));
    }

    #[test]
    fn whole_examples_are_dropped_in_training_only() {
        let device = Device::flex().autodiff();
        seed_layers(Seed::new(3));
        let layer = DropPath::new(0.25);
        let input = Tensor::<4>::ones([400, 2, 1, 1], &device);
        let output = numbers(layer.apply(input.clone()));
        let kept = output.chunks(2).filter(|pair| pair[0] != 0.0).count();
        assert!(output.chunks(2).all(|pair| pair[0] == pair[1]));
        assert!(output.iter().all(|&x| x == 0.0 || x == 4.0 / 3.0));
        assert!((270..330).contains(&kept), "{kept} of 400 kept");
        let plain = Tensor::<4>::ones([4, 2, 1, 1], &Device::flex());
        assert_eq!(numbers(layer.apply(plain)), [1.0; 8]);
        assert_eq!(numbers(layer.valid().apply(input)), [1.0; 800]);
    }
}
