use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Cell, Init, Initializer, LanguageNetwork, Layer, Recurrent, RecurrentConfig, RecurrentState,
    embed, embedding,
};

use super::MODEL;
use crate::{ModelError, check};

/// The shape of a recurrent language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentLanguageModelConfig {
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

impl RecurrentLanguageModelConfig {
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

    /// The model with PyTorch's initial weights, a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, a dropout outside `[0, 1)`.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<RecurrentLanguageModel, ModelError> {
        let sizes = [
            ("vocabulary", self.vocabulary),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("embedding", self.embedding.unwrap_or(1)),
        ];
        for (field, size) in sizes {
            check::positive(MODEL, field, size)?;
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
        Ok(RecurrentLanguageModel {
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
pub struct RecurrentLanguageModel {
    /// The token embedding; without it tokens are one-hot vectors.
    pub embedding: Option<Embedding>,
    /// The recurrent layers.
    pub rnn: Recurrent,
    /// The linear layer from the outputs of a step to logits.
    pub linear: Linear,
    #[module(skip)]
    vocabulary: usize,
}

impl LanguageNetwork for RecurrentLanguageModel {
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
    use tinderbox_nn::parameters;

    use super::*;

    const SEED: Seed = Seed::new(5);

    fn tokens(batch: usize, steps: usize, device: &Device) -> Tensor<2, Int> {
        let ids: Vec<i32> = (0..(batch * steps) as i32).map(|id| id % 28).collect();
        Tensor::from_data(TensorData::new(ids, [batch, steps]), device)
    }

    #[test]
    fn every_model_gives_logits_a_state_and_a_gradient_for_every_parameter() {
        let device = Device::flex().autodiff();
        let of = |cell| RecurrentLanguageModelConfig::new(28, cell, 16);
        let deep = RecurrentLanguageModelConfig {
            layers: 2,
            ..of(Cell::Lstm)
        };
        let bidirectional = RecurrentLanguageModelConfig {
            bidirectional: true,
            ..deep.clone()
        };
        let embedded = RecurrentLanguageModelConfig {
            embedding: Some(7),
            ..of(Cell::RnnRelu)
        };
        let shallow = [Cell::Rnn, Cell::Gru, Cell::Lstm].map(of);
        for config in shallow.into_iter().chain([deep, bidirectional, embedded]) {
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
        let config = RecurrentLanguageModelConfig::new(28, Cell::Gru, 32);
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
    fn sizes_of_0_are_refused() {
        let config = RecurrentLanguageModelConfig::new(28, Cell::Rnn, 16);
        let wrong = |config: RecurrentLanguageModelConfig| {
            let model = config.init(SEED, &Device::flex());
            model.err().unwrap().to_string()
        };
        let vocabulary = 0;
        let error = wrong(RecurrentLanguageModelConfig {
            vocabulary,
            ..config.clone()
        });
        assert!(error.contains("vocabulary is 0"), "{error}");
        let dropout = 1.5;
        let error = wrong(RecurrentLanguageModelConfig { dropout, ..config });
        assert!(error.contains("dropout = 1.5"), "{error}");
    }
}
