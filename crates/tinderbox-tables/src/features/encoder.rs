//! Encoders of texts that come from outside of this crate.

use std::fmt::Debug;
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
