//! A language model of characters: predict the next character, one at a time.
//!
//! Dive into Deep Learning, "Concise Implementation of Recurrent Neural Networks", GRU, LSTM and deep
//! networks. Data: the first 10,000 characters of The Time Machine; `--data FILE` takes any text.
//! `--model gpt` and `--model llama` are small decoder-only Transformers that train on nine tenths of the text.
//! `cargo run --example language_model -- --model gru`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use examples::{Common, expected, say, unless_interrupted};
use tinderbox::data::fetch;
use tinderbox::data::text::{
    Normalization, Sampling, TextLoader, TokenRules, TokenUnit, Tokenizer, Vocab, VocabConfig,
    read_text,
};
use tinderbox::models::{Decoding, LanguageModelConfig};
use tinderbox::optim::ParameterGroup;
use tinderbox::prelude::*;
use tinderbox::text::{TextModel, TextTokenizer};
use tinderbox::train::{Accuracy, Clip, Interval, LanguageModeling, Perplexity};

/// Passes over the training text of a recurrent model.
const EPOCHS: usize = 500;
/// What `xtask/python/gpt_loss.py` prints for the settings without options.
const PYTORCH_GPT: f64 = 1.6955;

/// Optimizer steps of a Transformer.
const TRANSFORMER_STEPS: usize = 2000;
/// Windows whose mean gradient makes one step: of a recurrent model, of a Transformer.
const BATCH_SIZE: [usize; 2] = [32, 12];
/// Characters in a window of a recurrent model: how far back a gradient goes.
const STEPS: usize = 35;
/// Characters of The Time Machine to train a recurrent model on.
const TOKENS: usize = 10_000;

#[derive(clap::Parser)]
#[command(about = "Trains a language model and continues a prefix.")]
struct Args {
    #[command(flatten)]
    common: Common,
    /// rnn, gru, lstm, deep, bidirectional (which sees the text that it must predict: a warning), gpt, llama.
    #[arg(long, default_value = "rnn")]
    model: String,
    /// A text of the catalog, or a file.
    #[arg(long, value_name = "NAME|FILE", default_value = "time-machine")]
    data: String,
    /// Tokens are words instead of characters.
    #[arg(long)]
    words: bool,
    /// Tokens are those of a tokenizer.json (with the feature `tokenizers`).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "min_frequency"])]
    tokenizer: Option<PathBuf>,
    /// Train on this many tokens; default: nine tenths of the text, for recurrent models 10,000 of The Time Machine.
    #[arg(long)]
    tokens: Option<usize>,
    /// Leave out tokens that occur less often in the training text.
    #[arg(long, default_value_t = 1)]
    min_frequency: usize,
    /// Units of each layer; default: 256; the features of gpt and llama: 128.
    #[arg(long)]
    hidden: Option<usize>,
    /// Tokens in a window; default: 35; of gpt and llama 64.
    #[arg(long)]
    steps: Option<usize>,
    /// Windows in random order, each without the text before it; gpt and llama have no other way.
    #[arg(long)]
    random: bool,
    /// Stop after this many epochs without a better held-out loss, and keep the best epoch.
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// The text that the trained model continues.
    #[arg(long, default_value = "time traveller")]
    prefix: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (device, seed) = (common.device()?, common.seed());

    let (text, course) = open(&args.data)?;
    let published = published(&args.model);
    let wanted = args
        .tokens
        .or((course && published.is_some() && args.tokenizer.is_none()).then_some(TOKENS));
    let (ids, training, tokenizer) = match &args.tokenizer {
        None => fitted_tokens(&args, &text, course, wanted)?,
        Some(file) => {
            let tokenizer = pretrained_tokenizer(file)?;
            let ids = tokenizer.encode(&text)?;
            let training = wanted.unwrap_or(ids.len() * 9 / 10).min(ids.len());
            (ids, training, tokenizer)
        }
    };
    let vocabulary = tokenizer.vocabulary();
    // The text after it, a fifth as long, is held out.
    let held_out = &ids[training..ids.len().min(training + training / 5)];
    say!(
        "{training} of {} tokens to train on, {} held out, {} in the vocabulary",
        ids.len(),
        held_out.len(),
        vocabulary
    );

