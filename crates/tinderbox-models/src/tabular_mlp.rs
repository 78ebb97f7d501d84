//! A multilayer perceptron for tables, with an embedding for every category column (Guo and
//! Berkhahn 2016, "Entity Embeddings of Categorical Variables").

mod config;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Embedding, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Initializer, Layer, LinearInit, Network, linear};

use crate::ModelError;
use crate::table::{CategoryColumn, NumberEmbedding, category_embedding, look_up, pick};
pub use config::TabularMlpConfig;

/// A multilayer perceptron over the quantities of a row and the embeddings of its categories.
///
/// A hidden layer is linear → batch norm → ReLU → dropout; the last layer is linear.
#[derive(Module, Debug)]
pub struct TabularMlp {
    /// One embedding for each category column, of shape `[categories, width]`.
    pub embeddings: Vec<Embedding>,
    /// The hidden layers.
    pub hidden: Vec<HiddenLayer>,
    /// The last layer.
    pub head: Linear,
    /// The embedding of the quantities.
    pub numbers: Option<NumberEmbedding>,
    columns: Vec<usize>,
    #[module(skip)]
    quantities: Vec<usize>,
    inputs: usize,
}

/// One hidden layer of a [`TabularMlp`].
#[derive(Module, Debug)]
pub struct HiddenLayer {
    /// The weights; without a bias before a batch norm, which has its own.
    pub linear: Linear,
    /// The batch norm.
    pub norm: Option<BatchNorm>,
    /// The dropout.
    pub dropout: Dropout,
}

impl TabularMlpConfig {
    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// Hidden weights are He et al.'s (2015), those of the last layer PyTorch's default
    /// U(±1/√inputs), embeddings N(0, 0.01) as in fastai. The embedding of index 0, a missing or unknown
    /// category, starts at 0 and remains 0 unless a training row has it: such a row is predicted as if
    /// the column did not exist.
    ///
    /// # Errors
    /// A size of 0, a dropout outside [0, 1), embeddings of columns that do not exist or are not in
    /// ascending order.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<TabularMlp, ModelError> {
        self.check()?;
        let embedding = |column: &CategoryColumn| {
            let seed = seed.child("embedding").at(column.column as u64);
            category_embedding(column, 0.01, seed, device)
        };
        let quantities = self.columns().numbers();
        let numbers = match &self.numbers {
            Some(numbers) if !quantities.is_empty() => {
                let seed = seed.child("numbers");
                Some(numbers.init(config::MODEL, quantities.len(), seed, device)?)
            }
            _ => None,
        };
        let mut width = self.width();
        let mut hidden = Vec::with_capacity(self.hidden.len());
        for (place, &units) in self.hidden.iter().enumerate() {
            let init = LinearInit {
                bias: !self.batch_norm,
                weight: Initializer::KaimingNormal { gain: 2f64.sqrt() },
            };
            let seed = seed.child("hidden").at(place as u64);
            hidden.push(HiddenLayer {
                linear: linear(width, units, init, seed, device),
                norm: self
                    .batch_norm
                    .then(|| BatchNormConfig::new(units).init(device)),
                dropout: Dropout::new(self.dropout),
            });
            width = units;
        }
        let init = LinearInit {
            bias: true,
            weight: Initializer::PYTORCH,
        };
        Ok(TabularMlp {
            embeddings: self.embeddings.iter().map(embedding).collect(),
            hidden,
            head: linear(width, self.outputs, init, seed.child("head"), device),
            quantities: if numbers.is_some() {
                quantities
            } else {
                Vec::new()
            },
            numbers,
            columns: self.embeddings.iter().map(|e| e.column).collect(),
            inputs: self.inputs,
        })
    }
}

impl HiddenLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.linear.forward(x);
        let x = match &self.norm {
            Some(norm) => norm.apply(x),
            None => x,
        };
        self.dropout.forward(relu(x))
    }
}

