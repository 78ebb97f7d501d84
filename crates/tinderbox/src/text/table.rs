//! Texts in a column of a table.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType};
use tinderbox_core::{WriteError, nearest, write_atomic_with};
use tinderbox_data::{Classes, DataError};
use tinderbox_tables::Frame;

use super::{FineTuneError, TextData, TextPredictor, TextTargets};
use crate::tabular::csv::quoted;

impl TextData {
    /// The texts of one column of a table, with the classes or numbers of another: text and true or false become
    /// classes, in the order of their names; numbers stay numbers.
    ///
    /// Rows without a text or without a target are an error, unless `skip_missing`: then they are left out, and
    /// [`TextData::skipped`] counts them.
    ///
    /// # Errors
    /// A column that is absent, one with texts that holds numbers, a target of another type, missing values, less than
    /// two classes.
    pub fn from_frame(
        frame: &DataFrame,
        text: &str,
        target: &str,
        skip_missing: bool,
    ) -> Result<Self, FineTuneError> {
        let texts = texts(frame, text)?;
        let targets = find(frame, target)?;
        let known = |row: usize| texts.get(row).is_some_and(|text| text.is_some());
        let mut rows: Vec<usize> = (0..frame.height()).collect();
        for (name, column) in [(text, find(frame, text)?), (target, targets)] {
            let present = column.is_not_null();
            let is_missing =
                |row: &usize| present.get(*row) != Some(true) || (name == text && !known(*row));
            if !skip_missing && let Some(row) = rows.iter().copied().find(|row| is_missing(row)) {
                let missing = rows.iter().filter(|row| is_missing(row)).count();
                return Err(FineTuneError::Missing {
                    column: name.to_owned(),
                    row: row + 1,
                    missing,
                    rows: frame.height(),
                });
            }
            rows.retain(|row| !is_missing(row));
        }
        let numeric = targets.dtype().is_numeric();
        let cast = targets.cast(match numeric {
            true => &DataType::Float32,
            false => &DataType::String,
        });
        let cast = cast.map_err(|_| {
            wrong(
                target,
                targets,
                "give a column of text, of true and false or of numbers",
            )
        })?;
        let made = match numeric {
            true => {
                let numbers = cast.f32().map_err(table)?;
                let row = |&row: &usize| numbers.get(row).unwrap_or(f32::NAN);
                let numbers: Vec<f32> = rows.iter().map(row).collect();
                if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
                    return Err(DataError::Column {
                        column: target.to_owned(),
                        problem: format!(
                            "row {} is not a finite number of 32 bits; correct it, or leave it out",
                            rows[at] + 1
                        ),
                    }
                    .into());
                }
                TextTargets::Numbers(numbers)
            }
            false => {
                let names = cast.str().map_err(table)?;
                let of: Vec<&str> = rows
                    .iter()
                    .map(|&row| names.get(row).unwrap_or(""))
                    .collect();
                let mut classes: Vec<&str> = of.clone();
                classes.sort_unstable();
                classes.dedup();
                let label = |name: &&str| classes.binary_search(name).unwrap_or(0) as i32;
                let labels = of.iter().map(label).collect();
                let classes = classes.into_iter().map(String::from).collect();
                TextTargets::Classes(Classes::new(labels, classes)?)
            }
        };
        let kept = rows
            .iter()
            .map(|&row| texts[row].clone().unwrap_or_default());
        let mut data = Self::new(kept.collect(), made)?;
        data.text = text.to_owned();
        data.target = target.to_owned();
        data.skipped = frame.height() - rows.len();
        Ok(data)
    }
}

fn table(error: polars::prelude::PolarsError) -> DataError {
    DataError::Table {
        what: "cannot read a column".into(),
        source: Box::new(error),
    }
}

fn find<'a>(frame: &'a DataFrame, name: &str) -> Result<&'a Column, DataError> {
    frame.column(name).map_err(|_| {
        let names = frame.get_column_names();
        let near = nearest(name, names.iter().map(|name| name.as_str()), 3);
        DataError::Column {
            column: name.to_owned(),
            problem: match near.is_empty() {
                true => "the table has no such column".into(),
                false => format!(
                    "the table has no such column; the nearest: {}",
                    near.join(", ")
                ),
            },
        }
    })
}

fn wrong(name: &str, column: &Column, advice: &str) -> DataError {
    DataError::Column {
        column: name.to_owned(),
        problem: format!("it holds values of the type {}; {advice}", column.dtype()),
    }
}

/// The texts of a column; empty ones count as missing.
fn texts(frame: &DataFrame, name: &str) -> Result<Vec<Option<String>>, DataError> {
    let column = find(frame, name)?;
    if column.dtype() != &DataType::String {
        let advice = format!(
            "texts are expected: name another column, or read it as text (--column-type \"{name}=text\")"
        );
        return Err(wrong(name, column, &advice));
    }
    let texts = column.str().map_err(table)?;
    let filled = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    Ok(texts.iter().map(|text| text.and_then(filled)).collect())
}

/// The result of [`TextPredictor::predict_csv`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenTexts {
    /// Number of rows.
    pub rows: usize,
    /// Rows without a text, which was read as an empty one.
    pub missing: usize,
    /// Texts that were longer than the model reads, and were cut.
    pub cut: usize,
}

impl TextPredictor {
    /// Writes the predictions for the texts of a table as CSV: the column of the target with the most probable class
    /// and `probability_CLASS` for each, or with the number. The table may be larger than memory.
    ///
    /// # Errors
    /// A table without the column of the texts, or with one of another type; a file that cannot be written.
    pub fn predict_csv(
        &self,
        frame: &impl Frame,
        path: impl AsRef<Path>,
    ) -> Result<WrittenTexts, FineTuneError> {
        let config = self.config();
        let mut all = WrittenTexts::default();
        let mut failed = None;
        let columns = [config.text.clone()];
        let written = write_atomic_with(path, |file| {
            let mut header = quoted(&config.target);
            for class in config.classes.iter().flatten() {
                header += &format!(",{}", quoted(&format!("probability_{class}")));
            }
            file.write_all((header + "\n").as_bytes())?;
            let done = frame.for_each_part(&columns, &mut |part| {
                let texts = texts(part, &config.text)?;
                let read: Vec<&str> = texts
                    .iter()
                    .map(|text| text.as_deref().unwrap_or(""))
                    .collect();
                let lines = self.predict(&read).map_err(|error| {
                    let text = error.to_string();
                    failed = Some(error);
                    DataError::Text { problem: text }
                })?;
                all.rows += texts.len();
                all.missing += texts.iter().filter(|text| text.is_none()).count();
                all.cut += lines.cut;
                let text = self.lines(&lines.rows);
                let written = file.write_all(text.as_bytes());
                Ok(written.map_err(|source| WriteError::new("predictions", source))?)
            });
            done.map_err(|error| {
                let text = error.to_string();
                failed.get_or_insert(error.into());
                io::Error::other(text)
            })
        });
        match failed {
            // A failed write has the path in the error of `write_atomic_with`.
            Some(FineTuneError::Data(DataError::Write(_))) | None => Ok(written.map(|()| all)?),
            Some(error) => Err(error),
        }
    }

    fn lines(&self, rows: &[Vec<f32>]) -> String {
        let mut text = String::new();
        for row in rows {
            let mut values: Vec<String> = row.iter().map(ToString::to_string).collect();
            if let Some(classes) = &self.config().classes {
                let best =
                    (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
                values.insert(0, quoted(&classes[best]));
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", values.join(","));
        }
        text
    }
}