    let mut network = LanguageModelConfig::by_name(&args.model, vocabulary)?;
    if let Some(units) = args.hidden {
        network = network.hidden(units);
    }
    let mut steps = args.steps.unwrap_or(STEPS);
    let context = network.context_mut();
    let transformer = context.is_some();
    if let Some(context) = context {
        *context = args.steps.unwrap_or(*context);
        steps = *context;
    }
    let sampling = match args.random || transformer {
        true => Sampling::Random,
        false => Sampling::Sequential,
    };
    let batch_size = BATCH_SIZE[usize::from(transformer)];
    let batch_size = common.batch_size.unwrap_or(batch_size);
    let loader = TextLoader::new(&ids[..training], steps, batch_size, sampling)?
        .shuffle(seed.child("order"))
        .last_batch(LastBatch::Drop);
    let valid = TextLoader::for_evaluation(held_out, steps, batch_size)
        .context("the text that is held out: use fewer --tokens or a longer text")?;

    let mut config = match &published {
        None => transformer_training(match common.epochs {
            Some(epochs) => epochs * loader.num_batches(),
            None => TRANSFORMER_STEPS,
        }),
        Some(published) => TrainConfig {
            epochs: common.epochs.unwrap_or(EPOCHS),
            learning_rate: published.learning_rate,
            ..TrainConfig::default()
        },
    };
    config.learning_rate = common.lr.unwrap_or(config.learning_rate);
    config.seed = common.seed;
    // Gradients of long sequences explode now and then.
    config.clip = Some(Clip::Norm(1.0));
    // What the last record of the history covers.
    let tokens = match config.validate {
        Interval::Steps(optimizer_steps) => optimizer_steps * batch_size * steps,
        Interval::Epochs(_) => loader.num_targets(),
    };
    let run = common.run("language_model")?;
    let mut trainer = common
        .trainer(config, &run)?
        .metric(Perplexity::default())
        .metric(Accuracy::default());
    if let Some(patience) = args.patience {
        trainer = trainer.monitor(Monitor::min("valid_loss").patience(patience));
    }
    let model = network.init(seed.child("weights"), &device)?;
    let fitted = trainer.fit(model, &LanguageModeling, &loader, Some(&valid))?;
    let fitted = unless_interrupted(fitted.finished())?;

    let last = fitted.history.last().context("at least one epoch")?;
    let metric = |name: &str| last.get(name).context("it was asked for");
    let text_model = TextModel::new(network, fitted.model, tokenizer)?;
    let bundle = text_model.save(run.bundle())?;
    let tokens_per_second = tokens as f64 / last.seconds;
    say!("run folder: {}", run.folder().display());
    say!("tokens per second at the end: {tokens_per_second:.0}");
    let perplexity = format!("{:.2}", metric("train_loss")?.exp());
    let name = "perplexity on the training text";
    match published {
        Some(Published {
            perplexity: [low, high],
            ..
        }) => expected(
            name,
            format!("{low} to {high} (the course, 10,000 characters, 500 epochs)"),
            perplexity,
        ),
        None => say!("{name}: {perplexity}"),
    }
    say!(
        "perplexity on the {} tokens held out: {:.2} (guessing: {}); accuracy {:.3}",
        valid.num_targets(),
        metric("valid_perplexity")?,
        vocabulary,
        metric("valid_accuracy")?
    );
    let chosen = [
        args.tokens,
        args.hidden,
        args.steps,
        common.epochs,
        common.batch_size,
    ];
    let without_options = chosen.iter().all(Option::is_none) && common.lr.is_none();
    if args.model == "gpt" && course && args.tokenizer.is_none() && without_options {
        expected(
            "loss on them",
            format!(
                "{PYTORCH_GPT} (PyTorch, the same size, steps and data: xtask/python/gpt_loss.py)"
            ),
            format!("{:.4}", metric("valid_loss")?),
        );
    }
    let written = text_model.generate(&args.prefix, 50, &Decoding::Greedy, seed)?;
    say!("{written}");
    say!(
        "more: cargo run --example generate -- {} --prefix \"{}\" --temperature 0.7",
        bundle.folder().display(),
        args.prefix
    );
    Ok(())
}

