use super::adam::{AdamWConfig, check};
use crate::elementwise::{Elementwise, Slots};
use crate::error::{Result, require_count, require_fraction, require_not_negative};
use crate::settings::{optimizer_settings, settings};
use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// How Muon's step depends on the shape of a weight matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuonScale {
    /// `0.2 * sqrt(max(outputs, inputs))`: steps as long as AdamW's, so that one learning rate
    /// serves both (Liu et al. 2025).
    #[default]
    MatchAdamw,
    /// `sqrt(max(1, outputs / inputs))` (Jordan et al. 2024).
    Original,
}

settings! {
    /// Muon (Jordan et al. 2024) for weights with two or more axes, AdamW for biases and norms.
    ///
    /// The momentum of a matrix is replaced by the nearest orthogonal matrix, found by Newton-Schulz
    /// steps: `m = momentum * m + (1 - momentum) * g`; `u = (1 - momentum) * g + momentum * m` with
    /// Nesterov, else `m`; `p = p * (1 - rate * weight_decay) - rate * scale * orthogonal(u)`.
    ///
    /// A weight with two axes is `[inputs, outputs]`, as in Burn's linear layers; one with more is
    /// `[outputs, inputs * window]`, as in its convolutions. Give embeddings and the last layer a
    /// [`ParameterGroup`](crate::ParameterGroup) with AdamW, as the authors do.
    MuonConfig {
        /// The fraction of the velocity that is kept at each step, in [0, 1).
        momentum: f64 = 0.95,
        /// Whether to look ahead along the velocity.
        nesterov: bool = true,
        /// Number of Newton-Schulz steps.
        ns_steps: usize = 5,
        /// How the length of a step depends on the shape of the weight.
        scale: MuonScale = MuonScale::MatchAdamw,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        weight_decay: f64 = 0.1,
        /// The first beta of AdamW for biases and norms.
        beta_1: f64 = 0.9,
        /// The second beta of AdamW for biases and norms.
        beta_2: f64 = 0.999,
        /// The epsilon of AdamW for biases and norms.
        epsilon: f64 = 1e-8,
    }
}
optimizer_settings!(MuonConfig, Muon);

impl MuonConfig {
    pub(crate) const NAME: &'static str = "muon";

