//! Why a row of a table is predicted as it is: the contribution of each column (Shapley values). Or how predictions
//! depend on a column (partial dependence).
//!
//! `cargo run --example explain -- BUNDLE FILE --row N`, or `--partial COLUMN`

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use examples::read_args::{ReadArgs, open_predictor, warn_of_cut_texts};
use examples::say;
use tinderbox::prelude::*;
use tinderbox::tables::collect;
use tinderbox::tabular::{explain, partial_dependence};

/// The largest number of values of a column that are shown.
const POINTS: usize = 20;

#[derive(Parser, Debug)]
#[command(about = "Prints what each column adds to the prediction for a row.")]
struct Args {
    /// The folder `bundle` of a finished run.
    bundle: PathBuf,
    /// A table with the row and the rows that it is compared with; the target column may be absent.
    file: PathBuf,
    /// The row of the table, counted from 1.
    #[arg(long, default_value_t = 1)]
    row: usize,
    /// Print the mean prediction for several values of this column instead.
    #[arg(long, value_name = "COLUMN", conflicts_with = "row")]
    partial: Option<String>,
    /// The seed of the rows to compare with and of the orders of the columns.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder of the encoder of columns of text, if it is not where it was in training.
    #[arg(long, value_name = "FOLDER")]
    encoder: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let predictor = open_predictor(
        &args.bundle,
        args.encoder.as_deref(),
        args.device.as_deref(),
    )?;
    let mut format = predictor.features().format();
    args.read.apply(&mut format.options)?;
    let of_file = || args.file.display().to_string();
    let frame = collect(&format.read(&args.file)?).with_context(of_file)?;
    let frame = match predictor.features().lags() {
        Some(lags) => lags.add(&frame).with_context(of_file)?,
        None => frame,
    };
    if let Some(column) = &args.partial {
        let seed = Seed::new(args.seed);
        let partial = partial_dependence(&predictor, &frame, column, POINTS, seed)?;
        let head = partial.of.iter().map(|name| format!(" {name:>12}"));
        say!("{column:<24}{}", head.collect::<String>());
        for (value, means) in &partial.points {
            let means = means.iter().map(|mean| format!(" {mean:>12.4}"));
            say!("{value:<24}{}", means.collect::<String>());
        }
        warn_of_cut_texts(&predictor);
        return Ok(());
    }
    let rows = frame.height();
    ensure!(
        (1..=rows).contains(&args.row),
        "--row {}: {} has the rows 1 to {rows}",
        args.row,
        of_file()
    );
    let explained = explain(&predictor, &frame, args.row - 1, Seed::new(args.seed))?;
    say!(
        "{:<24} {:>12.4}  mean of other rows",
        explained.of,
        explained.base
    );
    for (column, contribution) in &explained.contributions {
        let value = frame.column(column)?.get(args.row - 1)?;
        say!("{column:<24} {contribution:>+12.4}  {}", value.str_value());
    }
    say!(
        "{:<24} {:>12.4}  prediction",
        explained.of,
        explained.predicted
    );
    warn_of_cut_texts(&predictor);
    Ok(())
}