/// The ids of a text's characters or words, how many of them are for training, and the tokenizer, whose vocabulary
/// comes from the training part alone.
fn fitted_tokens(
    args: &Args,
    text: &str,
    course: bool,
    wanted: Option<usize>,
) -> Result<(Vec<u32>, usize, TextTokenizer)> {
    let rules = TokenRules {
        normalization: match course {
            true => Normalization::LettersByLine,
            false => Normalization::None,
        },
        unit: match args.words {
            true => TokenUnit::Word,
            false => TokenUnit::Character,
        },
    };
    let normalized = rules.normalize(text);
    let tokens = rules.split(&normalized);
    let training = wanted.unwrap_or(tokens.len() * 9 / 10).min(tokens.len());
    let vocab = Vocab::fit(
        tokens[..training].iter().copied(),
        &VocabConfig {
            min_frequency: args.min_frequency,
            ..VocabConfig::default()
        },
    )?;
    let ids = tokens.iter().map(|token| vocab.id(token)).collect();
    Ok((ids, training, Tokenizer::new(rules, vocab).into()))
}

#[cfg(feature = "tokenizers")]
fn pretrained_tokenizer(file: &Path) -> Result<TextTokenizer> {
    Ok(tinderbox::data::text::PretrainedTokenizer::open(file)?.into())
}

#[cfg(not(feature = "tokenizers"))]
fn pretrained_tokenizer(file: &Path) -> Result<TextTokenizer> {
    bail!(
        "--tokenizer {} needs the tokenizers: cargo run --features tokenizers --example language_model",
        file.display()
    )
}

/// The published results of the course for a model: its learning rate, and 5 to 95 percent of the perplexities of
/// 70 to 117 runs, on the training text.
struct Published {
    learning_rate: f64,
    perplexity: [f64; 2],
}

fn published(model: &str) -> Option<Published> {
    let (learning_rate, perplexity) = match model {
        "rnn" => (1.0, [1.3, 1.4]),
        "gru" => (1.0, [1.0, 1.1]),
        "lstm" => (1.0, [1.0, 1.3]),
        "deep" => (2.0, [1.0, 1.3]),
        "bidirectional" => (1.0, [1.1, 1.1]),
        _ => return None,
    };
    Some(Published {
        learning_rate,
        perplexity,
    })
}

/// AdamW with warm-up, a cosine, and weight decay on matrices alone.
fn transformer_training(steps: usize) -> TrainConfig {
    TrainConfig {
        learning_rate: 1e-3,
        optimizer: OptimizerConfig::adamw()
            .beta_2(0.99)
            .weight_decay(0.1)
            .into(),
        groups: vec![ParameterGroup::no_decay_on_vectors()],
        schedule: RateSchedule::per_step(
            Schedule::cosine(steps)
                .end(1e-4)
                .after_warmup((steps / 20).max(1)),
        ),
        validate: Interval::Steps((steps / 8).max(1)),
        ..TrainConfig::steps(steps)
    }
}

/// The text of a file or of the catalog, and whether it is the course's.
fn open(data: &str) -> Result<(String, bool)> {
    let file = Path::new(data);
    if file.exists() {
        return Ok((read_text(file)?, false));
    }
    let folder = fetch(data)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    match files.pop() {
        Some(file) if files.is_empty() => Ok((read_text(file)?, data == "time-machine")),
        _ => bail!("the data set {data} is not one text file; try time-machine, or give a file"),
    }
}
