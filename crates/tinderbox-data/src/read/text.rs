//! Text tables as frames.
//!
//! A first pass looks at every cell of every file; then each column has one type and one way in which
//! its cells are written. Where polars reads the text as it is meant, it parses the text itself; else the
//! same table is written plainly first, in memory or, above [`IN_MEMORY`], to a file without a name, which
//! goes when the last frame that reads it does.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

use polars::prelude::{
    CsvParseOptions, CsvReadOptions, DataFrame, DataType, IntoLazy, LazyCsvReader,
    LazyFileListReader, LazyFrame, NullValues, PlRefPath, PlSmallStr, PolarsResult, ScanSources,
    Schema, SerReader, col,
};

use super::cell::Evidence;
use super::decide::{Column, Habits, rewritten};
use super::plain::Plain;
use super::source::Source;
use super::table::Scan;
use super::{ColumnFormat, ColumnType, ReadOptions, Separator, json, polars_at};
use crate::frames::guarded;
use crate::nearest::unknown;
use crate::{DataError, Result};

/// Text of up to this size, of all files that are read together, is held and parsed in memory.
pub(super) const IN_MEMORY: usize = 64 << 20;

/// A file to be read.
pub(super) struct Input {
    pub source: Source,
    /// JSON lines, else separated text.
    pub json: bool,
}

/// One file after the first pass.
pub(super) enum Looked {
    Text(Scan),
    Json(json::Scan),
}

impl Looked {
    fn new(input: &Input, options: &ReadOptions, keep: usize, empty: bool) -> Result<Self> {
        Ok(match input.json {
            true => Self::Json(json::Scan::new(&input.source, options, keep)?),
            false => Self::Text(Scan::new(&input.source, options, keep, empty)?),
        })
    }

    pub fn names(&self) -> &[String] {
        match self {
            Self::Text(scan) => &scan.names,
            Self::Json(scan) => &scan.names,
        }
    }

    fn evidence(&self) -> &[Evidence] {
        match self {
            Self::Text(scan) => &scan.evidence,
            Self::Json(scan) => &scan.evidence,
        }
    }

    fn path(&self) -> &std::path::Path {
        match self {
            Self::Text(scan) => &scan.source.path,
            Self::Json(scan) => &scan.source.path,
        }
    }

    fn kept(&self) -> usize {
        let whole = match self {
            Self::Text(scan) => &scan.whole,
            Self::Json(scan) => &scan.whole,
        };
        whole.as_ref().map_or(0, Vec::len)
    }
}

/// What reading several text files gives: a frame each, and how the columns were read.
pub(super) struct Tables {
    pub frames: Vec<LazyFrame>,
    pub columns: Vec<ColumnFormat>,
    /// Whether the first separated text has a header.
    pub has_header: Option<bool>,
}

/// Reads text files that are to be one table, in memory up to `keep` bytes.
pub(super) fn read(
    inputs: &[Input],
    options: &ReadOptions,
    known: Option<&[ColumnFormat]>,
    mut keep: usize,
) -> Result<Tables> {
    let mut places = HashMap::<&PathBuf, usize>::new();
    let mut looked: Vec<Looked> = Vec::new();
    let mut which = Vec::new();
    for input in inputs {
        // The same file several times is looked at once.
        let place = match places.get(&input.source.path) {
            Some(place) => *place,
            None => {
                let found = Looked::new(input, options, keep, known.is_some())?;
                keep = keep.saturating_sub(found.kept());
                places.insert(&input.source.path, looked.len());
                looked.push(found);
                looked.len() - 1
            }
        };
        which.push(place);
    }
    let Some(first) = looked.first() else {
        return Ok(Tables {
            frames: Vec::new(),
            columns: Vec::new(),
            has_header: None,
        });
    };
    let names = first.names().to_vec();
    for other in &looked[1..] {
        super::same_columns((first.path(), &names), (other.path(), other.names()))?;
    }
    if known.is_none()
        && let Some(name) = options.types.keys().find(|name| !names.contains(name))
    {
        return Err(unknown("column", name, names.iter().map(String::as_str)));
    }

    let columns: Vec<Column> = (names.iter())
        .map(|name| Column {
            name,
            files: (looked.iter())
                .map(|file| {
                    let place = file.names().iter().position(|other| other == name);
                    (file.path(), &file.evidence()[place.unwrap_or(0)])
                })
                .collect(),
        })
        .collect();
    let semicolons = looked
        .iter()
        .any(|file| matches!(file, Looked::Text(scan) if scan.separator == Separator::Byte(b';')));
    let habits = Habits::of(&columns, semicolons);
    let formats = (columns.iter())
        .map(|column| {
            let known = known.and_then(|all| all.iter().find(|known| known.name == column.name));
            column.decide(known, options, habits)
        })
        .collect::<Result<Vec<ColumnFormat>>>()?;
    let has_header = looked.iter().find_map(|file| match file {
        Looked::Text(scan) => Some(scan.has_header),
        Looked::Json(_) => None,
    });

    let mut frames = Vec::with_capacity(looked.len());
    for file in looked {
        let own: Vec<&ColumnFormat> = (file.names().iter())
            .filter_map(|name| formats.iter().find(|format| format.name == *name))
            .collect();
        let path = file.path().to_owned();
        let frame = frame(file, &own, options)?;
        let order: Vec<_> = names.iter().map(|name| col(name.as_str())).collect();
        frames.push((path, frame.select(order)));
    }
    Ok(Tables {
        frames: which
            .into_iter()
            .map(|place| frames[place].1.clone())
            .collect(),
        columns: formats,
        has_header,
    })
}

/// One file as a frame, its columns in the file's order.
fn frame(file: Looked, formats: &[&ColumnFormat], options: &ReadOptions) -> Result<LazyFrame> {
    let path = file.path().to_owned();
    let at = |source| polars_at(&path, source);
    let frame = match file {
        Looked::Text(mut scan) => {
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
                        let source = PlRefPath::try_from_path(&path)?;
                        scanned(LazyCsvReader::new(source), byte, formats)
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
        Looked::Json(mut scan) => {
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

/// Text that polars reads as it is meant.
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
    path: &std::path::Path,
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
        // What could not be written, not what could not be read.
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
        // Days and moments are written as numbers, which leaves nothing to the parser.
        let mut written = schema(formats, |kind| match kind {
            ColumnType::Date => DataType::Int32,
            ColumnType::Datetime => DataType::Int64,
            kind => kind.data_type(),
        });
        // Without another column, a row with nothing in its only one would be no row.
        written.insert(super::plain::SECOND.into(), DataType::String);
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
