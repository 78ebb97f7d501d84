//! Embeddings of the numbers of a table (Gorishniy et al. 2022, "On Embeddings for Numerical Features in
//! Tabular Deep Learning", arXiv 2203.05556; the one with biases: Holzmüller et al. 2024, arXiv 2407.04491).

use std::f64::consts::TAU;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Fans, Initializer, relu};

use super::require_sizes;
use crate::ModelError;

#[cfg(test)]
mod tests;

/// How a number becomes a vector; every column has weights of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NumberEmbeddingConfig {
    /// `x w + b`.
    Linear {
        /// Width of the vector.
        width: usize,
    },
    /// `relu(W [cos(2π c x), sin(2π c x)] + b)` with trained frequencies `c` from N(0, `std`): PLR.
    Periodic {
        /// Number of frequencies.
        frequencies: usize,
        /// Standard deviation of the initial frequencies: the larger it is, the finer the details.
        std: f64,
        /// Width of the vector.
        width: usize,
    },
    /// `[x, W cos(2π c x + p) + b]` with trained frequencies `c` from N(0, `std`) and phases `p` from
    /// U(-π, π): PBLD.
    PeriodicBias {
        /// Number of frequencies.
        frequencies: usize,
        /// Standard deviation of the initial frequencies.
        std: f64,
        /// Width of the vector, the number itself included.
        width: usize,
    },
    /// `W e(x) + b`, where `e` says for each bin which fraction of it lies below `x`: 1, 0, or between for
    /// the bin of `x` (in the first and the last bin it goes on linearly).
    PiecewiseLinear {
        /// The edges of the bins of each column, ascending; see [`quantile_edges`].
        edges: Vec<Vec<f64>>,
        /// Width of the vector.
        width: usize,
    },
}

impl NumberEmbeddingConfig {
    /// PLR with 48 frequencies of deviation 0.05 and 24 numbers.
    pub fn periodic() -> Self {
        Self::Periodic {
            frequencies: 48,
            std: 0.05,
            width: 24,
        }
    }

    /// PBLD as in RealMLP: 16 frequencies of deviation 0.1, 4 numbers.
    pub fn periodic_bias() -> Self {
        Self::PeriodicBias {
            frequencies: 16,
            std: 0.1,
            width: 4,
        }
    }

    /// The width of the vector of a number.
    pub fn width(&self) -> usize {
        match self {
            Self::Linear { width }
            | Self::Periodic { width, .. }
            | Self::PeriodicBias { width, .. }
            | Self::PiecewiseLinear { width, .. } => *width,
        }
    }

