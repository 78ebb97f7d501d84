//! The first pass over a text table: names of the columns, and what is in their cells.

use std::collections::HashSet;
use std::path::Path;

use super::cell::bits::*;
use super::cell::{self, Evidence};
use super::guess::infer_separator;
use super::records::{Records, text};
use super::source::Source;
use super::{ReadOptions, Separator};
use crate::{DataError, Result};

/// What a text table holds, from all of its rows.
pub(super) struct Scan {
    pub source: Source,
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// The words for a missing value that are there, by their place in the options: polars compares
    /// every cell with each that it is given.
    pub nulls: Vec<bool>,
    pub has_header: bool,
    pub separator: Separator,
    /// See [`Records::loose`].
    pub loose: bool,
    /// Whether the text has other bytes than the file.
    pub converted: bool,
    pub rows: usize,
    /// The text, if it is small enough to stay in memory.
    pub whole: Option<Vec<u8>>,
}

/// The words that mean a missing value, by their first byte.
pub(super) struct Nulls<'a> {
    words: &'a [String],
    starts: [bool; 256],
}

impl<'a> Nulls<'a> {
    pub fn new(words: &'a [String]) -> Self {
        let mut starts = [false; 256];
        for byte in words.iter().filter_map(|word| word.as_bytes().first()) {
            starts[usize::from(*byte)] = true;
        }
        Self { words, starts }
    }

    /// Which of the words a cell is; an empty cell is none of them.
    pub fn find(&self, cell: &[u8]) -> Option<usize> {
        if !self.starts[usize::from(*cell.first()?)] {
            return None;
        }
        self.words.iter().position(|word| word.as_bytes() == cell)
    }
}

impl Scan {
    /// Reads the whole file, of which up to `keep` bytes stay in memory.
    pub fn new(source: &Source, options: &ReadOptions, keep: usize, empty: bool) -> Result<Self> {
        let path = source.path.as_path();
        let mut records = Records::new(path, source.open(options)?, keep, options)?;
        let separator = match options.separator {
            Some(separator) => separator,
            None => infer_separator(path, records.head(), options),
        };
        records.separate(separator);
        let wrong = |problem: String| DataError::Format {
            path: path.to_owned(),
            problem,
        };
        if !records.next()? {
            return Err(wrong("the file is empty".into()));
        }
        let first: Vec<(Vec<u8>, bool)> = (records.fields())
            .map(|(bytes, quoted)| (bytes.to_vec(), quoted))
            .collect();
        let (first_line, width) = (records.line, first.len());
        let words = Nulls::new(&options.null_values);
        let mut nulls = vec![false; options.null_values.len()];
        let mut evidence = vec![Evidence::default(); width];
        let mut rows = 0;
        let mut look = |evidence: &mut Evidence, cell: &[u8], quoted: bool, line: usize| {
            if cell.is_empty() {
                evidence.seen |= if quoted { QUOTED_EMPTY } else { 0 };
            } else if let Some(null) = words.find(cell) {
                nulls[null] = true;
            } else {
                evidence.add(cell, line);
            }
        };
        while records.next()? {
            if records.len() != width {
                return Err(DataError::Line {
                    path: path.to_owned(),
                    line: records.line,
                    problem: ragged(records.len(), width, separator),
                });
            }
            let line = records.line;
            for ((cell, quoted), evidence) in records.fields().zip(&mut evidence) {
                look(evidence, cell, quoted, line);
            }
            rows += 1;
        }
        let has_header =
            (options.has_header).unwrap_or_else(|| is_header(&first, &evidence, options, &words));
        if !has_header {
            for ((cell, quoted), evidence) in first.iter().zip(&mut evidence) {
                look(evidence, cell, *quoted, first_line);
            }
            rows += 1;
        }
        let names = names(path, &first, first_line, has_header, options)?;
        if rows == 0 && !empty {
            return Err(wrong(format!(
                "there is a header ({}) but no row below it; state that there is no header (--no-header) if these are data",
                names.join(", ")
            )));
        }
        Ok(Self {
            source: source.clone(),
            names,
            evidence,
            nulls,
            has_header,
            separator,
            loose: records.loose || separator == Separator::Whitespace,
            converted: records.converted,
            rows,
            whole: records.into_whole(),
        })
    }
}

/// Whether the first line names the columns; see [`ReadOptions::has_header`].
fn is_header(
    first: &[(Vec<u8>, bool)],
    below: &[Evidence],
    options: &ReadOptions,
    nulls: &Nulls,
) -> bool {
    const CLASSES: u64 = NUMBER | DATE | BOOLEAN | TEXT;
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

fn names(
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
                    "{} names are given for {} columns; give one name a column (--names), or state the separator (--separator)",
                    names.len(),
                    first.len()
                ),
            });
        }
        None => (first.iter().enumerate())
            .map(|(index, (bytes, quoted))| match text(bytes, *quoted) {
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

fn ragged(found: usize, expected: usize, separator: Separator) -> String {
    let separator = match separator {
        Separator::Byte(byte) => format!("{:?}", char::from(byte)),
        Separator::Whitespace => "white space".into(),
    };
    format!(
        "{found} fields where the first line has {expected} (fields are separated by {separator}); correct the line, state another separator (--separator), or skip what stands before the table (--skip-rows, --comment)"
    )
}
