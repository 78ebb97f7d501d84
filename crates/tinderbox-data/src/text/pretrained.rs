use std::path::{Path, PathBuf};

use crate::{DataError, Result};

/// A tokenizer of Hugging Face (`tokenizer.json`): WordPiece, byte-pair encoding and others.
///
/// Padding and truncation that the file asks for are not used: the caller pads and cuts.
#[derive(Clone, Debug)]
pub struct PretrainedTokenizer {
    pub(super) tokenizer: tokenizers::Tokenizer,
    pub(super) path: PathBuf,
}

impl PretrainedTokenizer {
    /// The tokenizer of a file.
    ///
    /// # Errors
    /// A file that cannot be read or is no tokenizer.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let fault = |problem: String| DataError::Tokenizer {
            path: path.clone(),
            problem,
        };
        let bytes = std::fs::read(&path).map_err(|error| fault(error.to_string()))?;
        let tokenizer = tokenizers::Tokenizer::from_bytes(bytes);
        let mut tokenizer = tokenizer.map_err(|error| fault(error.to_string()))?;
        tokenizer.with_padding(None);
        let without = tokenizer.with_truncation(None);
        without.map_err(|error| fault(error.to_string()))?;
        Ok(Self { tokenizer, path })
    }

    /// Number of tokens, those that were added to the vocabulary included.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The tokenizer as the text of a `tokenizer.json`, without padding and truncation.
    ///
    /// # Errors
    /// A part that the format does not have.
    pub fn to_json(&self) -> Result<String> {
        let text = self.tokenizer.to_string(false);
        text.map_err(|error| self.fault(error))
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The ids of a text, with the tokens that the model expects around it if `special`.
    ///
    /// # Errors
    /// A text that the tokenizer has no rule for.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, special);
        Ok(encoding
            .map_err(|error| self.fault(error))?
            .get_ids()
            .to_vec())
    }

    /// The text of these ids, without the special tokens.
    ///
    /// # Errors
    /// Ids that cannot be put together.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let text = self.tokenizer.decode(ids, true);
        text.map_err(|error| self.fault(error))
    }

    fn fault(&self, error: tokenizers::Error) -> DataError {
        DataError::Tokenizer {
            path: self.path.clone(),
            problem: error.to_string(),
        }
    }
}
