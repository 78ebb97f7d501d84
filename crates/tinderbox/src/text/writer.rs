use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::Deserialize;
use tinderbox_core::Seed;
use tinderbox_data::text::PretrainedTokenizer;
use tinderbox_models::{Decoding, LanguageModel};
use tinderbox_nn::LanguageNetwork;

use super::{Generated, Generation, TextError};
use crate::pretrained::{Pretrained, find, read_json};

/// A language model of a Hugging Face folder with its tokenizer: GPT-2 and Llama.
///
/// ```no_run
/// use tinderbox::models::Decoding;
/// use tinderbox::prelude::*;
/// use tinderbox::text::PretrainedTextModel;
///
/// let model = PretrainedTextModel::open("gpt2", &Device::flex())?;
/// let written = model.generate("The time machine", 20, &Decoding::Greedy, Seed::new(0))?;
/// println!("{written}");
/// # Ok::<(), tinderbox::text::TextError>(())
/// ```
#[derive(Debug)]
pub struct PretrainedTextModel {
    model: LanguageModel,
    tokenizer: PretrainedTokenizer,
    ends: Vec<u32>,
}

/// The part of the configuration that says when a text ends.
#[derive(Default, Deserialize)]
struct Ends {
    eos_token_id: Option<OneOrMore>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(u32),
    More(Vec<u32>),
}

impl Ends {
    fn ids(self) -> Option<Vec<u32>> {
        self.eos_token_id.map(|ends| match ends {
            OneOrMore::One(id) => vec![id],
            OneOrMore::More(ids) => ids,
        })
    }
}

impl PretrainedTextModel {
    /// The model of a folder: `config.json`, `model.safetensors`, `tokenizer.json`, and `generation_config.json` where
    /// it is there. With the feature `hub` a name will do: see [`find`].
    ///
    /// # Errors
    /// Those of [`Pretrained::open`]; an encoder, a tokenizer with more tokens than the model.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TextError> {
        let folder = &find(folder)?;
        let Pretrained::Language { model, .. } = Pretrained::open(folder, device)? else {
            return Err(TextError::NoLanguageModel {
                folder: folder.clone(),
            });
        };
        let tokenizer = PretrainedTokenizer::open(folder.join("tokenizer.json"))?;
        let (tokens, outputs) = (tokenizer.vocabulary(), model.vocabulary());
        if tokens > outputs {
            return Err(TextError::Vocabulary { tokens, outputs });
        }
        let ends = |name: &str| -> Result<Option<Vec<u32>>, TextError> {
            let path = folder.join(name);
            match path.is_file() {
                true => Ok(read_json::<Ends>(&path)?.ids()),
                false => Ok(None),
            }
        };
        let ends = match ends("generation_config.json")? {
            Some(ends) => ends,
            None => ends("config.json")?.unwrap_or_default(),
        };
        Ok(Self {
            model: model.valid(),
            tokenizer,
            ends,
        })
    }

    /// The tokenizer of the model.
    pub fn tokenizer(&self) -> &PretrainedTokenizer {
        &self.tokenizer
    }

    /// The model itself.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// Continues a prefix by at most `length` tokens; a token that ends a text ends the continuation too.
    ///
    /// # Errors
    /// A length of 0, a prefix without a token, invalid decoding settings, a model whose logits are not finite.
    pub fn generate(
        &self,
        prefix: &str,
        length: usize,
        decoding: &Decoding,
        seed: Seed,
    ) -> Result<Generated, TextError> {
        let ids = self.tokenizer.encode(prefix, true)?;
        if ids.is_empty() {
            return Err(TextError::Prefix {
                prefix: prefix.to_owned(),
            });
        }
        // Rows of the model that no token has.
        let generation = Generation {
            forbidden: (self.tokenizer.vocabulary() as u32..self.model.vocabulary() as u32)
                .collect(),
            ends: &self.ends,
        };
        let written = generation.continue_from(&self.model, ids.clone(), length, decoding, seed)?;
        Ok(Generated {
            prefix: prefix.to_owned(),
            continuation: continuation(&self.tokenizer, &ids, &written)?,
            unknown: Vec::new(),
        })
    }
}

/// The text that `written` adds to that of `ids`.
pub(super) fn continuation(
    tokenizer: &PretrainedTokenizer,
    ids: &[u32],
    written: &[u32],
) -> tinderbox_data::Result<String> {
    // A token may be a part of a character: texts are decoded together.
    let whole = tokenizer.decode(&[ids, written].concat())?;
    match whole.strip_prefix(&tokenizer.decode(ids)?) {
        Some(continuation) => Ok(continuation.to_owned()),
        None => tokenizer.decode(written),
    }
}
