use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ColumnType, DateOrder, ReadOptions};

/// How a table was read: all that it takes to read another file that means the same.
///
/// Made by [`ReadOptions::read_described`], and kept as JSON or TOML through serde.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFormat {
    /// The options that were stated. Whether there is a header is filled in; a separator that was
    /// inferred is left to be inferred again.
    pub options: ReadOptions,
    /// The columns in their order; those of types that text does not have (lists, structs) are left
    /// out.
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
    /// What stands before the fraction of its numbers, if any of them told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Whether its numbers were written with a percent sign: `3.5%` is 0.035.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
    /// The order of day and month, if its dates were written like `31/01/2001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateOrder>,
    /// What was decided that a reader of the file may want to know, such as `decimal comma`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ColumnFormat {
    pub(super) fn new(name: &str, kind: ColumnType) -> Self {
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
    /// Reads another file, folder or pattern with the types of this table; see [`super::read`].
    ///
    /// A column that this table has is read as the type that it has here, whatever its values look
    /// like there: `007` in a column of text stays text. Whole numbers become numbers with a fraction if
    /// there is one. A column that is missing there is no mistake, one that is not known here is inferred,
    /// and a header without rows gives a frame without rows.
    ///
    /// # Errors
    /// A cell that does not fit the type of its column, and those of [`ReadOptions::read`].
    pub fn read(&self, path: impl AsRef<Path>) -> crate::Result<polars::prelude::LazyFrame> {
        Ok(self.options.open(path.as_ref(), Some(&self.columns))?.0)
    }

    /// Reads several other files as one table, with the types of this one.
    ///
    /// # Errors
    /// Those of [`TableFormat::read`].
    pub fn read_files<P: AsRef<Path>>(
        &self,
        paths: &[P],
    ) -> crate::Result<polars::prelude::LazyFrame> {
        Ok(self.options.open_files(paths, Some(&self.columns))?.0)
    }

    /// How a column was read.
    pub fn column(&self, name: &str) -> Option<&ColumnFormat> {
        self.columns.iter().find(|column| column.name == name)
    }
}
