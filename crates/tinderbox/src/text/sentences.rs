use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use tinderbox_data::DataError;
use tinderbox_data::text::{PretrainedTokenizer, SentenceBatch};
use tinderbox_models::{Bert, BertInputs, mean_of_tokens};

use super::encoder::{OpenEncoder, Tokens, by_length};
use crate::pretrained::{PretrainedError, find, read_json};

/// Turns texts into vectors whose products measure how alike the texts are (Reimers and Gurevych 2019).
///
/// The folder is one of the library sentence-transformers, for example all-MiniLM-L6-v2.
///
/// ```no_run
/// use burn::tensor::Device;
/// use tinderbox::text::SentenceEncoder;
///
/// let encoder = SentenceEncoder::open("all-MiniLM-L6-v2", &Device::flex())?;
/// let encoded = encoder.encode(&["a cat on a mat", "a dog in the fog"])?;
/// assert_eq!(encoded.vectors.dims(), [2, 384]);
/// # Ok::<(), tinderbox::text::SentenceError>(())
/// ```
#[derive(Debug)]
pub struct SentenceEncoder {
    model: Bert,
    tokenizer: PretrainedTokenizer,
    settings: Settings,
}

/// The settings of a folder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    pub max_tokens: usize,
    /// The vector of the first token instead of the mean of all.
    pub first_token: bool,
    /// Whether vectors have length 1.
    normalize: bool,
}

/// Texts as vectors.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// A vector for each text, `[texts, size]`.
    pub vectors: Tensor<2>,
    /// Texts that were longer than the model reads, and were cut.
    pub cut: usize,
}

impl SentenceEncoder {
    /// The encoder of a folder: `config.json`, `model.safetensors`, `tokenizer.json`, and where they are there
    /// `sentence_bert_config.json` (the longest text), `1_Pooling/config.json` and `modules.json`. With the feature `hub`
    /// a name will do: see [`find`].
    ///
    /// # Errors
    /// Those of [`Pretrained::open`]; a model that is no encoder, a tokenizer with more tokens than the model, a way
    /// of pooling other than the mean and the first token, a part other than pooling and normalizing after the model.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, SentenceError> {
        let folder = &find(folder)?;
        let open = OpenEncoder::open(folder, device)?;
        Ok(Self {
            settings: Settings::read(folder, open.config.context)?,
            model: open.model.valid(),
            tokenizer: open.tokenizer,
        })
    }

    /// The length of a vector.
    pub fn size(&self) -> usize {
        self.model.size()
    }

    /// The number of tokens of the longest text that is read whole.
    pub fn max_tokens(&self) -> usize {
        self.settings.max_tokens
    }

    /// The vectors of texts, in their order; longer texts are cut and counted.
    ///
    /// # Errors
    /// A text that the tokenizer has no rule for; vectors that are not finite.
    pub fn encode<T: AsRef<str>>(&self, texts: &[T]) -> Result<Encoded, SentenceError> {
        let (vectors, cut) = self.encode_marked(texts)?;
        let cut = cut.len();
        Ok(Encoded { vectors, cut })
    }

    /// As [`encode`](Self::encode), with the places of the texts that were cut.
    pub(crate) fn encode_marked<T: AsRef<str>>(
        &self,
        texts: &[T],
    ) -> Result<(Tensor<2>, Vec<usize>), SentenceError> {
        let Tokens { ids, cut } = Tokens::of(&self.tokenizer, texts, self.settings.max_tokens)?;
        let device = self.model.devices().into_iter().next().unwrap_or_default();
        let vectors = by_length(&ids, self.size(), &device, |texts| self.vectors(texts));
        match vectors.clone().sum().into_scalar::<f32>().is_finite() {
            true => Ok((vectors, cut)),
            false => Err(SentenceError::NotFinite),
        }
    }

    fn vectors(&self, texts: SentenceBatch) -> Tensor<2> {
        let lengths = texts.lengths;
        let vectors = self.model.forward(BertInputs {
            tokens: texts.ids,
            types: None,
            lengths: lengths.clone(),
        });
        let [rows, _, size] = vectors.dims();
        let vectors = match self.settings.first_token {
            true => vectors.narrow(1, 0, 1).reshape([rows, size]),
            false => mean_of_tokens(vectors, lengths),
        };
        match self.settings.normalize {
            true => {
                let length = vectors.clone().square().sum_dim(1).sqrt();
                vectors / length.clamp_min(1e-12)
            }
            false => vectors,
        }
    }
}

