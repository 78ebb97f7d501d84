//! Machine translation: an encoder reads an English sentence, a decoder writes it in French.
//!
//! Dive into Deep Learning, "Sequence to Sequence Learning", "Bahdanau Attention" and "Transformer".
//! Data: the first 600 (601) pairs of fra-eng; `--data FILE` takes a pair with a tab in each line.
//! `cargo run --example translation -- --model transformer`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{Common, expected, pairs, say, unless_interrupted};
use tinderbox::data::text::TokenRules;
use tinderbox::models::{BeamSearch, TranslationConfig};
use tinderbox::plot::{Plot, heat_map};
use tinderbox::prelude::*;
use tinderbox::text::{PairTokenizers, TranslationModel};
use tinderbox::train::{Accuracy, Clip, LossReduction, Perplexity, Translation, sentence_bleu};

/// Pairs whose gradient makes one step.
const BATCH_SIZE: usize = 64;
/// Tokens of a sentence, its end among them: longer ones are cut.
const STEPS: usize = 10;
/// Rarer words are unknown.
const MIN_FREQUENCY: usize = 2;
/// Adam's.
const LEARNING_RATE: f64 = 0.005;

#[derive(clap::Parser)]
#[command(about = "Trains a translation model and translates four sentences.")]
struct Args {
    #[command(flatten)]
    common: Common,
    /// gru, bahdanau (GRUs with attention), or transformer.
    #[arg(long, default_value = "gru")]
    model: String,
    /// fra-eng, or a file: a sentence, a tab and its translation in each line.
    #[arg(long, value_name = "NAME|FILE", default_value = "fra-eng")]
    data: String,
    /// Learn from this many pairs; default: 601 of fra-eng, nine tenths of a file. A fifth as many that
    /// follow are held out.
    #[arg(long)]
    pairs: Option<usize>,
    /// Tokens of a sentence.
    #[arg(long, default_value_t = STEPS)]
    steps: usize,
    /// Stop after so many epochs without a better held-out loss, and keep the best epoch.
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// Sequences that the search keeps at every step; 1 is greedy search.
    #[arg(long, default_value_t = 1)]
    beam: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (device, seed) = (common.device()?, common.seed());
    let published = published(&args.model);

    // Vocabularies come from the training pairs alone.
    let all = pairs::read(&args.data)?;
    let course = args.data == "fra-eng";
    let share = all.len() / 10 * 9;
    let wanted = args
        .pairs
        .unwrap_or(if course { pairs::COURSE_PAIRS } else { share });
    let training = wanted.clamp(1, all.len());
    let held_out = &all[training..all.len().min(training + training / 5)];
    let rules = TokenRules::COURSE_SENTENCES;
    let tokenizers = PairTokenizers::fit(&all[..training], rules, MIN_FREQUENCY)?;
    let [source, target] = [&tokenizers.source, &tokenizers.target].map(|one| one.vocab());
    say!(
        "{training} of {} pairs to learn from, {} held out; {} and {} tokens in the vocabularies",
        all.len(),
        held_out.len(),
        source.len(),
        target.len()
    );
    let network = TranslationConfig {
        steps: args.steps,
        ..TranslationConfig::by_name(&args.model, source.len(), target.len())?
    };
    let task = Translation::new(target)?;
    let batch_size = common.batch_size.unwrap_or(BATCH_SIZE);
    let loader = Loader::new(tokenizers.encode(&all[..training], args.steps)?, batch_size)?
        .shuffle(seed.child("order"));
    let valid = tokenizers.encode(held_out, args.steps)?;
    let valid = Loader::for_evaluation(valid, batch_size)
        .context("the pairs that are held out: use fewer --pairs or a longer file")?;

