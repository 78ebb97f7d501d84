//! Recurrent language models: RNN, GRU, LSTM, stacked or in both directions (Dive into Deep
//! Learning, chapters "Recurrent Neural Networks" and "Modern Recurrent Neural Networks").

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::{Seed, nearest};
use tinderbox_nn::{
    Cell, Init, Initializer, LanguageNetwork, Layer, Recurrent, RecurrentConfig, RecurrentState,
    embed, embedding,
};

use crate::ModelError;

const MODEL: &str = "language model";

/// The shape of a recurrent language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModelConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// How a step changes the state.
    pub cell: Cell,
    /// Units of each layer.
    pub hidden: usize,
    /// Recurrent layers on top of each other.
    #[serde(default = "one")]
    pub layers: usize,
    /// Whether a layer also reads the text backwards. A model that sees the tokens that it must
    /// predict learns nothing useful, as the course warns.
    #[serde(default)]
    pub bidirectional: bool,
    /// The probability with which outputs between layers are dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// Size of the token embedding; `None` for one-hot vectors, as in the course.
    #[serde(default)]
    pub embedding: Option<usize>,
}

fn one() -> usize {
    1
}

impl LanguageModelConfig {
    /// The names that [`by_name`](Self::by_name) takes.
    pub const NAMES: [&str; 5] = ["rnn", "gru", "lstm", "deep", "bidirectional"];

    /// One layer of this cell on one-hot vectors.
    pub fn new(vocabulary: usize, cell: Cell, hidden: usize) -> Self {
        Self {
            vocabulary,
            cell,
            hidden,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            embedding: None,
        }
    }

    /// The course's model with this name: 256 units; `deep` is an LSTM of two layers,
    /// `bidirectional` the same in both directions.
    ///
    /// # Errors
    /// No such model; the error suggests the nearest names.
    pub fn by_name(name: &str, vocabulary: usize) -> Result<Self, ModelError> {
        let of = |cell| Self::new(vocabulary, cell, 256);
        let deep = Self {
            layers: 2,
            ..of(Cell::Lstm)
        };
        Ok(match name {
            "rnn" => of(Cell::Rnn),
            "gru" => of(Cell::Gru),
            "lstm" => of(Cell::Lstm),
            "deep" => deep,
            "bidirectional" => Self {
                bidirectional: true,
                ..deep
            },
            _ => {
                return Err(ModelError::Unknown {
                    name: name.to_owned(),
                    nearest: nearest(name, Self::NAMES, 3),
                    among: Self::NAMES.len(),
                });
            }
        })
    }

    /// The model with PyTorch's initial weights, a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, a dropout outside `[0, 1)`.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<LanguageModel, ModelError> {
        let sizes = [
            ("vocabulary", self.vocabulary),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("embedding", self.embedding.unwrap_or(1)),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(ModelError::Zero {
                model: MODEL,
                field,
            });
        }
        let recurrent = RecurrentConfig {
            cell: self.cell,
            inputs: self.embedding.unwrap_or(self.vocabulary),
            hidden: self.hidden,
            layers: self.layers,
            bidirectional: self.bidirectional,
            dropout: self.dropout,
        };
        let rnn = recurrent.init(seed.child("rnn"), device);
        let rnn = rnn.map_err(|error| ModelError::Config {
            model: MODEL,
            problem: error.to_string(),
        })?;
        let normal = Initializer::Normal { std: 1.0 };
        let embedding = self.embedding.map(|size| {
            let seed = seed.child("embedding");
            embedding(self.vocabulary, size, normal, seed, device)
        });
        let init = Init::new(seed, device, Initializer::PYTORCH).biases(Initializer::PYTORCH);
        Ok(LanguageModel {
            embedding,
            rnn,
            linear: init.linear("linear", recurrent.outputs(), self.vocabulary),
            vocabulary: self.vocabulary,
        })
    }
}

/// Tokens as one-hot vectors (or embeddings), a recurrent layer, and a linear layer that gives the
/// logits of the next token.
///
/// Weights have the names of the course's `RNNModel`: `rnn.weight_ih_l0`, `linear.weight`.
#[derive(Module, Debug)]
pub struct LanguageModel {
    /// The token embedding; without it tokens are one-hot vectors.
    pub embedding: Option<Embedding>,
    /// The recurrent layers.
    pub rnn: Recurrent,
    /// The linear layer from the outputs of a step to logits.
    pub linear: Linear,
    #[module(skip)]
    vocabulary: usize,
}

