//! Predictions of a trained bundle for a file that may be larger than memory.
//!
//! `cargo run --example predict -- BUNDLE FILE --out predictions.csv`

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use examples::read_args::{ReadArgs, is_input, open_predictor, warn_of_cut_texts};
use examples::say;
use tinderbox::tables::collect;
#[cfg(feature = "tokenizers")]
use tinderbox::{prelude::*, tables::ColumnType, text::TextPredictor, train::Bundle};

#[derive(Parser, Debug)]
#[command(about = "Predicts for every row of a table and writes a CSV file.")]
struct Args {
    /// The folder `bundle` of a finished run.
    bundle: PathBuf,
    /// The file, a folder of files, or a pattern in quotes; the target column may be absent.
    file: PathBuf,
    /// The file for the predictions.
    #[arg(long, default_value = "predictions.csv")]
    out: PathBuf,
    /// Write the ends of prediction intervals of this level too, 0.9 for example; for numbers.
    #[arg(long, value_name = "LEVEL")]
    interval: Option<f64>,
    /// The folder of the encoder of columns of text, if it is not where it was in training.
    #[arg(long, value_name = "FOLDER")]
    encoder: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

/// Whether the error is that of a pipe without a reader, as with `| head`.
fn has_no_reader(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref());
    let mut kinds = kinds.map(std::io::Error::kind);
    kinds.any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}

/// The predictions of a fine-tuned encoder of texts.
#[cfg(feature = "tokenizers")]
fn predict_texts(args: &Args, device: &Device) -> Result<()> {
    ensure!(
        args.interval.is_none(),
        "--interval is for models of tables"
    );
    let predictor = TextPredictor::open(&args.bundle, device)?;
    let text = &predictor.config().text;
    let options = args.read.options()?.column_type(text, ColumnType::Text);
    let written = predictor
        .predict_csv(&options.read(&args.file)?, &args.out)
        .with_context(|| args.file.display().to_string())?;
    // Predictions may go to the standard output.
    let mut errors = std::io::stderr();
    if written.missing > 0 {
        let _ = writeln!(
            errors,
            "{} rows have no text: they were read as an empty one",
            written.missing
        );
    }
    if written.cut > 0 {
        let (cut, most) = (written.cut, predictor.config().max_tokens);
        let _ = writeln!(
            errors,
            "warning: {cut} texts are longer than {most} tokens: the rest of them was not read"
        );
    }
    let _ = writeln!(errors, "{} rows: {}", written.rows, args.out.display());
    Ok(())
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        !is_input(&args.out, &args.file),
        "--out {}: this is the file to predict for; give the predictions another name",
        args.out.display()
    );
    #[cfg(feature = "tokenizers")]
    if let Ok(bundle) = Bundle::open(&args.bundle)
        && bundle.model_name()? == TextPredictor::NAME
    {
        return predict_texts(&args, &device(args.device.as_deref())?);
    }
    let mut predictor = open_predictor(
        &args.bundle,
        args.encoder.as_deref(),
        args.device.as_deref(),
    )?;
    if let Some(level) = args.interval {
        predictor = predictor.with_interval(level)?;
    }
    // As the training rows were read, except for the options of the command line.
    let mut format = predictor.features().format();
    args.read.apply(&mut format.options)?;
    for column in &mut format.columns {
        if let Some(kind) = format.options.types.get(&column.name) {
            column.kind = *kind;
        }
    }
    let frame = format.read(&args.file)?;
    let start = Instant::now();
    let of_file = || args.file.display().to_string();
    let written = match predictor.features().lags() {
        // A row needs those before it.
        Some(lags) => {
            let whole = collect(&frame).with_context(of_file)?;
            predictor.predict_csv(&lags.add(&whole).with_context(of_file)?, &args.out)
        }
        None => predictor.predict_csv(&frame, &args.out),
    };
    let written = written.with_context(of_file);
    let written = match written {
        Err(error) if has_no_reader(&error) => return Ok(()),
        written => written?,
    };
    // To the error output: predictions may go to the standard output.
    for unseen in &written.unseen {
        let (column, count, example) = (&unseen.column, unseen.rows, &unseen.example);
        let mut errors = std::io::stderr();
        let _ = writeln!(
            errors,
            "column \"{column}\": {count} of {} rows have a category that no training row had, such as \
             \"{example}\"; correct it if it is another spelling of a known one",
            written.rows
        );
    }
    warn_of_cut_texts(&predictor);
    let rows = written.rows;
    if args.out.starts_with("/dev") {
        // Lines printed here would be among the predictions.
        return Ok(());
    }
    let seconds = start.elapsed().as_secs_f64();
    say!(
        "{rows} rows in {seconds:.2} s ({:.0} per second)",
        rows as f64 / seconds
    );
    say!("written: {}", args.out.display());
    if let Some(megabytes) = tinderbox::peak_memory() {
        say!("peak memory: {megabytes:.0} MB");
    }
    Ok(())
}