    let config = TrainConfig {
        epochs: common.epochs.unwrap_or(published.epochs),
        learning_rate: common.lr.unwrap_or(LEARNING_RATE),
        seed: common.seed,
        optimizer: OptimizerConfig::adam().into(),
        // As in the course: the sum over tokens by the tokens of a padded sentence, then clipped.
        loss_reduction: LossReduction::DivideBy(args.steps),
        clip: Some(Clip::Norm(1.0)),
        ..TrainConfig::default()
    };
    let run = common.run("translation")?;
    let mut trainer = common
        .trainer(config, &run)?
        .metric(Perplexity::default())
        .metric(Accuracy::default());
    if let Some(patience) = args.patience {
        trainer = trainer.monitor(Monitor::min("valid_loss").patience(patience));
    }
    let model = network.init(seed.child("weights"), &device)?;
    let fitted = trainer.fit(model, &task, &loader, Some(&valid))?;
    let fitted = unless_interrupted(fitted.finished())?;

    let last = fitted.history.last().context("at least one epoch")?;
    let metric = |name: &str| last.get(name).context("it was asked for");
    let model = TranslationModel::new(network, fitted.model, tokenizers)?;
    let bundle = model.save(run.bundle())?;
    say!("run folder: {}", run.folder().display());
    let loss = metric("train_loss")?;
    let [low, high] = published.loss;
    expected(
        "training loss as the course divides it",
        format!(
            "{low} to {high} (the course, 601 pairs, {} epochs)",
            published.epochs
        ),
        format!("{:.3}", loss / args.steps as f64),
    );
    say!(
        "cross-entropy of a token in training: {loss:.3}; perplexity {:.2}, held out {:.2}; token accuracy {:.3}, held out {:.3}",
        metric("train_perplexity")?,
        metric("valid_perplexity")?,
        metric("train_accuracy")?,
        metric("valid_accuracy")?
    );

    // The course's sentences, or the first that are held out.
    let sentences: Vec<[String; 2]> = match course {
        true => pairs::COURSE_SENTENCES
            .map(|pair| pair.map(String::from))
            .to_vec(),
        false => held_out.iter().take(4).cloned().collect(),
    };
    let beam = BeamSearch {
        width: args.beam,
        length_penalty: 0.75,
        max_length: args.steps,
    };
    let mut scores = Vec::new();
    for [sentence, reference] in &sentences {
        let translated = model.translate(sentence, &beam)?;
        let reference = rules.normalize(reference);
        let words = rules.split(&translated.text);
        let bleu = sentence_bleu(&words, &rules.split(&reference), 2);
        say!("{sentence} => {translated}, BLEU {bleu:.3}");
        scores.push(bleu);
    }
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let theirs = format!("{:.2} (the course's sentences)", published.bleu);
    expected("mean BLEU with k = 2", theirs, format!("{mean:.2}"));

    // How every layer and head of the decoder looked at the last sentence.
    if let Some([sentence, _]) = sentences.last() {
        let translated = model.translate(sentence, &beam)?;
        for map in model.attention(sentence, &translated)? {
            let title = format!("Layer {}, head {}", map.layer, map.head);
            let plot = Plot::new(title).labels("read", "written");
            let name = format!("attention-{}-{}.svg", map.layer, map.head);
            tinderbox::write_atomic(run.folder().join(name), heat_map(&plot, &map.weights)?)?;
        }
    }
    say!(
        "more: cargo run --example translate -- {} \"{}\" --beam 4",
        bundle.folder().display(),
        sentences.first().map_or("go .", |[sentence, _]| sentence)
    );
    Ok(())
}

/// What the course publishes of a model: its epochs, 5 to 95 percent of the losses of 119 to 135 runs, and
/// the mean BLEU of its four sentences.
struct Published {
    epochs: usize,
    loss: [f64; 2],
    bleu: f64,
}

fn published(model: &str) -> Published {
    let (epochs, loss, bleu) = match model {
        "bahdanau" => (250, [0.019, 0.021], 0.86),
        "transformer" => (200, [0.030, 0.033], 0.91),
        _ => (300, [0.019, 0.020], 0.70),
    };
    Published { epochs, loss, bleu }
}
