//! What a table that is larger than memory is known by.

use std::path::Path;

use polars::prelude::{AnyValue, DataFrame, LazyFrame};
use tinderbox_core::Digest;

use super::PART;
use crate::frames::{self, FrameParts};
use crate::{Features, Frame, Result};

/// A table of no more rows is looked at as a whole.
const WHOLE: usize = 100_000;

/// Rows at either end of a larger one that are looked at.
const ROWS: usize = 64;

/// Files that are named one by one.
const NAMED: usize = 3;

/// Names and sizes of the files; of many only how many they are and their size together.
///
/// Folders are left out: data may be moved between a run and its resume.
pub(super) fn files(frame: &LazyFrame) -> String {
    let files = frames::files(frame);
    let size = |file: &&str| std::fs::metadata(file).map(|found| found.len());
    match files.len() {
        0 => "a frame".into(),
        count if count <= NAMED => {
            let named = files.iter().map(|file| {
                let path = Path::new(file);
                let name = path.file_name().unwrap_or(path.as_os_str());
                match size(file) {
                    Ok(bytes) => format!("{} of {bytes} bytes", name.display()),
                    // An address has no size that is known here.
                    Err(_) => (*file).to_owned(),
                }
            });
            named.collect::<Vec<_>>().join(", ")
        }
        count => {
            let bytes: u64 = files.iter().filter_map(|file| size(file).ok()).sum();
            format!("{count} files of {bytes} bytes")
        }
    }
}

/// A digest of names and types of the columns, of the rows (of a large table only the first and the
/// last), and of the features.
pub(super) fn digest(rows: &LazyFrame, count: usize, features: &Features) -> Result<u64> {
    let features = serde_json::to_string(features).expect("features have only string keys");
    let mut digest = Digest::new().text(&features);
    for (name, dtype) in Frame::columns(rows)?.iter() {
        digest = digest.text(name).text(&format!("{dtype:?}"));
    }
    let slice = |start: usize| rows.clone().slice(start as i64, ROWS as u32);
    let parts = match count <= WHOLE {
        true => vec![rows.clone()],
        false => vec![slice(0), slice(count - ROWS)],
    };
    for frame in parts {
        for part in FrameParts::new(frame, PART)? {
            digest = of_rows(digest, &part?);
        }
    }
    Ok(digest.value())
}

fn of_rows(mut digest: Digest, rows: &DataFrame) -> Digest {
    for column in rows.columns() {
        for row in 0..rows.height() {
            digest = match column.get(row) {
                Ok(AnyValue::Float64(value)) => digest.word(value.to_bits()),
                Ok(AnyValue::Float32(value)) => digest.word(value.to_bits().into()),
                Ok(value) => digest.text(&value.str_value()),
                // There is no such row.
                Err(_) => digest,
            };
        }
    }
    digest
}
