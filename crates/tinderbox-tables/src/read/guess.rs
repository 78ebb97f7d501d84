//! The separator of a delimited text, from its first lines.

use std::path::Path;

use super::bits::NUMBER;
use super::cell::look;
use super::options::{ReadOptions, Separator};
use super::records::Records;

/// The number of lines.
const LINES: usize = 20;

/// The separator with which the first lines have the same number of fields, and the most.
///
/// A comma is the separator only if no other character gives all lines the same number of fields:
/// `1,5;2,5` are two numbers.
pub(super) fn infer_separator(path: &Path, head: &[u8], options: &ReadOptions) -> Separator {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let comma = name.ends_with(".csv");
    let decimal_comma = options.decimal == Some(',');
    // The likeliest first: of two with the same score, the first is taken.
    let mut candidates = vec![
        Separator::Byte(b'\t'),
        Separator::Byte(b';'),
        Separator::Byte(b'|'),
    ];
    let other = (candidates.iter()).any(|it| {
        let (fewest, most) = fields(path, head, *it, options);
        fewest == most && most > 1
    });
    if !decimal_comma && !other {
        candidates.insert(usize::from(!comma), Separator::Byte(b','));
    }
    // In a .csv file, white space separates only numbers: other values with blanks are text.
    if !comma || numbers_only(path, head, options) {
        candidates.push(Separator::Whitespace);
    }
    let mut best = (0, candidates[0]);
    for candidate in candidates {
        let score = match fields(path, head, candidate, options) {
            (_, 0) => 0,
            (fewest, most) if fewest == most => 2 * fewest - 1,
            // If the lines differ, the shortest one counts half.
            (fewest, _) => fewest.max(1) - 1,
        };
        if score > best.0 {
            best = (score, candidate);
        }
    }
    match best.0 {
        // No line has two fields: there is one column, or a mistake.
        0 | 1 if !decimal_comma => Separator::Byte(b','),
        0 | 1 => Separator::Byte(b';'),
        _ => best.1,
    }
}

fn records(path: &Path, head: &[u8], separator: Separator, options: &ReadOptions) -> Records {
    let mut records = Records::of(path, head.to_vec(), options);
    records.separate(separator);
    records
}

fn numbers_only(path: &Path, head: &[u8], options: &ReadOptions) -> bool {
    let mut records = records(path, head, Separator::Whitespace, options);
    for _ in 0..LINES {
        match records.next() {
            Ok(true) => {
                if !records.fields().all(|(cell, _)| look(cell) & NUMBER != 0) {
                    return false;
                }
            }
            _ => break,
        }
    }
    true
}

/// The fewest and the most fields of the first lines.
fn fields(path: &Path, head: &[u8], separator: Separator, options: &ReadOptions) -> (usize, usize) {
    let mut records = records(path, head, separator, options);
    let (mut fewest, mut most) = (usize::MAX, 0);
    for _ in 0..LINES {
        match records.next() {
            Ok(true) => {
                fewest = fewest.min(records.len());
                most = most.max(records.len());
            }
            _ => break,
        }
    }
    (fewest, most)
}