impl TabularMlp {
    /// Quantities and embeddings in the order of the columns, then the embedded quantities.
    ///
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, width]` out.
    fn embed(&self, inputs: Tensor<2>) -> Tensor<2> {
        if self.columns.is_empty() && self.numbers.is_none() {
            return inputs;
        }
        let rows = inputs.dims()[0] as i32;
        let mut parts = Vec::with_capacity(2 * self.columns.len() + 2);
        let mut plain = Vec::new();
        let mut embeddings = self.columns.iter().zip(&self.embeddings).peekable();
        for column in 0..self.inputs {
            if let Some((_, embedding)) = embeddings.next_if(|(own, _)| **own == column) {
                parts.extend(pick(&inputs, &std::mem::take(&mut plain)));
                let index = inputs.clone().narrow(1, column, 1);
                parts.push(look_up(embedding, index));
            } else if !self.quantities.contains(&column) {
                plain.push(column);
            }
        }
        parts.extend(pick(&inputs, &plain));
        if let (Some(embedding), Some(numbers)) = (&self.numbers, pick(&inputs, &self.quantities)) {
            parts.push(embedding.forward(numbers).reshape([rows, -1]));
        }
        Tensor::cat(parts, 1)
    }
}

impl Network<2> for TabularMlp {
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, outputs]` out: numbers, or one logit for each class.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let x = self.embed(inputs);
        let x = self.hidden.iter().fold(x, |x, layer| layer.forward(x));
        self.head.forward(x)
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.inputs]
    }

    fn outputs(&self) -> usize {
        self.head.weight.lazy_shape()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::NumberEmbeddingConfig;

    fn config() -> TabularMlpConfig {
        TabularMlpConfig {
            outputs: 3,
            embeddings: vec![
                CategoryColumn {
                    column: 1,
                    categories: 5,
                    width: 2,
                },
                CategoryColumn::new(3, 100),
            ],
            hidden: vec![8, 4],
            dropout: 0.5,
            ..TabularMlpConfig::new(4)
        }
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.try_into_vec_as::<f32>().unwrap()
    }

    #[test]
    fn parameters_are_those_of_the_layers() {
        // fastai's rule gives 21 for 100 categories.
        assert_eq!(CategoryColumn::new(0, 100).width, 21);
        assert_eq!(CategoryColumn::new(0, 1).width, 2);
        assert_eq!(CategoryColumn::new(0, 1_000_000).width, 600);
        let device = Device::flex();
        let model = config().init(Seed::new(1), &device).unwrap();
        let width = 2 + 2 + 21;
        assert_eq!(config().width(), width);
        let embeddings = 5 * 2 + 100 * 21;
        // A batch norm has gamma and beta to learn, and keeps a mean and a variance.
        let norms = 4 * (8 + 4);
        let layers = width * 8 + 8 * 4 + 4 * 3 + 3;
        assert_eq!(model.num_params(), embeddings + norms + layers);
        let plain = TabularMlpConfig {
            hidden: vec![256],
            outputs: 10,
            batch_norm: false,
            ..TabularMlpConfig::new(784)
        };
        let plain = plain.init(Seed::new(1), &device).unwrap();
        assert_eq!(plain.num_params(), 784 * 256 + 256 + 256 * 10 + 10);
        assert_eq!((plain.input_shape(), plain.outputs()), (vec![784], 10));
    }

    #[test]
    fn categories_go_through_their_embedding_and_unknown_ones_through_the_first() {
        let device = Device::flex();
        let model = config().init(Seed::new(1), &device).unwrap();
        let row = |category: f32| {
            let inputs = Tensor::from_data([[0.5, category, -1.0, 7.0]], &device);
            numbers(model.embed(inputs))
        };
        let table = numbers(model.embeddings[0].weight.val());
        assert_eq!(table[..2], [0.0; 2], "as if there were no such column");
        assert_eq!(row(3.0)[0..4], [0.5, table[6], table[7], -1.0]);
        for unknown in [5.0, 1e9, -1.0] {
            assert_eq!(row(unknown), row(0.0));
        }
        let inputs = Tensor::from_data([[0.5, 1.0, -1.0, 7.0], [0.0, 4.0, 2.0, 99.0]], &device);
        assert_eq!(model.predict(inputs).unwrap().dims(), [2, 3]);
        assert!(model.predict(Tensor::zeros([2, 5], &device)).is_err());
    }

    #[test]
    fn numbers_may_be_embedded() {
        let device = Device::flex();
        let config = TabularMlpConfig {
            flags: vec![2],
            numbers: Some(NumberEmbeddingConfig::periodic_bias()),
            ..config()
        };
        let model = config.init(Seed::new(1), &device).unwrap();
        assert_eq!(config.width(), 4 + 1 + 2 + 21);
        let inputs = Tensor::from_data([[0.5f32, 1.0, 1.0, 7.0]], &device);
        let embedded = numbers(model.embed(inputs.clone()));
        assert_eq!(embedded.len(), config.width());
        let table = numbers(model.embeddings[0].weight.val());
        assert_eq!(embedded[..3], [table[2], table[3], 1.0]);
        // The embedding begins with the number itself.
        assert_eq!(embedded[3 + 21], 0.5);
        assert_eq!(model.predict(inputs).unwrap().dims(), [1, 3]);
    }

    #[test]
    fn weights_are_a_function_of_config_and_seed() {
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        let ndarray = Device::ndarray();
        let of = |seed, device: &Device| {
            let model = config().init(Seed::new(seed), device).unwrap();
            let mut all = numbers(model.hidden[1].linear.weight.val());
            all.extend(numbers(model.embeddings[1].weight.val()));
            all.extend(numbers(model.head.weight.val()));
            all
        };
        assert_eq!(of(1, &Device::flex()), of(1, &ndarray));
        assert_ne!(of(1, &ndarray), of(2, &ndarray));
    }

    #[test]
    fn dropout_and_batch_norm_are_for_training_only() {
        let device = Device::flex();
        let model = config().init(Seed::new(1), &device).unwrap();
        let inputs =
            || Tensor::from_data([[0.5f32, 1.0, -1.0, 7.0], [0.0, 4.0, 2.0, 9.0]], &device);
        assert_eq!(
            numbers(model.forward(inputs())),
            numbers(model.forward(inputs()))
        );
        // A row predicted alone gets what it gets among others.
        let alone = numbers(model.forward(inputs().slice([0..1, 0..4])));
        for (alone, among) in alone.iter().zip(numbers(model.forward(inputs()))) {
            assert!((alone - among).abs() < 1e-6);
        }
    }

    #[test]
    fn gradients_reach_every_parameter() {
        let device = Device::flex().autodiff();
        let mut shape = config();
        shape.dropout = 0.0;
        let model = shape.init(Seed::new(1), &device).unwrap();
        let inputs = Tensor::from_data(
            [
                [0.5f32, 1.0, -1.0, 7.0],
                [0.0, 4.0, 2.0, 9.0],
                [1.0, 2.0, 0.3, 1.0],
            ],
            &device,
        );
        let weights = Tensor::<2>::from_data([[1.0f32, -2.0, 0.5]], &device);
        let loss = (model.forward(inputs) * weights).square().sum();
        let gradients = loss.backward();
        for embedding in &model.embeddings {
            let gradient = embedding.weight.val().grad(&gradients).unwrap();
            assert!(gradient.abs().sum().into_scalar::<f32>() > 0.0);
        }
        for layer in &model.hidden {
            assert!(layer.linear.weight.val().grad(&gradients).is_some());
            assert!(
                layer
                    .norm
                    .as_ref()
                    .unwrap()
                    .gamma
                    .val()
                    .grad(&gradients)
                    .is_some()
            );
        }
    }

    #[test]
    fn configurations_without_a_model_are_refused() {
        let refused = |change: fn(&mut TabularMlpConfig)| {
            let mut config = config();
            change(&mut config);
            let error = config.init(Seed::new(1), &Device::flex()).unwrap_err();
            error.to_string()
        };
        assert!(refused(|c| c.hidden = vec![0]).contains("hidden is 0"));
        assert!(refused(|c| c.dropout = 1.0).contains("dropout is 1"));
        assert!(refused(|c| c.dropout = f64::NAN).contains("dropout is NaN"));
        assert!(refused(|c| c.embeddings[1].column = 4).contains("column 4 does not fit"));
        assert!(refused(|c| c.embeddings[1].column = 1).contains("ascending"));
        assert!(refused(|c| c.embeddings[0].categories = 0).contains("0 categories"));
    }

    #[test]
    fn config_round_trips_and_has_defaults() {
        let read: TabularMlpConfig = serde_json::from_str(r#"{"inputs": 4}"#).unwrap();
        assert_eq!(read, TabularMlpConfig::new(4));
        let text = serde_json::to_string(&config()).unwrap();
        assert_eq!(
            serde_json::from_str::<TabularMlpConfig>(&text).unwrap(),
            config()
        );
        assert!(serde_json::from_str::<TabularMlpConfig>(r#"{"inputs": 4, "wide": 1}"#).is_err());
    }
}
