//! One or several files as one frame.

use std::path::{Path, PathBuf};

use polars::prelude::{DataType, LazyFrame, PolarsError, UnionArgs, col, concat};

use super::address::{self, Remote};
use super::binary;
use super::column_type::ColumnType;
use super::find::files;
use super::format::{ColumnFormat, TableFormat, same_columns};
use super::kind::{self, Kind};
use super::options::ReadOptions;
use super::source::Input;
use super::text;
use crate::frames::{guarded, polars_at};
use crate::{DataError, Result};

impl ReadOptions {
    /// Reads a file, a folder of files of one kind, or a pattern; see [`read`](super::read).
    ///
    /// # Errors
    /// Those of the function [`read`](super::read), and options that contradict each other.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame> {
        Ok(self.read_described(path)?.0)
    }

    /// Reads several files with the same columns as one table, in this order.
    ///
    /// A column has one type in all files: digits in one and other text in another are text in both.
    ///
    /// # Errors
    /// No file, files whose columns differ, a column that is dates in one file and numbers in another,
    /// and those of [`ReadOptions::read`].
    pub fn read_files<P: AsRef<Path>>(&self, paths: &[P]) -> Result<LazyFrame> {
        Ok(self.read_files_described(paths)?.0)
    }

    /// Reads a table, and returns how it was read.
    ///
    /// # Errors
    /// Those of [`ReadOptions::read`].
    pub fn read_described(&self, path: impl AsRef<Path>) -> Result<(LazyFrame, TableFormat)> {
        self.open(path.as_ref(), None)
    }

    /// Reads several files as one table, and returns how they were read.
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
        // A frame for each file; `None` for text, whose first pass comes before polars reads it.
        let mut frames: Vec<(PathBuf, Option<LazyFrame>)> = Vec::with_capacity(paths.len());
        for path in paths.iter().map(AsRef::as_ref) {
            let found = match kind::address(path) {
                Some(address) => match address::open(address)? {
                    Remote::Frame(frame) => Err(*frame),
                    Remote::Text(inputs) => Ok(inputs),
                },
                None => match Kind::of(path)? {
                    Kind::Text { packed } => Ok(vec![Input::new(path, packed, false)]),
                    Kind::JsonLines { packed } => Ok(vec![Input::new(path, packed, true)]),
                    kind => Err(binary::scan(path, kind)?),
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
                // Types that do not fit together are found here, not in the middle of a training run.
                guarded(|| all.collect_schema()).map_err(|source| together(paths, source))?;
                all
            }
        };
        Ok((frame, format))
    }
}

impl TableFormat {
    /// Reads another file, folder or pattern with the types of this table; see [`super::read`].
    ///
    /// A column of this table has the same type in the other file, whatever its values look like: `007`
    /// in a column of text stays text. Whole numbers become floats if one of them has a fraction. The
    /// other file may lack columns, the types of new columns are inferred, and a header without rows
    /// gives a frame without rows.
    ///
    /// # Errors
    /// A cell that does not fit the type of its column, and those of [`ReadOptions::read`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame> {
        Ok(self.options.open(path.as_ref(), Some(&self.columns))?.0)
    }

    /// Reads several other files as one table, with the types of this one.
    ///
    /// # Errors
    /// Those of [`TableFormat::read`].
    pub fn read_files<P: AsRef<Path>>(&self, paths: &[P]) -> Result<LazyFrame> {
        Ok(self.options.open_files(paths, Some(&self.columns))?.0)
    }
}

fn together<P: AsRef<Path>>(paths: &[P], source: PolarsError) -> DataError {
    let names: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
    DataError::Table {
        what: format!("cannot read {names:?} as one table"),
        source: source.into(),
    }
}
