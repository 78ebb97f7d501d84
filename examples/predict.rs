//! Predictions of a trained bundle for a file that may be larger than memory.
//!
//! `cargo run --release --example predict -- BUNDLE FILE --out predictions.csv`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use examples::say;
use tinderbox::data::{ReadOptions, Separator};
use tinderbox::prelude::*;

#[derive(Parser, Debug)]
#[command(about = "Predicts for every row of a table and writes a CSV file.")]
struct Args {
    /// The folder `bundle` of a finished run.
    bundle: PathBuf,
    /// The file, a folder of files, or a pattern in quotes; the target column may be absent.
    file: PathBuf,
    /// Where the predictions go.
    #[arg(long, default_value = "predictions.csv")]
    out: PathBuf,
    /// What stands between fields: a character, or the word tab or whitespace.
    #[arg(long)]
    separator: Option<Separator>,
    /// A word that means a missing value; may be given several times.
    #[arg(long)]
    null: Vec<String>,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let predictor = Predictor::open(&args.bundle, &device(args.device.as_deref())?)?;
    let mut options = ReadOptions::default();
    options.separator = args.separator;
    options.null_values.extend(args.null);
    let frame = options.read(&args.file)?;
    let start = Instant::now();
    let rows = predictor
        .predict_csv(&frame, &args.out)
        .with_context(|| args.file.display().to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    say!(
        "{rows} rows in {seconds:.2} s ({:.0} a second)",
        rows as f64 / seconds
    );
    say!("written: {}", args.out.display());
    if let Some(megabytes) = tinderbox::peak_memory() {
        say!("peak memory: {megabytes:.0} MB");
    }
    Ok(())
}
