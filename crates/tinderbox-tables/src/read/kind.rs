//! Kinds of files, by their names.

use std::path::Path;

use crate::{DataError, Result};

/// The kind of a file.
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

    pub(super) fn find(path: &Path) -> Option<Self> {
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

/// The address that a path is, if it is one: `s3://bucket/flights.parquet`.
pub(super) fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.contains("://"))
}
