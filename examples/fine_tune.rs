//! Fine-tunes a pretrained encoder on a column of texts, for the classes or numbers of another column.
//!
//! `cargo run --features tokenizers --example fine_tune -- FOLDER FILE.csv --text COLUMN --target COLUMN`
//!
//! With `--lora` adapters are trained instead of the weights. The run folder gets curves, checkpoints and a bundle,
//! which `--example predict -- BUNDLE FILE` reads.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use examples::read_args::{ReadArgs, print_bundle};
use examples::{Common, output, say, unless_interrupted};
use tinderbox::nn::Lora;
use tinderbox::text::{FineTuning, TextData};

#[derive(Parser, Debug)]
#[command(
    about = "Fine-tunes a pretrained encoder on a column of texts.",
    allow_negative_numbers = true
)]
struct Args {
    /// The folder of an encoder: config.json, model.safetensors, tokenizer.json; with the feature `hub` a name such as
    /// google-bert/bert-base-uncased.
    folder: PathBuf,
    /// The table.
    file: PathBuf,
    /// The column with the texts.
    #[arg(long)]
    text: String,
    /// The column with the classes (text, true and false) or the numbers; with --column-type COLUMN=text numbers are
    /// classes too.
    #[arg(long)]
    target: String,
    /// Leave out rows without a text or a target.
    #[arg(long)]
    skip_missing: bool,
    /// Number of tokens that are read of a text.
    #[arg(long, value_name = "TOKENS", value_parser = output::positive::<usize>)]
    max_tokens: Option<usize>,
    /// Train low-rank adapters of this rank; they are merged at the end.
    #[arg(long, value_name = "RANK", num_args = 0..=1, default_missing_value = "8", require_equals = true)]
    lora: Option<usize>,
    /// The weight of the adapters; default: twice the rank.
    #[arg(long, requires = "lora")]
    lora_alpha: Option<f64>,
    /// A layer that gets adapters, by a part of its path; may be given several times.
    #[arg(long, value_name = "LAYER", requires = "lora", default_values = ["query", "value"])]
    lora_layer: Vec<String>,
    /// Do not train the embeddings and the first blocks.
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    freeze_layers: usize,
    /// Train the new layer only.
    #[arg(long)]
    freeze_encoder: bool,
    /// The learning rate of a block as a multiple of that of the block above it.
    #[arg(long, default_value_t = 0.9)]
    layer_decay: f64,
    /// The learning rate of the new layer.
    #[arg(long, default_value_t = 1e-3)]
    head_lr: f64,
    /// Shares of the texts that decide which epoch is kept, and that are only scored.
    #[arg(long, num_args = 2, value_names = ["VALIDATION", "TEST"], default_values_t = [0.15, 0.15])]
    shares: Vec<f64>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    read: ReadArgs,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let frame = args.read.options()?.read(&args.file)?.collect()?;
    let data = TextData::from_frame(&frame, &args.text, &args.target, args.skip_missing)?;

    let mut tuning = FineTuning::new(&args.folder)
        .freeze_layers(args.freeze_layers)
        .layer_decay(args.layer_decay)
        .head_learning_rate(args.head_lr)
        .shares(args.shares[0], args.shares[1]);
    if let Some(rank) = args.lora {
        let alpha = args.lora_alpha.unwrap_or(2.0 * rank as f64);
        tuning = tuning.lora(Lora::new(rank, alpha).layers(&args.lora_layer));
    }
    if args.freeze_encoder {
        tuning = tuning.freeze_encoder();
    }
    if let Some(tokens) = args.max_tokens {
        tuning = tuning.max_tokens(tokens);
    }
    let tuning = args.common.fine_tuning("fine_tune", tuning)?;
    let tuned = unless_interrupted(tuning.fit(&data))?;
    say!("{}", tuned.scores());
    if let (Some(matrix), Some(accuracy)) = (&tuned.matrix, tuned.score("accuracy")) {
        let rows = matrix.counts();
        let rows = rows.iter().map(|row| row.iter().sum::<u64>() as f64);
        let (most, all) = rows.fold((0.0, 0.0), |(most, all): (f64, f64), row| {
            (most.max(row), all + row)
        });
        examples::expected(
            "test accuracy",
            format!("above {:.4}, that of the most frequent class", most / all),
            format!("{accuracy:.4}"),
        );
    }
    print_bundle(tuned.run.as_ref());
    Ok(())
}
