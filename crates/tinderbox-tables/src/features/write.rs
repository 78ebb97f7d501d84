//! The numbers of one column, written into the rows of all features.

use std::borrow::Cow;
use std::ops::Range;

use polars::prelude::{ChunkApply, Column, DataFrame, StringChunked};

use super::coding::{Code, Coding, pair};
use super::dates;
use super::encoder::Encoder;
use super::fitted_column::{FittedColumn, Indicator};
use super::frame::find;
use super::numeric::Number;
use super::text::{self, TextCoding};
use super::values::{CategoryKind, categories, numbers, texts, timestamps};
use crate::{DataError, Result};

/// The places of one column's numbers in all rows.
pub(super) struct Slots<'a> {
    pub out: &'a mut [f32],
    pub width: usize,
    pub offset: usize,
    /// The vectors of the column's texts, where an encoder made them.
    pub vectors: &'a [f32],
}

/// The vectors of the texts of a column; none for other columns.
#[derive(Default)]
pub(super) struct Vectors {
    numbers: Vec<f32>,
    width: usize,
}

impl Vectors {
    /// Those of these rows.
    pub fn rows(&self, rows: Range<usize>) -> &[f32] {
        &self.numbers[rows.start * self.width..rows.end * self.width]
    }
}

impl Slots<'_> {
    /// The numbers of a row, from this column's first on.
    fn row(&mut self, row: usize) -> &mut [f32] {
        &mut self.out[row * self.width + self.offset..]
    }
}

impl FittedColumn {
    /// The vectors of the texts of these rows, if an encoder makes them.
    pub fn vectors(
        &self,
        frame: &DataFrame,
        first_row: usize,
        encoder: &Encoder,
    ) -> Result<Vectors> {
        let Self::Text {
            name,
            coding:
                TextCoding::Vectors {
                    encoder: named,
                    shift,
                    ..
                },
            ..
        } = self
        else {
            return Ok(Vectors::default());
        };
        let encoder = encoder.named(named, name)?;
        Ok(Vectors {
            numbers: text::vectors(&texts(find(frame, name)?)?, &**encoder, first_row)?,
            width: shift.len(),
        })
    }

    /// Writes the numbers of this column, and returns how many there are in a row.
    pub fn write(&self, frame: &DataFrame, first_row: usize, out: &mut Slots) -> Result<usize> {
        Ok(match self {
            Self::Numeric {
                name,
                indicator,
                number,
            } => {
                let values = numbers(find(frame, name)?, first_row)?;
                for (row, value) in values.iter().enumerate() {
                    let features = out.row(row);
                    features[0] = number.at(name, first_row + row, value)?;
                    if *indicator == Indicator::Present && value.is_none_or(f64::is_nan) {
                        features[1] = 1.0;
                    }
                }
                1 + indicator.width()
            }
            Self::Date {
                name,
                indicator,
                parts,
            } => {
                let timestamps = timestamps(find(frame, name)?, first_row)?;
                for (row, timestamp) in timestamps.iter().enumerate() {
                    let features = out.row(row);
                    for ((part, number), feature) in parts.iter().zip(features.iter_mut()) {
                        let value = timestamp.map(|timestamp| dates::part(timestamp, *part));
                        *feature = number.at(name, first_row + row, value)?;
                    }
                    if *indicator == Indicator::Present && timestamp.is_none() {
                        features[parts.len()] = 1.0;
                    }
                }
                parts.len() + indicator.width()
            }
            Self::Text {
                name,
                indicator,
                coding,
            } => {
                let (texts, width) = (texts(find(frame, name)?)?, coding.width());
                let mut counts = Vec::new();
                for (row, text) in texts.iter().enumerate() {
                    let vector = out.vectors.get(row * width..(row + 1) * width);
                    let features = out.row(row);
                    match (coding, vector) {
                        (TextCoding::TfIdf { ngrams, idf, .. }, _) => {
                            let text = text.unwrap_or_default();
                            text::write_words(
                                text,
                                *ngrams,
                                idf,
                                &mut counts,
                                &mut features[..width],
                            );
                        }
                        (TextCoding::Vectors { shift, scale, .. }, vector) => {
                            let scaled = shift.iter().zip(scale).zip(vector.unwrap_or_default());
                            for (feature, ((shift, scale), value)) in
                                features.iter_mut().zip(scaled)
                            {
                                *feature = ((f64::from(*value) - shift) / scale) as f32;
                            }
                        }
                    }
                    if *indicator == Indicator::Present && text.is_none() {
                        features[width] = 1.0;
                    }
                }
                width + indicator.width()
            }
            Self::Category {
                name,
                category_kind: kind,
                coding,
            } => {
                let values = categories_of(find(frame, name)?, *kind, first_row, coding)?;
                // Equal values often follow each other.
                let mut last = None;
                for (row, category) in values.iter().enumerate() {
                    let code = match last {
                        Some((same, code)) if same == category => code,
                        _ => coding.code_at(name, first_row + row, category)?,
                    };
                    last = Some((category, code));
                    out.row(row)[0] = coding.number(code);
                }
                1
            }
            Self::Cross {
                names: [a, b],
                category_kinds: [kind_a, kind_b],
                coding,
            } => {
                let first = categories_of(find(frame, a)?, *kind_a, first_row, coding)?;
                let second = categories_of(find(frame, b)?, *kind_b, first_row, coding)?;
                let mut buffer = String::new();
                for (row, values) in first.iter().zip(second.iter()).enumerate() {
                    let category = pair(values.0, values.1, &mut buffer);
                    let code = coding.code_at(a, first_row + row, category)?;
                    out.row(row)[0] = coding.number(code);
                }
                1
            }
        })
    }
}

