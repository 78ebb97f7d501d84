use tinderbox_core::Digest;
use tinderbox_data::Result;
#[cfg(feature = "tokenizers")]
use tinderbox_data::text::PretrainedTokenizer;
use tinderbox_data::text::{Tokenizer, Vocab};

/// The tokenizer of a language model.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a model has one
pub enum TextTokenizer {
    /// Characters or words, with a vocabulary from the training text; `vocab.json` in a bundle.
    Fitted(Tokenizer),
    /// That of a `tokenizer.json`, which a bundle keeps.
    #[cfg(feature = "tokenizers")]
    Pretrained(PretrainedTokenizer),
}

impl From<Tokenizer> for TextTokenizer {
    fn from(tokenizer: Tokenizer) -> Self {
        Self::Fitted(tokenizer)
    }
}

#[cfg(feature = "tokenizers")]
impl From<PretrainedTokenizer> for TextTokenizer {
    fn from(tokenizer: PretrainedTokenizer) -> Self {
        Self::Pretrained(tokenizer)
    }
}

impl TextTokenizer {
    /// Number of tokens.
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Fitted(tokenizer) => tokenizer.vocab().len(),
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(tokenizer) => tokenizer.vocabulary(),
        }
    }

    /// The ids of a text's tokens, without special tokens around them.
    ///
    /// # Errors
    /// A text that a `tokenizer.json` has no rule for.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Self::Fitted(tokenizer) => Ok(tokenizer.encode(text)),
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(tokenizer) => tokenizer.encode(text, false),
        }
    }

    /// A prefix as the model reads it, and the text that these ids add to it.
    pub(super) fn continuation(
        &self,
        prefix: &str,
        ids: &[u32],
        written: &[u32],
    ) -> Result<(String, String)> {
        let _ = ids; // without `tokenizers`
        match self {
            Self::Fitted(tokenizer) => {
                let rules = tokenizer.rules();
                // Two words are joined by the separator of the rules.
                let between = rules.join(["", ""]);
                let text = between + &tokenizer.decode(written);
                Ok((rules.normalize(prefix).into_owned(), text))
            }
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(tokenizer) => {
                let text = super::writer::continuation(tokenizer, ids, written)?;
                Ok((prefix.to_owned(), text))
            }
        }
    }

    /// The tokens of a text that are read as the unknown token, each once.
    pub(super) fn unknown_in(&self, text: &str) -> Vec<String> {
        match self {
            Self::Fitted(tokenizer) => tokenizer.unknown_in(text),
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(_) => Vec::new(),
        }
    }

    /// The token that is never generated.
    pub(super) fn unknown(&self) -> Option<u32> {
        match self {
            Self::Fitted(_) => Some(Vocab::UNKNOWN),
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(_) => None,
        }
    }

    /// A digest of the tokens in the order of the model's outputs: another vocabulary of the same size would give
    /// meaningless text.
    pub(super) fn digest(&self) -> Result<String> {
        match self {
            Self::Fitted(tokenizer) => Ok(digest(tokenizer.vocab())),
            #[cfg(feature = "tokenizers")]
            Self::Pretrained(tokenizer) => {
                let digest = Digest::new().text(&tokenizer.to_json()?);
                Ok(format!("{:016x}", digest.value()))
            }
        }
    }
}

/// A digest of a vocabulary.
pub(super) fn digest(vocab: &Vocab) -> String {
    let start = Digest::new().word(vocab.len() as u64);
    let all = vocab.tokens().iter();
    let digest = all.fold(start, |digest, token| digest.text(token));
    format!("{:016x}", digest.value())
}