#[derive(Deserialize)]
struct Longest {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct Pooling {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    /// The folder of its settings.
    #[serde(default)]
    path: String,
}

impl Settings {
    pub fn read(folder: &Path, context: usize) -> Result<Self, SentenceError> {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        let longest: Option<Longest> = match there("sentence_bert_config.json") {
            Some(path) => Some(read_json(&path)?),
            None => None,
        };
        let max_tokens = longest.and_then(|longest| longest.max_seq_length);
        let parts: Option<Vec<Part>> = match there("modules.json") {
            Some(path) => Some(read_json(&path)?),
            None => None,
        };
        let pooling = match &parts {
            Some(parts) => Some(pooling(folder, parts)?),
            None => there("1_Pooling/config.json"),
        };
        let first_token = match pooling {
            None => false,
            Some(path) => {
                let pooling: Pooling = read_json(&path)?;
                if pooling.pooling_mode_cls_token == pooling.pooling_mode_mean_tokens {
                    return Err(PretrainedError::File {
                        path,
                        problem: "one of pooling_mode_mean_tokens and pooling_mode_cls_token must be true; other \
                                  ways of pooling are not supported"
                            .into(),
                    }
                    .into());
                }
                pooling.pooling_mode_cls_token
            }
        };
        Ok(Self {
            // Its first and its last token.
            max_tokens: max_tokens.unwrap_or(context).clamp(2, context.max(2)),
            first_token,
            normalize: (parts.iter().flatten()).any(|part| part.kind.ends_with("Normalize")),
        })
    }
}

/// The settings of pooling that `modules.json` names; what follows the model may be pooling and normalizing.
fn pooling(folder: &Path, parts: &[Part]) -> Result<PathBuf, SentenceError> {
    let wrong = |problem: String| PretrainedError::File {
        path: folder.join("modules.json"),
        problem,
    };
    let is = |part: &Part, kind: &str| part.kind.rsplit('.').next() == Some(kind);
    let known = |part: &&Part| {
        ["Transformer", "Pooling", "Normalize"]
            .iter()
            .any(|kind| is(part, kind))
    };
    if let Some(other) = parts.iter().find(|part| !known(part)) {
        return Err(wrong(format!(
            "the part {:?} is not supported; supported are Transformer, Pooling and Normalize",
            other.kind
        ))
        .into());
    }
    let pooling = parts.iter().find(|part| is(part, "Pooling"));
    let pooling = pooling.ok_or_else(|| {
        wrong("it has no part Pooling, so the model has a vector for each token and none for a sentence".into())
    })?;
    Ok(folder.join(&pooling.path).join("config.json"))
}

/// The errors of sentence encoders.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentenceError {
    /// A decoder.
    #[error(
        "{folder}: the model continues texts; vectors of sentences need an encoder of the family bert"
    )]
    NotAnEncoder {
        /// The folder.
        folder: String,
    },
    /// A tokenizer of another model.
    #[error(
        "the tokenizer has {tokens} tokens, but the model {rows}; take the tokenizer.json of the same folder"
    )]
    Vocabulary {
        /// Tokens of the tokenizer.
        tokens: usize,
        /// Tokens of the model.
        rows: usize,
    },
    /// Weights that are not numbers any more.
    #[error(
        "the vectors of the encoder are not finite: its weights hold NaN or infinity; download the model again"
    )]
    NotFinite,
    /// The folder.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// The tokenizer.
    #[error(transparent)]
    Data(#[from] DataError),
}
