//! Writes a text table in a plain form: fields separated by commas, quotes where they are needed, numbers
//! with a decimal point, dates as numbers, empty fields for missing values.

use std::io::Write;

use super::column_type::ColumnType;
use super::delimited::Scan;
use super::format::ColumnFormat;
use super::nulls::Nulls;
use super::options::{DateOrder, ReadOptions};
use super::records::Records;
use super::{date, json, number};
use crate::calendar::DAY_MICROSECONDS;
use crate::{DataError, Result};

/// The name of an empty column at the end of every row.
pub(super) const SECOND: &str = "\u{0}";

/// How the cells of each column are written.
pub(super) struct Plain<'a> {
    columns: Vec<Conversion>,
    nulls: Nulls<'a>,
}

#[derive(Clone, Copy)]
enum Conversion {
    Text,
    Boolean,
    Number { decimal: u8, whole: bool },
    Day(Option<DateOrder>),
    Timestamp(Option<DateOrder>),
}

impl<'a> Plain<'a> {
    pub fn new(formats: &[&ColumnFormat], options: &'a ReadOptions) -> Self {
        let number = |format: &ColumnFormat, whole| Conversion::Number {
            decimal: if format.decimal == Some(',') {
                b','
            } else {
                b'.'
            },
            whole,
        };
        Self {
            columns: (formats.iter())
                .map(|format| match format.kind {
                    ColumnType::Text => Conversion::Text,
                    ColumnType::Boolean => Conversion::Boolean,
                    ColumnType::Integer => number(format, true),
                    ColumnType::Float => number(format, false),
                    ColumnType::Date => Conversion::Day(format.dates),
                    ColumnType::Datetime => Conversion::Timestamp(format.dates),
                })
                .collect(),
            nulls: Nulls::new(&options.null_values),
        }
    }

    /// Writes delimited text, which is in memory or read again.
    pub fn text(
        &self,
        scan: &Scan,
        whole: Option<Vec<u8>>,
        options: &ReadOptions,
        out: &mut dyn Write,
    ) -> Result<()> {
        let path = scan.source.path.as_path();
        let mut records = match whole {
            Some(bytes) => Records::of(path, bytes, options),
            None => Records::new(path, scan.source.open(options)?, 0, options)?,
        };
        records.separate(scan.separator);
        let mut row = Vec::new();
        let mut header = scan.has_header;
        while records.next()? {
            if std::mem::take(&mut header) {
                continue;
            }
            row.clear();
            for ((cell, quoted), column) in records.fields().zip(&self.columns) {
                if !cell.is_empty() && self.nulls.find(cell).is_none() {
                    column.write(cell, quoted, &mut row);
                }
                row.push(b',');
            }
            row.push(b'\n');
            out.write_all(&row).map_err(|source| DataError::File {
                path: path.to_owned(),
                source,
            })?;
        }
        Ok(())
    }

    /// Writes JSON lines, in memory or read again.
    pub fn json(
        &self,
        scan: &json::Scan,
        whole: Option<Vec<u8>>,
        options: &ReadOptions,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut row = Vec::new();
        scan.each(whole, options, |cells| {
            row.clear();
            for (cell, column) in cells.iter().zip(&self.columns) {
                if let Some(json::Cell { text, string }) = cell
                    && !(*string && self.nulls.find(text).is_some())
                {
                    match column {
                        Conversion::Text => quote(text, &mut row),
                        _ => column.write(text, false, &mut row),
                    }
                }
                row.push(b',');
            }
            row.push(b'\n');
            out.write_all(&row)
        })
    }
}

/// Writes a field with quotes around it.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl Conversion {
    /// Writes a cell of the type of its column.
    fn write(self, cell: &[u8], quoted: bool, out: &mut Vec<u8>) {
        match self {
            Self::Text if quoted => {
                out.push(b'"');
                out.extend_from_slice(cell);
                out.push(b'"');
            }
            Self::Text if cell.iter().any(|byte| b",\"\r".contains(byte)) => quote(cell, out),
            Self::Text => out.extend_from_slice(cell),
            Self::Boolean => out.extend(cell.iter().map(u8::to_ascii_lowercase)),
            Self::Number { decimal, whole } => number::write(cell, decimal, whole, out),
            Self::Day(order) => {
                if let Some(timestamp) = date::timestamp(cell, order) {
                    let day = timestamp.div_euclid(DAY_MICROSECONDS);
                    let _ = write!(out, "{day}");
                }
            }
            Self::Timestamp(order) => {
                if let Some(timestamp) = date::timestamp(cell, order) {
                    // Writing to memory cannot fail.
                    let _ = write!(out, "{timestamp}");
                }
            }
        }
    }
}
