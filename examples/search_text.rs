//! The lines of a text that mean most nearly what a question means.
//!
//! `cargo run --features tokenizers --example search_text -- FOLDER FILE "a question"`

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use examples::{output, say};
use tinderbox::data::text::read_text;
use tinderbox::prelude::*;
use tinderbox::text::SentenceEncoder;

#[derive(Parser, Debug)]
#[command(
    about = "Searches the lines of a text by meaning.",
    allow_negative_numbers = true
)]
struct Args {
    /// The folder of an encoder: config.json, model.safetensors, tokenizer.json; with the feature `hub` a name such as
    /// sentence-transformers/all-MiniLM-L6-v2.
    folder: PathBuf,
    /// A text, one passage a line.
    file: PathBuf,
    /// What to look for.
    question: String,
    /// Number of lines to print.
    #[arg(long, default_value_t = 5, value_parser = output::positive::<usize>)]
    top: usize,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        !args.question.trim().is_empty(),
        "the question is empty: write what to look for"
    );
    let encoder = SentenceEncoder::open(&args.folder, &device(args.device.as_deref())?)?;
    let text = read_text(&args.file)?;
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    ensure!(
        !lines.is_empty(),
        "{}: there is no line with text",
        args.file.display()
    );

    let passages = encoder.encode(&lines)?;
    let question = encoder.encode(&[&args.question])?;
    let unit = |vectors: Tensor<2>| {
        let length = vectors.clone().square().sum_dim(1).sqrt();
        vectors / length.clamp_min(1e-12)
    };
    let cosines = unit(passages.vectors).matmul(unit(question.vectors).transpose());
    let cosines: Vec<f32> = cosines.into_data().iter::<f32>().collect();
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| cosines[b].total_cmp(&cosines[a]));
    for &line in order.iter().take(args.top) {
        say!("{:.4}  {}", cosines[line], lines[line]);
    }
    if passages.cut > 0 {
        let most = encoder.max_tokens();
        say!(
            "{} lines are longer than {most} tokens: the rest of them was not read",
            passages.cut
        );
    }
    Ok(())
}
