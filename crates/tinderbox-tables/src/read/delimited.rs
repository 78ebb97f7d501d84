//! The first pass over delimited text: names of the columns, and the cells of each.

use super::bits::*;
use super::cell::Evidence;
use super::guess::infer_separator;
use super::header::{is_header, names};
use super::nulls::Nulls;
use super::options::{ReadOptions, Separator};
use super::records::Records;
use super::source::Source;
use crate::{DataError, Result};

/// The names and cells of a delimited text.
pub(super) struct Scan {
    pub source: Source,
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// Which null values of the options occur: polars compares every cell with all that it gets.
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
        let null_values = Nulls::new(&options.null_values);
        let mut nulls = vec![false; options.null_values.len()];
        let mut evidence = vec![Evidence::default(); width];
        let mut rows = 0;
        let mut look = |evidence: &mut Evidence, cell: &[u8], quoted: bool, line: usize| {
            if cell.is_empty() {
                evidence.seen |= if quoted { QUOTED_EMPTY } else { 0 };
            } else if let Some(null) = null_values.find(cell) {
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
        let has_header = (options.has_header)
            .unwrap_or_else(|| is_header(&first, &evidence, options, &null_values));
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

fn ragged(found: usize, expected: usize, separator: Separator) -> String {
    let separator = match separator {
        Separator::Byte(byte) => format!("{:?}", char::from(byte)),
        Separator::Whitespace => "white space".into(),
    };
    format!(
        "{found} fields where the first line has {expected} (fields are separated by {separator}); correct the line, state another separator (--separator), or skip the lines before the table (--skip-rows, --comment)"
    )
}
