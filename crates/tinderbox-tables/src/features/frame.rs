//! A table in memory or in parts, and its columns by name.

use polars::prelude::{Column, DataFrame, LazyFrame, Schema, col};

use crate::frames::{FrameParts, schema};
use crate::{DataError, Result};

/// Rows of a part of a `LazyFrame`.
const PART: usize = 1 << 16;

/// A table to fit or transform: a `DataFrame`, or a `LazyFrame`, which is read part by part and may be
/// larger than memory.
pub trait Frame {
    /// Names and types of the columns.
    fn columns(&self) -> Result<Schema>;

    /// Calls `each` with the rows of these columns, part by part and in order.
    fn for_each_part(
        &self,
        columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()>;
}

impl Frame for DataFrame {
    fn columns(&self) -> Result<Schema> {
        Ok(self.schema().as_ref().clone())
    }

    fn for_each_part(
        &self,
        _columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()> {
        each(self)
    }
}

impl Frame for LazyFrame {
    fn columns(&self) -> Result<Schema> {
        schema(self)
    }

    fn for_each_part(
        &self,
        columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()> {
        for part in FrameParts::new(select(self.clone(), columns), PART)? {
            each(&part?)?;
        }
        Ok(())
    }
}

/// These columns only, each once.
pub(crate) fn select(frame: LazyFrame, columns: &[String]) -> LazyFrame {
    let mut once: Vec<&String> = Vec::new();
    for column in columns {
        if !once.contains(&column) {
            once.push(column);
        }
    }
    frame.select(once.into_iter().map(col).collect::<Vec<_>>())
}

/// An error with the nearest names, unless all these columns are there.
pub(super) fn require<'a>(schema: &Schema, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    match names.into_iter().find(|name| !schema.contains(name)) {
        Some(name) => Err(DataError::unknown(
            "column",
            name,
            schema.iter_names().map(|name| name.as_str()),
        )),
        None => Ok(()),
    }
}

/// The column with this name.
pub(super) fn find<'a>(frame: &'a DataFrame, name: &str) -> Result<&'a Column> {
    frame.column(name).map_err(|_| {
        DataError::unknown(
            "column",
            name,
            frame
                .get_column_names()
                .into_iter()
                .map(|name| name.as_str()),
        )
    })
}
