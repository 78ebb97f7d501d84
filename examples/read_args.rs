//! Options and output for reading a table, shared by the examples that take one.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tinderbox::tables::{
    ColumnType, DateOrder, Encoding, FeatureSpec, Frame, ReadOptions, Separator, TableFormat,
    TextEncoder, summarize,
};
use tinderbox::tabular::{Predictor, Trained, role};
use tinderbox::train::Run;

use crate::say;

/// The options for reading a table; those that are not given are inferred.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading the table")]
pub struct ReadArgs {
    /// The separator of fields: a character, tab or whitespace.
    #[arg(long)]
    pub separator: Option<Separator>,
    /// A text that means a missing value, such as n/a; may be given several times.
    #[arg(long, value_name = "WORD")]
    pub null: Vec<String>,
    /// The first line names the columns.
    #[arg(long, conflicts_with = "no_header")]
    pub header: bool,
    /// The file has no header: the first line is a row.
    #[arg(long)]
    pub no_header: bool,
    /// Names of the columns, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    pub names: Option<Vec<String>>,
    /// Number of lines to skip before the table.
    #[arg(long, value_name = "LINES")]
    pub skip_rows: Option<usize>,
    /// The prefix of comment lines, such as #.
    #[arg(long, value_name = "PREFIX")]
    pub comment: Option<String>,
    /// The decimal separator: . or ,
    #[arg(long, value_name = "CHARACTER")]
    pub decimal: Option<char>,
    /// The thousands separator: , or . or ' or a blank.
    #[arg(long, value_name = "CHARACTER")]
    pub thousands: Option<char>,
    /// The order in dates such as 01/02/2001: day-first or month-first.
    #[arg(long, value_name = "ORDER")]
    pub dates: Option<DateOrder>,
    /// The text encoding: utf-8, latin1, windows-1252, utf-16le, ….
    #[arg(long)]
    pub encoding: Option<Encoding>,
    /// The type of a column: integer, float, boolean, text, date or datetime; may be given several times.
    #[arg(long, value_name = "COLUMN=TYPE")]
    pub column_type: Vec<String>,
    /// The largest size in bytes that a .gz file may unpack to.
    #[arg(long, value_name = "BYTES", value_parser = crate::output::positive::<u64>)]
    pub max_unpacked: Option<u64>,
}

impl ReadArgs {
    /// Options for reading: those that were given, the others inferred.
    pub fn options(&self) -> Result<ReadOptions> {
        let mut options = ReadOptions::default();
        self.apply(&mut options)?;
        Ok(options)
    }

    /// Sets the options that were given and leaves the others unchanged.
    pub fn apply(&self, options: &mut ReadOptions) -> Result<()> {
        fn set<T: Clone>(option: &mut Option<T>, given: &Option<T>) {
            if let Some(given) = given {
                *option = Some(given.clone());
            }
        }
        set(&mut options.separator, &self.separator);
        set(&mut options.names, &self.names);
        set(&mut options.comment, &self.comment);
        set(&mut options.decimal, &self.decimal);
        set(&mut options.thousands, &self.thousands);
        set(&mut options.dates, &self.dates);
        set(&mut options.encoding, &self.encoding);
        set(&mut options.max_unpacked, &self.max_unpacked);
        if self.header || self.no_header {
            options.has_header = Some(self.header);
        }
        if let Some(lines) = self.skip_rows {
            options.skip_rows = lines;
        }
        options.null_values.extend(self.null.iter().cloned());
        for stated in &self.column_type {
            let usage = || format!("--column-type {stated}: write COLUMN=TYPE, such as zip=text");
            let (column, kind) = stated.rsplit_once('=').with_context(usage)?;
            let kind: ColumnType = kind
                .parse()
                .map_err(anyhow::Error::msg)
                .with_context(usage)?;
            options.types.insert(column.to_owned(), kind);
        }
        Ok(())
    }
}

/// Whether a file that would be replaced is the input, or lies in the folder that is.
pub fn is_input(out: &Path, input: &Path) -> bool {
    let (Ok(out), Ok(input)) = (out.canonicalize(), input.canonicalize()) else {
        return false;
    };
    out.is_file() && (out == input || out.parent() == Some(input.as_path()))
}

/// Prints how each column is used, one line each.
pub fn print_columns(frame: &impl Frame, spec: &FeatureSpec) -> Result<()> {
    let schema = frame.columns()?;
    let names: Vec<&str> = schema.iter_names().map(|name| name.as_str()).collect();
    say!("{:<24} {:<14} {:>8}  used as", "column", "type", "missing");
    for column in summarize(frame, &names)? {
        let (name, dtype, missing) = (&column.name, &column.dtype, column.missing);
        say!("{name:<24} {dtype:<14} {missing:>8}  {}", role(spec, name));
    }
    Ok(())
}

/// Prints the scores of a trained model, and where its bundle and report are.
pub fn print_trained(trained: &Trained) {
    say!("{}", trained.scores());
    print_bundle(trained.run.as_ref());
}

/// Prints where the bundle of a run is, and its report if it has one.
pub fn print_bundle(run: Option<&Run>) {
    let Some(run) = run else {
        return;
    };
    say!("bundle  {}", run.bundle().display());
    let report = run.folder().join("report.html");
    if report.is_file() {
        say!("report  {}", report.display());
    }
}

/// The encoder of columns of text in a folder of Hugging Face.
#[cfg(feature = "tokenizers")]
pub fn open_encoder(folder: &Path, device: Option<&str>) -> Result<Arc<dyn TextEncoder>> {
    let encoder = tinderbox::tabular::TextVectors::open(folder, &tinderbox::device(device)?)?;
    Ok(Arc::new(encoder))
}

/// Says how to build with encoders.
#[cfg(not(feature = "tokenizers"))]
pub fn open_encoder(folder: &Path, _: Option<&str>) -> Result<Arc<dyn TextEncoder>> {
    anyhow::bail!(
        "{}: encoders of text need --features tokenizers: cargo run --features tokenizers --example …",
        folder.display()
    )
}

/// The model of a bundle; columns of text may have another encoder folder than the one it names.
pub fn open_predictor(
    bundle: &Path,
    encoder: Option<&Path>,
    device: Option<&str>,
) -> Result<Predictor> {
    let own = tinderbox::device(device)?;
    Ok(match encoder {
        Some(folder) => Predictor::open_with_encoder(bundle, &open_encoder(folder, device)?, &own)?,
        None => Predictor::open(bundle, &own)?,
    })
}

/// Prints a warning if the encoder of the columns of text has cut texts; to the error output, since predictions may go to
/// the standard output.
pub fn warn_of_cut_texts(predictor: &Predictor) {
    if let Some(cut) = predictor.features().cut_texts() {
        let _ = writeln!(std::io::stderr(), "{cut}");
    }
}

/// Prints how columns with special cells (dates, decimal commas, percentages, …) were read, one line each.
pub fn print_notes(format: &TableFormat) {
    for column in &format.columns {
        if !column.notes.is_empty() {
            say!("{:<24} read as: {}", column.name, column.notes.join("; "));
        }
    }
}
