//! Word vectors and BERT: word2vec on the Penn Treebank, BERT pretrained on WikiText-2, and both on the parts of
//! WikiText-2 that the catalog has.
//!
//! The archives are read from `runs/archives` (or the folder that `TINDERBOX_ARCHIVES` names); where one is missing, the
//! error names its address. Their SHA-1 is the one that the course publishes.

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use examples::words::{Settings, Words, read};
use examples::{say, unless_interrupted};
use sha1::{Digest, Sha1};
use tinderbox::data::read_zip;
use tinderbox::data::text::{
    MaskedPairBatch, MaskedPairs, Vocab, VocabConfig, WordVectors, wikitext_paragraphs,
};
use tinderbox::models::{BertConfig, BertInputs, BertPretraining, pretraining_losses};
use tinderbox::prelude::*;
use tinderbox::train::{Metric, Step, StepError};

use super::{Experiment, SeedRun, Work, band, unpublished};

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "word2vec",
        seeds: (3, 1),
        // The course prints three decimals: the band is half a thousandth wider.
        bands: &[
            band("training loss", 0.4085, 0.410, 0.4105),
            unpublished("cosine of \"chip\" and its nearest word"),
        ],
        work: Work::Sized {
            measure: |quick, run| word2vec(&penn_treebank()?, "chip", quick, run),
            quick: "1 epoch, vectors of 16 numbers",
            heavy: true,
        },
    },
    Experiment {
        name: "word2vec-part",
        seeds: (1, 1),
        bands: &[
            unpublished("training loss"),
            unpublished("cosine of \"ship\" and its nearest word"),
        ],
        work: Work::Sized {
            measure: |quick, run| word2vec(&read("wikitext-2")?, "ship", quick, run),
            quick: "1 epoch, vectors of 16 numbers",
            heavy: false,
        },
    },
    Experiment {
        name: "bert-pretraining",
        seeds: (3, 1),
        bands: &[
            band("loss of masked tokens", 5.36, 5.59, 5.92),
            unpublished("loss of the next sentence (published 0.775)"),
        ],
        work: Work::Sized {
            measure: |quick, run| bert(&wikitext()?, quick, run),
            quick: "3 steps, batches of 64",
            heavy: true,
        },
    },
    Experiment {
        name: "bert-pretraining-part",
        seeds: (1, 1),
        bands: &[
            unpublished("loss of masked tokens"),
            unpublished("loss of the next sentence"),
        ],
        work: Work::Sized {
            measure: |quick, run| bert(&read("wikitext-2")?, quick, run),
            quick: "3 steps, batches of 64",
            heavy: false,
        },
    },
];

/// An archive of the course at its official address.
pub struct Archive {
    pub file: &'static str,
    pub address: &'static str,
    pub sha1: &'static str,
}

impl Archive {
    /// Where it lies, its digest checked.
    pub fn path(&self) -> Result<PathBuf> {
        let folder =
            env::var_os("TINDERBOX_ARCHIVES").map_or("runs/archives".into(), PathBuf::from);
        let path = folder.join(self.file);
        if !path.is_file() {
            let (address, path) = (self.address, path.display());
            bail!("the data is not there: download {address} to {path}");
        }
        let mut digest = Sha1::new();
        let mut file = File::open(&path).with_context(|| path.display().to_string())?;
        let mut bytes = vec![0; 1 << 20];
        loop {
            match file.read(&mut bytes)? {
                0 => break,
                count => digest.update(&bytes[..count]),
            }
        }
        let digest: String = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ensure!(
            digest == self.sha1,
            "{}: its SHA-1 is {digest} instead of {}; download it again",
            path.display(),
            self.sha1
        );
        Ok(path)
    }

    /// The text of one of its files.
    pub fn read(&self, member: &str) -> Result<String> {
        Ok(String::from_utf8(self.bytes(member)?)?)
    }

    /// The content of one of its files; the archive may have a folder around it.
    pub fn bytes(&self, member: &str) -> Result<Vec<u8>> {
        let path = self.path()?;
        let folder = self.file.trim_end_matches(".zip").trim_end_matches("-v1");
        let bytes = read_zip(&path, member);
        Ok(bytes.or_else(|_| read_zip(&path, &format!("{folder}/{member}")))?)
    }
}

fn penn_treebank() -> Result<String> {
    let archive = Archive {
        file: "ptb.zip",
        address: "http://d2l-data.s3-accelerate.amazonaws.com/ptb.zip",
        sha1: "319d85e578af0cdc590547f26231e4e31cdf1e42",
    };
    archive.read("ptb.train.txt")
}

fn wikitext() -> Result<String> {
    let archive = Archive {
        file: "wikitext-2-v1.zip",
        address: "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
        sha1: "3c914d17d80b1459be871a5039ac23e752a53cbe",
    };
    archive.read("wiki.train.tokens")
}

