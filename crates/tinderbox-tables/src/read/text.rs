//! Text tables as frames.
//!
//! A first pass looks at every cell of every file; then each column has one type and one way in which
//! its cells are written. Where polars reads the text as it is meant, it parses the text itself; else the
//! same table is written plainly first, in memory or, above [`IN_MEMORY`], to a file without a name, which
//! goes when the last frame that reads it does.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
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
use crate::{DataError, Result};

/// Text of up to this size, of all files that are read together, is held and parsed in memory.
pub(super) const IN_MEMORY: usize = 64 << 20;

/// A file to be read.
#[derive(Debug)]
pub(super) struct Input {
    pub source: Source,
    /// JSON lines, else separated text.
    pub json: bool,
}

impl Input {
    pub fn new(path: &Path, packed: bool, json: bool) -> Self {
        Self {
            source: Source::new(path, packed),
            json,
        }
    }
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

    fn path(&self) -> &Path {
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
        return Err(DataError::unknown(
            "column",
            name,
            names.iter().map(String::as_str),
        ));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collect;

    /// What a file is read as when `keep` bytes of it may stay in memory and `block` are read at a time.
    fn table(
        name: &str,
        bytes: &[u8],
        options: &ReadOptions,
        keep: usize,
        block: usize,
    ) -> Result<(DataFrame, Vec<ColumnFormat>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let packed = name.ends_with(".gz");
        if packed {
            let file = File::create(&path).unwrap();
            let mut packer = flate2::write::GzEncoder::new(file, Default::default());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap();
        } else {
            std::fs::write(&path, bytes).unwrap();
        }
        let mut source = Source::new(&path, packed);
        source.block = block;
        let json = name.starts_with("j");
        let told = |error: DataError| {
            let folder = folder.path().display().to_string();
            error.to_string().replace(&folder, "")
        };
        let tables = read(&[Input { source, json }], options, None, keep).map_err(told)?;
        let frame = collect(&tables.frames[0]).map_err(told)?;
        Ok((frame, tables.columns))
    }

    /// Cells of one kind, so that many tables have columns that are not text.
    fn cells() -> impl Strategy<Value = Vec<String>> {
        let kinds = prop_oneof![
            Just("[0-9]{1,3}"),
            Just("[0-9]{1,3}(\\.[0-9]{3}){0,2}(,[0-9]{1,2})?"),
            Just("-?[0-9]{1,2}(\\.[0-9]{1,2})?%"),
            Just("20[0-2][0-9]-0[1-9]-[12][0-9]"),
            Just("[0-3][0-9]/0[1-9]/2001"),
            Just("[a-c\"é ]{0,4}"),
            Just("(true|FALSE|fAlse)"),
            Just("\"([a-b;\n]|\"\"){0,3}\""),
        ];
        (kinds, 1usize..12).prop_flat_map(|(kind, rows)| {
            let cell = prop_oneof![8 => kind, 1 => "NA", 1 => " {0,2}"];
            proptest::collection::vec(cell, rows)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn the_same_lines_are_the_same_table_at_every_size(
            columns in proptest::collection::vec(cells(), 1..4),
            blanks in "[ ]{0,2}",
            line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")],
            mark in any::<bool>(),
            keep in any::<proptest::sample::Index>(),
            block in 20usize..60,
        ) {
            let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
            let mut text = String::from(if mark { "\u{feff}" } else { "" });
            for (place, _) in columns.iter().enumerate() {
                text += &format!("{}c{place}", if place > 0 { ";" } else { "" });
            }
            for row in 0..rows {
                text += line_end;
                let cells = columns.iter().map(|cells| cells.get(row).map_or("", String::as_str));
                text += &cells.collect::<Vec<_>>().join(&format!("{blanks};"));
            }
            let options = ReadOptions::default().separator(b';').has_header(true);
            let whole = table("t.csv", text.as_bytes(), &options, IN_MEMORY, 1 << 20);
            for name in ["t.csv", "t.csv.gz"] {
                let keep = keep.index(text.len() + 1);
                let found = table(name, text.as_bytes(), &options, keep, block);
                match (&whole, found) {
                    (Ok((whole, formats)), Ok((found, other))) => {
                        prop_assert!(found.equals_missing(whole), "{found} {whole} {text:?}");
                        prop_assert_eq!(found.schema(), whole.schema());
                        prop_assert_eq!(&other, formats);
                    }
                    (Err(whole), Err(found)) => {
                        prop_assert_eq!(whole, &found.replace(".gz", ""));
                    }
                    (whole, found) => prop_assert!(false, "{whole:?} {found:?} {text:?}"),
                }
            }
        }
    }

    #[test]
    fn json_lines_are_the_same_table_at_every_size() {
        let mut text = String::new();
        for row in 0..40 {
            text += &format!(
                "{{\"a\": {row}, \"b\": \"x{row}\", \"when\": \"{}/01/2001\"}}\n",
                1 + row % 31
            );
        }
        let options = ReadOptions::default();
        let whole = table("j.jsonl", text.as_bytes(), &options, IN_MEMORY, 1 << 20).unwrap();
        assert_eq!(whole.0.shape(), (40, 3));
        assert_eq!(whole.0["when"].dtype(), &DataType::Date);
        for name in ["j.jsonl", "j.jsonl.gz"] {
            for (keep, block) in [(0, 7), (100, 1000), (text.len(), 1 << 20)] {
                let found = table(name, text.as_bytes(), &options, keep, block).unwrap();
                assert!(found.0.equals_missing(&whole.0), "{name} {keep} {block}");
            }
        }
    }

    #[test]
    fn what_needs_no_change_is_read_from_the_file_itself() {
        let text: String = (0..500).map(|row| format!("{row},x\n")).collect();
        let options = ReadOptions::default();
        let scans = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.csv");
            std::fs::write(&path, text).unwrap();
            let inputs = [Input {
                source: Source::new(&path, false),
                json: false,
            }];
            let tables = read(&inputs, &options, None, 100).unwrap();
            let plan = tables.frames[0].describe_plan().unwrap();
            (
                collect(&tables.frames[0]).unwrap().height(),
                plan.contains("t.csv"),
            )
        };
        assert_eq!(scans(&format!("a,b\n{text}")), (500, true));
        assert_eq!(scans(&format!("a, b\n{text}\n 7 , y\n")), (501, false));
    }
}
