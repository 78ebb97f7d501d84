//! The first line of a delimited text: names of the columns, or data.

use std::collections::HashSet;
use std::path::Path;

use super::bits::*;
use super::cell::{self, Evidence};
use super::nulls::Nulls;
use super::options::ReadOptions;
use super::records::unquoted;
use crate::{DataError, Result};

/// Whether the first line names the columns; see [`ReadOptions::has_header`].
pub(super) fn is_header(
    first: &[(Vec<u8>, bool)],
    below: &[Evidence],
    options: &ReadOptions,
    nulls: &Nulls,
) -> bool {
    let (mut words, mut above_data) = (0, false);
    for ((cell, _), below) in first.iter().zip(below) {
        if cell.is_empty() || nulls.find(cell).is_some() {
            continue;
        }
        let (seen, below) = (cell::look(cell), below.seen);
        let data = match seen & CLASSES {
            NUMBER => seen & NO_YEAR != 0 || below & CLASSES != NUMBER || below & NO_YEAR == 0,
            DATE => below & (DATE | TEXT) != 0 || below & CLASSES == 0,
            BOOLEAN => below & BOOLEAN != 0,
            _ => false,
        };
        if data {
            return false;
        }
        let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
        if seen & TEXT != 0 && cell.iter().any(letter) {
            words += 1;
            above_data |= below & CLASSES != 0 && below & TEXT == 0;
        }
    }
    match &options.names {
        _ if words == 0 => false,
        None => true,
        Some(names) => {
            let named = |cell: &[u8]| names.iter().any(|name| name.as_bytes() == cell);
            above_data || first.iter().any(|(cell, _)| named(cell))
        }
    }
}

/// The names of the columns: those of the options, of the header, or `column_1`, `column_2`, ….
pub(super) fn names(
    path: &Path,
    first: &[(Vec<u8>, bool)],
    line: usize,
    has_header: bool,
    options: &ReadOptions,
) -> Result<Vec<String>> {
    let names: Vec<String> = match &options.names {
        Some(names) if names.len() == first.len() => names.clone(),
        Some(names) => {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: format!(
                    "{} names are given for {} columns; give one name per column (--names), or state the separator (--separator)",
                    names.len(),
                    first.len()
                ),
            });
        }
        None => (first.iter().enumerate())
            .map(|(index, (bytes, quoted))| match unquoted(bytes, *quoted) {
                name if has_header && !name.is_empty() => name,
                _ => format!("column_{}", index + 1),
            })
            .collect(),
    };
    let mut once = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !once.insert(name.as_str())) {
        return Err(DataError::Line {
            path: path.to_owned(),
            line,
            problem: format!(
                "there are two columns \"{twice}\"; rename one, or give the names as an option (--names)"
            ),
        });
    }
    Ok(names)
}
