//! Text as data: reading, tokens, vocabularies, n-grams, and the batches of a language model.
//!
//! ```
//! use tinderbox_core::Seed;
//! use tinderbox_data::Batches;
//! use tinderbox_data::text::{Sampling, TextLoader, TokenRules, Tokenizer, VocabConfig};
//! # use burn::tensor::Device;
//!
//! let text = "the time traveller was expounding\na recondite matter to us";
//! let tokenizer = Tokenizer::fit(TokenRules::CHARACTERS, text, &VocabConfig::default())?;
//! let ids = tokenizer.encode(text);
//! assert_eq!(tokenizer.decode(&ids[..3]), "the");
//!
//! // Windows of 5 characters, 4 at a time; the targets are the characters that follow.
//! let loader = TextLoader::new(ids, 5, 4, Sampling::Random)?.shuffle(Seed::new(1));
//! let batch = loader.epoch(0, 0, &Device::flex())?.next().unwrap()?;
//! assert_eq!(batch.inputs.dims(), [4, 5]);
//! # Ok::<(), tinderbox_data::DataError>(())
//! ```

mod batches;
mod buckets;
mod corpus;
mod count;
mod ids;
mod inference;
mod labeled;
mod masked;
mod pairs;
#[cfg(feature = "tokenizers")]
mod pretrained;
mod read;
mod reviews;
mod rules;
mod skip_gram;
mod tokenizer;
#[cfg(feature = "tokenizers")]
mod train;
mod vectors;
mod vocab;

pub use batches::{Sampling, TextLoader, TokenBatch};
pub use buckets::PairBuckets;
pub use corpus::Corpus;
pub use count::{count_ngrams, count_tokens};
pub use ids::TokenIds;
pub use inference::{INFERENCE_CLASSES, Inferences, read_snli};
pub use labeled::{LabeledPairs, LabeledTexts};
pub use masked::{HostMaskedPairs, MaskedPairBatch, MaskedPairs, wikitext_paragraphs};
pub use pairs::{
    HostSentences, PaddedSentences, PairBatch, SentenceBatch, SentencePairs, parse_pairs,
};
#[cfg(feature = "tokenizers")]
pub use pretrained::PretrainedTokenizer;
pub use read::read_text;
pub use reviews::{Reviews, read_imdb};
pub use rules::{Normalization, TokenRules, TokenUnit};
pub use skip_gram::{HostSkipGrams, SkipGramBatch, SkipGramConfig, SkipGrams, subsample};
pub use tokenizer::Tokenizer;
#[cfg(feature = "tokenizers")]
pub use train::TokenizerKind;
pub use vectors::WordVectors;
pub use vocab::{Vocab, VocabConfig};
