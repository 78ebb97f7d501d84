//! The course's character models of The Time Machine: the first 10,000 characters, windows of 35, batches of 32, plain
//! SGD with the gradient clipped to a norm of 1, 500 epochs.
//!
//! The course prints the perplexity of the training text in the last epoch, with one decimal: bands are half a tenth
//! wider. The perplexity of the 2,000 characters that follow, which no model has seen, is printed too.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use examples::unless_interrupted;
use tinderbox::data::fetch;
use tinderbox::data::text::{Sampling, TextLoader, TokenRules, Tokenizer, VocabConfig, read_text};
use tinderbox::models::LanguageModelConfig;
use tinderbox::nn::lessons::{cross_entropy, softmax};
use tinderbox::prelude::*;
use tinderbox::train::{Clip, EpochRecord, History, LanguageModeling, Mean, Perplexity};

use super::{Band, Experiment, SeedRun, Work, at_most, band, reported};

/// A training run on text, in full and small.
pub struct TextTraining {
    /// As in the course.
    pub full: Settings,
    /// The smaller run of `--quick`.
    pub quick: Settings,
    /// Trains by hand or with the framework.
    pub train: fn(&Settings, &Data, &SeedRun) -> Result<History>,
}

/// The settings of a training run.
#[derive(Clone, Copy)]
pub struct Settings {
    /// A name that [`LanguageModelConfig::by_name`] knows.
    pub model: &'static str,
    pub hidden: usize,
    pub epochs: usize,
    pub learning_rate: f64,
    pub sampling: Sampling,
}

/// Number of training tokens, and of held-out tokens.
const TOKENS: [usize; 2] = [10_000, 2_000];
const BATCH_SIZE: usize = 32;
const STEPS: usize = 35;

/// A run of `--quick` fails above this perplexity: uniform guessing has 28, the frequencies of the tokens alone 17.
const QUICK_PERPLEXITY: f64 = 12.0;

/// The character model of the course with this cell.
const fn full(model: &'static str) -> Settings {
    Settings {
        model,
        hidden: 256,
        epochs: 500,
        learning_rate: 1.0,
        sampling: Sampling::Sequential,
    }
}

/// A training run of a few seconds.
const fn quick(model: &'static str, epochs: usize) -> Settings {
    Settings {
        hidden: 64,
        epochs,
        ..full(model)
    }
}

const HELD_OUT: Band = reported("held-out perplexity", 6.4, 6.9, 7.4);

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "rnn-scratch",
        seeds: (3, 1),
        bands: &[at_most("train perplexity", 0.95, 1.0, 1.25), HELD_OUT],
        work: Work::TrainText(TextTraining {
            full: Settings {
                hidden: 512,
                ..full("rnn")
            },
            quick: quick("rnn", 40),
            train: by_hand,
        }),
    },
    Experiment {
        name: "rnn-concise",
        seeds: (3, 1),
        bands: &[band("train perplexity", 1.25, 1.3, 1.45), HELD_OUT],
        work: concise(full("rnn"), quick("rnn", 40)),
    },
    Experiment {
        name: "gru-concise",
        seeds: (3, 1),
        bands: &[band("train perplexity", 0.95, 1.0, 1.15), HELD_OUT],
        work: concise(full("gru"), quick("gru", 60)),
    },
    Experiment {
        name: "lstm-concise",
        seeds: (3, 1),
        bands: &[band("train perplexity", 0.95, 1.1, 1.35), HELD_OUT],
        work: concise(full("lstm"), quick("lstm", 120)),
    },
];

const fn concise(full: Settings, quick: Settings) -> Work {
    Work::TrainText(TextTraining {
        full,
        quick,
        train: with_framework,
    })
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            model,
            hidden,
            epochs,
            learning_rate,
            sampling,
        } = self;
        write!(
            f,
            "{model}, {hidden} units, {} characters, {epochs} epochs, learning rate {learning_rate}, {sampling:?} windows",
            TOKENS[0]
        )
    }
}

