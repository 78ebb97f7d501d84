//! Language models: recurrent ones (Dive into Deep Learning, chapters "Recurrent Neural Networks" and "Modern
//! Recurrent Neural Networks") and a decoder-only Transformer.

mod context;
mod gpt;
mod llama;
mod recurrent;

use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::{Seed, nearest};
use tinderbox_nn::{AttentionState, Cell, LanguageNetwork, LanguageState, layer_enum};

use crate::ModelError;

pub use gpt::{Gpt, GptConfig};
pub use llama::{Llama, LlamaConfig};
pub use recurrent::{RecurrentLanguageModel, RecurrentLanguageModelConfig};

const MODEL: &str = "language model";

/// The configuration of any language model; in JSON, the field `family` names the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
#[allow(missing_docs)] // each variant is the model of the same name
pub enum LanguageModelConfig {
    Recurrent(RecurrentLanguageModelConfig),
    Gpt(GptConfig),
    Llama(LlamaConfig),
}

impl LanguageModelConfig {
    /// The names that [`by_name`](Self::by_name) takes.
    pub const NAMES: [&str; 7] = [
        "rnn",
        "gru",
        "lstm",
        "deep",
        "bidirectional",
        "gpt",
        "llama",
    ];

    /// The model with this name. The recurrent ones are the course's: 256 units; `deep` is an LSTM of two
    /// layers, `bidirectional` the same in both directions. `gpt` and `llama` are decoder-only Transformers,
    /// [`GptConfig::small`] and [`LlamaConfig::small`].
    ///
    /// # Errors
    /// No such model; the error suggests the nearest names.
    pub fn by_name(name: &str, vocabulary: usize) -> Result<Self, ModelError> {
        let of = |cell| RecurrentLanguageModelConfig::new(vocabulary, cell, 256);
        let deep = RecurrentLanguageModelConfig {
            layers: 2,
            ..of(Cell::Lstm)
        };
        Ok(Self::Recurrent(match name {
            "rnn" => of(Cell::Rnn),
            "gru" => of(Cell::Gru),
            "lstm" => of(Cell::Lstm),
            "deep" => deep,
            "bidirectional" => RecurrentLanguageModelConfig {
                bidirectional: true,
                ..deep
            },
            "gpt" => return Ok(Self::Gpt(GptConfig::small(vocabulary))),
            "llama" => return Ok(Self::Llama(LlamaConfig::small(vocabulary))),
            _ => {
                return Err(ModelError::Unknown {
                    name: name.to_owned(),
                    nearest: nearest(name, Self::NAMES, 3),
                    among: Self::NAMES.len(),
                });
            }
        }))
    }

    /// The same with this number of units in each recurrent layer, or of features of a token.
    pub fn hidden(mut self, units: usize) -> Self {
        match &mut self {
            Self::Recurrent(config) => config.hidden = units,
            Self::Gpt(config) => config.size = units,
            Self::Llama(config) => config.size = units,
        }
        self
    }

    /// The number of tokens that a decoder-only Transformer sees at once; `None` for recurrent models, which have no
    /// such limit.
    pub fn context_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Recurrent(_) => None,
            Self::Gpt(config) => Some(&mut config.context),
            Self::Llama(config) => Some(&mut config.context),
        }
    }

    /// The model with its initial weights, a pure function of the seed.
    ///
    /// # Errors
    /// Those of the `init` of the family.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<LanguageModel, ModelError> {
        Ok(match self {
            Self::Recurrent(config) => LanguageModel::Recurrent(config.init(seed, device)?),
            Self::Gpt(config) => LanguageModel::Gpt(config.init(seed, device)?),
            Self::Llama(config) => LanguageModel::Llama(config.init(seed, device)?),
        })
    }
}

layer_enum! {
    /// Any language model, so that one program can train the model that the user names.
    ///
    /// Its parameters have the names that they have in the model itself.
    pub enum LanguageModel {
        Recurrent(RecurrentLanguageModel),
        Gpt(Gpt),
        Llama(Llama),
    }
}

/// Why a state fits: a model gets back what it returned.
const OWN_STATE: &str = "a state that this model returned";

fn forward_transformer(
    model: &impl LanguageNetwork<State = AttentionState>,
    tokens: Tensor<2, Int>,
    state: Option<LanguageState>,
) -> (Tensor<3>, LanguageState) {
    let state = state.map(|state| state.attention().expect(OWN_STATE));
    let (logits, state) = model.forward(tokens, state);
    (logits, LanguageState::Attention(state))
}

impl LanguageNetwork for LanguageModel {
    type State = LanguageState;

    /// # Panics
    /// With the state of another kind of model.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<LanguageState>,
    ) -> (Tensor<3>, LanguageState) {
        match self {
            Self::Recurrent(model) => {
                let state = state.map(|state| state.recurrent().expect(OWN_STATE));
                let (logits, state) = model.forward(tokens, state);
                (logits, LanguageState::Recurrent(state))
            }
            Self::Gpt(model) => forward_transformer(model, tokens, state),
            Self::Llama(model) => forward_transformer(model, tokens, state),
        }
    }

    fn vocabulary(&self) -> usize {
        match self {
            Self::Recurrent(model) => model.vocabulary(),
            Self::Gpt(model) => model.vocabulary(),
            Self::Llama(model) => model.vocabulary(),
        }
    }
}

#[cfg(test)]
mod tests;
