//! RealMLP, a multilayer perceptron with tuned defaults for tables (Holzmüller, Grinsztajn and Steinwart
//! 2024, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", arXiv 2407.04491).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Fans, Initializer, Network, relu};

use super::{NumberEmbeddingConfig, TableColumns, TableInputs, require_dropout, require_sizes};
use crate::ModelError;

#[cfg(test)]
mod tests;

const MODEL: &str = "RealMLP";

/// The activation of a [`RealMlp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RealActivation {
    /// SELU (Klambauer et al. 2017), the paper's choice for classes.
    #[default]
    Selu,
    /// Mish (Misra 2019), the paper's choice for numbers.
    Mish,
}

/// The settings of a [`RealMlp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealMlpConfig {
    /// The columns of the table.
    pub columns: TableColumns,
    /// Number of values to predict for a row, or of classes.
    #[serde(default = "one")]
    pub outputs: usize,
    /// Units of each hidden layer.
    #[serde(default = "hidden")]
    pub hidden: Vec<usize>,
    /// Dropout probability after each hidden layer, in [0, 1).
    #[serde(default = "dropout")]
    pub dropout: f64,
    /// The activation of the hidden layers.
    #[serde(default)]
    pub activation: RealActivation,
    /// The embedding of the quantities; `None` takes them as they are.
    #[serde(default)]
    pub numbers: Option<NumberEmbeddingConfig>,
    /// For each output the range of its training rows, to which predictions are clamped; none for classes.
    #[serde(default)]
    pub range: Vec<[f64; 2]>,
}

fn one() -> usize {
    1
}

fn hidden() -> Vec<usize> {
    vec![256; 3]
}

fn dropout() -> f64 {
    0.15
}

/// A RealMLP: embedded inputs, a trained scale of each, hidden layers in the neural tangent
/// parametrization with a parametric activation and dropout, and a linear head.
#[derive(Module, Debug)]
pub struct RealMlp {
    /// Numbers, flags and categories.
    pub inputs: TableInputs,
    /// The trained scale of each input of the first hidden layer.
    pub scale: Param<Tensor<1>>,
    /// The hidden layers.
    pub hidden: Vec<RealLayer>,
    /// The last layer.
    pub head: NtkLinear,
    #[module(skip)]
    range: Vec<[f64; 2]>,
}

/// A linear layer `x W / √inputs + b` (Jacot et al. 2018).
#[derive(Module, Debug)]
pub struct NtkLinear {
    /// The weights, `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// The biases, `[outputs]`.
    pub bias: Param<Tensor<1>>,
}

/// One hidden layer of a [`RealMlp`].
#[derive(Module, Debug)]
pub struct RealLayer {
    /// The weights.
    pub linear: NtkLinear,
    /// How much of the activation each unit has: 0 is the identity, 1 the activation.
    pub slope: Param<Tensor<1>>,
    /// The dropout.
    pub dropout: Dropout,
    #[module(skip)]
    activation: RealActivation,
}