impl TextTraining {
    /// The settings in full, or with `--quick`.
    pub fn settings(&self, quick: bool) -> &Settings {
        if quick { &self.quick } else { &self.full }
    }

    /// Trains, and returns the perplexities of the last epoch: of the training text and held out.
    ///
    /// # Errors
    /// A loss that is not finite, or a quick run that does not beat chance by a margin.
    pub fn metrics(&self, quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
        let settings = self.settings(quick);
        let history = (self.train)(settings, &Data::read()?, run)?;
        let last = history.last().context("there was no epoch")?;
        let loss = last.get("train_loss").context("every epoch has a loss")?;
        let held_out = last.get("valid_perplexity").context("it was measured")?;
        ensure!(
            loss.is_finite(),
            "the training loss of the last epoch is {loss}"
        );
        ensure!(
            !quick || loss.exp() < QUICK_PERPLEXITY,
            "the training perplexity is {:.2} after {} epochs, where less than {QUICK_PERPLEXITY} is required",
            loss.exp(),
            last.epoch
        );
        Ok(vec![loss.exp(), held_out])
    }
}

/// The training text and the held-out text, as token ids.
pub struct Data {
    train: Vec<u32>,
    valid: Vec<u32>,
    vocabulary: usize,
}

impl Data {
    fn read() -> Result<Self> {
        let text = read_text(fetch("time-machine")?.join("timemachine.txt"))?;
        let rules = TokenRules::COURSE_CHARACTERS;
        let normalized = rules.normalize(&text);
        // ASCII letters and spaces: a character is a byte.
        let [train, valid] = TOKENS;
        let learnt = &normalized[..train];
        let tokenizer = Tokenizer::fit(rules, learnt, &VocabConfig::default())?;
        let ids: Vec<u32> = tokenizer.encode(&normalized[..train + valid]);
        Ok(Self {
            train: ids[..train].to_vec(),
            valid: ids[train..].to_vec(),
            vocabulary: tokenizer.vocab().len(),
        })
    }

    fn loaders(&self, settings: &Settings, seed: Seed) -> Result<[TextLoader; 2]> {
        let train = TextLoader::new(&self.train[..], STEPS, BATCH_SIZE, settings.sampling)?;
        Ok([
            train
                .shuffle(seed.child("order"))
                .last_batch(LastBatch::Drop),
            TextLoader::for_evaluation(&self.valid[..], STEPS, BATCH_SIZE)?,
        ])
    }
}

/// Sections "Concise Implementation of Recurrent Neural Networks", GRU and LSTM.
fn with_framework(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let seed = Seed::new(run.seed);
    let [train, valid] = data.loaders(settings, seed)?;
    let network = LanguageModelConfig {
        hidden: settings.hidden,
        ..LanguageModelConfig::by_name(settings.model, data.vocabulary)?
    };
    let config = TrainConfig {
        epochs: settings.epochs,
        learning_rate: settings.learning_rate,
        seed: run.seed,
        clip: Some(Clip::Norm(1.0)),
        ..TrainConfig::default()
    };
    let model = network.init(seed.child("weights"), &run.device)?;
    let trainer = Trainer::new(config)?.metric(Perplexity::default());
    let fitted = trainer.fit(model, &LanguageModeling, &train, Some(&valid))?;
    Ok(unless_interrupted(fitted.finished())?.history)
}

