use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_data::text::{PaddedSentences, Tokenizer, Vocab};
use tinderbox_models::{BeamSearch, SpecialTokens, TranslationConfig, Translator};
use tinderbox_nn::EncoderDecoder;
use tinderbox_plot::Matrix;
use tinderbox_train::{Bundle, Translation, TranslationError};

use super::tokens::digest;
use super::{PairTokenizers, TextError};

/// A translation model with the tokenizers it was trained with.
#[derive(Debug)]
pub struct TranslationModel {
    config: TranslationConfig,
    model: Translator,
    tokenizers: PairTokenizers,
    special: SpecialTokens,
    device: Device,
}

/// What a bundle says of the model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    network: TranslationConfig,
    /// Digests of the tokens, in the order of their ids.
    source_vocabulary: String,
    target_vocabulary: String,
}

/// A translated sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// The translation.
    pub text: String,
    /// The ids of its tokens, without the end.
    pub tokens: Vec<u32>,
    /// Whether the model wrote the end of the sentence; without it the length was used up.
    pub ended: bool,
    /// What the search compared translations by: `ln P / length^α`.
    pub score: f64,
    /// Tokens of the sentence that the model does not know; it read the unknown token in their place.
    pub unknown: Vec<String>,
    /// Tokens at the end of the sentence that were left out, because it is longer than those that the
    /// model was trained with.
    pub left_out: usize,
}

/// How a translation looked at the sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMap {
    /// The layer of the decoder, counted from 1.
    pub layer: usize,
    /// The head, counted from 1.
    pub head: usize,
    /// A row for each written token, a column for each token that was read; rows sum to 1.
    pub weights: Matrix,
}

/// A sentence as a model reads it.
struct Source {
    /// Padded.
    ids: Vec<u32>,
    /// Ids that are no padding.
    length: usize,
    left_out: usize,
}

impl TranslationModel {
    /// The name under which bundles have it.
    pub const NAME: &'static str = "translation_model";

    /// The parts of a bundle that hold the tokenizers: `source_vocab.json` and `target_vocab.json`.
    pub const TOKENIZERS: [&'static str; 2] = ["source_vocab", "target_vocab"];

    /// A trained model and its tokenizers.
    ///
    /// # Errors
    /// Vocabularies of other sizes than the model has, or without reserved tokens.
    pub fn new(
        config: TranslationConfig,
        model: Translator,
        tokenizers: PairTokenizers,
    ) -> Result<Self, TextError> {
        let vocabs = [&tokenizers.source, &tokenizers.target].map(Tokenizer::vocab);
        let outputs = [model.source_vocabulary(), model.target_vocabulary()];
        for (vocab, outputs) in vocabs.into_iter().zip(outputs) {
            let tokens = vocab.len();
            if tokens != outputs {
                return Err(TextError::Vocabulary { tokens, outputs });
            }
        }
        let target = vocabs[1];
        let reserved = |token: &'static str| {
            let id = target.get(token);
            id.ok_or(TranslationError::Reserved { token })
        };
        let begin = Translation::new(target)?.begin;
        let special = SpecialTokens {
            begin,
            end: reserved(PaddedSentences::END)?,
            never: vec![Vocab::UNKNOWN, reserved(PaddedSentences::PAD)?, begin],
        };
        // Nothing is dropped when translating.
        let model = model.valid();
        Ok(Self {
            config,
            device: model.devices().into_iter().next().unwrap_or_default(),
            model,
            tokenizers,
            special,
        })
    }

