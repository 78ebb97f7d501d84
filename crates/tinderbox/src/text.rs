//! Models of text, from a trained model to text: where tokens, models and bundles meet.
//!
//! [`TextModel`] is a language model with the tokenizer it was trained with. It is saved as one bundle,
//! and generates text from it. [`TranslationModel`] is the same for a model that translates. With the feature
//! `tokenizers`, `FineTuning` trains a pretrained encoder on texts with classes or numbers, and `TextPredictor` opens
//! the bundle that it writes.

#[cfg(feature = "tokenizers")]
mod encoder;
mod pairs;
#[cfg(feature = "tokenizers")]
mod predictor;
#[cfg(feature = "tokenizers")]
mod sentences;
#[cfg(all(feature = "tables", feature = "tokenizers"))]
mod table;
mod tokens;
mod translation;
#[cfg(feature = "tokenizers")]
mod tuning;
#[cfg(feature = "tokenizers")]
mod writer;

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_data::DataError;
use tinderbox_data::text::Tokenizer;
use tinderbox_models::{Decoding, DecodingError, LanguageModel, LanguageModelConfig, ModelError};
use tinderbox_nn::LanguageNetwork;
use tinderbox_train::{Bundle, TrainError, TranslationError};

use crate::pretrained::PretrainedError;

pub use pairs::PairTokenizers;
#[cfg(feature = "tokenizers")]
pub use predictor::{PredictedTexts, TextPredictor, TextPredictorConfig, TextScale};
#[cfg(feature = "tokenizers")]
pub use sentences::{Encoded, SentenceEncoder, SentenceError};
#[cfg(all(feature = "tables", feature = "tokenizers"))]
pub use table::WrittenTexts;
pub use tokens::TextTokenizer;
pub use translation::{AttentionMap, Translated, TranslationModel};
#[cfg(feature = "tokenizers")]
pub use tuning::{FineTuneError, FineTuned, FineTuning, TextData, TextNote, TextTargets};
#[cfg(feature = "tokenizers")]
pub use writer::PretrainedTextModel;

/// A language model with the tokenizer it was trained with.
#[derive(Debug)]
pub struct TextModel {
    config: LanguageModelConfig,
    model: LanguageModel,
    tokenizer: TextTokenizer,
}

/// The description of the model in a bundle.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    network: LanguageModelConfig,
    /// A digest of the tokens, in the order of the model's outputs: another vocabulary of the same
    /// size would give meaningless text.
    vocabulary: String,
}

/// A prefix and its continuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The prefix after normalization: in lower case, for example.
    pub prefix: String,
    /// The generated text.
    pub continuation: String,
    /// Tokens of the prefix that the model does not know; they were read as the unknown token.
    pub unknown: Vec<String>,
}

impl TextModel {
    /// The name of the model in bundles.
    pub const NAME: &'static str = "language_model";

    /// The part of a bundle that holds a tokenizer that was fitted to the training text: `vocab.json`.
    pub const TOKENIZER: &'static str = "vocab";

    /// The part of a bundle that holds a pretrained tokenizer: `tokenizer.json`.
    pub const PRETRAINED_TOKENIZER: &'static str = "tokenizer";

    /// A model and its tokenizer.
    ///
    /// # Errors
    /// A vocabulary of another size than the model has.
    pub fn new(
        config: LanguageModelConfig,
        model: LanguageModel,
        tokenizer: impl Into<TextTokenizer>,
    ) -> Result<Self, TextError> {
        let tokenizer = tokenizer.into();
        let (tokens, outputs) = (tokenizer.vocabulary(), model.vocabulary());
        if tokens != outputs {
            return Err(TextError::Vocabulary { tokens, outputs });
        }
        Ok(Self {
            config,
            model,
            tokenizer,
        })
    }

