//! Encoders of texts that come from outside of this crate.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::{DataError, Result};

/// Turns texts into vectors of numbers: a pretrained network, which this crate knows nothing of.
pub trait TextEncoder: Debug + Send + Sync {
    /// The name that [`TextSpec::encoder`](super::TextSpec) has for it: a folder.
    fn name(&self) -> &str;

    /// What tells its numbers from those of another encoder, such as a digest of its files.
    fn digest(&self) -> &str;

    /// Numbers in a vector.
    fn width(&self) -> usize;

    /// The vectors of texts, one after the other: texts x width numbers. The vector of a text must not depend on
    /// the other texts.
    ///
    /// # Errors
    /// A text that cannot be encoded: what is wrong, and what to do.
    fn encode(&self, texts: &[&str]) -> std::result::Result<Vec<f32>, String>;

    /// The texts so far that were longer than the encoder reads; `None` if all were read whole.
    fn cut_texts(&self) -> Option<CutTexts> {
        None
    }
}

/// Texts of which an encoder read only the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutTexts {
    /// The number of different texts.
    pub texts: usize,
    /// The number of tokens that were read of each.
    pub tokens: usize,
}

impl fmt::Display for CutTexts {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (texts, tokens) = (self.texts, self.tokens);
        let what = if texts == 1 {
            "text is"
        } else {
            "different texts are"
        };
        write!(
            f,
            "warning: {texts} {what} longer than {tokens} tokens: the rest was not read"
        )
    }
}

/// The encoder of a specification or of fitted features, if it has been given one.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoder(pub Option<Arc<dyn TextEncoder>>);

impl PartialEq for Encoder {
    /// It is no part of what is written to files: specifications with the same columns are equal.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Encoder {
    /// The encoder with this name.
    pub fn named(&self, name: &str, column: &str) -> Result<&Arc<dyn TextEncoder>> {
        let problem = match &self.0 {
            Some(encoder) if encoder.name() == name => return Ok(encoder),
            Some(encoder) => format!(
                "its texts are encoded by {name}, but the encoder is {}; give that one",
                encoder.name()
            ),
            None => format!(
                "its texts are encoded by {name}; give that encoder (`with_encoder`; programs have --encoder FOLDER \
                 and need the feature tokenizers)"
            ),
        };
        Err(DataError::Column {
            column: column.to_owned(),
            problem,
        })
    }
}