    pub(crate) fn check(&self) -> Result<()> {
        require_fraction(Self::NAME, "momentum", self.momentum)?;
        require_count(Self::NAME, "ns_steps", self.ns_steps)?;
        check(Self::NAME, [self.beta_1, self.beta_2], self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

/// The optimizer that these settings describe.
#[derive(Clone)]
pub(crate) struct Muon {
    settings: MuonConfig,
    vectors: Elementwise<AdamWConfig, 2>,
}

impl Muon {
    pub(crate) fn new(settings: MuonConfig) -> Self {
        let vectors = AdamWConfig {
            beta_1: settings.beta_1,
            beta_2: settings.beta_2,
            epsilon: settings.epsilon,
            amsgrad: false,
            weight_decay: settings.weight_decay,
            ..AdamWConfig::default()
        };
        Self {
            settings,
            vectors: Elementwise(vectors),
        }
    }
}

/// Coefficients of the quintic iteration (Jordan et al. 2024): steep at 0, bounded near 1.
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Keeps the norm of a gradient of zeros from dividing by zero.
const SMALLEST_NORM: f64 = 1e-7;

#[derive(Clone)]
#[allow(clippy::large_enum_variant)] // one per parameter; a box would cost an allocation per step
pub(crate) enum MuonState<const D: usize> {
    Matrix(Tensor<D>),
    Vector(Slots<AdamWConfig, 2, D>),
}

impl Optimizer for Muon {
    type State<const D: usize> = MuonState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let velocity = match state {
            Some(MuonState::Matrix(velocity)) => Some(velocity),
            Some(MuonState::Vector(slots)) => return self.vector(lr, tensor, grad, Some(slots)),
            None if D < 2 => return self.vector(lr, tensor, grad, None),
            None => None,
        };
        let settings = &self.settings;
        let fresh = grad.clone().mul_scalar(1.0 - settings.momentum);
        let velocity = match velocity {
            Some(velocity) => velocity.mul_scalar(settings.momentum) + fresh.clone(),
            None => fresh.clone(),
        };
        let update = if settings.nesterov {
            velocity.clone().mul_scalar(settings.momentum) + fresh
        } else {
            velocity.clone()
        };
        let shape = tensor.dims();
        let rows = shape[0];
        let columns = shape[1..].iter().product::<usize>();
        let (inputs, outputs) = if D == 2 {
            (rows, columns)
        } else {
            (columns, rows)
        };
        let scale = match settings.scale {
            MuonScale::MatchAdamw => 0.2 * (inputs.max(outputs) as f64).sqrt(),
            MuonScale::Original => (outputs as f64 / inputs as f64).max(1.0).sqrt(),
        };
        let matrix: Tensor<2> = update.reshape([rows, columns]);
        let update: Tensor<D> = orthogonal(matrix, settings.ns_steps).reshape(shape);
        let tensor = if settings.weight_decay == 0.0 {
            tensor
        } else {
            tensor.mul_scalar(1.0 - lr * settings.weight_decay)
        };
        (
            tensor - update.mul_scalar(lr * scale),
            Some(MuonState::Matrix(velocity)),
        )
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        match state {
            MuonState::Matrix(velocity) => MuonState::Matrix(velocity.to_device(device)),
            MuonState::Vector(slots) => MuonState::Vector(slots.onto_device(device)),
        }
    }
}

impl Muon {
    fn vector<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        slots: Option<Slots<AdamWConfig, 2, D>>,
    ) -> (Tensor<D>, Option<MuonState<D>>) {
        let (tensor, slots) = self.vectors.step(rate, tensor, grad, slots);
        (tensor, slots.map(MuonState::Vector))
    }
}

/// A matrix with the same singular vectors and all singular values near 1.
fn orthogonal(matrix: Tensor<2>, ns_steps: usize) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let tall = rows > columns; // the products are smaller on the short side
    let mut x = if tall { matrix.transpose() } else { matrix };
    let norm = x.clone().square().sum().sqrt().clamp_min(SMALLEST_NORM);
    x = x / norm.unsqueeze();
    let [a, b, c] = QUINTIC;
    for _ in 0..ns_steps {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone().mul_scalar(b) + gram.clone().matmul(gram).mul_scalar(c);
        x = polynomial.matmul(x.clone()) + x.mul_scalar(a);
    }
    if tall { x.transpose() } else { x }
}

impl<const D: usize> RecordState for MuonState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        match self {
            Self::Matrix(velocity) => out.push_tensor(prefix, "muon.velocity", velocity.to_data()),
            Self::Vector(slots) => slots.state_flatten(&format!("{prefix}.muon"), out),
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        if let Some(data) = src.take_tensor(prefix, "muon.velocity") {
            let dtype = data.dtype();
            return Some(Self::Matrix(Tensor::from_data(data, (device, dtype))));
        }
        Slots::state_unflatten(&format!("{prefix}.muon"), src, device).map(Self::Vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinderbox_core::Seed;

    /// Newton-Schulz brings singular values into about [0.68, 1.13] (Jordan et al. 2024), for both
    /// orientations; the product with the transpose is then near the identity.
    #[test]
    fn the_update_is_nearly_orthogonal() {
        for device in crate::test_devices() {
            for [rows, columns] in [[4, 9], [9, 4]] {
                let mut rng = Seed::new(7).rng();
                let numbers: Vec<f32> = (0..36).map(|_| rng.normal() as f32).collect();
                let data = burn::tensor::TensorData::new(numbers, [rows, columns]);
                let x = orthogonal(Tensor::from_data(data, &device), 5);
                assert_eq!(x.dims(), [rows, columns]);
                let short = if rows > columns { x.transpose() } else { x };
                let gram: Vec<f32> = short
                    .clone()
                    .matmul(short.transpose())
                    .try_into_vec_as()
                    .unwrap();
                for (index, value) in gram.iter().enumerate() {
                    let identity = if index % 5 == 0 { 1.0 } else { 0.0 };
                    assert!((value - identity).abs() < 0.55, "{index}: {value}");
                }
            }
        }
    }

    #[test]
    fn no_gradient_no_motion() {
        let zeros = Tensor::<2>::zeros([3, 2], &Device::flex());
        let sum: f32 = orthogonal(zeros, 5).abs().sum().into_scalar();
        assert_eq!(sum, 0.0);
    }
}
