//! The identity of a table that is larger than memory: what a resumed run compares.

use std::fs::File;
use std::io;
use std::path::Path;

use polars::prelude::{AnyValue, DataFrame, LazyFrame};
use tinderbox_core::Digest;

use super::PART;
use crate::frames::{self, FrameParts};
use crate::{Features, Frame, Result};

/// All rows of a table of up to this many rows are in the digest.
const WHOLE_ROWS: usize = 100_000;

/// Of a larger table, this many blocks of rows that are evenly spread, the first and the last included.
const ROW_BLOCKS: usize = 64;

/// Rows of a block.
const ROWS: usize = 64;

/// All bytes of the files of a larger table are in the digest, if they are up to this many.
const WHOLE_BYTES: u64 = 64 << 20;

/// Of larger files, this many blocks of bytes that are evenly spread.
const BYTE_BLOCKS: u64 = 1024;

/// Bytes of a block.
const BYTES: usize = 4096;

/// The most files that are named one by one.
const NAMED: usize = 3;

/// Names and sizes of the files; of many files, their number and total size.
///
/// Folders are left out: data may be moved before a run is resumed.
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
                    // The size of an object at an address is not known here.
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

/// A digest of names and types of the columns, of the features, and of the rows.
///
/// Of a table of more than [`WHOLE_ROWS`] rows it covers a sample: blocks of the rows of a frame in memory;
/// the first and the last rows of files, and their bytes or blocks of them. Which blocks is a pure function
/// of the size.
pub(super) fn digest(rows: &LazyFrame, count: usize, features: &Features) -> Result<u64> {
    let features = serde_json::to_string(features).expect("features have only string keys");
    let mut digest = Digest::new().text(&features);
    for (name, dtype) in Frame::columns(rows)?.iter() {
        digest = digest.text(name).text(&format!("{dtype:?}"));
    }
    let files = frames::open_files(rows);
    if count <= WHOLE_ROWS {
        for part in FrameParts::new(rows.clone(), PART)? {
            digest = of_rows(digest, &part?);
        }
    } else if frames::in_memory(rows) {
        let mut first_row = 0;
        for part in FrameParts::new(rows.clone(), PART)? {
            let part = part?;
            let end = first_row + part.height();
            for start in starts(count as u64, ROWS as u64, ROW_BLOCKS as u64) {
                let (from, to) = (start as usize, start as usize + ROWS);
                if from < end && to > first_row {
                    let (from, to) = (from.max(first_row), to.min(end));
                    digest = of_rows(digest, &part.slice((from - first_row) as i64, to - from));
                }
            }
            first_row = end;
        }
    } else {
        for start in [0, count - ROWS] {
            for part in FrameParts::new(rows.clone().slice(start as i64, ROWS as u32), PART)? {
                digest = of_rows(digest, &part?);
            }
        }
        for file in &files {
            // What cannot be read here is reported when the rows are read.
            if let Ok(found) = of_file(digest.clone(), file, files.len() as u64) {
                digest = found;
            }
        }
    }
    Ok(digest.value())
}

/// Where `blocks` blocks of this size begin that are evenly spread over `count` rows or bytes.
fn starts(count: u64, size: u64, blocks: u64) -> impl Iterator<Item = u64> {
    let room = u128::from(count.saturating_sub(size));
    let last = u128::from(blocks.saturating_sub(1).max(1));
    (0..u128::from(blocks)).map(move |block| (block * room / last) as u64)
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

/// Adds the bytes of one of `files` files, or blocks of them.
fn of_file(mut digest: Digest, file: &File, files: u64) -> io::Result<Digest> {
    let size = file.metadata()?.len();
    let mut buffer = vec![0; 1 << 20];
    if size <= WHOLE_BYTES / files {
        let mut at = 0;
        while at < size {
            let read = read_at(file, &mut buffer, at)?;
            if read == 0 {
                break;
            }
            digest = digest.bytes(&buffer[..read]);
            at += read as u64;
        }
        return Ok(digest);
    }
    for start in starts(size, BYTES as u64, (BYTE_BLOCKS / files).max(16)) {
        let read = read_at(file, &mut buffer[..BYTES], start)?;
        digest = digest.bytes(&buffer[..read]);
    }
    Ok(digest)
}

/// Reads at a position, without moving that of the file, which polars may be using.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        #[cfg(unix)]
        let count =
            std::os::unix::fs::FileExt::read_at(file, &mut buffer[read..], at + read as u64)?;
        #[cfg(windows)]
        let count =
            std::os::windows::fs::FileExt::seek_read(file, &mut buffer[read..], at + read as u64)?;
        if count == 0 {
            break;
        }
        read += count;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn blocks_are_spread_from_the_first_row_to_the_last() {
        assert_eq!(starts(100, 10, 4).collect::<Vec<_>>(), [0, 30, 60, 90]);
        assert_eq!(starts(5, 10, 3).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn bytes_of_a_large_file_are_sampled_everywhere() {
        let digest = |changed: Option<usize>, files: u64| {
            let mut bytes = vec![7; 600_000];
            if let Some(place) = changed {
                bytes[place] = 8;
            }
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            of_file(Digest::new(), &file, files).unwrap().value()
        };
        // As a whole, and as one of many files: 16 blocks of it.
        for (files, places) in [
            (1, [0, 1, 300_000, 599_999]),
            (1000, [0, 4095, 39_726, 599_999]),
        ] {
            for place in places {
                assert_ne!(
                    digest(None, files),
                    digest(Some(place), files),
                    "{files} {place}"
                );
            }
        }
        assert_eq!(
            digest(None, 1000),
            digest(Some(5000), 1000),
            "between two blocks"
        );
    }
}
