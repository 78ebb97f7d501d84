//! Predictions of a trained bundle for a file that may be larger than memory.
//!
//! `cargo run --release --example predict -- BUNDLE FILE --out predictions.csv`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use examples::read_args::ReadArgs;
use examples::say;
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
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let predictor = Predictor::open(&args.bundle, &device(args.device.as_deref())?)?;
    // As the training rows were read, but for what the command line says.
    let mut format = predictor.features().format();
    args.read.apply(&mut format.options)?;
    for column in &mut format.columns {
        if let Some(kind) = format.options.types.get(&column.name) {
            column.kind = *kind;
        }
    }
    let frame = format.read(&args.file)?;
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
