//! Classifiers of reviews, as the example `sentiment` and the reproductions train them.

use anyhow::Result;
use clap::ValueEnum;
use tinderbox::data::text::{LabeledTexts, Reviews, Vocab, VocabConfig, WordVectors, read_imdb};
use tinderbox::data::{Classes, fetch, synthetic};
use tinderbox::models::{BiLstmConfig, FirstLayer, TextCnnConfig};
use tinderbox::nn::TextNetwork;
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, ConfusionMatrix, Run, evaluate};

use crate::{Common, unless_interrupted};

/// A kind of model.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bidirectional LSTM.
    Bilstm,
    /// Convolutions.
    Textcnn,
}

/// The settings of a training run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The model.
    pub kind: Kind,
    /// Numbers of a word's vector, where no vectors are given.
    pub size: usize,
    /// Units of the LSTM in each direction, or filters of each kind.
    pub units: usize,
    /// Tokens of a review.
    pub steps: usize,
    /// Words that occur less often are unknown.
    pub min_frequency: usize,
    /// Reviews in a batch.
    pub batch_size: usize,
    /// Passes over the reviews.
    pub epochs: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
}

impl Settings {
    /// Those of the course.
    pub fn course(kind: Kind) -> Self {
        Self {
            kind,
            size: 100,
            units: 100,
            steps: 500,
            min_frequency: 5,
            batch_size: 64,
            epochs: 5,
            learning_rate: match kind {
                Kind::Bilstm => 0.01,
                Kind::Textcnn => 0.001,
            },
        }
    }

    /// Trains on the first reviews; the accuracy on the second. With a run folder the run is recorded there.
    pub fn train(
        &self,
        [train, test]: [&Reviews; 2],
        vectors: Option<&WordVectors>,
        (seed, device): (Seed, &Device),
        how: &mut dyn FnMut(TrainConfig) -> Result<Start>,
    ) -> Result<f64> {
        let words = train.texts.iter().flat_map(|text| text.split_whitespace());
        let config = VocabConfig {
            min_frequency: self.min_frequency,
            reserved: vec!["<pad>".into()],
            ..VocabConfig::default()
        };
        let vocab = Vocab::fit(words, &config)?;
        let rows = vectors.map(|vectors| vectors.of_vocab(&vocab).0);
        let size = vectors.map_or(self.size, WordVectors::size);
        let parts = Parts {
            train: self.labeled(train, &vocab)?,
            test: self.labeled(test, &vocab)?,
            start: how(TrainConfig {
                epochs: self.epochs,
                learning_rate: self.learning_rate,
                optimizer: OptimizerConfig::adam().into(),
                ..TrainConfig::default()
            })?,
            batch_size: self.batch_size,
            order: seed.child("order"),
        };
        let weights = seed.child("weights");
        match self.kind {
            Kind::Bilstm => {
                let shape = BiLstmConfig {
                    embedding: size,
                    hidden: self.units,
                    ..BiLstmConfig::course(vocab.len())
                };
                // Vectors that were trained elsewhere are frozen, as in the course.
                let first = rows.map(|rows| FirstLayer {
                    rows,
                    trained: false,
                });
                parts.train(shape.init(first, weights, device)?)
            }
            Kind::Textcnn => {
                let shape = TextCnnConfig {
                    embedding: size,
                    filters: self.units,
                    ..TextCnnConfig::course(vocab.len())
                };
                parts.train(shape.init(rows, weights, device)?)
            }
        }
    }

    /// The reviews as ids of words, of which the course does not change the letters.
    fn labeled(&self, reviews: &Reviews, vocab: &Vocab) -> Result<LabeledTexts<Classes>> {
        let ids = |text: &String| text.split_whitespace().map(|word| vocab.id(word)).collect();
        let ids = reviews.texts.iter().map(ids).collect();
        let texts = LabeledTexts::new(ids, reviews.classes.clone())?;
        Ok(texts.steps(self.steps).padding(vocab.id("<pad>")))
    }
}

/// How a run starts: its settings, and where it is recorded.
pub struct Start {
    /// The settings.
    pub config: TrainConfig,
    /// The options of the command line and the run folder.
    pub recorded: Option<(Common, Run)>,
}

struct Parts {
    train: LabeledTexts<Classes>,
    test: LabeledTexts<Classes>,
    start: Start,
    batch_size: usize,
    order: Seed,
}

impl Parts {
    fn train<M: TextNetwork>(self, model: M) -> Result<f64> {
        let trainer = match self.start.recorded {
            Some((common, run)) => common.trainer(self.start.config, &run)?,
            None => Trainer::new(self.start.config)?,
        };
        let train = Loader::for_evaluation(self.train, self.batch_size)?.shuffle(self.order);
        let test = Loader::for_evaluation(self.test, self.batch_size)?;
        let (task, trainer) = (
            Classification::default(),
            trainer.metric(Accuracy::default()),
        );
        let fitted = trainer.fit(model, &task, &train, Some(&test))?;
        let fitted = unless_interrupted(fitted.finished())?;
        let mut matrix = ConfusionMatrix::default();
        evaluate(&fitted.model, &task, &test, &mut [&mut matrix])?;
        Ok(matrix.scores().accuracy)
    }
}

/// The training and test reviews of IMDb's folder or archive, of its small part, or generated ones.
pub fn read(data: &str, seed: Seed) -> Result<[Reviews; 2]> {
    Ok(match data {
        "generated" => [
            synthetic::reviews(2_000, seed.child("train"))?,
            synthetic::reviews(500, seed.child("test"))?,
        ],
        "aclimdb-tiny" => {
            let path = fetch(data)?.join("aclImdb_tiny.zip");
            [read_imdb(&path, "train")?, read_imdb(&path, "test")?]
        }
        path => [read_imdb(path, "train")?, read_imdb(path, "test")?],
    })
}
