use crate::error::{OptimError, Result, require, require_positive};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};
use tinderbox_core::nearest;

/// How the losses of the examples are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean over the examples of this batch, however many it has.
    #[default]
    Mean,
}

/// The loss functions of regression.
///
/// Below, `d = prediction - target` for one number. The loss of an *example* (a row) is the **mean**
/// over its outputs; [`Reduction`] sets how the losses of a batch are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Loss {
    /// `d^2`: PyTorch's `MSELoss` and the course's concise version.
    #[default]
    Squared,
    /// `d^2 / 2`: the course's version from scratch; its gradient is `d`.
    HalfSquared,
    /// `|d|`.
    Absolute,
    /// `d^2 / 2` up to `delta`, then `delta * (|d| - delta / 2)` (Huber 1964).
    Huber {
        /// Where the parabola becomes a line.
        #[serde(default = "one")]
        delta: f64,
    },
    /// `ln(cosh(d))`: about `d^2 / 2` for small `d`, about `|d| - ln 2` for large `d`.
    LogCosh,
    /// `level * -d` below the target, `(1 - level) * d` above: minimized by the quantile of that
    /// level (Koenker and Bassett 1978).
    Quantile {
        /// The quantile, in (0, 1); 0.5 is half the absolute loss.
        level: f64,
    },
}

fn one() -> f64 {
    1.0
}

impl Loss {
    /// The names that [`Loss::by_name`] knows.
    pub const NAMES: [&'static str; 6] = [
        "squared",
        "half_squared",
        "absolute",
        "huber",
        "log_cosh",
        "quantile",
    ];

