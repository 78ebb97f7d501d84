//! Files of every common kind as polars frames.

mod address;
mod cell;
mod date;
mod decide;
mod find;
mod format;
mod guess;
mod ipc;
mod json;
mod number;
mod options;
mod parquet;
mod plain;
mod records;
mod source;
mod table;
mod text;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use polars::prelude::{
    DataType, LazyFrame, PlRefPath, ScanArgsParquet, UnifiedScanArgs, UnionArgs, col, concat,
};

use crate::frames::guarded;
use crate::{DataError, Result};
use address::Remote;
use find::{Kind, files};
pub use format::{ColumnFormat, TableFormat};
pub use options::{ColumnType, DateOrder, Encoding, ReadOptions, Separator};
use text::Input;

/// Reads a table as a polars frame, by the extension of its name.
///
/// Text (`.csv`, `.tsv`, `.dat`, `.data`, `.txt`), JSON lines (`.jsonl`, `.ndjson`), each plain or
/// `.gz`; Parquet (`.parquet`, `.pq`); Arrow IPC (`.arrow`, `.feather`, `.ipc`). The path may be a
/// file, a folder of files of one kind, or a pattern such as `data/2024-*.parquet`. Separator,
/// header and column types are inferred; see [`ReadOptions`] to state them.
///
/// Every cell of a text or JSON lines file is looked at, whatever its size, without holding more than a
/// part of it: a column is what all of its values are, in all files. Numbers may be written `1,299.99`,
/// `1.299,99`, `1 299,99`, `$12.50`, `3.5%` (0.035) or `(5)` (-5), dates as [`ColumnType::Date`] and
/// [`ColumnType::Datetime`] say, where all values of a column agree. Values that may be read in two ways
/// (`1,234`; `01/02/2001`) follow the other columns of the table; if these do not tell, `1,234` is
/// 1234 (1.234 where semicolons separate the fields), `1.234` is 1.234, and such dates stay text until
/// [`ReadOptions::dates`] says more. [`ReadOptions::read_described`] tells what was decided.
///
/// Text up to 64 MiB (unpacked) is parsed at once. More is parsed when the frame is used, without holding
/// all of it: from the file itself or, where the text needs to be written plainly first, from a file
/// in the folder for temporary files, which needs about as much room and goes with the frame. Parquet and
/// Arrow IPC are read when the frame is used.
///
/// With the feature `cloud` the path may also be an address that polars reads, such as
/// `s3://bucket/flights-*.parquet`, `gs://…`, `az://…` or `https://…`; keys come from the environment,
/// as the tools of each cloud have them. Text at an address is UTF-8, and is downloaded at once to the
/// folder for temporary files.
///
/// # Errors
///
/// A file that is missing, empty, of an unknown kind or damaged, a line with too few or too many
/// fields, two columns of the same name, a day that the calendar does not have: the message names the
/// file, the line and the column.
pub fn read(path: impl AsRef<Path>) -> Result<LazyFrame> {
    ReadOptions::default().read(path)
}

