//! Continues a text with a trained language model.
//!
//! The bundle of `language_model` holds weights, configuration and vocabulary.
//! `cargo run --example generate -- runs/language_model/001/bundle --prefix "time traveller" --length 200`
//!
//! With the feature `tokenizers`, also with a folder of Hugging Face: `generate FOLDER --prefix "Once upon a time"`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use examples::say;
use tinderbox::models::Decoding;
use tinderbox::prelude::*;
use tinderbox::text::TextModel;

#[derive(clap::Parser)]
#[command(about = "Continues a text with a trained language model.")]
struct Args {
    /// The folder of a bundle that `language_model` wrote, or with the feature `tokenizers` one with config.json,
    /// model.safetensors and tokenizer.json: GPT-2 and Llama; with the feature `hub` a name such as gpt2.
    bundle: PathBuf,
    /// The text to continue; characters that a model of `language_model` does not know are read as <unk>.
    #[arg(long)]
    prefix: String,
    /// Number of tokens to generate: characters or words, as the model was trained.
    #[arg(long, default_value_t = 200)]
    length: usize,
    /// Sample with this temperature; below 1 more conservative, above 1 more random. Without it (and
    /// without --top-k and --top-p) the most probable token is taken each time.
    #[arg(long, allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Sample from the K most probable tokens.
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Sample from the most probable tokens whose probabilities together reach P.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// The random seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, …
    #[arg(long)]
    device: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = device(args.device.as_deref())?;
    let decoding = match (args.temperature, args.top_k, args.top_p) {
        (None, None, None) => Decoding::Greedy,
        (temperature, top_k, top_p) => Decoding::Sample {
            temperature: temperature.unwrap_or(1.0),
            top_k,
            top_p,
        },
    };
    let seed = Seed::new(args.seed);
    let name = cfg!(feature = "hub") && !args.bundle.is_dir();
    if name || args.bundle.join("config.json").is_file() {
        return pretrained(&args, &decoding, seed, &device);
    }
    let model = TextModel::open(&args.bundle, &device)?;
    let written = model.generate(&args.prefix, args.length, &decoding, seed)?;
    if !written.unknown.is_empty() {
        say!(
            "not in the vocabulary, read as <unk>: {}",
            written.unknown.join(" ")
        );
    }
    say!("{written}");
    Ok(())
}

/// The continuation by a model of Hugging Face.
#[cfg(feature = "tokenizers")]
fn pretrained(args: &Args, decoding: &Decoding, seed: Seed, device: &Device) -> Result<()> {
    let model = tinderbox::text::PretrainedTextModel::open(&args.bundle, device)?;
    say!(
        "{}",
        model.generate(&args.prefix, args.length, decoding, seed)?
    );
    Ok(())
}

#[cfg(not(feature = "tokenizers"))]
fn pretrained(args: &Args, _: &Decoding, _: Seed, _: &Device) -> Result<()> {
    anyhow::bail!(
        "{}: a folder of Hugging Face needs the tokenizers: cargo run --features tokenizers --example generate",
        args.bundle.display()
    )
}
