use std::borrow::Cow;

use polars::prelude::{ChunkApply, Column, DataFrame, StringChunked};
use rayon::prelude::*;

use super::coding::{Code, Coding, PAIR};
use super::columns::{Frame, WordKind, find, moments, numbers, require, words};
use super::dates;
use super::fitted::{Features, FittedColumn, Indicator, Number};
use super::table::{Targets, TensorTable};
use super::target::TargetRows;
use crate::{DataError, Result, Values};

impl Features {
    /// The numbers of a frame that has the columns these features were fitted on, in any order and
    /// among others.
    ///
    /// Targets are made when the frame has all target columns, and left out when it has none.
    ///
    /// # Errors
    ///
    /// A column that is absent or of another type, a value that no step handles, an unseen category
    /// under [`Unseen::Error`](super::Unseen::Error), some but not all of the target columns; with
    /// column and row.
    pub fn transform(&self, frame: &impl Frame) -> Result<TensorTable> {
        let schema = frame.columns()?;
        require(&schema, self.inputs())?;
        let mut targets = self.target.as_ref();
        if !self.target_names().iter().any(|name| schema.contains(name)) {
            targets = None;
        }
        let mut columns: Vec<String> = self.inputs().into_iter().map(String::from).collect();
        if let Some(target) = targets {
            require(&schema, target.names())?;
            columns.extend(target.names().into_iter().map(String::from));
        }
        let mut features = Vec::new();
        let mut rows = TargetRows::default();
        let mut first_row = 0;
        frame.for_each_part(&columns, &mut |part| {
            self.append(part, first_row, &mut features)?;
            if let Some(target) = targets {
                target.extend(&mut rows, part, first_row)?;
            }
            first_row += part.height();
            Ok(())
        })?;
        Ok(TensorTable {
            features: Values::narrow(features, self.slots())?,
            targets: match targets {
                Some(target) => target.finish(rows)?,
                None => Targets::None,
            },
            feature_names: self
                .outputs()
                .iter()
                .map(|output| output.name.clone())
                .collect(),
            target_names: self.target_names().into_iter().map(String::from).collect(),
        })
    }

    /// The numbers of a frame part by part, without targets: what is in memory does not grow with a
    /// frame that is lazy.
    ///
    /// `each` may fail in its own way; nothing more is read then.
    ///
    /// # Errors
    ///
    /// As [`Features::transform`], and whatever `each` says.
    pub fn transform_parts<E: From<DataError>>(
        &self,
        frame: &impl Frame,
        mut each: impl FnMut(Values) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.transform_frames(frame, |_, features| each(features))
    }

    /// As [`Features::transform_parts`], with the rows of the frame beside their numbers.
    ///
    /// # Errors
    ///
    /// Those of [`Features::transform_parts`].
    pub fn transform_frames<E: From<DataError>>(
        &self,
        frame: &impl Frame,
        mut each: impl FnMut(&DataFrame, Values) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        require(&frame.columns()?, self.inputs())?;
        let columns: Vec<String> = self.inputs().into_iter().map(String::from).collect();
        let (mut first_row, mut failed) = (0, None);
        let read = frame.for_each_part(&columns, &mut |part| {
            for start in (0..part.height()).step_by(ROWS) {
                let rows = part.slice(start as i64, ROWS);
                let mut features = Vec::new();
                self.append(&rows, first_row, &mut features)?;
                first_row += rows.height();
                each(&rows, Values::narrow(features, self.slots())?).map_err(|error| {
                    failed = Some(error);
                    DataError::WorkerEnded
                })?;
            }
            Ok(())
        });
        match (failed, read) {
            (Some(error), _) => Err(error),
            (None, read) => Ok(read?),
        }
    }

    /// Appends the features of these rows to a row-major buffer, in narrow form: see
    /// [`Features::slots`].
    ///
    /// Cores share the rows; of several wrong values the one in the first share is told.
    pub(crate) fn append(
        &self,
        frame: &DataFrame,
        first_row: usize,
        features: &mut Vec<f32>,
    ) -> Result<()> {
        let width = self.slots().len();
        let start = features.len();
        features.resize(start + frame.height() * width, 0.0);
        let shares = features[start..].par_chunks_mut(SHARE * width).enumerate();
        let written: Vec<Result<()>> = shares
            .map(|(share, out)| {
                let row = share * SHARE;
                let part = frame.slice(row as i64, SHARE);
                let mut offset = 0;
                for column in &self.columns {
                    let mut slots = Slots {
                        out: &mut *out,
                        width,
                        offset,
                    };
                    offset += column.write(&part, first_row + row, &mut slots)?;
                }
                Ok(())
            })
            .collect();
        written.into_iter().collect()
    }
}

