//! TabM, an ensemble of multilayer perceptrons that share most of their weights and are trained as one
//! (Gorishniy, Kotelnikov and Babenko 2024, "TabM: Advancing Tabular Deep Learning with
//! Parameter-Efficient Ensembling", arXiv 2410.24210).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Fans, Initializer, Network, relu, softmax};

use super::{NumberEmbeddingConfig, TableColumns, TableInputs, require_dropout, require_sizes};
use crate::ModelError;

#[cfg(test)]
mod tests;

const MODEL: &str = "TabM";

/// The settings of a [`TabM`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabMConfig {
    /// The columns of the table.
    pub columns: TableColumns,
    /// Number of values to predict for a row, or of classes.
    #[serde(default = "one")]
    pub outputs: usize,
    /// Whether the outputs are logits of classes: then the probabilities of the members are averaged.
    #[serde(default)]
    pub classes: bool,
    /// Number of members of the ensemble.
    #[serde(default = "members")]
    pub members: usize,
    /// Units of each hidden layer.
    #[serde(default = "hidden")]
    pub hidden: Vec<usize>,
    /// Dropout probability after each hidden layer, in [0, 1).
    #[serde(default = "dropout")]
    pub dropout: f64,
    /// The embedding of the quantities; `None` takes them as they are.
    #[serde(default)]
    pub numbers: Option<NumberEmbeddingConfig>,
}

fn one() -> usize {
    1
}

fn members() -> usize {
    32
}

fn hidden() -> Vec<usize> {
    vec![512; 3]
}

fn dropout() -> f64 {
    0.1
}

/// An ensemble of multilayer perceptrons. Members share the weights of the hidden layers; each has its own
/// scales of their inputs and outputs, biases and last layer.
#[derive(Module, Debug)]
pub struct TabM {
    /// Numbers, flags and categories.
    pub inputs: TableInputs,
    /// The hidden layers.
    pub hidden: Vec<EnsembleLayer>,
    /// The last layers, `[members, inputs, outputs]`.
    pub head: Param<Tensor<3>>,
    /// Their biases, `[members, outputs]`.
    pub head_bias: Param<Tensor<2>>,
    #[module(skip)]
    classes: bool,
}

/// One hidden layer of a [`TabM`]: for member `i`, `s_i * (W (r_i * x)) + b_i` (Wen et al. 2020).
#[derive(Module, Debug)]
pub struct EnsembleLayer {
    /// The shared weights, `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// The scales `r` of the inputs, `[members, inputs]`.
    pub input_scale: Param<Tensor<2>>,
    /// The scales `s` of the outputs, `[members, outputs]`.
    pub output_scale: Param<Tensor<2>>,
    /// The biases, `[members, outputs]`.
    pub bias: Param<Tensor<2>>,
    /// The dropout.
    pub dropout: Dropout,
}

