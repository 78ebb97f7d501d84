use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::coding::Vocabulary;
use super::columns::{WordKind, find, numbers, words};
use super::fitted::Features;
use super::table::Targets;
use crate::{Classes, DataError, Result, Values};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(super) enum FittedTarget {
    Regression {
        columns: Vec<(String, Vec<FittedTargetStep>)>,
    },
    Classification {
        column: String,
        words: WordKind,
        classes: Vocabulary,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FittedTargetStep {
    Log,
    Log1p,
    Scale { shift: f64, scale: f64 },
}

impl FittedTargetStep {
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Log => value.ln(),
            Self::Log1p => value.ln_1p(),
            Self::Scale { shift, scale } => (value - shift) / scale,
        }
    }

    fn invert(self, value: f64) -> f64 {
        match self {
            Self::Log => value.exp(),
            Self::Log1p => value.exp_m1(),
            Self::Scale { shift, scale } => value * scale + shift,
        }
    }
}

/// The targets of some rows, before they are put together.
#[derive(Debug, Default)]
pub(super) struct TargetRows {
    pub values: Vec<f32>,
    pub labels: Vec<i32>,
}

impl FittedTarget {
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Regression { columns } => columns.iter().map(|(name, _)| name.as_str()).collect(),
            Self::Classification { column, .. } => vec![column],
        }
    }

    pub fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Regression { .. } => None,
            Self::Classification { classes, .. } => Some(&classes.words),
        }
    }

    /// Appends the targets of these rows.
    pub fn extend(&self, rows: &mut TargetRows, frame: &DataFrame, first_row: usize) -> Result<()> {
        match self {
            Self::Regression { columns } => {
                let (start, width) = (rows.values.len(), columns.len());
                rows.values.resize(start + frame.height() * width, 0.0);
                for (place, (name, steps)) in columns.iter().enumerate() {
                    let values = numbers(find(frame, name)?, first_row)?;
                    for (row, value) in values.iter().enumerate() {
                        let wrong = |problem: String| DataError::Value {
                            column: name.clone(),
                            row: first_row + row,
                            problem,
                        };
                        let value = present(value).ok_or_else(|| wrong(MISSING.into()))?;
                        let target =
                            steps.iter().fold(value, |value, step| step.apply(value)) as f32;
                        if !target.is_finite() {
                            return Err(wrong(format!(
                                "the target {value} becomes {target}; correct it, or leave the row out"
                            )));
                        }
                        rows.values[start + row * width + place] = target;
                    }
                }
            }
            Self::Classification {
                column,
                words: kind,
                classes,
            } => {
                let (found, values) = words(find(frame, column)?, first_row)?;
                if let Some(found) = found.filter(|found| found != kind) {
                    return Err(DataError::Column {
                        column: column.clone(),
                        problem: format!(
                            "the classes are {}, but were {} when the features were fitted",
                            found.plural(),
                            kind.plural()
                        ),
                    });
                }
                rows.labels.reserve(frame.height());
                for (row, value) in values.iter().enumerate() {
                    let wrong = |problem: String| DataError::Value {
                        column: column.clone(),
                        row: first_row + row,
                        problem,
                    };
                    let value = value.ok_or_else(|| wrong(MISSING.into()))?;
                    let place = classes.place(value).ok_or_else(|| {
                        wrong(format!(
                            "class \"{value}\" is not among those of the training rows ({})",
                            classes.words.join(", ")
                        ))
                    })?;
                    rows.labels.push(place as i32);
                }
            }
        }
        Ok(())
    }

    pub fn finish(&self, rows: TargetRows) -> Result<Targets> {
        Ok(match self {
            Self::Regression { columns } => {
                Targets::Values(Values::new(rows.values, columns.len())?)
            }
            Self::Classification { classes, .. } => {
                Targets::Classes(Classes::new(rows.labels, classes.words.clone())?)
            }
        })
    }
}

pub(super) const MISSING: &str = "the target is missing; leave such rows out of the table";

pub(super) fn present(value: Option<f64>) -> Option<f64> {
    value.filter(|value| !value.is_nan())
}

impl Features {
    /// The targets of these rows, as numbers or as labels.
    pub(crate) fn targets_of(
        &self,
        frame: &DataFrame,
        first_row: usize,
    ) -> Result<(Vec<f32>, Vec<i32>)> {
        let mut rows = TargetRows::default();
        if let Some(target) = &self.target {
            target.extend(&mut rows, frame, first_row)?;
        }
        Ok((rows.values, rows.labels))
    }

    /// What [`Features::targets_of`] gave, as targets.
    pub(crate) fn finish_targets(&self, (values, labels): (Vec<f32>, Vec<i32>)) -> Result<Targets> {
        match &self.target {
            Some(target) => target.finish(TargetRows { values, labels }),
            None => Ok(Targets::None),
        }
    }

    /// Predicted targets in the units of the table: the target's transform undone.
    ///
    /// # Errors
    ///
    /// Rows of another width than there are target columns.
    pub fn invert_targets(&self, predicted: &Values) -> Result<Values> {
        let Some(FittedTarget::Regression { columns }) = &self.target else {
            return Ok(predicted.clone());
        };
        if predicted.width() != columns.len() {
            return Err(DataError::Spec {
                problem: format!(
                    "{} numbers a row are predicted for {} target columns",
                    predicted.width(),
                    columns.len()
                ),
            });
        }
        let inverted = predicted
            .as_slice()
            .iter()
            .enumerate()
            .map(|(place, &value)| {
                let (_, steps) = &columns[place % columns.len()];
                steps
                    .iter()
                    .rev()
                    .fold(f64::from(value), |value, step| step.invert(value)) as f32
            });
        Values::new(inverted.collect(), predicted.width())
    }
}