    /// The layer for this number of columns.
    pub(crate) fn init(
        &self,
        model: &'static str,
        columns: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<NumberEmbedding, ModelError> {
        self.check(model, columns)?;
        let width = self.width();
        let waves = |frequencies: usize, std: f64| {
            let shape = [columns, frequencies];
            let seed = seed.child("frequencies");
            Initializer::Normal { std }.param(shape, FANS, seed, device)
        };
        let (kind, inside, outside, frequencies, phases) = match self {
            Self::Linear { .. } => (Kind::Linear, 1, width, None, None),
            Self::Periodic {
                frequencies, std, ..
            } => {
                let waves = waves(*frequencies, *std);
                (Kind::Periodic, 2 * frequencies, width, Some(waves), None)
            }
            Self::PeriodicBias {
                frequencies, std, ..
            } => {
                let bound = std::f64::consts::PI;
                let phases = Initializer::Uniform { bound };
                let phases =
                    phases.param([columns, *frequencies], FANS, seed.child("phases"), device);
                let waves = waves(*frequencies, *std);
                let kind = Kind::PeriodicBias;
                (kind, *frequencies, width - 1, Some(waves), Some(phases))
            }
            Self::PiecewiseLinear { edges, .. } => {
                let bins = Bins::new(edges);
                let inside = bins.most;
                (Kind::PiecewiseLinear(bins), inside, width, None, None)
            }
        };
        let fans = Fans {
            fan_in: inside,
            fan_out: outside,
        };
        let uniform = Initializer::PYTORCH;
        let weight = uniform.param(
            [columns, inside, outside],
            fans,
            seed.child("weight"),
            device,
        );
        Ok(NumberEmbedding {
            frequencies,
            phases,
            weight,
            bias: uniform.param([columns, outside], fans, seed.child("bias"), device),
            width,
            kind,
        })
    }

    fn check(&self, model: &'static str, columns: usize) -> Result<(), ModelError> {
        let wrong = |problem: String| Err(ModelError::Config { model, problem });
        match self {
            Self::Linear { width } => require_sizes(model, &[("numbers.width", *width)]),
            Self::Periodic {
                frequencies,
                std,
                width,
            }
            | Self::PeriodicBias {
                frequencies,
                std,
                width,
            } => {
                let sizes = [
                    ("numbers.width", *width),
                    ("numbers.frequencies", *frequencies),
                ];
                require_sizes(model, &sizes)?;
                if matches!(self, Self::PeriodicBias { .. }) && *width < 2 {
                    return wrong(
                        "numbers.width is 1; one number of it is the value itself, so it needs 2"
                            .into(),
                    );
                }
                match std.is_finite() && *std > 0.0 {
                    true => Ok(()),
                    false => wrong(format!(
                        "numbers.std is {std}; it must be positive and finite"
                    )),
                }
            }
            Self::PiecewiseLinear { edges, width } => {
                require_sizes(model, &[("numbers.width", *width)])?;
                if edges.len() != columns {
                    return wrong(format!(
                        "numbers.edges has bins for {} columns, but there are {columns}",
                        edges.len()
                    ));
                }
                let ascending = |edges: &[f64]| {
                    edges.len() > 1 && edges.windows(2).all(|pair| pair[0] < pair[1])
                };
                match edges.iter().position(|edges| !ascending(edges)) {
                    Some(column) => wrong(format!(
                        "numbers.edges of column {column}: {:?}; there must be two at least, in ascending order",
                        edges[column]
                    )),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Without effect for the initializers that have a size of their own.
const FANS: Fans = Fans {
    fan_in: 1,
    fan_out: 1,
};

/// The edges of bins that hold about the same number of these values, ascending and different.
///
/// A column with few different values has fewer bins; one with a single value `x` has the bin from `x` to
/// `x + 1`. Values that are not finite are left out.
pub fn quantile_edges(values: impl IntoIterator<Item = f32>, bins: usize) -> Vec<f64> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let mut sorted: Vec<f32> = finite.collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return vec![0.0, 1.0];
    };
    let bins = bins.max(1);
    let at = |bin: usize| f64::from(sorted[bin * last / bins]);
    let mut edges: Vec<f64> = (0..=bins).map(at).collect();
    edges.dedup();
    if edges.len() == 1 {
        edges.push(edges[0] + 1.0);
    }
    edges
}

/// The embedding of the numbers of a row.
#[derive(Module, Debug)]
pub struct NumberEmbedding {
    frequencies: Option<Param<Tensor<2>>>,
    phases: Option<Param<Tensor<2>>>,
    /// `[columns, inside, outside]`.
    weight: Param<Tensor<3>>,
    /// `[columns, outside]`.
    bias: Param<Tensor<2>>,
    #[module(skip)]
    width: usize,
    #[module(skip)]
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Linear,
    Periodic,
    PeriodicBias,
    PiecewiseLinear(Bins),
}

/// The bins of all columns, `[columns, most]` each; a column with fewer bins has some that are always 0.
#[derive(Clone, Debug)]
struct Bins {
    most: usize,
    low: Vec<f32>,
    per_width: Vec<f32>,
    least: Vec<f32>,
    greatest: Vec<f32>,
}

impl Bins {
    fn new(edges: &[Vec<f64>]) -> Self {
        let most = edges.iter().map(|edges| edges.len() - 1).max();
        let most = most.unwrap_or(1);
        let size = edges.len() * most;
        let zeros = || vec![0.0; size];
        let mut bins = Self {
            most,
            low: zeros(),
            per_width: zeros(),
            least: zeros(),
            greatest: zeros(),
        };
        for (column, edges) in edges.iter().enumerate() {
            let last = edges.len() - 2;
            for (bin, pair) in edges.windows(2).enumerate() {
                let place = column * most + bin;
                bins.low[place] = pair[0] as f32;
                bins.per_width[place] = (1.0 / (pair[1] - pair[0])) as f32;
                bins.least[place] = if bin == 0 { f32::MIN } else { 0.0 };
                bins.greatest[place] = if bin == last { f32::MAX } else { 1.0 };
            }
        }
        bins
    }

    /// `[batch, columns, 1]` in, `[batch, columns, most]` out.
    fn encode(&self, x: Tensor<3>) -> Tensor<3> {
        let device = x.device();
        let [batch, columns, _] = x.dims();
        let of = |numbers: &[f32]| {
            let data = TensorData::new(numbers.to_vec(), [1, columns, self.most]);
            Tensor::<3>::from_data(data, &device)
        };
        let part = (x - of(&self.low)) * of(&self.per_width);
        let wide = |numbers: &[f32]| of(numbers).expand([batch, columns, self.most]);
        part.max_pair(wide(&self.least))
            .min_pair(wide(&self.greatest))
    }
}

impl NumberEmbedding {
    /// The width of the vector of a number.
    pub fn width(&self) -> usize {
        self.width
    }

    /// # Shapes
    /// `[batch, columns]` in, `[batch, columns, width]` out.
    pub fn forward(&self, numbers: Tensor<2>) -> Tensor<3> {
        let x: Tensor<3> = numbers.unsqueeze_dim(2);
        let angle = |frequencies: &Param<Tensor<2>>| {
            x.clone() * frequencies.val().mul_scalar(TAU).unsqueeze::<3>()
        };
        match (&self.kind, &self.frequencies, &self.phases) {
            (Kind::Periodic, Some(frequencies), _) => {
                let angle = angle(frequencies);
                let waves = Tensor::cat(vec![angle.clone().cos(), angle.sin()], 2);
                relu(self.linear(waves))
            }
            (Kind::PeriodicBias, Some(frequencies), Some(phases)) => {
                let waves = (angle(frequencies) + phases.val().unsqueeze::<3>()).cos();
                let vector = self.linear(waves);
                Tensor::cat(vec![x, vector], 2)
            }
            (Kind::PiecewiseLinear(bins), ..) => self.linear(bins.encode(x)),
            _ => self.linear(x),
        }
    }

    /// A linear layer for each column: `[batch, columns, inside]` in, `[batch, columns, outside]` out.
    fn linear(&self, x: Tensor<3>) -> Tensor<3> {
        let product = x.swap_dims(0, 1).matmul(self.weight.val());
        product.swap_dims(0, 1) + self.bias.val().unsqueeze::<3>()
    }
}
