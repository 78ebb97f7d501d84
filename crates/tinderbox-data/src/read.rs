//! Files of every common kind as polars frames.

mod address;
mod cell;
mod find;
mod guess;
mod ipc;
mod json;
mod options;
mod parquet;
mod records;
mod table;
mod text;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use polars::prelude::{
    LazyFrame, PlRefPath, PlSmallStr, ScanArgsParquet, UnifiedScanArgs, UnionArgs, col, concat,
};

use crate::frames::guarded;
use crate::{DataError, Result};
use find::{Kind, files};
pub use options::{ColumnType, Encoding, ReadOptions, Separator};

/// Reads a table as a polars frame, by the extension of its name.
///
/// Text (`.csv`, `.tsv`, `.dat`, `.data`, `.txt`), JSON lines (`.jsonl`, `.ndjson`), each plain or
/// `.gz`; Parquet (`.parquet`, `.pq`); Arrow IPC (`.arrow`, `.feather`, `.ipc`). The path may be a
/// file, a folder of files of one kind, or a pattern such as `data/2024-*.parquet`. Separator,
/// header and column types are inferred; see [`ReadOptions`] to state them.
///
/// Text and JSON lines up to 64 MiB (unpacked) are read and checked at once, every line of them. Of
/// more, that much is checked, and polars reads the file when the frame is used, without holding all of
/// it: mistakes further down are then reported by polars. White-space separated and Latin-1 text is
/// always read whole. Parquet and Arrow IPC are read when the frame is used.
///
/// With the feature `cloud` the path may also be an address that polars reads, such as
/// `s3://bucket/flights-*.parquet`, `gs://…`, `az://…` or `https://…`; keys come from the environment,
/// as the tools of each cloud have them. Nothing is checked before the frame is used, and the types of
/// a text table are inferred from its first rows.
///
/// # Errors
///
/// A file that is missing, empty, of an unknown kind or damaged, a line with too few or too many
/// fields, two columns of the same name: the message names the file, the line and the column.
pub fn read(path: impl AsRef<Path>) -> Result<LazyFrame> {
    ReadOptions::default().read(path)
}

impl ReadOptions {
    /// Reads a file, a folder of files of one kind, or a pattern; see [`read`].
    ///
    /// # Errors
    /// Those of the function [`read`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame> {
        self.read_files(&files(path.as_ref())?)
    }

    /// Reads several files with the same columns as one table, in this order.
    ///
    /// # Errors
    /// No file, files whose columns differ, and those of the function [`read`].
    pub fn read_files<P: AsRef<Path>>(&self, paths: &[P]) -> Result<LazyFrame> {
        let mut frames = Vec::with_capacity(paths.len());
        let mut names: Vec<PlSmallStr> = Vec::new();
        for path in paths.iter().map(AsRef::as_ref) {
            let mut frame = self.read_one(path)?;
            let schema =
                guarded(|| frame.collect_schema()).map_err(|source| polars_at(path, source))?;
            if schema.is_empty() {
                return Err(DataError::Format {
                    path: path.to_owned(),
                    problem: "the file has no columns".into(),
                });
            }
            if frames.is_empty() {
                names = schema.iter_names().cloned().collect();
            } else {
                if let Some(missing) = names.iter().find(|name| !schema.contains(name)) {
                    return Err(DataError::Format {
                        path: path.to_owned(),
                        problem: format!(
                            "there is no column \"{missing}\", which {} has; files read together must have the same columns",
                            paths[0].as_ref().display()
                        ),
                    });
                }
                if let Some(extra) = schema.iter_names().find(|name| !names.contains(name)) {
                    return Err(DataError::Format {
                        path: path.to_owned(),
                        problem: format!(
                            "column \"{extra}\" is not in {}; files read together must have the same columns",
                            paths[0].as_ref().display()
                        ),
                    });
                }
                let columns: Vec<_> = names.iter().map(|name| col(name.clone())).collect();
                frame = frame.select(columns);
            }
            frames.push(frame);
        }
        match frames.len() {
            0 => Err(DataError::Empty {
                what: "(no files)".into(),
            }),
            1 => Ok(frames.remove(0)),
            _ => {
                let arguments = UnionArgs {
                    to_supertypes: true,
                    ..Default::default()
                };
                let mut all =
                    concat(frames, arguments).map_err(|source| together(paths, source))?;
                // Types that do not go together show up here, not in the middle of a training run.
                guarded(|| all.collect_schema()).map_err(|source| together(paths, source))?;
                Ok(all)
            }
        }
    }

    fn read_one(&self, path: &Path) -> Result<LazyFrame> {
        if let Some(address) = address::of(path) {
            return address::scan(address, self);
        }
        match Kind::of(path)? {
            Kind::Text { packed } => text::read(path, packed, self),
            Kind::JsonLines { packed } => json::read(path, packed),
            Kind::Parquet => {
                magic(path, b"PAR1", "a Parquet file")?;
                parquet::check(path)?;
                LazyFrame::scan_parquet(
                    whole_path(path)?,
                    ScanArgsParquet {
                        glob: false,
                        ..Default::default()
                    },
                )
                .map_err(|source| polars_at(path, source))
            }
            Kind::Ipc => {
                magic(path, b"ARROW1", "an Arrow IPC file")?;
                ipc::check(path)?;
                LazyFrame::scan_ipc(
                    whole_path(path)?,
                    Default::default(),
                    UnifiedScanArgs {
                        glob: false,
                        ..Default::default()
                    },
                )
                .map_err(|source| polars_at(path, source))
            }
        }
    }
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

fn whole_path(path: &Path) -> Result<PlRefPath> {
    PlRefPath::try_from_path(path).map_err(|source| polars_at(path, source))
}

pub(crate) fn polars_at(path: &Path, source: polars::prelude::PolarsError) -> DataError {
    DataError::Polars {
        what: format!("cannot read {}", path.display()),
        source,
    }
}

fn together<P: AsRef<Path>>(paths: &[P], source: polars::prelude::PolarsError) -> DataError {
    let names: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
    DataError::Polars {
        what: format!("cannot read {names:?} as one table"),
        source,
    }
}
