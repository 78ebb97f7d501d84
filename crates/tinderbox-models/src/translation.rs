//! Translation models: an encoder reads a sentence, a decoder writes its translation (Dive into Deep
//! Learning, chapters "Modern Recurrent Neural Networks" and "Attention Mechanisms").

mod bahdanau;
mod seq2seq;
mod transformer;
mod xavier;

use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::{Seed, nearest};
use tinderbox_nn::{Decoded, EncoderDecoder, TransformerConfig, layer_enum};

use crate::{ModelError, check};

pub use bahdanau::{Bahdanau, BahdanauState};
pub use seq2seq::{RecurrentSizes, Seq2Seq, Seq2SeqState};
pub use transformer::{Transformer, TransformerState};

const MODEL: &str = "translation model";

/// The shape of a translation model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranslationConfig {
    /// Number of different tokens of the source sentences.
    pub source_vocabulary: usize,
    /// Number of different tokens of the translations.
    pub target_vocabulary: usize,
    /// Tokens of a sentence with its end; longer ones are cut, shorter ones padded. A recurrent encoder
    /// reads the padding too, as in the course, so that sentences to translate must be padded alike.
    pub steps: usize,
    /// The encoder and the decoder.
    pub network: TranslationNetwork,
}

/// The kind of encoder and decoder, and their sizes; in JSON, the field `family` names the kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum TranslationNetwork {
    /// Two GRUs; the decoder sees the last state of the encoder at every step (Cho et al. 2014).
    Gru(RecurrentSizes),
    /// Two GRUs; the decoder looks at the steps of the encoder (Bahdanau, Cho, Bengio 2015).
    Bahdanau(RecurrentSizes),
    /// Attention alone (Vaswani et al. 2017).
    Transformer(TransformerConfig),
}

impl TranslationConfig {
    /// The names that [`by_name`](Self::by_name) takes.
    pub const NAMES: [&str; 3] = ["gru", "bahdanau", "transformer"];

    /// The course's model with this name: 2 layers of 32 units, dropout of 0.1, sentences of 10 tokens;
    /// the Transformer has 4 heads and 64 units in its feed-forward layers.
    ///
    /// # Errors
    /// No such model; the error suggests the nearest names.
    pub fn by_name(
        name: &str,
        source_vocabulary: usize,
        target_vocabulary: usize,
    ) -> Result<Self, ModelError> {
        let network = match name {
            "gru" => TranslationNetwork::Gru(RecurrentSizes::COURSE),
            "bahdanau" => TranslationNetwork::Bahdanau(RecurrentSizes::COURSE),
            "transformer" => TranslationNetwork::Transformer(TransformerConfig {
                size: 32,
                heads: 4,
                feed_forward: 64,
                layers: 2,
                dropout: 0.1,
                norm_first: false,
            }),
            _ => {
                return Err(ModelError::Unknown {
                    name: name.to_owned(),
                    nearest: nearest(name, Self::NAMES, 3),
                    among: Self::NAMES.len(),
                });
            }
        };
        Ok(Self {
            source_vocabulary,
            target_vocabulary,
            steps: 10,
            network,
        })
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// As in the course, weights of linear layers, attention and GRUs are Xavier-uniform, embeddings are
    /// from N(0, 1), and the rest is as in PyTorch.
    ///
    /// # Errors
    /// A size of 0, a dropout outside `[0, 1)`, heads that do not divide the size.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Translator, ModelError> {
        self.check()?;
        Ok(match &self.network {
            TranslationNetwork::Gru(sizes) => {
                Translator::Gru(Seq2Seq::new(self, sizes, seed, device)?)
            }
            TranslationNetwork::Bahdanau(sizes) => {
                Translator::Bahdanau(Bahdanau::new(self, sizes, seed, device)?)
            }
            TranslationNetwork::Transformer(sizes) => {
                Translator::Transformer(Transformer::new(self, sizes, seed, device)?)
            }
        })
    }

