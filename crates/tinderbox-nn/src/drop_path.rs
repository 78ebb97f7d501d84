use burn::module::{Flag, Module, Param};
use burn::tensor::{Distribution, Tensor};

use crate::{Layer, trace};

/// Stochastic depth: leaves out a residual branch, example by example (Huang et al. 2016).
///
/// In training each example's branch is kept with probability `1 - probability` and scaled by the
/// inverse, so that its mean stays; in evaluation it is the identity. Draws come from the device,
/// as those of Burn's dropout do.
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
        let device = input.device();
        let active = self.training.is_enabled() && device.is_autodiff();
        if !active || self.probability == 0.0 {
            return input;
        }
        let keep = 1.0 - self.probability;
        if keep == 0.0 {
            return input.zeros_like();
        }
        let rows = [input.dims()[0], 1, 1, 1];
        let mask = Tensor::<4>::random(rows, Distribution::Bernoulli(keep), &device);
        let output = input * mask.div_scalar(keep);
        trace::step("DropPath", Vec::new, &output.dims(), || 0);
        output
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn whole_examples_are_dropped_in_training_only() {
        let device = Device::flex().autodiff();
        device.seed(3);
        let layer = DropPath::new(0.25);
        let input = Tensor::<4>::ones([400, 2, 1, 1], &device);
        let output = layer.apply(input.clone()).try_into_vec_as::<f32>().unwrap();
        let kept = output.chunks(2).filter(|pair| pair[0] != 0.0).count();
        assert!(output.chunks(2).all(|pair| pair[0] == pair[1]));
        assert!(
            output
                .iter()
                .all(|&x| x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-6)
        );
        assert!((270..330).contains(&kept), "{kept} of 400 kept");
        let plain = Tensor::<4>::ones([4, 2, 1, 1], &Device::flex());
        assert_eq!(layer.apply(plain.clone()).to_data(), plain.to_data());
        assert_eq!(
            layer.valid().apply(input.clone()).to_data(),
            input.to_data()
        );
    }
}