/// Section "Implementation of Recurrent Neural Networks from Scratch": weights from N(0, 0.01), biases of 0.
fn by_hand(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let device = run.device.clone().autodiff();
    let seed = Seed::new(run.seed);
    let [train, valid] = data.loaders(settings, seed)?;
    let (tokens, units) = (data.vocabulary, settings.hidden);
    let normal = Initializer::Normal { std: 0.01 };
    let draw = |name: &str, shape: [usize; 2]| {
        let fans = tinderbox::nn::Fans {
            fan_in: shape[0],
            fan_out: shape[1],
        };
        let numbers = normal.draw(shape[0] * shape[1], fans, seed.child("weights").child(name));
        Tensor::<2>::from_data(TensorData::new(numbers, shape), &device).require_grad()
    };
    let zeros = |count| Tensor::<2>::zeros([1, count], &device).require_grad();
    // Inputs to units, units to units, their biases, units to logits, their biases.
    let mut parameters = [
        draw("W_xh", [tokens, units]),
        draw("W_hh", [units, units]),
        zeros(units),
        draw("W_hq", [units, tokens]),
        zeros(tokens),
    ];
    let mut history = History::default();
    for epoch in 0..settings.epochs {
        let started = Instant::now();
        let (mut learnt, mut held_out) = (Mean::default(), Mean::default());
        let mut state = None;
        for batch in train.epoch(epoch, 0, &device)? {
            let batch = batch?;
            let count = batch.inputs.dims().iter().product();
            let before = state.take().filter(|_| batch.continues);
            let (logits, after) = network(&parameters, batch.inputs, before);
            state = Some(after.detach());
            let loss = cross_entropy(softmax(logits), by_step(batch.targets)).mean();
            let gradients = loss.backward();
            let mut moves = Vec::with_capacity(parameters.len());
            for parameter in &parameters {
                let gradient = parameter.grad(&gradients);
                moves.push(gradient.context("every parameter takes part in the loss")?);
            }
            // Clipping: the norm of all gradients together is at most 1.
            let squares = moves.iter().map(|x| x.clone().square().sum());
            let norm: f64 = Tensor::cat(squares.collect(), 0).sum().sqrt().into_scalar();
            let scale = settings.learning_rate / norm.max(1.0);
            for (parameter, gradient) in parameters.iter_mut().zip(moves) {
                let moved = parameter.clone().inner() - gradient * scale;
                *parameter = Tensor::from_inner(moved).require_grad();
            }
            learnt.add(loss.into_scalar(), count);
        }
        let mut state = None;
        for batch in valid.epoch(0, 0, &device)? {
            let batch = batch?;
            let count = batch.inputs.dims().iter().product();
            let (logits, after) = network(&parameters, batch.inputs, state.take());
            state = Some(after.detach());
            let loss = cross_entropy(softmax(logits), by_step(batch.targets)).mean();
            held_out.add(loss.into_scalar(), count);
        }
        history.epochs.push(EpochRecord {
            epoch: epoch + 1,
            step: (epoch + 1) * train.num_batches(),
            learning_rate: settings.learning_rate,
            metrics: vec![
                ("train_loss".into(), learnt.value()),
                ("valid_perplexity".into(), held_out.value().exp()),
            ],
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    Ok(history)
}

/// The recurrent network, step by step: logits `[steps * batch, tokens]` and the last state.
fn network(
    [w_xh, w_hh, b_h, w_hq, b_q]: &[Tensor<2>; 5],
    tokens: Tensor<2, Int>,
    state: Option<Tensor<2>>,
) -> (Tensor<2>, Tensor<2>) {
    let [batch, steps] = tokens.dims();
    let [vocabulary, units] = w_xh.dims();
    let mut state = state.unwrap_or_else(|| Tensor::zeros([batch, units], &w_xh.device()));
    let mut states = Vec::with_capacity(steps);
    for step in 0..steps {
        let token = tokens.clone().narrow(1, step, 1).reshape([batch]);
        let input = token.one_hot::<2>(vocabulary).float();
        let sum = input.matmul(w_xh.clone()) + state.matmul(w_hh.clone());
        state = (sum + b_h.clone()).tanh();
        states.push(state.clone());
    }
    let logits = Tensor::cat(states, 0).matmul(w_hq.clone()) + b_q.clone();
    (logits, state)
}

/// Targets in the order of the logits: all rows of a step, then those of the next.
fn by_step(targets: Tensor<2, Int>) -> Tensor<1, Int> {
    targets.swap_dims(0, 1).flatten(0, 1)
}