    /// Writes weights, configuration and tokenizer (`vocab.json` or `tokenizer.json`) as a bundle.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, TextError> {
        let description = Description {
            network: self.config.clone(),
            vocabulary: self.tokenizer.digest()?,
        };
        let bundle = Bundle::save(folder, Self::NAME, &description, &self.model)?;
        match &self.tokenizer {
            TextTokenizer::Fitted(tokenizer) => bundle.save_part(Self::TOKENIZER, tokenizer)?,
            #[cfg(feature = "tokenizers")]
            TextTokenizer::Pretrained(tokenizer) => {
                let path = part(&bundle, Self::PRETRAINED_TOKENIZER);
                tinderbox_core::write_atomic(path, tokenizer.to_json()?)
                    .map_err(DataError::from)?;
            }
        }
        Ok(bundle)
    }

    /// The model of a bundle folder.
    ///
    /// # Errors
    /// A folder that is not a bundle, one of another kind of model, damaged files, a vocabulary that
    /// does not belong to the weights.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TextError> {
        let bundle = Bundle::open(folder.as_ref())?;
        let description: Description = bundle.config(Self::NAME)?;
        let fitted = part(&bundle, Self::TOKENIZER);
        let pretrained = part(&bundle, Self::PRETRAINED_TOKENIZER);
        let (tokenizer, path) = match pretrained.is_file() && !fitted.is_file() {
            true => (pretrained_tokenizer(&pretrained)?, pretrained),
            false => (bundle.part::<Tokenizer>(Self::TOKENIZER)?.into(), fitted),
        };
        if tokenizer.digest()? != description.vocabulary {
            return Err(TextError::OtherVocabulary { path });
        }
        // The weights are read from the file.
        let model = description.network.init(Seed::new(0), device)?;
        let model = bundle.load_into(model)?;
        Self::new(description.network, model, tokenizer)
    }

    /// The tokenizer of the model.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The model itself.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// Continues a prefix by `length` tokens.
    ///
    /// A token of the prefix that is not in the vocabulary is read as the unknown token; the result
    /// names it. The unknown token is never generated.
    ///
    /// # Errors
    /// A length of 0, a prefix without a token, invalid decoding settings, a model
    /// whose logits are not finite.
    pub fn generate(
        &self,
        prefix: &str,
        length: usize,
        decoding: &Decoding,
        seed: Seed,
    ) -> Result<Generated, TextError> {
        let ids = self.tokenizer.encode(prefix)?;
        if ids.is_empty() {
            return Err(TextError::Prefix {
                prefix: prefix.to_owned(),
            });
        }
        let generation = Generation {
            forbidden: self.tokenizer.unknown().into_iter().collect(),
            ends: &[],
        };
        let written = generation.continue_from(&self.model, ids.clone(), length, decoding, seed)?;
        let (prefix_read, continuation) = self.tokenizer.continuation(prefix, &ids, &written)?;
        Ok(Generated {
            prefix: prefix_read,
            continuation,
            unknown: self.tokenizer.unknown_in(prefix),
        })
    }
}

/// The file of a part.
fn part(bundle: &Bundle, name: &str) -> PathBuf {
    bundle.folder().join(format!("{name}.json"))
}

#[cfg(feature = "tokenizers")]
fn pretrained_tokenizer(path: &Path) -> Result<TextTokenizer, TextError> {
    Ok(tinderbox_data::text::PretrainedTokenizer::open(path)?.into())
}

#[cfg(not(feature = "tokenizers"))]
fn pretrained_tokenizer(path: &Path) -> Result<TextTokenizer, TextError> {
    Err(TextError::NeedsTokenizers {
        path: path.to_owned(),
    })
}

/// How a text is continued, token by token.
struct Generation<'a> {
    /// Tokens that are never generated.
    forbidden: Vec<u32>,
    /// Tokens that end the text; they are not part of the continuation.
    ends: &'a [u32],
}

impl Generation<'_> {
    /// At most `length` tokens after these.
    fn continue_from(
        &self,
        model: &LanguageModel,
        mut next: Vec<u32>,
        length: usize,
        decoding: &Decoding,
        seed: Seed,
    ) -> Result<Vec<u32>, TextError> {
        decoding.check()?;
        if length == 0 {
            return Err(TextError::Length);
        }
        let device = model.devices().into_iter().next().unwrap_or_default();
        let mut rng = seed.rng();
        let mut state = None;
        let mut written = Vec::with_capacity(length);
        while written.len() < length {
            let ids: Vec<i32> = next.iter().map(|&id| id as i32).collect();
            let data = TensorData::new(ids, [1, next.len()]);
            let tokens = Tensor::<2, Int>::from_data(data, &device);
            let (logits, after) = model.forward(tokens, state);
            let [_, steps, tokens] = logits.dims();
            let last = logits.narrow(1, steps - 1, 1).reshape([tokens]);
            let mut last: Vec<f32> = last.into_data().iter::<f32>().collect();
            if self.forbidden.len() < tokens {
                for &id in &self.forbidden {
                    last[id as usize] = f32::NEG_INFINITY;
                }
            }
            let id = decoding.choose(&last, &mut rng)? as u32;
            if self.ends.contains(&id) {
                break;
            }
            written.push(id);
            next = vec![id];
            state = Some(after);
        }
        Ok(written)
    }
}

/// Prefix and continuation.
impl std::fmt::Display for Generated {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}{}", self.prefix, self.continuation)
    }
}

