//! word2vec, as the example and the reproduction train it: skip-grams with negative sampling.

use std::path::Path;

use anyhow::{Result, bail};

use tinderbox::data::fetch;
use tinderbox::data::text::{
    SkipGramBatch, SkipGramConfig, SkipGrams, Vocab, VocabConfig, read_text, subsample,
};
use tinderbox::models::{SkipGram, SkipGramModelConfig, skip_gram_loss};
use tinderbox::prelude::*;
use tinderbox::train::{Fitted, Step, StepError};

/// The lines of a text as words, and their vocabulary.
pub struct Words {
    /// Sentences of word ids.
    pub sentences: Vec<Vec<u32>>,
    /// The vocabulary; the unknown word is in no sentence.
    pub vocab: Vocab,
}

/// The settings of word2vec.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Numbers of a vector.
    pub size: usize,
    /// Windows and noise words.
    pub skip_grams: SkipGramConfig,
    /// Words that are a larger share of the text are left out at random.
    pub share: f64,
    /// Centers in a batch.
    pub batch_size: usize,
}

impl Settings {
    /// Those of the course.
    pub const COURSE: Self = Self {
        size: 100,
        skip_grams: SkipGramConfig {
            window: 5,
            negatives: 5,
        },
        share: 1e-4,
        batch_size: 512,
    };
}

impl Words {
    /// The words of a text between white space; those with fewer occurrences are left out, and so is `<unk>`.
    pub fn new(text: &str, min_frequency: usize) -> Result<Self> {
        let config = VocabConfig {
            min_frequency,
            ..VocabConfig::default()
        };
        let vocab = Vocab::fit(text.split_whitespace(), &config)?;
        let known = |word: &str| Some(vocab.id(word)).filter(|&id| id != Vocab::UNKNOWN);
        let line = |line: &str| line.split_whitespace().filter_map(known).collect();
        Ok(Self {
            sentences: text.lines().map(line).collect(),
            vocab,
        })
    }

    /// How often each word occurs; the unknown word is counted 0 times.
    fn counts(&self) -> Vec<usize> {
        let mut counts = self.vocab.counts().to_vec();
        counts[Vocab::UNKNOWN as usize] = 0;
        counts
    }

    /// The batches of a training run.
    pub fn loader(&self, settings: &Settings, seed: Seed) -> Result<Loader<SkipGrams>> {
        let counts = self.counts();
        let kept = subsample(
            &self.sentences,
            &counts,
            settings.share,
            seed.child("subsample"),
        );
        let data = SkipGrams::new(kept, &counts, settings.skip_grams, seed.child("noise"))?;
        Ok(Loader::new(data, settings.batch_size)?.shuffle(seed.child("order")))
    }

    /// Trains vectors with these settings of the trainer.
    pub fn train(
        &self,
        settings: &Settings,
        trainer: Trainer<SkipGram, ()>,
        seed: Seed,
        device: &Device,
    ) -> Result<Fitted<SkipGram>> {
        let shape = SkipGramModelConfig {
            vocabulary: self.vocab.len(),
            size: settings.size,
        };
        let model = shape.init(seed.child("weights"), device)?;
        let task = |model: &SkipGram, batch: SkipGramBatch| -> Result<Step, StepError> {
            let [centers, _] = batch.centers.dims();
            let logits = model.forward(batch.centers, batch.words);
            Ok(Step::mean(
                skip_gram_loss(logits, batch.labels, batch.padding).mean(),
                centers,
            ))
        };
        Ok(trainer.fit(model, &task, &self.loader(settings, seed)?, None)?)
    }

    /// The vectors of a model as text that [`WordVectors`](tinderbox::data::text::WordVectors) reads, in fastText's format.
    pub fn to_vec_file(&self, model: &SkipGram) -> String {
        let weights = model.centers.weight.val().without_autodiff();
        let [_, size] = weights.dims();
        let numbers: Vec<f32> = weights.into_data().iter::<f32>().collect();
        let mut text = format!("{} {size}\n", self.vocab.len() - 1);
        for (word, row) in self.vocab.tokens().iter().zip(numbers.chunks(size)).skip(1) {
            let row: Vec<String> = row.iter().map(ToString::to_string).collect();
            text += &format!("{word} {}\n", row.join(" "));
        }
        text
    }
}

/// The text of a file, or of the validation and test parts of WikiText-2 in lower case, where `data` is `wikitext-2`.
pub fn read(data: &str) -> Result<String> {
    if Path::new(data).is_file() {
        return Ok(read_text(data)?);
    }
    if data != "wikitext-2" {
        bail!("there is no file {data}, and the catalog's text for words is wikitext-2");
    }
    let folder = fetch("wikitext-2")?;
    let mut text = String::new();
    for part in ["wiki.valid.tokens.gz", "wiki.test.tokens.gz"] {
        text += &read_text(folder.join(part))?;
    }
    Ok(text.to_lowercase())
}
