use burn::tensor::{Tensor, TensorData};
use tinderbox_core::Seed;

/// Inverted dropout from scratch (course, "Dropout"; Srivastava et al. 2014): each number is set
/// to 0 with this probability, and the others are divided by the probability to be kept.
///
/// The probability is clamped to 0 (identity) to 1 (all zeros).
///
/// # Shapes
/// Any in, the same out.
pub fn dropout<const D: usize>(input: Tensor<D>, probability: f64, seed: Seed) -> Tensor<D> {
    let keep = 1.0 - probability.clamp(0.0, 1.0);
    if keep == 0.0 {
        return input.zeros_like();
    }
    let shape = input.dims();
    let mut rng = seed.rng();
    let mask: Vec<f32> = (0..shape.iter().product())
        .map(|_| if rng.uniform() < keep { 1.0 } else { 0.0 })
        .collect();
    let mask = Tensor::from_data(TensorData::new(mask, shape), &input.device());
    mask * input / keep
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};

    use super::*;

    #[test]
    fn values_of_the_course() {
        let input = Tensor::<1, Int>::arange(0..16, &Device::flex())
            .float()
            .reshape([2, 8]);
        let out = |p| -> Vec<f32> {
            let output: Tensor<2> = dropout(input.clone(), p, Seed::new(1));
            output.try_into_vec_as().unwrap()
        };
        let plain: Vec<f32> = (0..16).map(|i| i as f32).collect();
        assert_eq!(out(0.0), plain);
        assert_eq!(out(1.0), vec![0.0; 16]);
        let half = out(0.5);
        let kept = half.iter().filter(|&&x| x != 0.0).count();
        assert!((3..=13).contains(&kept), "{half:?}");
        assert!(
            half.iter()
                .zip(&plain)
                .all(|(&x, &y)| x == 0.0 || x == 2.0 * y)
        );
        assert_eq!(half, out(0.5), "the same seed, the same mask");
    }

    #[test]
    fn the_mean_stays() {
        let ones = Tensor::<1>::ones([40_000], &Device::flex());
        let mean = dropout(ones, 0.3, Seed::new(2)).mean().into_scalar::<f32>();
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }
}
