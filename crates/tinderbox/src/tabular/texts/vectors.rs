use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use tinderbox_core::Digest;
use tinderbox_tables::{CutTexts, TextEncoder};

use crate::pretrained::{PretrainedError, find, weight_files};
use crate::text::{SentenceEncoder, SentenceError};

/// Numbers of remembered vectors: 256 MiB.
const REMEMBERED: usize = 1 << 26;

/// A [`SentenceEncoder`] for columns of text: give it to [`FeatureSpec::with_encoder`], with its name in
/// [`TextSpec::encoder`].
///
/// Vectors are remembered, so that shuffled columns and folds need each text once.
///
/// [`FeatureSpec::with_encoder`]: tinderbox_tables::FeatureSpec::with_encoder
/// [`TextSpec::encoder`]: tinderbox_tables::TextSpec::encoder
#[derive(Debug)]
pub struct TextVectors {
    name: String,
    digest: String,
    width: usize,
    /// One text is encoded at a time, by all threads.
    encoder: Mutex<SentenceEncoder>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    vectors: HashMap<String, Vec<f32>>,
    /// Digests of the texts that were cut.
    cut: HashSet<u64>,
}

impl TextVectors {
    /// The encoder of a folder of Hugging Face, or with the feature `hub` of a name; the path or name is its own.
    ///
    /// # Errors
    /// Those of [`SentenceEncoder::open`].
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, SentenceError> {
        let name = folder.as_ref().display().to_string();
        let folder = &find(folder)?;
        let encoder = SentenceEncoder::open(folder, device)?;
        let mut digest = Digest::new();
        let described = [folder.join("config.json"), folder.join("tokenizer.json")];
        for path in described.into_iter().chain(weight_files(folder)?) {
            let bytes = fs::read(&path).map_err(|error| PretrainedError::File {
                problem: error.to_string(),
                path,
            })?;
            digest = digest.bytes(&bytes);
        }
        Ok(Self {
            name,
            digest: format!("{:016x}", digest.value()),
            width: encoder.size(),
            encoder: Mutex::new(encoder),
            known: Mutex::default(),
        })
    }

    /// The number of tokens of the longest text that is read whole.
    pub fn max_tokens(&self) -> usize {
        lock(&self.encoder).max_tokens()
    }
}

/// The value, also after a panic elsewhere: it is whole at all times.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TextEncoder for TextVectors {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn width(&self) -> usize {
        self.width
    }

    fn cut_texts(&self) -> Option<CutTexts> {
        let texts = lock(&self.known).cut.len();
        let tokens = self.max_tokens();
        (texts > 0).then_some(CutTexts { texts, tokens })
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<f32>, String> {
        let mut new: Vec<&str> = {
            let known = lock(&self.known);
            let new = texts.iter().copied();
            new.filter(|text| !known.vectors.contains_key(*text))
                .collect()
        };
        new.sort_unstable();
        new.dedup();
        let mut fresh: HashMap<&str, Vec<f32>> = HashMap::new();
        if !new.is_empty() {
            let (vectors, cut) = lock(&self.encoder)
                .encode_marked(&new)
                .map_err(|error| error.to_string())?;
            let numbers: Vec<f32> = vectors.into_data().iter::<f32>().collect();
            let vectors = numbers.chunks(self.width).map(<[f32]>::to_vec);
            let cut = cut
                .iter()
                .map(|&place| Digest::new().text(new[place]).value());
            lock(&self.known).cut.extend(cut);
            fresh = new.into_iter().zip(vectors).collect();
        }
        let mut known = lock(&self.known);
        let mut all = Vec::with_capacity(texts.len() * self.width);
        for text in texts {
            let vector = known.vectors.get(*text).or_else(|| fresh.get(text));
            // Another thread may have forgotten all since.
            let Some(vector) = vector else {
                drop(known);
                return self.encode(texts);
            };
            all.extend(vector);
        }
        if (known.vectors.len() + fresh.len()) * self.width > REMEMBERED {
            known.vectors.clear();
        }
        let fresh = fresh.into_iter();
        known
            .vectors
            .extend(fresh.map(|(text, vector)| (text.to_owned(), vector)));
        Ok(all)
    }
}
