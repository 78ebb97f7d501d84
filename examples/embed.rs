//! Texts of a table as vectors, written next to the table's rows as Parquet; the table may be larger than memory.
//!
//! `cargo run --features tokenizers --example embed -- FOLDER FILE --text COLUMN --out vectors.parquet`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use examples::read_args::ReadArgs;
use examples::say;
use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, NamedFrom, ParquetWriter, Series, col,
};
use tinderbox::prelude::*;
use tinderbox::tables::{ColumnType, FrameParts};
use tinderbox::text::SentenceEncoder;
use tinderbox::write_atomic_with;

/// Rows that are in memory at once.
const ROWS: usize = 1024;

#[derive(Parser, Debug)]
#[command(about = "Turns a column of texts into vectors.")]
struct Args {
    /// The folder of an encoder: config.json, model.safetensors, tokenizer.json.
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
    let encoder = SentenceEncoder::open(&args.folder, &device(args.device.as_deref())?)?;
    let options = args
        .read
        .options()?
        .column_type(&args.text, ColumnType::Text);
    let frame = options.read(&args.file)?.select([col(args.text.as_str())]);

    let (mut rows, mut cut, mut missing) = (0, 0, 0);
    let mut problem = None;
    let written = write_atomic_with(&args.out, |file| {
        let mut writer = None;
        let mut work = || -> Result<()> {
            for part in FrameParts::new(frame, ROWS)? {
                let part = part?;
                let texts = part.column(&args.text)?.str()?;
                missing += texts.null_count();
                rows += texts.len();
                let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("")).collect();
                let encoded = encoder.encode(&texts)?;
                cut += encoded.cut;
                let vectors = column(&encoded.vectors)?;
                let part =
                    DataFrame::new(texts.len(), vec![part.column(&args.text)?.clone(), vectors])?;
                if writer.is_none() {
                    writer = Some(ParquetWriter::new(&mut *file).batched(part.schema())?);
                }
                writer.as_mut().context("just made")?.write_batch(&part)?;
            }
            let writer = writer.as_mut().context("the table has no rows")?;
            writer.finish()?;
            Ok(())
        };
        work().map_err(|error| {
            problem = Some(error);
            std::io::Error::other("the vectors are not complete")
        })
    });
    if let Some(problem) = problem {
        return Err(problem.context(args.file.display().to_string()));
    }
    written?;
    say!(
        "{rows} vectors of {} numbers: {}",
        encoder.size(),
        args.out.display()
    );
    if missing > 0 {
        say!("{missing} rows have no text: they have the vector of an empty one");
    }
    if cut > 0 {
        let most = encoder.max_tokens();
        say!("{cut} texts are longer than {most} tokens: the rest of them was not read");
    }
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
    let lists = Series::new("vector".into(), rows);
    let array = DataType::Array(Box::new(DataType::Float32), size);
    Ok(lists.cast(&array)?.into_column())
}
