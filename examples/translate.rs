//! Translates with a trained model: a sentence, or every line of a file.
//!
//! The bundle of `translation` holds weights, configuration and both vocabularies.
//! `cargo run --example translate -- runs/translation/001/bundle "i'm home ." --beam 4`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use examples::say;
use tinderbox::data::text::read_text;
use tinderbox::models::BeamSearch;
use tinderbox::prelude::*;
use tinderbox::text::TranslationModel;

#[derive(clap::Parser)]
#[command(about = "Translates a sentence, or every line of a file.")]
struct Args {
    /// The folder of a bundle that `translation` wrote.
    bundle: PathBuf,
    /// A file with a sentence in each line, or a sentence. Words that the model does not know are read as
    /// <unk> and named on the error output.
    #[arg(value_name = "FILE|TEXT")]
    text: String,
    /// Sequences that the search keeps at every step; 1 is greedy search.
    #[arg(long, default_value_t = 4)]
    beam: usize,
    /// α of the score `ln P / length^α`: 0 prefers short translations.
    #[arg(long, default_value_t = 0.75, allow_negative_numbers = true)]
    length_penalty: f64,
    /// Tokens of a translation at most; default: those of the training sentences.
    #[arg(long)]
    length: Option<usize>,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, …
    #[arg(long)]
    device: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let model = TranslationModel::open(&args.bundle, &device(args.device.as_deref())?)?;
    let beam = BeamSearch {
        width: args.beam,
        length_penalty: args.length_penalty,
        max_length: args.length.unwrap_or(model.config().steps),
    };
    beam.check()?;
    let file = Path::new(&args.text);
    let (text, place) = match file.is_file() {
        true => (read_text(file)?, args.text.as_str()),
        false => (args.text.clone(), "the text"),
    };
    ensure!(!text.trim().is_empty(), "there is no text to translate");
    let mut errors = std::io::stderr();
    for (line, number) in text.lines().zip(1..) {
        // A line for every line, so that files can be compared.
        if line.trim().is_empty() {
            say!();
            continue;
        }
        let translated = model.translate(line, &beam);
        let translated = translated.with_context(|| format!("{place}, line {number}"))?;
        say!("{translated}");
        if !translated.unknown.is_empty() {
            let unknown = translated.unknown.join(" ");
            let _ = writeln!(
                errors,
                "{place}, line {number}: not in the vocabulary, read as <unk>: {unknown}"
            );
        }
        if translated.left_out > 0 {
            let _ = writeln!(
                errors,
                "{place}, line {number}: longer than the model's sentences, {} tokens at the end were left out",
                translated.left_out
            );
        }
    }
    Ok(())
}