impl ReadOptions {
    /// Reads a file, a folder of files of one kind, or a pattern; see [`read`].
    ///
    /// # Errors
    /// Those of the function [`read`], and options that contradict each other.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame> {
        Ok(self.read_described(path)?.0)
    }

    /// Reads several files with the same columns as one table, in this order.
    ///
    /// A column has one type in all files: digits in one and words in another are text in both.
    ///
    /// # Errors
    /// No file, files whose columns differ, a column that is dates in one file and numbers in another,
    /// and those of [`ReadOptions::read`].
    pub fn read_files<P: AsRef<Path>>(&self, paths: &[P]) -> Result<LazyFrame> {
        Ok(self.read_files_described(paths)?.0)
    }

    /// Reads a table, and says how it was read.
    ///
    /// # Errors
    /// Those of [`ReadOptions::read`].
    pub fn read_described(&self, path: impl AsRef<Path>) -> Result<(LazyFrame, TableFormat)> {
        self.open(path.as_ref(), None)
    }

    /// Reads several files as one table, and says how they were read.
    ///
    /// # Errors
    /// Those of [`ReadOptions::read_files`].
    pub fn read_files_described<P: AsRef<Path>>(
        &self,
        paths: &[P],
    ) -> Result<(LazyFrame, TableFormat)> {
        self.open_files(paths, None)
    }

    fn open(
        &self,
        path: &Path,
        known: Option<&[ColumnFormat]>,
    ) -> Result<(LazyFrame, TableFormat)> {
        self.open_files(&files(path)?, known)
    }

    /// Opens files, with the types of another table where they are known.
    fn open_files<P: AsRef<Path>>(
        &self,
        paths: &[P],
        known: Option<&[ColumnFormat]>,
    ) -> Result<(LazyFrame, TableFormat)> {
        self.check()?;
        let mut inputs = Vec::new();
        // A frame each; `None` for text, which is looked at before polars reads it.
        let mut frames: Vec<(PathBuf, Option<LazyFrame>)> = Vec::with_capacity(paths.len());
        for path in paths.iter().map(AsRef::as_ref) {
            let found = match address::of(path) {
                Some(address) => match address::open(address)? {
                    Remote::Frame(frame) => Err(*frame),
                    Remote::Text(inputs) => Ok(inputs),
                },
                None => match Kind::of(path)? {
                    Kind::Text { packed } => Ok(vec![Input::new(path, packed, false)]),
                    Kind::JsonLines { packed } => Ok(vec![Input::new(path, packed, true)]),
                    kind => Err(scan(path, kind)?),
                },
            };
            match found {
                Err(frame) => frames.push((path.to_owned(), Some(frame))),
                Ok(texts) => {
                    frames.extend(texts.iter().map(|it| (it.source.path.clone(), None)));
                    inputs.extend(texts);
                }
            }
        }
        let tables = text::read(&inputs, self, known, text::IN_MEMORY)?;
        let mut texts = tables.frames.into_iter();
        let mut columns = tables.columns;

        let mut all = Vec::with_capacity(frames.len());
        let mut first: Option<(PathBuf, Vec<String>)> = None;
        for (path, frame) in frames {
            let own = frame.is_some();
            let Some(mut frame) = frame.or_else(|| texts.next()) else {
                continue;
            };
            let schema =
                guarded(|| frame.collect_schema()).map_err(|source| polars_at(&path, source))?;
            if schema.is_empty() {
                return Err(DataError::Format {
                    path,
                    problem: "the file has no columns".into(),
                });
            }
            if own {
                for (name, dtype) in schema.iter() {
                    if let Some(kind) = ColumnType::of(dtype)
                        && !columns.iter().any(|column| column.name == name.as_str())
                    {
                        columns.push(ColumnFormat::new(name, kind));
                    }
                    let text =
                        known.and_then(|known| known.iter().find(|it| it.name == name.as_str()));
                    if text.is_some_and(|it| it.kind == ColumnType::Text)
                        && (dtype.is_integer() || dtype.is_bool())
                    {
                        frame = frame.with_columns([col(name.clone()).cast(DataType::String)]);
                    }
                }
            }
            let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
            match &first {
                None => first = Some((path, names)),
                Some((one, order)) => {
                    same_columns((one, order), (&path, &names))?;
                    let order: Vec<_> = order.iter().map(|name| col(name.as_str())).collect();
                    frame = frame.select(order);
                }
            }
            all.push(frame);
        }
        let mut options = self.clone();
        options.has_header = options.has_header.or(tables.has_header);
        let format = TableFormat { options, columns };
        let frame = match all.len() {
            0 => {
                return Err(DataError::Empty {
                    what: "(no files)".into(),
                });
            }
            1 => all.remove(0),
            _ => {
                let arguments = UnionArgs {
                    to_supertypes: true,
                    ..Default::default()
                };
                let mut all = concat(all, arguments).map_err(|source| together(paths, source))?;
                // Types that do not go together show up here, not in the middle of a training run.
                guarded(|| all.collect_schema()).map_err(|source| together(paths, source))?;
                all
            }
        };
        Ok((frame, format))
    }
}

/// A file that says itself what its columns are.
fn scan(path: &Path, kind: Kind) -> Result<LazyFrame> {
    let whole = PlRefPath::try_from_path(path).map_err(|source| polars_at(path, source))?;
    let frame = if kind == Kind::Parquet {
        magic(path, b"PAR1", "a Parquet file")?;
        parquet::check(path)?;
        let arguments = ScanArgsParquet {
            glob: false,
            ..Default::default()
        };
        LazyFrame::scan_parquet(whole, arguments)
    } else {
        magic(path, b"ARROW1", "an Arrow IPC file")?;
        ipc::check(path)?;
        let arguments = UnifiedScanArgs {
            glob: false,
            ..Default::default()
        };
        LazyFrame::scan_ipc(whole, Default::default(), arguments)
    };
    frame.map_err(|source| polars_at(path, source))
}

/// Refuses two files whose columns differ.
fn same_columns(first: (&Path, &[String]), other: (&Path, &[String])) -> Result<()> {
    let (one, names) = first;
    let (path, found) = other;
    let problem = if let Some(missing) = names.iter().find(|name| !found.contains(name)) {
        format!(
            "there is no column \"{missing}\", which {} has; files read together must have the same columns",
            one.display()
        )
    } else if let Some(extra) = found.iter().find(|name| !names.contains(name)) {
        format!(
            "column \"{extra}\" is not in {}; files read together must have the same columns",
            one.display()
        )
    } else {
        return Ok(());
    };
    Err(DataError::Format {
        path: path.to_owned(),
        problem,
    })
}

/// Checks the first and last bytes, which polars reports in terms of its own.
fn magic(path: &Path, mark: &[u8], what: &str) -> Result<()> {
    let fail = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let wrong = |problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    if length == 0 {
        return Err(wrong("the file is empty".into()));
    }
    let mut found = vec![0; mark.len()];
    if length < 2 * mark.len() as u64 || file.read_exact(&mut found).is_err() || found != mark {
        return Err(wrong(format!(
            "this is not {what}, whatever its name says; a text table needs the extension .csv, .tsv or .txt"
        )));
    }
    file.seek(SeekFrom::End(-(mark.len() as i64)))
        .map_err(fail)?;
    file.read_exact(&mut found).map_err(fail)?;
    if found != mark {
        return Err(wrong(format!(
            "the end of the file is missing, so it is not {what} any more; copy or download it again"
        )));
    }
    Ok(())
}

pub(crate) fn polars_at(path: &Path, source: polars::prelude::PolarsError) -> DataError {
    DataError::Table {
        what: format!("cannot read {}", path.display()),
        source: source.into(),
    }
}

fn together<P: AsRef<Path>>(paths: &[P], source: polars::prelude::PolarsError) -> DataError {
    let names: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
    DataError::Table {
        what: format!("cannot read {names:?} as one table"),
        source: source.into(),
    }
}
