use polars::prelude::{Column, DataFrame, StringChunked};
use rayon::prelude::*;

use super::coding::{Code, Coding, Form, PAIR};
use super::columns::{Frame, WordKind, find, moments, numbers, require, words};
use super::fitted::{Features, FittedColumn};
use super::table::{Targets, TensorTable};
use super::target::TargetRows;
use super::{Encode, dates, fitted::Number};
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
            self.append(part, first_row, Form::Wide, &mut features)?;
            if let Some(target) = targets {
                target.extend(&mut rows, part, first_row)?;
            }
            first_row += part.height();
            Ok(())
        })?;
        Ok(TensorTable {
            features: Values::new(features, self.width())?,
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
        require(&frame.columns()?, self.inputs())?;
        let columns: Vec<String> = self.inputs().into_iter().map(String::from).collect();
        let (mut first_row, mut failed) = (0, None);
        let read = frame.for_each_part(&columns, &mut |part| {
            for start in (0..part.height()).step_by(ROWS) {
                let rows = part.slice(start as i64, ROWS);
                let mut features = Vec::new();
                self.append(&rows, first_row, Form::Wide, &mut features)?;
                first_row += rows.height();
                each(Values::new(features, self.width())?).map_err(|error| {
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

    /// Appends the features of these rows to a row-major buffer.
    ///
    /// Cores share the rows; of several wrong values the one in the first share is told.
    pub(crate) fn append(
        &self,
        frame: &DataFrame,
        first_row: usize,
        form: Form,
        features: &mut Vec<f32>,
    ) -> Result<()> {
        let width = match form {
            Form::Wide => self.width(),
            Form::Narrow => self.narrow().len(),
        };
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
                    offset += column.write(&part, first_row + row, form, &mut slots)?;
                }
                Ok(())
            })
            .collect();
        written.into_iter().collect()
    }

    /// What each number of a narrow row is: the width of a one-hot category, or none for a feature as
    /// it is.
    pub(crate) fn narrow(&self) -> Vec<Option<usize>> {
        let mut slots = Vec::new();
        for column in &self.columns {
            match column {
                FittedColumn::Category { coding, .. } | FittedColumn::Cross { coding, .. }
                    if coding.encode == Encode::OneHot =>
                {
                    slots.push(Some(coding.width()));
                }
                other => slots.extend(vec![None; other.width()]),
            }
        }
        slots
    }
}

/// Rows that are wide at a time, where only parts are wanted.
const ROWS: usize = 4096;

/// Rows that one core transforms at a time.
const SHARE: usize = 1024;

/// Narrow rows as a model takes them; `slots` is what [`Features::narrow`] gave.
pub(crate) fn widen(slots: &[Option<usize>], rows: Vec<f32>) -> Vec<f32> {
    if slots.iter().all(Option::is_none) || slots.is_empty() {
        return rows;
    }
    let width: usize = slots.iter().map(|slot| slot.unwrap_or(1)).sum();
    let mut wide = vec![0.0; rows.len() / slots.len() * width];
    for (row, out) in rows.chunks(slots.len()).zip(wide.chunks_mut(width)) {
        let mut offset = 0;
        for (slot, &value) in slots.iter().zip(row) {
            match slot {
                None => out[offset] = value,
                Some(_) if value > 0.0 => out[offset + value as usize - 1] = 1.0,
                Some(_) => {}
            }
            offset += slot.unwrap_or(1);
        }
    }
    wide
}

/// The places of one column's features in all rows.
struct Slots<'a> {
    out: &'a mut [f32],
    width: usize,
    offset: usize,
}

impl Slots<'_> {
    /// The features of a row, from this column's first on.
    fn row(&mut self, row: usize) -> &mut [f32] {
        &mut self.out[row * self.width + self.offset..]
    }
}

impl FittedColumn {
    /// Writes the features of this column, and says how many numbers they are.
    fn write(
        &self,
        frame: &DataFrame,
        first_row: usize,
        form: Form,
        out: &mut Slots,
    ) -> Result<usize> {
        match self {
            Self::Numeric {
                name,
                missing_indicator,
                number,
            } => {
                let values = numbers(find(frame, name)?, first_row)?;
                for (row, value) in values.iter().enumerate() {
                    let features = out.row(row);
                    features[0] = number.at(name, first_row + row, value)?;
                    if *missing_indicator && value.is_none_or(f64::is_nan) {
                        features[1] = 1.0;
                    }
                }
            }
            Self::Date {
                name,
                missing_indicator,
                parts,
            } => {
                let moments = moments(find(frame, name)?)?;
                for (row, moment) in moments.iter().enumerate() {
                    let features = out.row(row);
                    for ((part, number), feature) in parts.iter().zip(features.iter_mut()) {
                        let value = moment.map(|moment| dates::part(moment, *part));
                        *feature = number.at(name, first_row + row, value)?;
                    }
                    if *missing_indicator && moment.is_none() {
                        features[parts.len()] = 1.0;
                    }
                }
            }
            Self::Category {
                name,
                words: kind,
                coding,
            } => {
                let values = words_of(find(frame, name)?, *kind, first_row)?;
                // The same word often follows.
                let mut last = None;
                for (row, word) in values.iter().enumerate() {
                    let code = match last {
                        Some((same, code)) if same == word => code,
                        _ => coding.code_at(name, first_row + row, word)?,
                    };
                    last = Some((word, code));
                    coding.write(code, form, out.row(row));
                }
            }
            Self::Cross {
                names: [a, b],
                words: [kind_a, kind_b],
                coding,
            } => {
                let first = words_of(find(frame, a)?, *kind_a, first_row)?;
                let second = words_of(find(frame, b)?, *kind_b, first_row)?;
                let mut pair = String::new();
                for (row, words) in first.iter().zip(second.iter()).enumerate() {
                    let word = join(words.0, words.1, &mut pair);
                    let code = coding.code_at(a, first_row + row, word)?;
                    coding.write(code, form, out.row(row));
                }
            }
        }
        Ok(match (self, form) {
            (Self::Category { .. } | Self::Cross { .. }, Form::Narrow) => 1,
            _ => self.width(),
        })
    }

    /// Number of features.
    fn width(&self) -> usize {
        match self {
            Self::Numeric {
                missing_indicator, ..
            } => 1 + usize::from(*missing_indicator),
            Self::Date {
                missing_indicator,
                parts,
                ..
            } => parts.len() + usize::from(*missing_indicator),
            Self::Category { coding, .. } | Self::Cross { coding, .. } => coding.width(),
        }
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

fn words_of(column: &Column, kind: WordKind, first_row: usize) -> Result<StringChunked> {
    let (found, words) = words(column, first_row)?;
    match found {
        Some(found) if found != kind => Err(DataError::Column {
            column: column.name().to_string(),
            problem: format!(
                "holds {}, but held {} when the features were fitted; read it with that type",
                found.plural(),
                kind.plural()
            ),
        }),
        _ => Ok(words),
    }
}
