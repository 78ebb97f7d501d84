use std::path::PathBuf;

use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use super::PretrainedTokenizer;
use crate::{DataError, Result};

/// How a tokenizer cuts words into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenizerKind {
    /// Byte-pair encoding of bytes, as GPT-2 has it (Sennrich et al. 2016): every text has tokens. The token
    /// `<|endoftext|>` ends a text.
    Bpe,
    /// WordPiece in lower case, as BERT has it (Schuster and Nakajima 2012), with `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` and
    /// `[MASK]`.
    WordPiece,
}

/// The bytes, which are the first tokens of [`TokenizerKind::Bpe`], and its special token.
const LEAST_BPE: usize = 257;

/// The longest word that is not cut.
const LONGEST: usize = 1000;

/// The largest vocabulary.
const MOST: usize = 1 << 24;

const BERT: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

impl PretrainedTokenizer {
    /// Trains a tokenizer on texts, with at most `size` tokens: pairs of parts that are next to each other are joined, the
    /// most frequent ones first, as long as they occur twice. The result depends on the texts alone, not on the number
    /// of threads. Words of more than 1,000 characters are cut: the time grows with the square of their length.
    ///
    /// # Errors
    /// A size below that of the characters (257 for bytes) or above 2^24, texts without words.
    pub fn train<S: AsRef<str> + Send>(
        kind: TokenizerKind,
        texts: impl Iterator<Item = S> + Send,
        size: usize,
    ) -> Result<Self> {
        if size > MOST {
            return Err(DataError::Text {
                problem: format!(
                    "{size} tokens: a vocabulary has {MOST} at most; 30,000 to 100,000 are common"
                ),
            });
        }
        let path = PathBuf::from("tokenizer.json");
        let fault = |error: tokenizers::Error| DataError::Tokenizer {
            path: path.clone(),
            problem: error.to_string(),
        };
        let special = |name: &str| AddedToken::from(name, true);
        let (mut tokenizer, mut trainer): (Tokenizer, TrainerWrapper) = match kind {
            TokenizerKind::Bpe => {
                if size < LEAST_BPE {
                    return Err(DataError::Text {
                        problem: format!(
                            "{size} tokens: byte-pair encoding needs {LEAST_BPE} at least, the bytes and the end of a text"
                        ),
                    });
                }
                let bytes = ByteLevel::new(false, true, true);
                let mut tokenizer = Tokenizer::new(BPE::default());
                tokenizer
                    .with_pre_tokenizer(Some(bytes))
                    .with_decoder(Some(bytes))
                    .with_post_processor(Some(bytes));
                let trainer = BpeTrainer::builder()
                    .vocab_size(size)
                    .min_frequency(2)
                    .show_progress(false)
                    .special_tokens(vec![special("<|endoftext|>")])
                    .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
                    .build();
                (tokenizer, trainer.into())
            }
            TokenizerKind::WordPiece => {
                let unknown = WordPiece::builder().unk_token("[UNK]".into());
                let mut tokenizer = Tokenizer::new(unknown.build().map_err(fault)?);
                let lower = BertNormalizer::new(true, true, None, true);
                tokenizer.with_normalizer(Some(lower)).map_err(fault)?;
                tokenizer
                    .with_pre_tokenizer(Some(BertPreTokenizer))
                    .with_decoder(Some(WordPieceDecoder::default()));
                let trainer = WordPieceTrainer::builder()
                    .vocab_size(size)
                    .min_frequency(2)
                    .show_progress(false)
                    .special_tokens(BERT.map(special).to_vec())
                    .build();
                (tokenizer, trainer.into())
            }
        };
        let pieces = texts.flat_map(|text| pieces(text.as_ref()));
        tokenizer.train(&mut trainer, pieces).map_err(fault)?;
        let tokens = tokenizer.get_vocab_size(true);
        let first = if kind == TokenizerKind::Bpe {
            LEAST_BPE
        } else {
            BERT.len()
        };
        if tokens > size {
            return Err(DataError::Text {
                problem: format!(
                    "{size} tokens are too few: the texts have {} different characters, with the special tokens {tokens}; \
                     choose a larger size",
                    tokens - first
                ),
            });
        }
        if tokens == first {
            return Err(DataError::Text {
                problem: "the texts have no words that occur twice, so there is nothing to train on; give longer ones".into(),
            });
        }
        if kind == TokenizerKind::WordPiece {
            let ids = ["[SEP]", "[CLS]"].map(|name| (name.to_owned(), tokenizer.token_to_id(name)));
            if let [(sep, Some(sep_id)), (cls, Some(cls_id))] = ids {
                let around = BertProcessing::new((sep, sep_id), (cls, cls_id));
                tokenizer.with_post_processor(Some(around));
            }
        }
        Ok(Self { tokenizer, path })
    }
}

/// A text, cut inside of words that are longer than [`LONGEST`].
fn pieces(text: &str) -> Vec<String> {
    let (mut pieces, mut start, mut length) = (Vec::new(), 0, 0);
    for (place, letter) in text.char_indices() {
        length = match letter.is_whitespace() {
            true => 0,
            false => length + 1,
        };
        if length > LONGEST {
            pieces.push(text[start..place].to_owned());
            (start, length) = (place, 1);
        }
    }
    pieces.push(text[start..].to_owned());
    pieces
}
