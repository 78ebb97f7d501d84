use std::path::{Path, PathBuf};

use super::address;
use crate::{DataError, Result};

/// What a file holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text { packed: bool },
    JsonLines { packed: bool },
    Parquet,
    Ipc,
}

impl Kind {
    pub(super) fn of(path: &Path) -> Result<Self> {
        Self::find(path).ok_or_else(|| DataError::Format {
            path: path.to_owned(),
            problem: "unknown extension; tables end in .csv, .tsv, .dat, .data, .txt, .jsonl or .ndjson (each also .gz), .parquet, .pq, .arrow, .feather or .ipc".into(),
        })
    }

    fn find(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let (stem, packed) = match name.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (name.as_str(), false),
        };
        match (stem.rsplit_once('.')?.1, packed) {
            ("csv" | "tsv" | "tab" | "dat" | "data" | "txt", packed) => Some(Self::Text { packed }),
            ("jsonl" | "ndjson", packed) => Some(Self::JsonLines { packed }),
            ("parquet" | "pq", false) => Some(Self::Parquet),
            ("arrow" | "feather" | "ipc", false) => Some(Self::Ipc),
            _ => None,
        }
    }
}

/// The files that a path stands for: itself, the tables in a folder, or the matches of a pattern.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let fail = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(address) = address::of(path) {
        // Polars finds what a pattern stands for there.
        return Ok(vec![match address.strip_prefix("file://") {
            Some(local) => local.into(),
            None => path.to_owned(),
        }]);
    }
    if path.is_dir() {
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            if !is_hidden(&path) && path.is_file() && Kind::find(&path).is_some() {
                found.push(path);
            }
        }
        if found.is_empty() {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: "the folder holds no table (.csv, .tsv, .parquet, .jsonl, .arrow, …)"
                    .into(),
            });
        }
        return one_kind(found);
    }
    let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']));
    match pattern {
        Some(pattern) if !path.exists() => {
            let matches = glob::glob(pattern).map_err(|error| DataError::Format {
                path: path.to_owned(),
                problem: format!("not a pattern: {error}"),
            })?;
            let mut found = Vec::new();
            for entry in matches {
                let entry = entry.map_err(|error| DataError::File {
                    path: error.path().to_owned(),
                    source: error.into(),
                })?;
                // As in a shell, a pattern means hidden files only if it begins with their point.
                if is_hidden(path) || !is_hidden(&entry) {
                    found.push(entry);
                }
            }
            if found.is_empty() {
                return Err(DataError::Format {
                    path: path.to_owned(),
                    problem: "no file matches this pattern".into(),
                });
            }
            one_kind(found)
        }
        _ => Ok(vec![path.to_owned()]),
    }
}

/// Whether the name of a file begins with a point; `._a.csv` is no table, whatever it ends in.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Sorted by name; two kinds in one folder are more likely two tables than one.
fn one_kind(mut found: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    found.sort();
    let first = Kind::of(&found[0])?;
    for other in &found[1..] {
        if std::mem::discriminant(&Kind::of(other)?) != std::mem::discriminant(&first) {
            return Err(DataError::Format {
                path: other.clone(),
                problem: format!(
                    "not of the same kind as {}; read them one by one",
                    found[0].display()
                ),
            });
        }
    }
    Ok(found)
}