/// Rows that are handed on at a time, where only parts are wanted.
const ROWS: usize = 4096;

/// Rows that one core transforms at a time.
const SHARE: usize = 1024;

/// The places of one column's numbers in all rows.
struct Slots<'a> {
    out: &'a mut [f32],
    width: usize,
    offset: usize,
}

impl Slots<'_> {
    /// The numbers of a row, from this column's first on.
    fn row(&mut self, row: usize) -> &mut [f32] {
        &mut self.out[row * self.width + self.offset..]
    }
}

impl FittedColumn {
    /// Writes the numbers of this column, and says how many they are in a row.
    fn write(&self, frame: &DataFrame, first_row: usize, out: &mut Slots) -> Result<usize> {
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
                let moments = moments(find(frame, name)?)?;
                for (row, moment) in moments.iter().enumerate() {
                    let features = out.row(row);
                    for ((part, number), feature) in parts.iter().zip(features.iter_mut()) {
                        let value = moment.map(|moment| dates::part(moment, *part));
                        *feature = number.at(name, first_row + row, value)?;
                    }
                    if *indicator == Indicator::Present && moment.is_none() {
                        features[parts.len()] = 1.0;
                    }
                }
                parts.len() + indicator.width()
            }
            Self::Category {
                name,
                words: kind,
                coding,
            } => {
                let values = words_of(find(frame, name)?, *kind, first_row, coding)?;
                // The same word often follows.
                let mut last = None;
                for (row, word) in values.iter().enumerate() {
                    let code = match last {
                        Some((same, code)) if same == word => code,
                        _ => coding.code_at(name, first_row + row, word)?,
                    };
                    last = Some((word, code));
                    out.row(row)[0] = coding.number(code);
                }
                1
            }
            Self::Cross {
                names: [a, b],
                words: [kind_a, kind_b],
                coding,
            } => {
                let first = words_of(find(frame, a)?, *kind_a, first_row, coding)?;
                let second = words_of(find(frame, b)?, *kind_b, first_row, coding)?;
                let mut pair = String::new();
                for (row, words) in first.iter().zip(second.iter()).enumerate() {
                    let word = join(words.0, words.1, &mut pair);
                    let code = coding.code_at(a, first_row + row, word)?;
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
    /// The category of a word, or an error with its place.
    fn code_at(&self, column: &str, row: usize, word: Option<&str>) -> Result<Code> {
        self.code(word).map_err(|problem| DataError::Value {
            column: column.to_owned(),
            row,
            problem,
        })
    }
}

/// Two words as one; missing when one of them is.
pub(super) fn join<'a>(a: Option<&str>, b: Option<&str>, pair: &'a mut String) -> Option<&'a str> {
    let (a, b) = (a?, b?);
    pair.clear();
    pair.push_str(a);
    pair.push(PAIR);
    pair.push_str(b);
    Some(pair)
}

/// A column as the words that the coding knows.
///
/// The same values may be of another type in another file: whole numbers where no one wrote a word,
/// words where some one did.
pub(super) fn words_of(
    column: &Column,
    kind: WordKind,
    first_row: usize,
    coding: &Coding,
) -> Result<StringChunked> {
    let (found, words) = words(column, first_row)?;
    match (found, kind) {
        (None, _) => Ok(words),
        (Some(found), kind) if found == kind => Ok(words),
        (Some(WordKind::Text), WordKind::Integer) => Ok(words.apply_values(integer)),
        (Some(WordKind::Text), WordKind::Boolean) => Ok(words.apply_values(boolean)),
        // The digits of a number are its word, unless a word such as 007 is written in another way.
        (Some(WordKind::Integer), WordKind::Text) if coding.vocabulary.digits_are_numbers() => {
            Ok(words)
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

/// A word as whole numbers are written, if it is one.
fn integer(word: &str) -> Cow<'_, str> {
    let trimmed = word.trim();
    let whole = trimmed.parse::<i128>().ok().or_else(|| {
        let number = trimmed.parse::<f64>().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
    });
    whole.map_or(Cow::Borrowed(word), |whole| Cow::Owned(whole.to_string()))
}

/// A word as booleans are written, if it is one.
fn boolean(word: &str) -> Cow<'_, str> {
    match word.trim().to_ascii_lowercase() {
        lower if lower == "true" || lower == "false" => Cow::Owned(lower),
        _ => Cow::Borrowed(word),
    }
}
