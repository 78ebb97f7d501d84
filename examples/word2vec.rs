//! Word vectors of a text: word2vec's skip-gram model with negative sampling.
//!
//! `cargo run --example word2vec -- --data FILE --near chip`
//!
//! The run folder gets `words.vec`, which `WordVectors::read` and other programs read.

use anyhow::Result;
use clap::Parser;
use examples::words::{Settings, Words, read};
use examples::{Common, output, say, unless_interrupted};
use tinderbox::data::text::WordVectors;
use tinderbox::prelude::*;

#[derive(Parser, Debug)]
#[command(
    about = "Trains word vectors on a text.",
    allow_negative_numbers = true
)]
struct Args {
    /// A text file, a sentence in each line, words between spaces; or wikitext-2, its validation and test parts.
    #[arg(long, default_value = "wikitext-2")]
    data: String,
    /// Words that occur less often are left out.
    #[arg(long, default_value_t = 10)]
    min_frequency: usize,
    /// Numbers of a vector.
    #[arg(long, default_value_t = Settings::COURSE.size, value_parser = output::positive::<usize>)]
    size: usize,
    /// The largest distance of a context word from its center.
    #[arg(long, default_value_t = 5, value_parser = output::positive::<usize>)]
    window: usize,
    /// Noise words for each context word.
    #[arg(long, default_value_t = 5)]
    negatives: usize,
    /// Words whose nearest words are printed; may be given several times.
    #[arg(long, value_name = "WORD", default_values = ["ship", "album", "king"])]
    near: Vec<String>,
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut settings = Settings::COURSE;
    settings.size = args.size;
    settings.skip_grams.window = args.window;
    settings.skip_grams.negatives = args.negatives;
    settings.batch_size = args.common.batch_size.unwrap_or(settings.batch_size);
    let words = Words::new(&read(&args.data)?, args.min_frequency)?;
    let (tokens, known) = (
        words.sentences.iter().map(Vec::len).sum::<usize>(),
        words.vocab.len() - 1,
    );
    say!("{tokens} words, {known} different ones");

    let run = args.common.run("word2vec")?;
    let config = TrainConfig {
        epochs: args.common.epochs.unwrap_or(5),
        learning_rate: args.common.lr.unwrap_or(0.002),
        optimizer: OptimizerConfig::adam().into(),
        seed: args.common.seed,
        ..TrainConfig::default()
    };
    let trainer = args.common.trainer(config, &run)?;
    let (seed, device) = (args.common.seed(), args.common.device()?);
    let fitted = words.train(&settings, trainer, seed, &device)?;
    let fitted = unless_interrupted(fitted.finished())?;

    let file = run.folder().join("words.vec");
    tinderbox::write_atomic(&file, words.to_vec_file(&fitted.model))?;
    let vectors = WordVectors::read(&file, None)?;
    for word in &args.near {
        match vectors.similar(word, 5) {
            Ok(similar) => {
                let similar = similar
                    .iter()
                    .map(|(word, cosine)| format!("{word} {cosine:.3}"));
                say!("{word}: {}", similar.collect::<Vec<_>>().join(", "));
            }
            Err(error) => say!("{error}"),
        }
    }
    say!("vectors {}", file.display());
    Ok(())
}
