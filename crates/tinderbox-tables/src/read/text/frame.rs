//! One file, after the first pass, as a polars frame.

use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    CsvParseOptions, CsvReadOptions, DataFrame, DataType, IntoLazy, LazyCsvReader,
    LazyFileListReader, LazyFrame, NullValues, PlRefPath, PlSmallStr, PolarsResult, ScanSources,
    Schema, SerReader, col,
};

use super::Scanned;
use crate::frames::{guarded, polars_at};
use crate::read::column_type::ColumnType;
use crate::read::decide::rewritten;
use crate::read::delimited::Scan;
use crate::read::format::ColumnFormat;
use crate::read::options::{ReadOptions, Separator};
use crate::read::plain::{self, Plain};
use crate::{DataError, Result};

/// A file as a frame, with its columns in the order of the file.
pub(super) fn frame(
    file: Scanned,
    formats: &[&ColumnFormat],
    options: &ReadOptions,
) -> Result<LazyFrame> {
    let path = file.path().to_owned();
    let at = |source| polars_at(&path, source);
    let frame = match file {
        Scanned::Delimited(mut scan) => {
            if scan.rows == 0 {
                let schema = schema(formats, ColumnType::data_type);
                return Ok(DataFrame::empty_with_schema(&schema).lazy());
            }
            let changed = (formats.iter().zip(&scan.evidence))
                .any(|(format, evidence)| rewritten(format, evidence.seen));
            match (scan.separator, scan.whole.take()) {
                (Separator::Byte(byte), Some(bytes)) if !changed && !scan.loose => guarded(|| {
                    parse(
                        bytes,
                        byte,
                        scan.has_header,
                        formats,
                        scan_nulls(&scan, options),
                    )
                }),
                (Separator::Byte(byte), None) if !changed && !scan.loose && !scan.converted => {
                    let nulls = scan_nulls(&scan, options);
                    guarded(|| {
                        let sources = match &scan.source.file {
                            Some(file) => ScanSources::Files(Arc::from(vec![file.try_clone()?])),
                            None => ScanSources::Paths(
                                [PlRefPath::try_from_path(&path)?].into_iter().collect(),
                            ),
                        };
                        scanned(LazyCsvReader::new_with_sources(sources), byte, formats)
                            .with_has_header(scan.has_header)
                            .with_null_values(nulls)
                            .finish()
                    })
                }
                (_, whole) => {
                    let in_memory = whole.is_some();
                    let plain = Plain::new(formats, options);
                    write_plainly(in_memory, &path, |out| {
                        plain.text(&scan, whole, options, out)
                    })?
                    .frame(formats)
                }
            }
        }
        Scanned::Json(mut scan) => {
            let whole = scan.whole.take();
            let in_memory = whole.is_some();
            let plain = Plain::new(formats, options);
            write_plainly(in_memory, &path, |out| {
                plain.json(&scan, whole, options, out)
            })?
            .frame(formats)
        }
    };
    frame.map_err(at)
}

fn scan_nulls(scan: &Scan, options: &ReadOptions) -> Option<NullValues> {
    let nulls: Vec<PlSmallStr> = (options.null_values.iter().zip(&scan.nulls))
        .filter(|(_, seen)| **seen)
        .map(|(null, _)| null.as_str().into())
        .collect();
    (!nulls.is_empty()).then_some(NullValues::AllColumns(nulls))
}

fn schema(formats: &[&ColumnFormat], dtype: impl Fn(ColumnType) -> DataType) -> Schema {
    (formats.iter())
        .map(|format| (PlSmallStr::from(format.name.as_str()), dtype(format.kind)))
        .collect()
}

/// Parses text in which every cell means to polars what it means here.
fn parse(
    bytes: Vec<u8>,
    separator: u8,
    has_header: bool,
    formats: &[&ColumnFormat],
    nulls: Option<NullValues>,
) -> PolarsResult<LazyFrame> {
    let parsing = CsvParseOptions::default()
        .with_separator(separator)
        .with_null_values(nulls);
    let reader = CsvReadOptions::default()
        .with_schema(Some(Arc::new(schema(formats, ColumnType::data_type))))
        .with_has_header(has_header)
        .with_parse_options(parsing)
        .into_reader_with_file_handle(Cursor::new(bytes));
    Ok(reader.finish()?.lazy())
}

fn scanned(reader: LazyCsvReader, separator: u8, formats: &[&ColumnFormat]) -> LazyCsvReader {
    reader
        .with_glob(false)
        .with_schema(Some(Arc::new(schema(formats, ColumnType::data_type))))
        .with_separator(separator)
}

/// A table that was written plainly.
enum Written {
    Memory(Vec<u8>),
    File(File),
}

fn write_plainly(
    in_memory: bool,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<Written> {
    if in_memory {
        let mut out = Vec::new();
        write(&mut out)?;
        return Ok(Written::Memory(out));
    }
    let fail = |source| DataError::Format {
        path: path.to_owned(),
        problem: format!(
            "the table needs a file of its size in {}, which cannot be written ({source}); make room there, or set TMPDIR to another folder",
            std::env::temp_dir().display()
        ),
    };
    let mut out = BufWriter::with_capacity(1 << 20, tempfile::tempfile().map_err(fail)?);
    match write(&mut out) {
        // The file that is written, not the one that is read.
        Err(DataError::File { source, .. }) if out.get_ref().metadata().is_ok() => {
            return Err(fail(source));
        }
        other => other?,
    }
    let file = out.into_inner().map_err(|error| fail(error.into_error()))?;
    Ok(Written::File(file))
}

impl Written {
    fn frame(self, formats: &[&ColumnFormat]) -> PolarsResult<LazyFrame> {
        // Dates are written as numbers.
        let mut written = schema(formats, |kind| match kind {
            ColumnType::Date => DataType::Int32,
            ColumnType::Datetime => DataType::Int64,
            kind => kind.data_type(),
        });
        // A row of one empty field would be a blank line.
        written.insert(plain::SECOND.into(), DataType::String);
        let written = Some(Arc::new(written));
        let columns: Vec<_> = (formats.iter())
            .map(|format| match format.kind {
                ColumnType::Date | ColumnType::Datetime => {
                    col(format.name.as_str()).cast(format.kind.data_type())
                }
                _ => col(format.name.as_str()),
            })
            .collect();
        guarded(|| match self {
            Self::Memory(bytes) => {
                let reader = CsvReadOptions::default()
                    .with_schema(written)
                    .with_has_header(false)
                    .into_reader_with_file_handle(Cursor::new(bytes));
                Ok(reader.finish()?.lazy().select(columns).collect()?.lazy())
            }
            Self::File(file) => {
                let sources = ScanSources::Files(Arc::from(vec![file]));
                let reader = LazyCsvReader::new_with_sources(sources)
                    .with_schema(written)
                    .with_has_header(false);
                Ok(reader.finish()?.select(columns))
            }
        })
    }
}