/// The errors of language models. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A model and a vocabulary of different sizes.
    #[error(
        "the vocabulary has {tokens} tokens, but the model has {outputs} outputs; use the vocabulary that the model \
         was trained with"
    )]
    Vocabulary {
        /// Tokens of the vocabulary.
        tokens: usize,
        /// Outputs of the model.
        outputs: usize,
    },
    /// A vocabulary with other tokens than in training.
    #[error(
        "{}: the vocabulary does not belong to the weights next to it; copy the whole bundle folder again",
        path.display()
    )]
    OtherVocabulary {
        /// The file with the vocabulary.
        path: PathBuf,
    },
    /// A bundle with a `tokenizer.json`, without the feature that reads it.
    #[error(
        "{}: the model has the tokenizer of a tokenizer.json; build with the feature `tokenizers` (cargo run \
         --features tokenizers …)",
        path.display()
    )]
    NeedsTokenizers {
        /// The file.
        path: PathBuf,
    },
    /// A length of 0.
    #[error("length = 0: give at least 1 token")]
    Length,
    /// A prefix without tokens.
    #[error(
        "the prefix {prefix:?} has no token for this model; give it at least one, for example \"the\""
    )]
    Prefix {
        /// The prefix.
        prefix: String,
    },
    /// A folder of an encoder.
    #[error(
        "{}: the model is an encoder, which cannot continue a text; GPT-2 and Llama can",
        folder.display()
    )]
    NoLanguageModel {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder of Hugging Face.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// Nothing to translate.
    #[error("the sentence {sentence:?} has no token for this model; give it at least one word")]
    Sentence {
        /// The sentence.
        sentence: String,
    },
    /// A vocabulary that is not one of translations.
    #[error(transparent)]
    Translation(#[from] TranslationError),
    /// The choice of the next token.
    #[error(transparent)]
    Decoding(#[from] DecodingError),
    /// The text.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The bundle.
    #[error(transparent)]
    Train(#[from] TrainError),
}

#[cfg(test)]
mod tests {
    use tinderbox_data::text::{TokenRules, VocabConfig};

    use super::*;

    fn model(text: &str, rules: TokenRules) -> TextModel {
        named("gru", text, rules)
    }

    fn named(name: &str, text: &str, rules: TokenRules) -> TextModel {
        let tokenizer = Tokenizer::fit(rules, text, &VocabConfig::default()).unwrap();
        let vocabulary = tokenizer.vocab().len();
        let config = LanguageModelConfig::by_name(name, vocabulary)
            .unwrap()
            .hidden(8);
        let model = config.init(Seed::new(3), &Device::flex()).unwrap();
        TextModel::new(config, model, tokenizer).unwrap()
    }

    const SAMPLE: Decoding = Decoding::Sample {
        temperature: 1.0,
        top_k: None,
        top_p: None,
    };

    #[test]
    fn a_bundle_generates_the_text_of_the_model() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than the context of the Transformers.
        for (name, length) in [("gru", 30), ("gpt", 80), ("llama", 80)] {
            let path = folder.path().join(name);
            let before = named(name, "the time traveller", TokenRules::COURSE_CHARACTERS);
            before.save(&path).unwrap();
            assert!(path.join("vocab.json").is_file());
            let after = TextModel::open(&path, &Device::flex()).unwrap();
            for decoding in [Decoding::Greedy, SAMPLE] {
                let write = |model: &TextModel, seed| {
                    let written = model.generate("Time Zone", length, &decoding, Seed::new(seed));
                    written.unwrap()
                };
                let expected = write(&before, 1);
                assert_eq!(write(&after, 1), expected);
                assert_eq!(expected.prefix, "time zone");
                assert_eq!(expected.unknown, ["z", "o", "n"]);
                assert_eq!(expected.continuation.len(), length);
                assert_eq!(decoding == SAMPLE, write(&after, 2) != expected);
            }
        }
    }

    #[test]
    fn words_are_continued_with_a_space() {
        let model = model("to be or not to be", TokenRules::WORDS);
        let written = model.generate("to be", 4, &SAMPLE, Seed::new(1)).unwrap();
        let text = written.to_string();
        assert!(text.starts_with("to be "), "{text}");
        assert_eq!(text.split(' ').count(), 6, "{text}");
    }

    #[test]
    fn prefixes_without_tokens_and_lengths_of_0_are_refused() {
        let model = model("the time traveller", TokenRules::COURSE_CHARACTERS);
        let error = |prefix, length, decoding: Decoding| {
            let written = model.generate(prefix, length, &decoding, Seed::new(1));
            written.unwrap_err().to_string()
        };
        assert!(error("time", 0, SAMPLE).starts_with("length = 0"));
        assert!(error("", 5, SAMPLE).contains("has no token"));
        assert!(error("?!", 5, SAMPLE).contains("has no token"));
        let cold = Decoding::Sample {
            temperature: 0.0,
            top_k: None,
            top_p: None,
        };
        assert!(error("time", 5, cold).contains("temperature = 0"));
    }

    #[test]
    fn a_vocabulary_that_does_not_belong_to_the_weights_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["one", "other"].map(|name| folder.path().join(name));
        model("abc", TokenRules::CHARACTERS).save(&path).unwrap();
        for text in ["abd", "abcd"] {
            model(text, TokenRules::CHARACTERS).save(&other).unwrap();
            std::fs::copy(other.join("vocab.json"), path.join("vocab.json")).unwrap();
            let error = TextModel::open(&path, &Device::flex()).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("vocab.json: the vocabulary does not belong"),
                "{error}"
            );
        }
        let few = model("ab", TokenRules::CHARACTERS);
        let many = model("abcd", TokenRules::CHARACTERS);
        let error = TextModel::new(few.config, few.model, many.tokenizer).unwrap_err();
        assert!(
            error.to_string().contains("5 tokens, but the model has 3"),
            "{error}"
        );
    }
}