    fn check(&self) -> Result<(), ModelError> {
        let (sizes, dropout) = match &self.network {
            TranslationNetwork::Gru(sizes) | TranslationNetwork::Bahdanau(sizes) => (
                vec![
                    ("embedding", sizes.embedding),
                    ("hidden", sizes.hidden),
                    ("layers", sizes.layers),
                ],
                sizes.dropout,
            ),
            TranslationNetwork::Transformer(sizes) => (
                vec![
                    ("size", sizes.size),
                    ("heads", sizes.heads),
                    ("feed_forward", sizes.feed_forward),
                    ("layers", sizes.layers),
                ],
                sizes.dropout,
            ),
        };
        let common = [
            ("source_vocabulary", self.source_vocabulary),
            ("target_vocabulary", self.target_vocabulary),
            ("steps", self.steps),
        ];
        for (field, size) in common.into_iter().chain(sizes) {
            check::positive(MODEL, field, size)?;
        }
        check::dropout(MODEL, "dropout", dropout)
    }
}

/// Sizes that a layer refuses.
fn refused(error: impl std::fmt::Display) -> ModelError {
    ModelError::Config {
        model: MODEL,
        problem: error.to_string(),
    }
}

layer_enum! {
    /// Any translation model, so that one program can train the model that the user names.
    ///
    /// Its parameters have the names that they have in the model itself.
    pub enum Translator {
        Gru(Seq2Seq),
        Bahdanau(Bahdanau),
        Transformer(Transformer),
    }
}

/// The state of a [`Translator`].
#[derive(Clone, Debug)]
#[allow(missing_docs, clippy::large_enum_variant)] // each variant is the state of the model of the same name
pub enum TranslatorState {
    Gru(Seq2SeqState),
    Bahdanau(BahdanauState),
    Transformer(TransformerState),
}

impl EncoderDecoder for Translator {
    type State = TranslatorState;

    fn encode(&self, source: Tensor<2, Int>, lengths: Tensor<1, Int>) -> TranslatorState {
        match self {
            Self::Gru(model) => TranslatorState::Gru(model.encode(source, lengths)),
            Self::Bahdanau(model) => TranslatorState::Bahdanau(model.encode(source, lengths)),
            Self::Transformer(model) => TranslatorState::Transformer(model.encode(source, lengths)),
        }
    }

    /// # Panics
    /// With a state that another kind of model gave.
    fn decode(&self, tokens: Tensor<2, Int>, state: TranslatorState) -> Decoded<TranslatorState> {
        fn of<S>(decoded: Decoded<S>, state: fn(S) -> TranslatorState) -> Decoded<TranslatorState> {
            Decoded {
                logits: decoded.logits,
                state: state(decoded.state),
                attention: decoded.attention,
            }
        }
        match (self, state) {
            (Self::Gru(model), TranslatorState::Gru(state)) => {
                of(model.decode(tokens, state), TranslatorState::Gru)
            }
            (Self::Bahdanau(model), TranslatorState::Bahdanau(state)) => {
                of(model.decode(tokens, state), TranslatorState::Bahdanau)
            }
            (Self::Transformer(model), TranslatorState::Transformer(state)) => {
                of(model.decode(tokens, state), TranslatorState::Transformer)
            }
            _ => panic!("the state of another kind of model; take that of `encode`"),
        }
    }

    fn source_vocabulary(&self) -> usize {
        match self {
            Self::Gru(model) => model.source_vocabulary(),
            Self::Bahdanau(model) => model.source_vocabulary(),
            Self::Transformer(model) => model.source_vocabulary(),
        }
    }

    fn target_vocabulary(&self) -> usize {
        match self {
            Self::Gru(model) => model.target_vocabulary(),
            Self::Bahdanau(model) => model.target_vocabulary(),
            Self::Transformer(model) => model.target_vocabulary(),
        }
    }
}

#[cfg(test)]
mod tests;
