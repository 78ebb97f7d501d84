//! Sentiment of IMDb's reviews and natural-language inference on SNLI, with GloVe's vectors of 100 numbers; with `--quick`
//! on generated texts.

use anyhow::{Context, Result, ensure};
use examples::reviews::{Kind, Settings, Start, read};
use examples::unless_interrupted;
use tinderbox::data::synthetic;
use tinderbox::data::text::{Inferences, LabeledPairs, Vocab, VocabConfig, WordVectors, read_snli};
use tinderbox::models::{DecomposableAttentionConfig, FirstLayer};
use tinderbox::prelude::*;
use tinderbox::train::Accuracy;

use super::words::Archive;
use super::{Experiment, SeedRun, Work, band};

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "sentiment-rnn",
        seeds: (3, 1),
        // Some of the published runs did not learn: their accuracy was 0.50.
        bands: &[band("test accuracy", 0.50, 0.85, 0.862)],
        work: Work::Sized {
            measure: |quick, run| sentiment(Kind::Bilstm, quick, run),
            quick: "2,000 generated reviews, 32 units, 3 epochs",
            heavy: true,
        },
    },
    Experiment {
        name: "sentiment-cnn",
        seeds: (3, 1),
        bands: &[band("test accuracy", 0.860, 0.873, 0.877)],
        work: Work::Sized {
            measure: |quick, run| sentiment(Kind::Textcnn, quick, run),
            quick: "2,000 generated reviews, 32 filters of each kind, 3 epochs",
            heavy: true,
        },
    },
    Experiment {
        name: "snli-attention",
        seeds: (3, 1),
        bands: &[band("test accuracy", 0.819, 0.824, 0.828)],
        work: Work::Sized {
            measure: snli,
            quick: "2,000 generated pairs, 32 units, 10 epochs",
            heavy: true,
        },
    },
];

const GLOVE: Archive = Archive {
    file: "glove.6B.100d.zip",
    address: "http://d2l-data.s3-accelerate.amazonaws.com/glove.6B.100d.zip",
    sha1: "cd43bfb07e44e6f27cbcc7bc9ae3d80284fdaf5a",
};

const IMDB: Archive = Archive {
    file: "aclImdb_v1.tar.gz",
    address: "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    sha1: "01ada507287d82875905620988597833ad4e0903",
};

/// Pairs of sentences.
pub(super) const SNLI: Archive = Archive {
    file: "snli_1.0.zip",
    address: "https://nlp.stanford.edu/projects/snli/snli_1.0.zip",
    sha1: "9fcde07509c7e87ec61c640c1b2753d9041758e4",
};

fn glove() -> Result<WordVectors> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vec.txt");
    std::fs::write(&file, GLOVE.read("vec.txt")?)?;
    Ok(WordVectors::read(file, None)?)
}

fn sentiment(kind: Kind, quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let mut settings = Settings::course(kind);
    let (data, vectors) = match quick {
        true => {
            (settings.size, settings.units, settings.steps) = (16, 32, 40);
            (settings.epochs, settings.learning_rate) = (3, 0.005);
            ("generated".to_owned(), None)
        }
        false => (IMDB.path()?.display().to_string(), Some(glove()?)),
    };
    let [train, test] = read(&data, seed)?;
    let accuracy = settings.train(
        [&train, &test],
        vectors.as_ref(),
        (seed, &run.device),
        &mut |mut config| {
            config.seed = run.seed;
            Ok(Start {
                config,
                recorded: None,
            })
        },
    )?;
    ensure!(
        !quick || accuracy > 0.9,
        "a test accuracy of {accuracy:.3} on generated reviews"
    );
    Ok(vec![accuracy])
}

/// Decomposable attention: 50 words of each sentence, 200 units, 4 epochs.
fn snli(quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let ([train, test], vectors) = match quick {
        true => {
            let part = |count, name| synthetic::inferences(count, seed.child(name));
            ([part(2_000, "train")?, part(500, "test")?], None)
        }
        false => {
            let path = SNLI.path()?;
            (
                [read_snli(&path, "train")?, read_snli(&path, "test")?],
                Some(glove()?),
            )
        }
    };
    let config = VocabConfig {
        min_frequency: 5,
        reserved: vec!["<pad>".into()],
        ..VocabConfig::default()
    };
    let words = train
        .pairs
        .iter()
        .flatten()
        .flat_map(|text| text.split_whitespace());
    let vocab = Vocab::fit(words, &config)?;
    let batch_size = if quick { 32 } else { 256 };
    let loader = |pairs: &Inferences| -> Result<_> {
        let words = |text: &String| text.split_whitespace().map(|word| vocab.id(word)).collect();
        let side = |side: usize| pairs.pairs.iter().map(|pair| words(&pair[side])).collect();
        let padding = (50, vocab.id("<pad>"));
        let pairs = LabeledPairs::new(side(0), side(1), pairs.classes.clone(), padding)?;
        Ok(Loader::for_evaluation(pairs, batch_size)?)
    };
    let mut shape = DecomposableAttentionConfig::course(vocab.len());
    if quick {
        (shape.embedding, shape.hidden, shape.dropout) = (24, 32, 0.0);
    }
    let rows = vectors.as_ref().map(|vectors| FirstLayer {
        rows: vectors.of_vocab(&vocab).0,
        trained: true,
    });
    let model = shape.init(rows, seed.child("weights"), &run.device)?;
    let config = TrainConfig {
        epochs: if quick { 10 } else { 4 },
        learning_rate: if quick { 0.005 } else { 0.001 },
        optimizer: OptimizerConfig::adam().into(),
        seed: run.seed,
        ..TrainConfig::default()
    };
    let train = loader(&train)?.shuffle(seed.child("order"));
    let trainer = Trainer::new(config)?.metric(Accuracy::default());
    let task = Classification::default();
    let fitted = trainer.fit(model, &task, &train, Some(&loader(&test)?))?;
    Ok(vec![test_accuracy(fitted, quick.then_some(0.9))?])
}

/// The accuracy after the last epoch; an error if it is not above `least`, what the generated pairs allow.
pub(super) fn test_accuracy<M>(fitted: Fitted<M>, least: Option<f64>) -> Result<f64> {
    let fitted = unless_interrupted(fitted.finished())?;
    let last = fitted.history.last().context("there was no epoch")?;
    let accuracy = last.get("valid_accuracy").context("it was measured")?;
    ensure!(
        least.is_none_or(|least| accuracy > least),
        "a test accuracy of {accuracy:.3} on generated pairs"
    );
    Ok(accuracy)
}
