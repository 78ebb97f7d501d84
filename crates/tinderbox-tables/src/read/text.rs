//! Text tables as frames.
//!
//! A first pass reads every cell of every file and decides the type of each column and how its cells are
//! written. If polars would read the same values, it parses the text itself; else the table is first
//! written in a plain form, in memory or, above [`IN_MEMORY`], to a temporary file without a name, which is
//! deleted with the last frame that reads it.

mod frame;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars::prelude::{LazyFrame, col};

use super::cell::Evidence;
use super::decide::{Column, Habits};
use super::delimited;
use super::format::{ColumnFormat, same_columns};
use super::json;
use super::options::{ReadOptions, Separator};
use super::source::Input;
use crate::{DataError, Result};

/// Text up to this size, of all files that are read together, is kept and parsed in memory.
pub(super) const IN_MEMORY: usize = 64 << 20;

/// A file after the first pass.
enum Scanned {
    Delimited(delimited::Scan),
    Json(json::Scan),
}

impl Scanned {
    fn new(input: &Input, options: &ReadOptions, keep: usize, empty: bool) -> Result<Self> {
        Ok(match input.json {
            true => Self::Json(json::Scan::new(&input.source, options, keep)?),
            false => Self::Delimited(delimited::Scan::new(&input.source, options, keep, empty)?),
        })
    }

    fn names(&self) -> &[String] {
        match self {
            Self::Delimited(scan) => &scan.names,
            Self::Json(scan) => &scan.names,
        }
    }

    fn evidence(&self) -> &[Evidence] {
        match self {
            Self::Delimited(scan) => &scan.evidence,
            Self::Json(scan) => &scan.evidence,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Delimited(scan) => &scan.source.path,
            Self::Json(scan) => &scan.source.path,
        }
    }

    fn kept(&self) -> usize {
        let whole = match self {
            Self::Delimited(scan) => &scan.whole,
            Self::Json(scan) => &scan.whole,
        };
        whole.as_ref().map_or(0, Vec::len)
    }
}

/// Text files that were read together: a frame for each, and how the columns were read.
pub(super) struct Tables {
    pub frames: Vec<LazyFrame>,
    pub columns: Vec<ColumnFormat>,
    /// Whether the first delimited text has a header.
    pub has_header: Option<bool>,
}

/// Reads text files as one table, in memory up to `keep` bytes.
pub(super) fn read(
    inputs: &[Input],
    options: &ReadOptions,
    known: Option<&[ColumnFormat]>,
    mut keep: usize,
) -> Result<Tables> {
    let mut places = HashMap::<&PathBuf, usize>::new();
    let mut scanned: Vec<Scanned> = Vec::new();
    let mut which = Vec::new();
    for input in inputs {
        // A file that is named twice is scanned once.
        let place = match places.get(&input.source.path) {
            Some(place) => *place,
            None => {
                let found = Scanned::new(input, options, keep, known.is_some())?;
                keep = keep.saturating_sub(found.kept());
                places.insert(&input.source.path, scanned.len());
                scanned.push(found);
                scanned.len() - 1
            }
        };
        which.push(place);
    }
    let Some(first) = scanned.first() else {
        return Ok(Tables {
            frames: Vec::new(),
            columns: Vec::new(),
            has_header: None,
        });
    };
    let names = first.names().to_vec();
    for other in &scanned[1..] {
        same_columns((first.path(), &names), (other.path(), other.names()))?;
    }
    if known.is_none()
        && let Some(name) = options.types.keys().find(|name| !names.contains(name))
    {
        return Err(DataError::unknown(
            "column",
            name,
            names.iter().map(String::as_str),
        ));
    }

    let columns: Vec<Column> = (names.iter())
        .map(|name| Column {
            name,
            files: (scanned.iter())
                .map(|file| {
                    let place = file.names().iter().position(|other| other == name);
                    (file.path(), &file.evidence()[place.unwrap_or(0)])
                })
                .collect(),
        })
        .collect();
    let semicolons = scanned.iter().any(
        |file| matches!(file, Scanned::Delimited(scan) if scan.separator == Separator::Byte(b';')),
    );
    let habits = Habits::of(&columns, semicolons);
    let formats = (columns.iter())
        .map(|column| {
            let known = known.and_then(|all| all.iter().find(|known| known.name == column.name));
            column.decide(known, options, habits)
        })
        .collect::<Result<Vec<ColumnFormat>>>()?;
    let has_header = scanned.iter().find_map(|file| match file {
        Scanned::Delimited(scan) => Some(scan.has_header),
        Scanned::Json(_) => None,
    });

    let mut frames = Vec::with_capacity(scanned.len());
    for file in scanned {
        let own: Vec<&ColumnFormat> = (file.names().iter())
            .filter_map(|name| formats.iter().find(|format| format.name == *name))
            .collect();
        let path = file.path().to_owned();
        let frame = frame::frame(file, &own, options)?;
        let order: Vec<_> = names.iter().map(|name| col(name.as_str())).collect();
        frames.push((path, frame.select(order)));
    }
    Ok(Tables {
        frames: which
            .into_iter()
            .map(|place| frames[place].1.clone())
            .collect(),
        columns: formats,
        has_header,
    })
}
