//! A tokenizer trained on a text: byte-pair encoding as GPT-2 has it, or WordPiece as BERT has it.
//!
//! `cargo run --features tokenizers --example train_tokenizer -- FILE --kind bpe --size 8000 --out FOLDER`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use examples::say;
use tinderbox::data::text::{PretrainedTokenizer, TokenizerKind, read_text};

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    /// Byte-pair encoding of bytes, as GPT-2 has it.
    Bpe,
    /// WordPiece in lower case, as BERT has it.
    Wordpiece,
}

#[derive(Parser, Debug)]
#[command(
    about = "Trains a tokenizer on a text and writes tokenizer.json.",
    allow_negative_numbers = true
)]
struct Args {
    /// A text in UTF-8, also packed with gzip.
    file: PathBuf,
    /// How words are cut into parts.
    #[arg(long, value_enum, default_value = "bpe")]
    kind: Kind,
    /// The largest number of tokens.
    #[arg(long, default_value_t = 8000)]
    size: usize,
    /// The folder for tokenizer.json.
    #[arg(long, default_value = "runs/tokenizer")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let of_file = || args.file.display().to_string();
    let text = read_text(&args.file)?;
    let kind = match args.kind {
        Kind::Bpe => TokenizerKind::Bpe,
        Kind::Wordpiece => TokenizerKind::WordPiece,
    };
    let lines = text.split_inclusive('\n');
    let tokenizer = PretrainedTokenizer::train(kind, lines, args.size).with_context(of_file)?;
    let path = args.out.join("tokenizer.json");
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    tinderbox::write_atomic(&path, tokenizer.to_json()?)?;

    let mut tokens = 0;
    for line in text.lines() {
        tokens += tokenizer.encode(line, false)?.len();
    }
    let (characters, words) = (text.chars().count(), text.split_whitespace().count());
    say!("{} tokens of at most {}", tokenizer.vocabulary(), args.size);
    say!(
        "the text: {characters} characters, {words} words, {tokens} tokens ({:.2} for a word)",
        tokens as f64 / words.max(1) as f64
    );
    say!("written: {}", path.display());
    Ok(())
}