    /// The loss called `name`, with `delta` 1 and `level` 0.5.
    ///
    /// # Errors
    /// A name that is not in [`Loss::NAMES`]; the message suggests the nearest one.
    pub fn by_name(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "squared" => Self::Squared,
            "half_squared" => Self::HalfSquared,
            "absolute" => Self::Absolute,
            "huber" => Self::Huber { delta: 1.0 },
            "log_cosh" => Self::LogCosh,
            "quantile" => Self::Quantile { level: 0.5 },
            _ => {
                return Err(OptimError::UnknownName {
                    kind: "loss",
                    name: name.to_string(),
                    nearest: nearest(name, Self::NAMES, 1).pop(),
                    known: Self::NAMES.to_vec(),
                });
            }
        })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A `delta` that is not positive, a `level` outside (0, 1).
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Huber { delta } => require_positive("huber", "delta", delta),
            Self::Quantile { level } => require("quantile", "level", level, "in (0, 1)", |v| {
                v > 0.0 && v < 1.0
            }),
            _ => Ok(()),
        }
    }

    /// The loss of every example: the mean over the outputs of its row.
    ///
    /// # Shapes
    /// Both `[examples, outputs]`; the result is `[examples]`.
    ///
    /// # Errors
    /// Shapes that differ (nothing is broadcast), no output, and what [`Loss::check`] refuses.
    pub fn per_example(&self, prediction: Tensor<2>, target: Tensor<2>) -> Result<Tensor<1>> {
        let each = self.each(prediction, target)?;
        Ok(each.mean_dim(1).squeeze_dim::<1>(1))
    }

    /// The loss of every number.
    fn each(&self, prediction: Tensor<2>, target: Tensor<2>) -> Result<Tensor<2>> {
        self.check()?;
        if prediction.dims() != target.dims() {
            return Err(OptimError::Shape {
                what: "targets of a loss, compared with its predictions".to_string(),
                expected: prediction.dims().to_vec(),
                found: target.dims().to_vec(),
            });
        }
        if prediction.dims().contains(&0) {
            return Err(OptimError::Empty { what: "loss" });
        }
        let difference = prediction - target;
        Ok(match *self {
            Self::Squared => difference.square(),
            Self::HalfSquared => difference.square().mul_scalar(0.5),
            Self::Absolute => difference.abs(),
            Self::Huber { delta } => {
                // One formula for both cases: the part beyond delta counts linearly.
                let size = difference.abs();
                let near = size.clone().clamp_max(delta);
                near.clone().square().mul_scalar(0.5) + (size - near).mul_scalar(delta)
            }
            Self::LogCosh => {
                // ln(cosh(d)) = |d| + ln(1 + exp(-2|d|)) - ln 2, which cannot overflow.
                let size = difference.abs();
                let tail = size.clone().mul_scalar(-2.0).exp().log1p();
                (size + tail).sub_scalar(std::f64::consts::LN_2)
            }
            Self::Quantile { level } => {
                let below = relu(difference.clone().neg());
                difference.mul_scalar(1.0 - level) + below
            }
        })
    }

    /// The loss of a batch.
    ///
    /// # Shapes
    /// Both `[examples, outputs]`; the result is `[1]`.
    ///
    /// # Errors
    /// Those of [`Loss::per_example`].
    pub fn forward(
        &self,
        prediction: Tensor<2>,
        target: Tensor<2>,
        reduction: Reduction,
    ) -> Result<Tensor<1>> {
        Ok(match reduction {
            Reduction::Sum => self.per_example(prediction, target)?.sum(),
            // All examples have the same number of outputs, so one mean over all numbers is the same.
            Reduction::Mean => self.each(prediction, target)?.mean(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, TensorData};
    use proptest::prelude::*;

    fn all() -> Vec<Loss> {
        let mut losses: Vec<Loss> = Loss::NAMES
            .map(|name| Loss::by_name(name).unwrap())
            .to_vec();
        losses.push(Loss::Huber { delta: 0.3 });
        losses.push(Loss::Quantile { level: 0.9 });
        losses
    }

    /// The definition in plain numbers.
    fn formula(loss: &Loss, d: f64) -> f64 {
        match *loss {
            Loss::Squared => d * d,
            Loss::HalfSquared => d * d / 2.0,
            Loss::Absolute => d.abs(),
            Loss::Huber { delta } if d.abs() <= delta => d * d / 2.0,
            Loss::Huber { delta } => delta * (d.abs() - delta / 2.0),
            Loss::LogCosh => d.cosh().ln(),
            Loss::Quantile { level } if d < 0.0 => -level * d,
            Loss::Quantile { level } => (1.0 - level) * d,
        }
    }

    fn tensor(values: &[f64], shape: [usize; 2], device: &Device) -> Tensor<2> {
        Tensor::from_data(
            TensorData::new(values.to_vec(), shape),
            (device, DType::F64),
        )
    }

    #[test]
    fn values_follow_the_formulas_and_rows_are_averaged() {
        let differences = [-3.0, -0.2, 0.0, 0.4, 1.0, 2.5];
        for device in crate::test_devices() {
            for loss in all() {
                let prediction = tensor(&differences, [3, 2], &device);
                let target = tensor(&[0.0; 6], [3, 2], &device);
                let rows: Vec<f64> = loss
                    .per_example(prediction.clone(), target.clone())
                    .unwrap()
                    .try_into_vec_as()
                    .unwrap();
                for (row, pair) in rows.iter().zip(differences.chunks(2)) {
                    let mean = (formula(&loss, pair[0]) + formula(&loss, pair[1])) / 2.0;
                    assert!((row - mean).abs() < 1e-12, "{loss:?}: {row} and {mean}");
                }
                let batch = |reduction| -> f64 {
                    let loss = loss.forward(prediction.clone(), target.clone(), reduction);
                    loss.unwrap().into_scalar()
                };
                let sum: f64 = rows.iter().sum();
                assert!((batch(Reduction::Sum) - sum).abs() < 1e-12);
                assert!((batch(Reduction::Mean) - sum / 3.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn log_cosh_does_not_overflow() {
        let device = Device::flex();
        let far = tensor(&[1e4, -1e4], [2, 1], &device);
        let loss = Loss::LogCosh
            .per_example(far, tensor(&[0.0; 2], [2, 1], &device))
            .unwrap();
        let values: Vec<f64> = loss.try_into_vec_as().unwrap();
        assert!(
            values.iter().all(|v| (v - (1e4 - 2f64.ln())).abs() < 1e-9),
            "{values:?}"
        );
    }

    #[test]
    fn shapes_are_never_broadcast() {
        let device = Device::flex();
        let column = tensor(&[1.0, 2.0], [2, 1], &device);
        let row = tensor(&[1.0, 2.0], [1, 2], &device);
        let message = Loss::Squared
            .per_example(column, row)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("[2, 1]") && message.contains("[1, 2]"),
            "{message}"
        );
        let none = || Tensor::<2>::zeros([0, 1], &device);
        assert!(Loss::Squared.per_example(none(), none()).is_err());
    }

    #[test]
    fn wrong_settings_and_names_are_named() {
        for level in [0.0, 1.0, f64::NAN] {
            assert!(
                Loss::Quantile { level }
                    .check()
                    .unwrap_err()
                    .to_string()
                    .contains("level")
            );
        }
        assert!(
            Loss::Huber { delta: 0.0 }
                .check()
                .unwrap_err()
                .to_string()
                .contains("delta")
        );
        let message = Loss::by_name("hubert").unwrap_err().to_string();
        assert!(message.contains("did you mean `huber`?"), "{message}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Gradients compared with central differences, away from the kinks, where there is none.
        #[test]
        fn gradients_are_the_slopes(values in proptest::collection::vec(-3.0f64..3.0, 4)) {
            let kinks = [0.0f64, 0.3, 1.0];
            prop_assume!(values.iter().all(|v| kinks.iter().all(|k| (v.abs() - k).abs() > 1e-3)));
            for device in crate::test_devices() {
                let device = device.autodiff();
                let target = tensor(&[0.0; 4], [2, 2], &device);
                for loss in all() {
                    let run = |values: &[f64]| {
                        let x = tensor(values, [2, 2], &device).require_grad();
                        let loss = loss.forward(x.clone(), target.clone(), Reduction::Mean);
                        (x, loss.unwrap())
                    };
                    let (x, value) = run(&values);
                    let grads = value.backward();
                    let grads: Vec<f64> = x.grad(&grads).unwrap().try_into_vec_as().unwrap();
                    for index in 0..4 {
                        let at = |shift: f64| -> f64 {
                            let mut moved = values.clone();
                            moved[index] += shift;
                            run(&moved).1.into_scalar()
                        };
                        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                        prop_assert!((slope - grads[index]).abs() < 1e-7, "{loss:?} at {}: {slope} and {}", values[index], grads[index]);
                    }
                }
            }
        }
    }
}