impl LanguageNetwork for LanguageModel {
    type State = RecurrentState;

    /// # Shapes
    /// Token ids `[batch, steps]` to logits `[batch, steps, vocabulary]`.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<RecurrentState>,
    ) -> (Tensor<3>, RecurrentState) {
        // Steps first: then a step is one block of memory.
        let tokens = tokens.swap_dims(0, 1);
        let inputs = match &self.embedding {
            Some(embedding) => embed(embedding, tokens),
            None => tokens.one_hot::<3>(self.vocabulary).float(),
        };
        let (outputs, state) = self.rnn.forward(inputs, state);
        let logits = self.linear.apply(outputs);
        (logits.swap_dims(0, 1), state)
    }

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use tinderbox_nn::{count_parameters, parameters};

    use super::*;

    const SEED: Seed = Seed::new(5);

    fn tokens(batch: usize, steps: usize, device: &Device) -> Tensor<2, Int> {
        let ids: Vec<i32> = (0..(batch * steps) as i32).map(|id| id % 28).collect();
        Tensor::from_data(TensorData::new(ids, [batch, steps]), device)
    }

    #[test]
    fn parameters_are_those_of_the_course() {
        for (name, count) in [
            ("rnn", 80_412),
            ("gru", 226_844),
            ("lstm", 300_060),
            ("deep", 826_396),
            ("bidirectional", 2_177_052),
        ] {
            let config = LanguageModelConfig::by_name(name, 28).unwrap();
            let model = config.init(SEED, &Device::flex()).unwrap();
            assert_eq!(count_parameters(&model), count, "{name}");
            let text = serde_json::to_string(&config).unwrap();
            let read: LanguageModelConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(read, config);
        }
    }

    #[test]
    fn every_model_gives_logits_a_state_and_a_gradient_for_every_parameter() {
        let device = Device::flex().autodiff();
        let mut configs: Vec<_> = LanguageModelConfig::NAMES
            .iter()
            .map(|name| LanguageModelConfig::by_name(name, 28).unwrap())
            .collect();
        configs.push(LanguageModelConfig {
            embedding: Some(7),
            ..LanguageModelConfig::new(28, Cell::RnnRelu, 16)
        });
        for config in configs {
            let config = LanguageModelConfig {
                hidden: 16,
                ..config
            };
            let model = config.init(SEED, &device).unwrap();
            let (logits, state) = model.forward(tokens(3, 4, &device), None);
            assert_eq!(logits.dims(), [3, 4, 28]);
            let directions = if config.bidirectional { 2 } else { 1 };
            assert_eq!(state.hidden.dims(), [config.layers * directions, 3, 16]);
            let (logits, _) = model.forward(tokens(3, 4, &device), Some(state));
            let gradients = logits.powi_scalar(2).mean().backward();
            let gradients = burn::optim::GradientsParams::from_grads(gradients, &model);
            assert_eq!(gradients.len(), parameters(&model).len(), "{config:?}");
        }
    }

    #[test]
    fn a_state_continues_the_sequence_before() {
        let device = Device::flex();
        let config = LanguageModelConfig::by_name("gru", 28).unwrap();
        let model = config.init(SEED, &device).unwrap();
        let all = tokens(2, 6, &device);
        let (whole, _) = model.forward(all.clone(), None);
        let (_, state) = model.forward(all.clone().narrow(1, 0, 4), None);
        let (rest, _) = model.forward(all.narrow(1, 4, 2), Some(state));
        let whole = whole.narrow(1, 4, 2);
        let distance: f32 = (whole - rest).abs().max().into_scalar();
        assert!(distance < 1e-6, "{distance}");
    }

    #[test]
    fn sizes_of_0_and_other_names_are_refused() {
        let config = LanguageModelConfig::new(28, Cell::Rnn, 16);
        let wrong = |config: LanguageModelConfig| {
            let model = config.init(SEED, &Device::flex());
            model.err().unwrap().to_string()
        };
        let vocabulary = 0;
        let error = wrong(LanguageModelConfig {
            vocabulary,
            ..config.clone()
        });
        assert!(error.contains("vocabulary is 0"), "{error}");
        let dropout = 1.5;
        let error = wrong(LanguageModelConfig { dropout, ..config });
        assert!(error.contains("dropout = 1.5"), "{error}");
        let error = LanguageModelConfig::by_name("gur", 28).unwrap_err();
        assert!(error.to_string().contains("\"gru\""), "{error}");
    }
}
