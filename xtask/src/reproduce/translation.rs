//! The course's translation models: the first 600 (601) pairs of English and French sentences, batches of
//! 64, sentences of 10 tokens, Adam with the gradient clipped to a norm of 1.
//!
//! The course divides the sum of the cross-entropy by the tokens of a padded sentence and then by the
//! tokens that are no padding, so that its loss is a tenth of the mean over tokens. Three of the four
//! sentences that it translates are in its training data; the perplexity of 120 pairs that follow, which
//! no model has seen, is printed beside them.

use std::fmt;

use anyhow::{Context, Result, ensure};
use examples::{pairs, unless_interrupted};
use tinderbox::data::text::TokenRules;
use tinderbox::models::{BeamSearch, TranslationConfig};
use tinderbox::prelude::*;
use tinderbox::text::{PairTokenizers, TranslationModel};
use tinderbox::train::{Clip, LossReduction, Perplexity, Translation, sentence_bleu};

use super::{Band, Experiment, SeedRun, Work, band, unpublished};

/// A training run on pairs of sentences, in full and small.
pub struct TranslationTraining {
    /// As in the course.
    pub full: Settings,
    /// The smaller run of `--quick`.
    pub quick: Settings,
}

/// The settings of a training run.
#[derive(Clone, Copy)]
pub struct Settings {
    /// A name that [`TranslationConfig::by_name`] knows.
    pub model: &'static str,
    pub epochs: usize,
}

const HELD_OUT: usize = 120;
const BATCH_SIZE: usize = 64;
const STEPS: usize = 10;

/// A run of `--quick` fails above this cross-entropy of a token: guessing among 201 tokens has 5.3, their
/// frequencies alone have 3.3.
const QUICK_LOSS: f64 = 2.0;

const fn training(model: &'static str, epochs: usize, quick_epochs: usize) -> Work {
    Work::Translate(TranslationTraining {
        full: Settings { model, epochs },
        quick: Settings {
            model,
            epochs: quick_epochs,
        },
    })
}

const HELD_OUT_PERPLEXITY: Band = unpublished("held-out perplexity");

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "seq2seq",
        seeds: (3, 1),
        // The course prints three decimals: bands are half a thousandth wider.
        bands: &[
            band("training loss", 0.0185, 0.019, 0.0205),
            unpublished("BLEU of \"go .\" (published mean 0.81)"),
            unpublished("BLEU of \"i lost .\" (published mean 0.88)"),
            unpublished("BLEU of \"he's calm .\" (published mean 0.42)"),
            unpublished("BLEU of \"i'm home .\" (published mean 0.68)"),
            HELD_OUT_PERPLEXITY,
        ],
        work: training("gru", 300, 25),
    },
    Experiment {
        name: "bahdanau",
        seeds: (3, 1),
        bands: &[
            band("training loss", 0.0185, 0.020, 0.0215),
            unpublished("BLEU of \"go .\" (published mean 1.00)"),
            unpublished("BLEU of \"i lost .\" (published mean 0.99)"),
            unpublished("BLEU of \"he's calm .\" (published mean 0.47)"),
            unpublished("BLEU of \"i'm home .\" (published mean 1.00)"),
            HELD_OUT_PERPLEXITY,
        ],
        work: training("bahdanau", 250, 25),
    },
    Experiment {
        name: "transformer",
        seeds: (3, 1),
        bands: &[
            band("training loss", 0.0295, 0.032, 0.0335),
            unpublished("BLEU of \"go .\" (published mean 0.97)"),
            unpublished("BLEU of \"i lost .\" (published mean 0.88)"),
            unpublished("BLEU of \"he's calm .\" (published mean 0.80)"),
            unpublished("BLEU of \"i'm home .\" (published mean 1.00)"),
            HELD_OUT_PERPLEXITY,
        ],
        work: training("transformer", 200, 25),
    },
];

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { model, epochs } = self;
        let pairs = pairs::COURSE_PAIRS;
        write!(f, "{model}, {pairs} pairs, {epochs} epochs")
    }
}

impl TranslationTraining {
    /// The settings in full, or with `--quick`.
    pub fn settings(&self, quick: bool) -> &Settings {
        if quick { &self.quick } else { &self.full }
    }

    /// Trains, translates, and returns the loss of the last epoch as the course divides it, the BLEU of
    /// each of its sentences, and the held-out perplexity.
    ///
    /// # Errors
    /// A loss that is not finite, or a quick run that does not beat chance by a margin.
    pub fn metrics(&self, quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
        let settings = self.settings(quick);
        let seed = Seed::new(run.seed);
        let all = pairs::read("fra-eng")?;
        let (learned, rest) = all.split_at(pairs::COURSE_PAIRS);
        let rules = TokenRules::COURSE_SENTENCES;
        let tokenizers = PairTokenizers::fit(learned, rules, 2)?;
        let [source, target] = [&tokenizers.source, &tokenizers.target].map(|one| one.vocab());
        let network = TranslationConfig::by_name(settings.model, source.len(), target.len())?;
        let train = Loader::new(tokenizers.encode(learned, STEPS)?, BATCH_SIZE)?;
        let train = train.shuffle(seed.child("order"));
        let valid = tokenizers.encode(&rest[..HELD_OUT], STEPS)?;
        let valid = Loader::for_evaluation(valid, BATCH_SIZE)?;
        let task = Translation::new(target)?;
        let config = TrainConfig {
            epochs: settings.epochs,
            learning_rate: 0.005,
            seed: run.seed,
            optimizer: OptimizerConfig::adam().into(),
            loss_reduction: LossReduction::DivideBy(STEPS),
            clip: Some(Clip::Norm(1.0)),
            ..TrainConfig::default()
        };
        let model = network.init(seed.child("weights"), &run.device)?;
        let trainer = Trainer::new(config)?.metric(Perplexity::default());
        let fitted = trainer.fit(model, &task, &train, Some(&valid))?;
        let fitted = unless_interrupted(fitted.finished())?;
        let last = fitted.history.last().context("there was no epoch")?;
        let loss = last.get("train_loss").context("every epoch has a loss")?;
        let held_out = last.get("valid_perplexity").context("it was measured")?;
        ensure!(
            loss.is_finite() && (!quick || loss < QUICK_LOSS),
            "the training loss of a token is {loss:.2} after {} epochs, where less than {QUICK_LOSS} is required \
             with --quick",
            last.epoch
        );
        let model = TranslationModel::new(network, fitted.model, tokenizers)?;
        let mut metrics = vec![loss / STEPS as f64];
        for [sentence, reference] in pairs::COURSE_SENTENCES {
            let translated = model.translate(sentence, &BeamSearch::greedy(STEPS))?;
            let words = rules.split(&translated.text);
            metrics.push(sentence_bleu(&words, &rules.split(reference), 2));
        }
        metrics.push(held_out);
        Ok(metrics)
    }
}
