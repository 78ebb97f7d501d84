//! A pretrained encoder with its tokenizer, and texts on their way into it.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use tinderbox_data::DataError;
use tinderbox_data::text::{PretrainedTokenizer, SentenceBatch};
use tinderbox_models::{Bert, BertConfig};

use super::SentenceError;
use crate::pretrained::{Pretrained, find};

/// The encoder of a folder.
pub(super) struct OpenEncoder {
    pub config: BertConfig,
    pub model: Bert,
    pub tokenizer: PretrainedTokenizer,
}

impl OpenEncoder {
    /// Model and tokenizer, which fit together.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, SentenceError> {
        let folder = &find(folder)?;
        let Pretrained::Bert { config, model } = Pretrained::open(folder, device)? else {
            return Err(SentenceError::NotAnEncoder {
                folder: folder.display().to_string(),
            });
        };
        let tokenizer = PretrainedTokenizer::open(folder.join("tokenizer.json"))?;
        check_vocabulary(&tokenizer, config.vocabulary)?;
        Ok(Self {
            config,
            model,
            tokenizer,
        })
    }
}

/// A tokenizer may have fewer tokens than the model has rows, but not more.
pub(super) fn check_vocabulary(
    tokenizer: &PretrainedTokenizer,
    rows: usize,
) -> Result<(), SentenceError> {
    let tokens = tokenizer.vocabulary();
    match tokens > rows {
        true => Err(SentenceError::Vocabulary { tokens, rows }),
        false => Ok(()),
    }
}

/// Texts as token ids.
pub(super) struct Tokens {
    pub ids: Vec<Vec<u32>>,
    /// The places of the texts that were longer, and were cut.
    pub cut: Vec<usize>,
}

impl Tokens {
    /// The ids of texts with the tokens around them, at most `most` of each.
    pub fn of<T: AsRef<str>>(
        tokenizer: &PretrainedTokenizer,
        texts: &[T],
        most: usize,
    ) -> Result<Self, DataError> {
        let mut cut = Vec::new();
        let mut ids = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let mut tokens = tokenizer.encode(text.as_ref(), true)?;
            if tokens.len() > most {
                cut.push(place);
                // The last token marks the end.
                let end = tokens.pop();
                tokens.truncate(most - 1);
                tokens.extend(end);
            }
            ids.push(tokens);
        }
        Ok(Self { ids, cut })
    }
}

/// Texts that are computed at once.
const BATCH: usize = 32;

/// A row for each text, in their order; texts of like length are computed together, which need little padding.
pub(super) fn by_length(
    ids: &[Vec<u32>],
    width: usize,
    device: &Device,
    mut rows: impl FnMut(SentenceBatch) -> Tensor<2>,
) -> Tensor<2> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&index| ids[index].len());
    let batches: Vec<Tensor<2>> = order
        .chunks(BATCH)
        .map(|part| {
            let texts: Vec<&[u32]> = part.iter().map(|&index| &ids[index][..]).collect();
            rows(SentenceBatch::padded(&texts, 0, device))
        })
        .collect();
    if batches.is_empty() {
        return Tensor::zeros([0, width], device);
    }
    let mut places = vec![0i32; order.len()];
    for (place, &index) in order.iter().enumerate() {
        places[index] = place as i32;
    }
    let places = Tensor::<1, Int>::from_data(&places[..], device);
    Tensor::cat(batches, 0).select(0, places)
}