impl Number {
    fn at(&self, column: &str, row: usize, value: Option<f64>) -> Result<f32> {
        self.apply(value).map_err(|problem| DataError::Value {
            column: column.to_owned(),
            row,
            problem,
        })
    }
}

impl Coding {
    /// The code of a value, or an error with column and row.
    fn code_at(&self, column: &str, row: usize, category: Option<&str>) -> Result<Code> {
        self.code(category).map_err(|problem| DataError::Value {
            column: column.to_owned(),
            row,
            problem,
        })
    }
}

/// A column as the categories of the coding.
///
/// The same column may have another type in another file: whole numbers where all values are digits, text
/// where one is not.
pub(super) fn categories_of(
    column: &Column,
    kind: CategoryKind,
    first_row: usize,
    coding: &Coding,
) -> Result<StringChunked> {
    let (found, categories) = categories(column, first_row)?;
    match (found, kind) {
        (None, _) => Ok(categories),
        (Some(found), kind) if found == kind => Ok(categories),
        (Some(CategoryKind::Text), CategoryKind::Integer) => Ok(categories.apply_values(integer)),
        (Some(CategoryKind::Text), CategoryKind::Boolean) => Ok(categories.apply_values(boolean)),
        // The digits of a number are its category, unless the categories are written like 007.
        (Some(CategoryKind::Integer), CategoryKind::Text)
            if coding.vocabulary.digits_are_numbers() =>
        {
            Ok(categories)
        }
        (Some(found), _) => Err(DataError::Column {
            column: column.name().to_string(),
            problem: format!(
                "holds {}, but held {} when the features were fitted; read it with that type",
                found.plural(),
                kind.plural()
            ),
        }),
    }
}

/// Text as whole numbers are written, if it is a whole number.
fn integer(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let whole = trimmed.parse::<i128>().ok().or_else(|| {
        let number = trimmed.parse::<f64>().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
    });
    whole.map_or(Cow::Borrowed(text), |whole| Cow::Owned(whole.to_string()))
}

/// Text as booleans are written, if it is a boolean.
fn boolean(text: &str) -> Cow<'_, str> {
    match text.trim().to_ascii_lowercase() {
        lower if lower == "true" || lower == "false" => Cow::Owned(lower),
        _ => Cow::Borrowed(text),
    }
}
