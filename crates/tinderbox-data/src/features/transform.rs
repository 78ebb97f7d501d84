use polars::prelude::{Column, DataFrame, StringChunked};

use super::coding::{Coding, PAIR};
use super::columns::{Frame, WordKind, find, moments, numbers, require, words};
use super::fitted::{Features, FittedColumn};
use super::table::{Targets, TensorTable};
use super::target::TargetRows;
use super::{dates, fitted::Number};
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
            let mut features = Vec::new();
            self.append(part, first_row, &mut features)?;
            first_row += part.height();
            each(Values::new(features, self.width())?).map_err(|error| {
                failed = Some(error);
                DataError::WorkerEnded
            })
        });
        match (failed, read) {
            (Some(error), _) => Err(error),
            (None, read) => Ok(read?),
        }
    }

    /// Appends the features of these rows to a row-major buffer.
    pub(crate) fn append(
        &self,
        frame: &DataFrame,
        first_row: usize,
        features: &mut Vec<f32>,
    ) -> Result<()> {
        let (start, width) = (features.len(), self.width());
        features.resize(start + frame.height() * width, 0.0);
        let out = &mut features[start..];
        let mut offset = 0;
        for column in &self.columns {
            offset += column.write(frame, first_row, &mut Slots { out, width, offset })?;
        }
        Ok(())
    }
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
    /// Writes the features of this column, and says how many there are.
    fn write(&self, frame: &DataFrame, first_row: usize, out: &mut Slots) -> Result<usize> {
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
                Ok(1 + usize::from(*missing_indicator))
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
                Ok(parts.len() + usize::from(*missing_indicator))
            }
            Self::Category {
                name,
                words: kind,
                coding,
            } => {
                let values = words_of(find(frame, name)?, *kind, first_row)?;
                for (row, word) in values.iter().enumerate() {
                    coding.write_row(name, first_row + row, word, out.row(row))?;
                }
                Ok(coding.width())
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
                    coding.write_row(a, first_row + row, word, out.row(row))?;
                }
                Ok(coding.width())
            }
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
    fn write_row(
        &self,
        column: &str,
        row: usize,
        word: Option<&str>,
        features: &mut [f32],
    ) -> Result<()> {
        let code = self.code(word).map_err(|problem| DataError::Value {
            column: column.to_owned(),
            row,
            problem,
        })?;
        self.write(code, features);
        Ok(())
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