impl RealMlpConfig {
    /// One output, the paper's hidden layers, dropout and PBLD embedding.
    pub fn new(columns: TableColumns) -> Self {
        Self {
            columns,
            outputs: one(),
            hidden: hidden(),
            dropout: dropout(),
            activation: RealActivation::default(),
            numbers: Some(NumberEmbeddingConfig::periodic_bias()),
            range: Vec::new(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// Weights and biases are drawn from N(0, 1), scales and slopes are 1;
    /// [`RealMlp::adapt`] makes them fit the training rows, as in the paper.
    ///
    /// # Errors
    /// A size of 0, a dropout outside [0, 1), columns that contradict each other, a range for another
    /// number of outputs.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<RealMlp, ModelError> {
        require_sizes(MODEL, &[("outputs", self.outputs)])?;
        let hidden = self.hidden.iter().map(|&units| ("hidden", units));
        require_sizes(MODEL, &hidden.collect::<Vec<_>>())?;
        require_dropout(MODEL, "dropout", self.dropout)?;
        let ordered = |[low, high]: &[f64; 2]| low <= high;
        if !matches!(self.range.len(), 0) && self.range.len() != self.outputs
            || !self.range.iter().all(ordered)
        {
            return Err(ModelError::Setting {
                model: MODEL,
                field: "range",
                value: format!("{:?}", self.range),
                needs: "it must have a least and a greatest value for each output, or be empty",
            });
        }
        // Embeddings are drawn from N(0, 1), as PyTorch draws them.
        let numbers = self.numbers.as_ref();
        let inputs_seed = seed.child("inputs");
        let inputs = TableInputs::new(MODEL, &self.columns, numbers, 1.0, inputs_seed, device)?;
        let ones =
            |size: usize| Initializer::Constant { value: 1.0 }.param([size], FANS, seed, device);
        let mut width = inputs.width();
        let scale = ones(width);
        let mut hidden = Vec::with_capacity(self.hidden.len());
        for (place, &units) in self.hidden.iter().enumerate() {
            let seed = seed.child("hidden").at(place as u64);
            hidden.push(RealLayer {
                linear: NtkLinear::new(width, units, seed, device),
                slope: ones(units),
                dropout: Dropout::new(self.dropout),
                activation: self.activation,
            });
            width = units;
        }
        Ok(RealMlp {
            inputs,
            scale,
            hidden,
            head: NtkLinear::new(width, self.outputs, seed.child("head"), device),
            range: self.range.clone(),
        })
    }
}

/// Without effect for the initializers that have a size of their own.
const FANS: Fans = Fans {
    fan_in: 1,
    fan_out: 1,
};

impl NtkLinear {
    fn new(inputs: usize, outputs: usize, seed: Seed, device: &Device) -> Self {
        let normal = Initializer::Normal { std: 1.0 };
        Self {
            weight: normal.param([inputs, outputs], FANS, seed.child("weight"), device),
            bias: normal.param([outputs], FANS, seed.child("bias"), device),
        }
    }

    /// `x W / √inputs`.
    fn product(&self, x: Tensor<2>) -> Tensor<2> {
        let inputs = x.dims()[1] as f64;
        x.matmul(self.weight.val())
            .mul_scalar(inputs.sqrt().recip())
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.product(x) + self.bias.val().unsqueeze()
    }

    /// Scales the weights so that the outputs for these rows have a variance of 1, and sets each bias so
    /// that 0 is the output at a random point among the rows: a mean of five with random weights.
    fn adapt(mut self, x: Tensor<2>, seed: Seed) -> Self {
        let product = self.product(x);
        let [rows, outputs] = product.dims();
        let mut numbers: Vec<f32> = product.into_data().iter::<f32>().collect();
        let mut factors = Vec::with_capacity(outputs);
        for output in 0..outputs {
            let column = || numbers.iter().skip(output).step_by(outputs);
            let mean = column().map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
            let squares = column().map(|&x| (f64::from(x) - mean).powi(2));
            let deviation = (squares.sum::<f64>() / rows as f64).sqrt();
            let usable = deviation.is_finite() && deviation > 1e-8;
            factors.push(if usable { 1.0 / deviation } else { 1.0 } as f32);
        }
        for (place, number) in numbers.iter_mut().enumerate() {
            *number *= factors[place % outputs];
        }
        let mut rng = seed.rng();
        let mut bias = Vec::with_capacity(outputs);
        for output in 0..outputs {
            let (mut sum, mut weights) = (0.0, 0.0);
            for _ in 0..POINTS {
                let row = rng.below(rows as u64) as usize;
                let weight = -(1.0 - rng.uniform()).ln();
                sum += weight * f64::from(numbers[row * outputs + output]);
                weights += weight;
            }
            bias.push((-sum / f64::max(weights, f64::MIN_POSITIVE)) as f32);
        }
        self.weight = self.weight.map(|weight| {
            let factors = Tensor::<1>::from_data(TensorData::from(&factors[..]), &weight.device());
            weight * factors.unsqueeze()
        });
        self.bias = self
            .bias
            .map(|old| Tensor::from_data(TensorData::from(&bias[..]), &old.device()));
        self
    }
}

/// The number of rows that a bias is taken from.
const POINTS: usize = 5;

impl RealLayer {
    fn activate(&self, x: Tensor<2>) -> Tensor<2> {
        let active = match self.activation {
            RealActivation::Selu => selu(x.clone()),
            RealActivation::Mish => mish(x.clone()),
        };
        let change = (active - x.clone()) * self.slope.val().unsqueeze();
        x + change
    }
}

fn selu(x: Tensor<2>) -> Tensor<2> {
    const ALPHA: f64 = 1.673_263_242_354_377_3;
    const SCALE: f64 = 1.050_700_987_355_480_5;
    let below = x.clone().clamp_max(0.0).exp().sub_scalar(1.0);
    (relu(x) + below.mul_scalar(ALPHA)).mul_scalar(SCALE)
}

/// `x tanh(ln(1 + exp(x)))`, with one exponential.
fn mish(x: Tensor<2>) -> Tensor<2> {
    // Beyond 20 the tangent is 1 in f32.
    let e = x.clone().clamp_max(20.0).exp();
    let n = e.clone() * e.add_scalar(2.0);
    x * (n.clone() / n.add_scalar(2.0))
}

impl RealMlp {
    /// Adapts the initial weights to training rows: the outputs of every layer get a variance of 1, and
    /// biases are such that units change within the data. A pure function of the model, the rows
    /// and the seed; rows `[batch, inputs]` on the device of the model, not an autodiff one.
    pub fn adapt(mut self, rows: Tensor<2>, seed: Seed) -> Self {
        let mut x = self.scaled(rows);
        for (place, layer) in self.hidden.iter_mut().enumerate() {
            let seed = seed.child("hidden").at(place as u64);
            layer.linear = layer.linear.clone().adapt(x.clone(), seed);
            x = layer.activate(layer.linear.forward(x));
        }
        self.head = self.head.adapt(x, seed.child("head"));
        self
    }

    fn scaled(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.inputs.forward(inputs) * self.scale.val().unsqueeze()
    }
}

impl Network<2> for RealMlp {
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, outputs]` out: numbers, or one logit for each class.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let training = inputs.device().is_autodiff();
        let x = self.hidden.iter().fold(self.scaled(inputs), |x, layer| {
            let x = layer.activate(layer.linear.forward(x));
            layer.dropout.forward(x)
        });
        let outputs = self.head.forward(x);
        if self.range.is_empty() || training {
            return outputs;
        }
        let ends = |end: usize| {
            let ends: Vec<f32> = self.range.iter().map(|range| range[end] as f32).collect();
            let ends = Tensor::<1>::from_data(TensorData::from(&ends[..]), &outputs.device());
            ends.unsqueeze::<2>().expand(outputs.dims())
        };
        outputs.clone().max_pair(ends(0)).min_pair(ends(1))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.inputs.inputs()]
    }

    fn outputs(&self) -> usize {
        self.head.weight.lazy_shape()[1]
    }
}
