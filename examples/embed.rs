//! Texts of a table as vectors, written next to the table's rows as Parquet; the table may be larger than memory.
//!
//! `cargo run --features tokenizers --example embed -- FOLDER FILE --text COLUMN --out vectors.parquet`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use examples::read_args::{ReadArgs, is_input};
use examples::say;
use polars::prelude::{
    Column, DataFrame, DataType, Field, IntoColumn, LazyFrame, NamedFrom, ParquetWriter, Schema,
    Series, col,
};
use tinderbox::prelude::*;
use tinderbox::tables::{ColumnType, FrameParts};
use tinderbox::text::SentenceEncoder;
use tinderbox::write_atomic_with;

/// The column of the vectors.
const VECTOR: &str = "vector";

/// Rows that are in memory at once.
const ROWS: usize = 1024;

#[derive(Parser, Debug)]
#[command(about = "Turns a column of texts into vectors.")]
struct Args {
    /// The folder of an encoder: config.json, model.safetensors, tokenizer.json; with the feature `hub` a name such as
    /// sentence-transformers/all-MiniLM-L6-v2.
    folder: PathBuf,
    /// The table.
    file: PathBuf,
    /// The column with the texts.
    #[arg(long)]
    text: String,
    /// The file for texts and vectors.
    #[arg(long, default_value = "vectors.parquet")]
    out: PathBuf,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        !is_input(&args.out, &args.file),
        "--out {}: this is the table; give the vectors another name",
        args.out.display()
    );
    let extension = args.out.extension().and_then(|end| end.to_str());
    ensure!(
        extension == Some("parquet"),
        "--out {}: vectors are written as Parquet; give a name that ends in .parquet",
        args.out.display()
    );
    ensure!(
        args.text != VECTOR,
        "--text {VECTOR}: the column of the vectors has this name; rename the column of texts"
    );
    let encoder = SentenceEncoder::open(&args.folder, &device(args.device.as_deref())?)?;
    let options = args
        .read
        .options()?
        .column_type(&args.text, ColumnType::Text);
    let frame = options.read(&args.file)?.select([col(args.text.as_str())]);

    let mut counts = Counts::default();
    let mut problem = None;
    let written = write_atomic_with(&args.out, |file| {
        let parts = write(frame, &args.text, &encoder, file, &mut counts);
        parts.map_err(|error| {
            problem = Some(error);
            std::io::Error::other("the vectors are not complete")
        })
    });
    if let Some(problem) = problem {
        return Err(problem.context(args.file.display().to_string()));
    }
    written?;
    let (rows, out) = (counts.rows, args.out.display());
    say!("{rows} vectors of {} numbers: {out}", encoder.size());
    if counts.missing > 0 {
        let missing = counts.missing;
        say!("{missing} rows have no text: they have the vector of an empty one");
    }
    if counts.cut > 0 {
        let (cut, most) = (counts.cut, encoder.max_tokens());
        say!("{cut} texts are longer than {most} tokens: the rest of them was not read");
    }
    Ok(())
}

/// What is said at the end.
#[derive(Default)]
struct Counts {
    rows: usize,
    missing: usize,
    cut: usize,
}

/// Writes the texts of a column and their vectors, part by part.
fn write(
    frame: LazyFrame,
    text: &str,
    encoder: &SentenceEncoder,
    file: &mut dyn Write,
    counts: &mut Counts,
) -> Result<()> {
    let vectors = DataType::Array(Box::new(DataType::Float32), encoder.size());
    let schema = Schema::from_iter([
        Field::new(text.into(), DataType::String),
        Field::new(VECTOR.into(), vectors),
    ]);
    let mut writer = ParquetWriter::new(file).batched(&schema)?;
    for part in FrameParts::new(frame, ROWS)? {
        let part = part?;
        // In one piece, as the vectors are; categories and numbers of a Parquet file as text.
        let texts = part.column(text)?.cast(&DataType::String)?.rechunk();
        let words: Vec<&str> = (texts.str()?.iter())
            .map(|text| text.unwrap_or(""))
            .collect();
        let encoded = encoder.encode(&words)?;
        let rows = words.len();
        counts.rows += rows;
        counts.missing += texts.null_count();
        counts.cut += encoded.cut;
        let columns = vec![texts, column(&encoded.vectors)?];
        writer.write_batch(&DataFrame::new(rows, columns)?)?;
    }
    writer.finish()?;
    Ok(())
}

/// Vectors `[rows, size]` as a column of lists.
fn column(vectors: &Tensor<2>) -> Result<Column> {
    let [_, size] = vectors.dims();
    let numbers: Vec<f32> = vectors.to_data().iter::<f32>().collect();
    let rows: Vec<Series> = numbers
        .chunks(size)
        .map(|row| Series::new("".into(), row))
        .collect();
    let lists = Series::new(VECTOR.into(), rows);
    let array = DataType::Array(Box::new(DataType::Float32), size);
    Ok(lists.cast(&array)?.into_column())
}
