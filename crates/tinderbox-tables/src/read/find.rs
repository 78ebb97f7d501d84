//! The files that a path names: one, those of a folder, or those of a pattern.

use std::path::{Path, PathBuf};

use super::kind::{Kind, address};
use crate::{DataError, Result};

/// The files that a path names: itself, the tables in a folder, or the matches of a pattern.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let fail = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(address) = address(path) {
        // Polars expands patterns there.
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
                // As in a shell, a pattern matches hidden files only if it begins with a point.
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

/// Whether the name of a file begins with a point; `._a.csv` is not a table.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// The files sorted by name; an error for two kinds, which are probably two tables.
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
