use std::collections::HashSet;
use std::path::Path;

use super::cell::{self, Seen};
use super::records::{Field, Records};
use super::text::Loaded;
use super::{ColumnType, ReadOptions, Separator};
use crate::nearest::unknown;
use crate::{DataError, Result};

/// What a text table holds: names and types of the columns, from every row that was looked at.
pub(super) struct Table {
    pub names: Vec<String>,
    pub types: Vec<ColumnType>,
    /// The words for a missing value that are there, by their place in the options: polars compares
    /// every cell with each that it is given.
    pub nulls: Vec<bool>,
    pub has_header: bool,
    /// See [`Records::loose`].
    pub loose: bool,
}

impl Table {
    pub fn scan(
        path: &Path,
        text: &Loaded,
        separator: Separator,
        options: &ReadOptions,
    ) -> Result<Self> {
        // What is cut off in the middle of a line is no ragged line.
        let bytes = match text.whole {
            true => &text.bytes[..],
            false => {
                let end = text
                    .bytes
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .unwrap_or(0);
                &text.bytes[..end]
            }
        };
        let mut records = Records::new(bytes, separator);
        let mut fields = Vec::new();
        next(path, &mut records, &mut fields, text.whole)?;
        let has_header = options.has_header.unwrap_or_else(|| {
            !fields
                .iter()
                .any(|field| cell::is_number(field.bytes, options.decimal_comma))
        });
        let names = names(path, &fields, has_header, options)?;
        let mut types: Vec<Option<ColumnType>> = vec![None; names.len()];
        for (name, kind) in &options.types {
            match names.iter().position(|other| other == name) {
                Some(index) => types[index] = Some(*kind),
                None => return Err(unknown("column", name, names.iter().map(String::as_str))),
            }
        }
        let mut seen = vec![Seen::default(); names.len()];
        let mut nulls = vec![false; options.null_values.len()];
        let mut more = !has_header || next(path, &mut records, &mut fields, text.whole)?;
        if !more {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: format!(
                    "there is a header ({}) but no row below it",
                    names.join(", ")
                ),
            });
        }
        while more {
            if fields.len() != names.len() {
                return Err(DataError::Line {
                    path: path.to_owned(),
                    line: records.line,
                    problem: ragged(fields.len(), names.len(), separator),
                });
            }
            for (index, field) in fields.iter().enumerate() {
                let stated = types[index];
                if let Some(null) = cell::null(field.bytes, options) {
                    nulls[null] = true;
                    continue;
                }
                if field.bytes.is_empty() || stated.is_none() && seen[index].is_text() {
                    continue;
                }
                match stated {
                    None => seen[index].add(field.bytes, options.decimal_comma),
                    Some(kind) if cell::fits(field.bytes, kind, options.decimal_comma) => {}
                    Some(kind) => {
                        return Err(DataError::Cell {
                            path: path.to_owned(),
                            line: records.line,
                            column: names[index].clone(),
                            problem: format!(
                                "\"{}\" is not {}; correct the file, name it as a null value, or state another type",
                                field.text(),
                                kind.wanted()
                            ),
                        });
                    }
                }
            }
            more = next(path, &mut records, &mut fields, text.whole)?;
        }
        let types = types
            .iter()
            .zip(&seen)
            .map(|(stated, seen)| stated.unwrap_or_else(|| seen.column_type()))
            .collect();
        Ok(Self {
            names,
            types,
            nulls,
            has_header,
            loose: records.loose,
        })
    }
}

fn next<'a>(
    path: &Path,
    records: &mut Records<'a>,
    fields: &mut Vec<Field<'a>>,
    whole: bool,
) -> Result<bool> {
    match records.next(fields) {
        Ok(more) => Ok(more),
        // A quoted field that the cut at the end of the looked-at part left open.
        Err(_) if !whole => Ok(false),
        Err(broken) => Err(DataError::Line {
            path: path.to_owned(),
            line: broken.line,
            problem: broken.problem.into(),
        }),
    }
}

fn names(
    path: &Path,
    first: &[Field],
    has_header: bool,
    options: &ReadOptions,
) -> Result<Vec<String>> {
    let names: Vec<String> = match &options.names {
        Some(names) if names.len() == first.len() => names.clone(),
        Some(names) => {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: format!(
                    "{} names are given for {} columns; give one name a column",
                    names.len(),
                    first.len()
                ),
            });
        }
        None => (first.iter().enumerate())
            .map(|(index, field)| match field.text() {
                name if has_header && !name.is_empty() => name,
                _ => format!("column_{}", index + 1),
            })
            .collect(),
    };
    let mut once = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !once.insert(name.as_str())) {
        return Err(DataError::Line {
            path: path.to_owned(),
            line: 1,
            problem: format!(
                "there are two columns \"{twice}\"; rename one, or give the names as an option"
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
        "{found} fields where the first line has {expected} (fields are separated by {separator}); correct the line, or state another separator"
    )
}
