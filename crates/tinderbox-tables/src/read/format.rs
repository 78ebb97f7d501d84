//! How a table was read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::column_type::ColumnType;
use super::options::{DateOrder, ReadOptions};
use crate::{DataError, Result};

/// How a table was read: everything that is needed to read another file in the same way.
///
/// Made by [`ReadOptions::read_described`], and stored as JSON or TOML with serde.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFormat {
    /// The options that were stated, and whether there is a header; an inferred separator is not stored,
    /// so that it is inferred again.
    pub options: ReadOptions,
    /// The columns in their order, without those of types that text tables do not have (lists, structs).
    pub columns: Vec<ColumnFormat>,
}

/// How one column was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnFormat {
    /// Name of the column.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// The decimal mark of its numbers, if one of them has a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Whether its numbers have a percent sign: `3.5%` is 0.035.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
    /// The order of day and month, if its dates are written like `31/01/2001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateOrder>,
    /// Decisions about the cells that a user may want to know, such as `decimal comma`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ColumnFormat {
    pub(crate) fn new(name: &str, kind: ColumnType) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            decimal: None,
            percent: false,
            dates: None,
            notes: Vec::new(),
        }
    }
}

impl TableFormat {
    /// How a column was read.
    pub fn column(&self, name: &str) -> Option<&ColumnFormat> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Refuses two files whose columns differ.
pub(super) fn same_columns(first: (&Path, &[String]), other: (&Path, &[String])) -> Result<()> {
    let (one, names) = first;
    let (path, found) = other;
    let problem = if let Some(missing) = names.iter().find(|name| !found.contains(name)) {
        format!(
            "there is no column \"{missing}\", which {} has; files read together must have the same columns",
            one.display()
        )
    } else if let Some(extra) = found.iter().find(|name| !names.contains(name)) {
        format!(
            "column \"{extra}\" is not in {}; files read together must have the same columns",
            one.display()
        )
    } else {
        return Ok(());
    };
    Err(DataError::Format {
        path: path.to_owned(),
        problem,
    })
}