impl TabMConfig {
    /// One output and the paper's sizes: 32 members, three layers of 512 units, dropout 0.1.
    pub fn new(columns: TableColumns) -> Self {
        Self {
            columns,
            outputs: one(),
            classes: false,
            members: members(),
            hidden: hidden(),
            dropout: dropout(),
            numbers: None,
        }
    }

    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// Weights and biases are U(±1/√inputs). Scales are 1, except that those of the inputs of the first
    /// layer are 1 or -1 at random: they make the members differ.
    ///
    /// # Errors
    /// A size of 0, no hidden layer, a dropout outside [0, 1), columns that contradict each other.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<TabM, ModelError> {
        let sizes = [
            ("outputs", self.outputs),
            ("members", self.members),
            ("hidden", self.hidden.len()),
        ];
        require_sizes(MODEL, &sizes)?;
        let hidden = self.hidden.iter().map(|&units| ("hidden", units));
        require_sizes(MODEL, &hidden.collect::<Vec<_>>())?;
        require_dropout(MODEL, "dropout", self.dropout)?;
        let (numbers, of_inputs) = (self.numbers.as_ref(), seed.child("inputs"));
        let inputs = TableInputs::new(MODEL, &self.columns, numbers, 0.01, of_inputs, device)?;
        let mut width = inputs.width();
        let mut hidden = Vec::with_capacity(self.hidden.len());
        for (place, &units) in self.hidden.iter().enumerate() {
            let seed = seed.child("hidden").at(place as u64);
            let first = place == 0;
            hidden.push(self.layer(first, width, units, seed, device));
            width = units;
        }
        let fans = fans(width, self.outputs);
        let shape = [self.members, width, self.outputs];
        let uniform = Initializer::PYTORCH;
        let bias = [self.members, self.outputs];
        Ok(TabM {
            inputs,
            hidden,
            head: uniform.param(shape, fans, seed.child("head"), device),
            head_bias: uniform.param(bias, fans, seed.child("head_bias"), device),
            classes: self.classes,
        })
    }

    fn layer(
        &self,
        first: bool,
        inputs: usize,
        outputs: usize,
        seed: Seed,
        device: &Device,
    ) -> EnsembleLayer {
        let (members, fans) = (self.members, fans(inputs, outputs));
        let uniform = Initializer::PYTORCH;
        let ones = Initializer::Constant { value: 1.0 };
        let ones = |size| ones.param([members, size], fans, seed, device);
        let signs = |device: &Device| {
            let mut rng = seed.child("input_scale").rng();
            let signs =
                (0..members * inputs).map(|_| if rng.below(2) == 0 { 1.0f32 } else { -1.0 });
            let data = TensorData::new(signs.collect::<Vec<_>>(), [members, inputs]);
            Param::from_tensor(Tensor::from_data(data, device))
        };
        EnsembleLayer {
            weight: uniform.param([inputs, outputs], fans, seed.child("weight"), device),
            input_scale: if first { signs(device) } else { ones(inputs) },
            output_scale: ones(outputs),
            bias: uniform.param([members, outputs], fans, seed.child("bias"), device),
            dropout: Dropout::new(self.dropout),
        }
    }
}

fn fans(fan_in: usize, fan_out: usize) -> Fans {
    Fans { fan_in, fan_out }
}

impl EnsembleLayer {
    /// `[batch, members, inputs]` in (or one member for all), `[batch, members, outputs]` out.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x * self.input_scale.val().unsqueeze::<3>();
        let [batch, members, inputs] = x.dims();
        // One large product for all members.
        let product = x
            .reshape([batch * members, inputs])
            .matmul(self.weight.val());
        let product = product.reshape([batch as i32, members as i32, -1]);
        let scaled = product * self.output_scale.val().unsqueeze::<3>();
        let x = relu(scaled + self.bias.val().unsqueeze::<3>());
        self.dropout.forward(x)
    }
}

impl TabM {
    /// The outputs of every member.
    ///
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, members, outputs]` out.
    fn each(&self, inputs: Tensor<2>) -> Tensor<3> {
        let x: Tensor<3> = self.inputs.forward(inputs).unsqueeze_dim(1);
        let x = self.hidden.iter().fold(x, |x, layer| layer.forward(x));
        let outputs = x.swap_dims(0, 1).matmul(self.head.val());
        outputs.swap_dims(0, 1) + self.head_bias.val().unsqueeze::<3>()
    }
}

impl Network<2> for TabM {
    /// The mean of the members' predictions; for classes the logarithm of the mean probabilities.
    ///
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, outputs]` out.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.combine(self.each(inputs))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.inputs.inputs()]
    }

    fn outputs(&self) -> usize {
        self.head.lazy_shape()[2]
    }

    fn members(&self, inputs: &Tensor<2>) -> Option<Tensor<3>> {
        Some(self.each(inputs.clone()))
    }

    fn combine(&self, members: Tensor<3>) -> Tensor<2> {
        let mean = |outputs: Tensor<3>| outputs.mean_dim(1).squeeze_dim::<2>(1);
        match self.classes {
            false => mean(members),
            // The smallest normal f32 keeps the logarithm finite.
            true => mean(softmax(members))
                .clamp_min(f64::from(f32::MIN_POSITIVE))
                .log(),
        }
    }
}
