use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;

/// The distribution of the initial weights of a layer.
///
/// With `fan_in` inputs and `fan_out` outputs of a unit ([`Fans`]):
///
/// | initializer | distribution | source |
/// | --- | --- | --- |
/// | `Normal` | N(0, std) | |
/// | `Uniform` | U(-bound, bound) | |
/// | `XavierUniform` | U(±gain √(6 / (fan_in + fan_out))) | Glorot and Bengio 2010 |
/// | `XavierNormal` | N(0, gain √(2 / (fan_in + fan_out))) | Glorot and Bengio 2010 |
/// | `KaimingUniform` | U(±gain √(3 / fan_in)) | He et al. 2015 |
/// | `KaimingNormal` | N(0, gain / √fan_in) | He et al. 2015 |
/// | `KaimingNormalOut` | N(0, gain / √fan_out) | He et al. 2015, eq. 14; torchvision's ResNets |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the symbols of the table
pub enum Initializer {
    Zeros,
    Constant { value: f64 },
    Normal { std: f64 },
    Uniform { bound: f64 },
    XavierUniform { gain: f64 },
    XavierNormal { gain: f64 },
    KaimingUniform { gain: f64 },
    KaimingNormal { gain: f64 },
    KaimingNormalOut { gain: f64 },
}

/// Inputs and outputs of one unit of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// Inputs that one output depends on.
    pub fan_in: usize,
    /// Outputs that depend on one input.
    pub fan_out: usize,
}

/// An initializer with an invalid number.
#[derive(Debug, thiserror::Error)]
#[error("initializer {initializer:?}: its number must be finite and not negative")]
pub struct InitError {
    initializer: Initializer,
}

impl Initializer {
    /// PyTorch's default for the weights of a linear layer or convolution, and for every bias:
    /// U(±1/√fan_in), which is Kaiming-uniform with gain √(1/3).
    pub const PYTORCH: Self = Self::KaimingUniform {
        gain: 0.577_350_269_189_625_8,
    };

    /// Checks the number.
    ///
    /// # Errors
    /// A number that is not finite, or a negative deviation, bound or gain.
    pub fn check(self) -> Result<(), InitError> {
        use Initializer::*;
        let fine = match self {
            Zeros => true,
            Constant { value } => value.is_finite(),
            Normal { std: size } | Uniform { bound: size } => size.is_finite() && size >= 0.0,
            XavierUniform { gain }
            | XavierNormal { gain }
            | KaimingUniform { gain }
            | KaimingNormal { gain }
            | KaimingNormalOut { gain } => gain.is_finite() && gain >= 0.0,
        };
        if fine {
            Ok(())
        } else {
            Err(InitError { initializer: self })
        }
    }

    /// `count` numbers: a pure function of the initializer, the fans and the seed.
    pub fn draw(self, count: usize, fans: Fans, seed: Seed) -> Vec<f32> {
        use Initializer::*;
        let fan_in = fans.fan_in.max(1) as f64;
        let both = (fans.fan_in + fans.fan_out).max(1) as f64;
        let mut rng = seed.rng();
        let mut uniform = |bound: f64| {
            (0..count)
                .map(|_| rng.uniform_in(-bound, bound) as f32)
                .collect()
        };
        match self {
            Zeros => vec![0.0; count],
            Constant { value } => vec![value as f32; count],
            Uniform { bound } => uniform(bound),
            XavierUniform { gain } => uniform(gain * (6.0 / both).sqrt()),
            KaimingUniform { gain } => uniform(gain * (3.0 / fan_in).sqrt()),
            Normal { std } => normal(count, std, seed),
            XavierNormal { gain } => normal(count, gain * (2.0 / both).sqrt(), seed),
            KaimingNormal { gain } => normal(count, gain / fan_in.sqrt(), seed),
            KaimingNormalOut { gain } => {
                normal(count, gain / (fans.fan_out.max(1) as f64).sqrt(), seed)
            }
        }
    }

    /// A parameter of this shape.
    ///
    /// It is drawn when it is first read, so that counting the parameters of a model or loading a file
    /// into it draws nothing; the numbers do not depend on when that is.
    pub fn param<const D: usize>(
        self,
        shape: [usize; D],
        fans: Fans,
        seed: Seed,
        device: &Device,
    ) -> Param<Tensor<D>> {
        let make = move |device: &Device, require_grad: bool| {
            let numbers = self.draw(shape.iter().product(), fans, seed);
            let data = TensorData::new(numbers, shape);
            device
                .memory_persistent_allocations(data, |data| Tensor::from_data(data, device))
                .set_require_grad(require_grad)
        };
        Param::uninitialized(ParamId::new(), make, device.clone(), true, shape.into())
    }
}

fn normal(count: usize, std: f64, seed: Seed) -> Vec<f32> {
    let mut rng = seed.rng();
    (0..count).map(|_| (std * rng.normal()) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: Fans = Fans {
        fan_in: 300,
        fan_out: 100,
    };

    fn spread(initializer: Initializer) -> (f64, f64) {
        let drawn = initializer.draw(30_000, FANS, Seed::new(5));
        let mean = drawn.iter().map(|&x| f64::from(x)).sum::<f64>() / 30_000.0;
        let squares = drawn.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        (mean, (squares / 30_000.0).sqrt())
    }

    #[test]
    fn standard_deviations_are_the_published_ones() {
        let expected = [
            (Initializer::Normal { std: 0.01 }, 0.01),
            (Initializer::Uniform { bound: 0.3 }, 0.3 / 3f64.sqrt()),
            (
                Initializer::XavierUniform { gain: 1.0 },
                (2.0f64 / 400.0).sqrt(),
            ),
            (
                Initializer::XavierNormal { gain: 1.0 },
                (2.0f64 / 400.0).sqrt(),
            ),
            (
                Initializer::KaimingUniform { gain: 2f64.sqrt() },
                (2.0f64 / 300.0).sqrt(),
            ),
            (
                Initializer::KaimingNormal { gain: 2f64.sqrt() },
                (2.0f64 / 300.0).sqrt(),
            ),
            (
                Initializer::KaimingNormalOut { gain: 2f64.sqrt() },
                (2.0f64 / 100.0).sqrt(),
            ),
        ];
        for (initializer, std) in expected {
            let (mean, got) = spread(initializer);
            assert!(mean.abs() < 0.02 * std, "{initializer:?} mean {mean}");
            assert!(
                (got / std - 1.0).abs() < 0.02,
                "{initializer:?}: {got} against {std}"
            );
        }
    }

    #[test]
    fn the_same_on_every_backend() {
        let draw = |device: &Device| {
            Initializer::Normal { std: 1.0 }
                .param([7, 3], FANS, Seed::new(1), device)
                .val()
                .try_into_vec_as::<f32>()
                .unwrap()
        };
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        let other = Device::ndarray();
        assert_eq!(draw(&Device::flex()), draw(&other));
        assert_eq!(draw(&Device::flex()), draw(&Device::flex().autodiff()));
    }

    #[test]
    fn invalid_numbers_are_refused() {
        for initializer in [
            Initializer::Normal { std: -1.0 },
            Initializer::Constant { value: f64::NAN },
            Initializer::KaimingNormal {
                gain: f64::INFINITY,
            },
        ] {
            let error = initializer.check().unwrap_err().to_string();
            assert!(error.contains("finite"), "{error}");
        }
    }
}