/// The loss of the last epoch, and the cosine of a word and its nearest, which are printed.
fn word2vec(text: &str, near: &str, quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let words = Words::new(text, 10)?;
    let settings = Settings {
        size: if quick { 16 } else { Settings::COURSE.size },
        ..Settings::COURSE
    };
    let config = TrainConfig {
        epochs: if quick { 1 } else { 5 },
        learning_rate: 0.002,
        optimizer: OptimizerConfig::adam().into(),
        seed: run.seed,
        ..TrainConfig::default()
    };
    let fitted = words.train(&settings, Trainer::new(config)?, seed, &run.device)?;
    let fitted = unless_interrupted(fitted.finished())?;
    let last = fitted.history.last().context("there was no epoch")?;
    let loss = last.get("train_loss").context("every epoch has a loss")?;
    // ln 2 without any learning.
    ensure!(loss < 0.6, "the loss is {loss:.3}: nothing was learned");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("words.vec");
    std::fs::write(&file, words.to_vec_file(&fitted.model))?;
    let vectors = WordVectors::read(&file, None)?;
    let similar = vectors.similar(near, 3)?;
    let named = similar
        .iter()
        .map(|(word, cosine)| format!("{word} {cosine:.3}"));
    say!(
        "nearest to {near}: {}",
        named.collect::<Vec<_>>().join(", ")
    );
    Ok(vec![loss, f64::from(similar[0].1)])
}

/// The losses of the masked tokens and of the next sentence, means over the steps.
#[derive(Clone, Default)]
struct Losses {
    sums: [f64; 2],
    pairs: f64,
}

impl Metric<([f64; 2], usize)> for Losses {
    fn update(&mut self, (losses, pairs): &([f64; 2], usize)) -> Result<(), StepError> {
        for (sum, loss) in self.sums.iter_mut().zip(losses) {
            *sum += loss * *pairs as f64;
        }
        self.pairs += *pairs as f64;
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        let named = ["masked", "next"].into_iter().zip(self.sums);
        named
            .map(|(name, sum)| (name.into(), sum / self.pairs))
            .collect()
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!((self.sums, self.pairs))
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        match serde_json::from_value(state.clone()) {
            Ok((sums, pairs)) => {
                *self = Self { sums, pairs };
                true
            }
            Err(_) => false,
        }
    }
}

/// BERT with 2 layers, 50 steps of 512 pairs as in the course: the mean losses of all steps.
fn bert(text: &str, quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let (steps, batch_size) = if quick { (3, 64) } else { (50, 512) };
    let paragraphs = wikitext_paragraphs(text);
    let config = VocabConfig {
        min_frequency: 5,
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let words = paragraphs.iter().flatten().flatten().map(String::as_str);
    let vocab = Vocab::fit(words, &config)?;
    let ids = |sentence: &Vec<String>| sentence.iter().map(|word| vocab.id(word)).collect();
    let paragraphs = paragraphs
        .iter()
        .map(|paragraph| paragraph.iter().map(ids).collect());
    let paragraphs: Vec<Vec<Vec<u32>>> = paragraphs.collect();
    let pairs = MaskedPairs::new(&paragraphs, 64, &vocab, seed.child("pairs"))?;
    let loader = Loader::new(pairs, batch_size)?.shuffle(seed.child("order"));
    let shape = BertConfig {
        context: 64,
        size: 128,
        feed_forward: 256,
        heads: 2,
        layers: 2,
        dropout: 0.2,
        ..BertConfig::base(vocab.len())
    };
    let model = BertPretraining::new(&shape, seed.child("weights"), &run.device)?;
    let task = |model: &BertPretraining, batch: MaskedPairBatch| -> Result<_, StepError> {
        let [pairs] = batch.next.dims();
        let inputs = BertInputs {
            tokens: batch.tokens,
            types: Some(batch.types),
            lengths: batch.lengths,
        };
        let (_, tokens, next) = model.forward(inputs, batch.positions);
        let masked = (batch.labels, batch.weights);
        let [masked, next] = pretraining_losses((tokens, next), masked, batch.next);
        let values = [masked.clone(), next.clone()].map(|loss| loss.into_scalar::<f64>());
        Ok(Step::mean(masked + next, pairs).with_output((values, pairs)))
    };
    let config = TrainConfig {
        learning_rate: 0.01,
        optimizer: OptimizerConfig::adam().into(),
        seed: run.seed,
        validate: tinderbox::train::Interval::Steps(steps),
        ..TrainConfig::steps(steps)
    };
    let trainer = Trainer::new(config)?.metric(Losses::default());
    let fitted = trainer.fit(model, &task, &loader, None)?;
    let fitted = unless_interrupted(fitted.finished())?;
    let last = fitted.history.last().context("there was no step")?;
    let loss = |name: &str| last.get(name).context("it was measured");
    let (masked, next) = (loss("train_masked")?, loss("train_next")?);
    let uniform = (vocab.len() as f64).ln();
    ensure!(
        masked < uniform + 0.1 && next.is_finite(),
        "the loss of masked tokens is {masked:.2}: worse than that of guessing, {uniform:.2}"
    );
    Ok(vec![masked, next])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_missing_has_an_address_and_a_wrong_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.zip");
        let archive = |file: &'static str| Archive {
            file,
            address: "https://example.org/part.zip",
            sha1: "a9993e364706816aba3e25717850c26c9cd0d89d",
        };
        let error = archive("none.zip").read("a").unwrap_err().to_string();
        assert!(
            error.contains("download https://example.org/part.zip to "),
            "{error}"
        );
        std::fs::write(&path, "abcd").unwrap();
        let name: &'static str = Box::leak(path.display().to_string().into_boxed_str());
        let error = archive(name).read("a").unwrap_err().to_string();
        assert!(error.contains("instead of a9993e36"), "{error}");
        // The published digest of "abc": what is wrong then is the archive itself.
        std::fs::write(&path, "abc").unwrap();
        let error = archive(name).read("a").unwrap_err().to_string();
        assert!(!error.contains("SHA-1"), "{error}");
    }
}
