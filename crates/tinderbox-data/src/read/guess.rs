use std::path::Path;

use super::cell::is_number;
use super::records::{Field, Records};
use super::{ReadOptions, Separator};

/// Lines that are looked at.
const LINES: usize = 20;

/// The separator that cuts the first lines into the same number of fields, and into the most.
pub(super) fn infer_separator(path: &Path, bytes: &[u8], options: &ReadOptions) -> Separator {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let comma = name.ends_with(".csv");
    // The likeliest first: of two that do equally well, the first is taken.
    let mut candidates = vec![
        Separator::Byte(b'\t'),
        Separator::Byte(b';'),
        Separator::Byte(b'|'),
    ];
    if !options.decimal_comma {
        candidates.insert(usize::from(!comma), Separator::Byte(b','));
    }
    // In a .csv, white space separates numbers at most: words with blanks between them are text.
    if !comma || numbers_only(bytes, options) {
        candidates.push(Separator::Whitespace);
    }
    let mut best = (0, candidates[0]);
    for candidate in candidates {
        let score = regularity(bytes, candidate);
        if score > best.0 {
            best = (score, candidate);
        }
    }
    match best.0 {
        // No line has two fields: one column, or one line cut short by the user's mistake.
        0 | 1 if !options.decimal_comma => Separator::Byte(b','),
        0 | 1 => Separator::Byte(b';'),
        _ => best.1,
    }
}

fn numbers_only(bytes: &[u8], options: &ReadOptions) -> bool {
    let mut records = Records::new(bytes, Separator::Whitespace);
    let mut fields = Vec::new();
    for _ in 0..LINES {
        match records.next(&mut fields) {
            Ok(true) => {
                let number = |field: &Field| is_number(field.bytes, options.decimal_comma);
                if !fields.iter().all(number) {
                    return false;
                }
            }
            _ => break,
        }
    }
    true
}

/// Fields a line, when the first lines agree; else the number of fields of the fewest, halved.
fn regularity(bytes: &[u8], separator: Separator) -> usize {
    let mut records = Records::new(bytes, separator);
    let mut fields = Vec::new();
    let (mut fewest, mut most) = (usize::MAX, 0);
    for _ in 0..LINES {
        match records.next(&mut fields) {
            Ok(true) => {
                fewest = fewest.min(fields.len());
                most = most.max(fields.len());
            }
            _ => break,
        }
    }
    match most {
        0 => 0,
        _ if fewest == most => 2 * fewest - 1,
        _ => fewest.max(1) - 1,
    }
}

/// The same table without what stricter parsers stumble over: blank lines, blanks around fields,
/// quotes inside fields, runs of white space as separator.
pub(super) fn plain(bytes: &[u8], from: Separator, to: u8) -> Vec<u8> {
    let mut records = Records::new(bytes, from);
    let mut fields: Vec<Field> = Vec::new();
    let mut out = Vec::with_capacity(bytes.len());
    while let Ok(true) = records.next(&mut fields) {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                out.push(to);
            }
            if field.quoted {
                out.push(b'"');
                out.extend_from_slice(field.bytes);
                out.push(b'"');
            } else if field.bytes.contains(&b'"') {
                out.push(b'"');
                for &byte in field.bytes {
                    out.extend_from_slice(if byte == b'"' {
                        b"\"\""
                    } else {
                        std::slice::from_ref(&byte)
                    });
                }
                out.push(b'"');
            } else {
                out.extend_from_slice(field.bytes);
            }
        }
        out.push(b'\n');
    }
    out
}