    /// Writes weights, configuration and tokenizers as a bundle.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, TextError> {
        let [source, target] = self.tokenizers();
        let description = Description {
            network: self.config.clone(),
            source_vocabulary: digest(source.vocab()),
            target_vocabulary: digest(target.vocab()),
        };
        let bundle = Bundle::save(folder, Self::NAME, &description, &self.model)?;
        for (name, tokenizer) in Self::TOKENIZERS.into_iter().zip([source, target]) {
            bundle.save_part(name, tokenizer)?;
        }
        Ok(bundle)
    }

    /// The model of a bundle folder.
    ///
    /// # Errors
    /// A folder that is no bundle, one of another kind of model, damaged files, a vocabulary that does
    /// not belong to the weights.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TextError> {
        let bundle = Bundle::open(folder.as_ref())?;
        let description: Description = bundle.config(Self::NAME)?;
        let part = |name: &str, expected: &str| {
            let tokenizer: Tokenizer = bundle.part(name)?;
            match digest(tokenizer.vocab()) == expected {
                true => Ok(tokenizer),
                false => Err(TextError::OtherVocabulary {
                    path: bundle.folder().join(format!("{name}.json")),
                }),
            }
        };
        let [source, target] = Self::TOKENIZERS;
        let tokenizers = PairTokenizers {
            source: part(source, &description.source_vocabulary)?,
            target: part(target, &description.target_vocabulary)?,
        };
        // The weights are read from the file.
        let model = description.network.init(Seed::new(0), device)?;
        let model = bundle.load_into(model)?;
        Self::new(description.network, model, tokenizers)
    }

    /// The tokenizers of the sentences and of their translations.
    pub fn tokenizers(&self) -> [&Tokenizer; 2] {
        [&self.tokenizers.source, &self.tokenizers.target]
    }

    /// The configuration of the model.
    pub fn config(&self) -> &TranslationConfig {
        &self.config
    }

    /// The model itself.
    pub fn model(&self) -> &Translator {
        &self.model
    }

    /// Translates one sentence.
    ///
    /// A token that is not in the vocabulary is read as the unknown token; the result names it. The
    /// unknown token is never written.
    ///
    /// # Errors
    /// A beam or length of 0, a sentence without a token, a model that gives no numbers.
    pub fn translate(&self, sentence: &str, beam: &BeamSearch) -> Result<Translated, TextError> {
        beam.check()?;
        let source = self.read(sentence)?;
        let (ids, special) = (&source.ids, &self.special);
        let found = beam.translate(&self.model, ids, source.length, special, &self.device)?;
        let best = found.into_iter().next().expect("a search finds something");
        Ok(Translated {
            text: self.tokenizers.target.decode(&best.tokens),
            tokens: best.tokens,
            ended: best.ended,
            score: best.score,
            unknown: self.tokenizers.source.unknown_in(sentence),
            left_out: source.left_out,
        })
    }

    /// How a translation of this sentence looked at it, for every layer and head of the decoder; nothing
    /// for a model without attention.
    ///
    /// # Errors
    /// A sentence without a token.
    pub fn attention(
        &self,
        sentence: &str,
        translated: &Translated,
    ) -> Result<Vec<AttentionMap>, TextError> {
        let source = self.read(sentence)?;
        let written = [&[self.special.begin][..], &translated.tokens].concat();
        let state = self.model.encode(
            self.tensor(&source.ids),
            Tensor::from_data([source.length as i32], &self.device),
        );
        let attention = self.model.decode(self.tensor(&written), state).attention;
        let names = |tokenizer: &Tokenizer, ids: &[u32]| {
            let name = |&id: &u32| tokenizer.vocab().token(id).map(str::to_owned);
            ids.iter().filter_map(name).collect::<Vec<String>>()
        };
        let rows = [&translated.tokens[..], &[self.special.end]].concat();
        let rows = names(&self.tokenizers.target, &rows);
        let columns = names(&self.tokenizers.source, &source.ids[..source.length]);
        let mut maps = Vec::new();
        for (layer, weights) in attention.into_iter().enumerate() {
            let [_, heads, steps, _] = weights.dims();
            for head in 0..heads {
                let part = [0..1, head..head + 1, 0..steps, 0..source.length];
                let values = weights.clone().slice(part).into_data();
                maps.push(AttentionMap {
                    layer: layer + 1,
                    head: head + 1,
                    weights: Matrix {
                        rows: rows.clone(),
                        columns: columns.clone(),
                        values: values.iter::<f64>().collect(),
                    },
                });
            }
        }
        Ok(maps)
    }

    fn read(&self, sentence: &str) -> Result<Source, TextError> {
        let tokenizer = &self.tokenizers.source;
        let ids = tokenizer.encode(sentence);
        if ids.is_empty() {
            return Err(TextError::Sentence {
                sentence: sentence.to_owned(),
            });
        }
        let (all, steps) = (ids.len() + 1, self.config.steps);
        let padded = PaddedSentences::new([ids], steps, tokenizer.vocab())?;
        Ok(Source {
            ids: padded.sentence(0).to_vec(),
            length: all.min(steps),
            // The end is cut with them.
            left_out: (all - 1).saturating_sub(steps),
        })
    }

    fn tensor(&self, ids: &[u32]) -> Tensor<2, Int> {
        let numbers: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(numbers, [1, ids.len()]), &self.device)
    }
}

/// The translation.
impl std::fmt::Display for Translated {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
