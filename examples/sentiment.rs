//! The sentiment of reviews: a bidirectional LSTM or convolutions on word vectors.
//!
//! `cargo run --example sentiment -- --data aclImdb_v1.tar.gz --vectors glove.6B.100d.txt`
//!
//! Without an archive of IMDb: `--data generated`, or `--data aclimdb-tiny`, 40 reviews to try the program with.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use examples::reviews::{Kind, Settings, Start, read};
use examples::{Common, output, say};
use tinderbox::data::text::WordVectors;

#[derive(Parser, Debug)]
#[command(
    about = "Trains a classifier of reviews.",
    allow_negative_numbers = true
)]
struct Args {
    /// The folder aclImdb or its archive, aclimdb-tiny, or generated.
    #[arg(long, default_value = "generated")]
    data: String,
    /// bilstm or textcnn.
    #[arg(long, default_value = "textcnn")]
    model: Kind,
    /// Word vectors to start from: GloVe or fastText.
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// Tokens of a review; longer ones are cut.
    #[arg(long, default_value_t = 500, value_parser = output::positive::<usize>)]
    steps: usize,
    /// Words that occur less often are unknown.
    #[arg(long, default_value_t = 5)]
    min_frequency: usize,
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.common.batch_size != Some(0),
        "--batch-size 0: a batch has one review at least"
    );
    ensure!(
        args.steps <= 1 << 20,
        "--steps {}: every review is padded to so many tokens; 500 are common",
        args.steps
    );
    let mut settings = Settings::course(args.model);
    (settings.steps, settings.min_frequency) = (args.steps, args.min_frequency);
    settings.epochs = args.common.epochs.unwrap_or(settings.epochs);
    settings.learning_rate = args.common.lr.unwrap_or(settings.learning_rate);
    settings.batch_size = args.common.batch_size.unwrap_or(settings.batch_size);
    let [train, test] = read(&args.data, args.common.seed())?;
    let vectors = args
        .vectors
        .as_ref()
        .map(|path| WordVectors::read(path, None));
    let (vectors, device) = (vectors.transpose()?, args.common.device()?);
    let run = args.common.run("sentiment")?;
    let accuracy = settings.train(
        [&train, &test],
        vectors.as_ref(),
        (args.common.seed(), &device),
        &mut |mut config| {
            config.seed = args.common.seed;
            Ok(Start {
                config,
                recorded: Some((args.common.clone(), run.clone())),
            })
        },
    )?;
    say!(
        "test accuracy {accuracy:.4} on {} reviews",
        test.texts.len()
    );
    Ok(())
}
