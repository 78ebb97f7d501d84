//! The target: what is learned from the training rows, and how its values become numbers or labels.

use polars::prelude::{DataFrame, Schema};
use serde::{Deserialize, Serialize};

use super::coding::Vocabulary;
use super::counts::Counts;
use super::frame::find;
use super::spec::{TargetSpec, TargetStep, Task};
use super::statistics::Moments;
use super::table::Targets;
use super::values::{CategoryKind, categories, numbers, present};
use crate::{Classes, DataError, Result, Values};

const MISSING: &str = "the target is missing; leave such rows out of the table";

/// How the target becomes numbers or labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(super) enum FittedTarget {
    Regression {
        columns: Vec<(String, Vec<FittedTargetStep>)>,
    },
    Classification {
        column: String,
        category_kind: CategoryKind,
        classes: Vocabulary,
    },
}

/// A [`TargetStep`] with the statistics of the training rows.
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

    pub fn invert(self, value: f64) -> f64 {
        match self {
            Self::Log => value.exp(),
            Self::Log1p => value.exp_m1(),
            Self::Scale { shift, scale } => value * scale + shift,
        }
    }
}

/// The targets of some rows, before they become [`Targets`].
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
            Self::Classification { classes, .. } => Some(&classes.categories),
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
                category_kind: kind,
                classes,
            } => {
                let (found, values) = categories(find(frame, column)?, first_row)?;
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
                            classes.categories.join(", ")
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
                Targets::Classes(Classes::new(rows.labels, classes.categories.clone())?)
            }
        })
    }
}

/// Collects the statistics of the target in one pass.
pub(super) enum TargetObserver {
    Regression(Vec<(String, Vec<TargetStep>, Moments)>),
    Classification {
        column: String,
        kind: Option<CategoryKind>,
        counts: Counts,
    },
}

impl TargetObserver {
    pub fn new(spec: &TargetSpec, schema: &Schema, limit: usize) -> Result<Self> {
        let first = &spec.columns[0];
        let dtype = schema.get(first);
        if dtype.is_some_and(|dtype| dtype.is_date() || dtype.is_datetime()) {
            return Err(DataError::Column {
                column: first.clone(),
                problem: format!(
                    "holds dates, which cannot be predicted as they are; predict a number made of them, such as the days since a fixed day, in a column of its own, or read them as text to predict them as classes (--column-type \"{first}=text\")"
                ),
            });
        }
        let classes = match spec.task {
            Task::Regression => false,
            Task::Classification => true,
            Task::Auto => dtype.is_some_and(|dtype| !dtype.is_numeric()),
        };
        if !classes {
            let columns = spec.columns.iter();
            return Ok(Self::Regression(
                columns
                    .map(|name| (name.clone(), spec.transform.clone(), Moments::default()))
                    .collect(),
            ));
        }
        if spec.columns.len() > 1 || !spec.transform.is_empty() {
            return Err(DataError::Column {
                column: first.clone(),
                problem: "holds classes: give one target column and no transform, or task = \"regression\"".into(),
            });
        }
        Ok(Self::Classification {
            column: first.clone(),
            kind: None,
            counts: Counts::new(limit),
        })
    }

    pub fn observe(&mut self, frame: &DataFrame, first_row: usize) -> Result<()> {
        match self {
            Self::Regression(columns) => {
                for (name, steps, moments) in columns {
                    let values = numbers(find(frame, name)?, first_row)?;
                    for (row, value) in values.iter().enumerate() {
                        let wrong = |problem: String| DataError::Value {
                            column: name.clone(),
                            row: first_row + row,
                            problem,
                        };
                        let value = present(value).ok_or_else(|| wrong(MISSING.into()))?;
                        let mut target = value;
                        for step in steps.iter() {
                            target = match step {
                                TargetStep::Log => FittedTargetStep::Log.apply(target),
                                TargetStep::Log1p => FittedTargetStep::Log1p.apply(target),
                                TargetStep::Standardize => break,
                            };
                        }
                        if !target.is_finite() {
                            return Err(wrong(format!(
                                "the target {value} becomes {target}; correct it, or leave the row out"
                            )));
                        }
                        moments.add(target);
                    }
                }
                Ok(())
            }
            Self::Classification {
                column,
                kind,
                counts,
            } => {
                let (found, values) = categories(find(frame, column)?, first_row)?;
                *kind = kind.or(found);
                for (row, class) in values.iter().enumerate() {
                    if class.is_none() {
                        return Err(DataError::Value {
                            column: column.clone(),
                            row: first_row + row,
                            problem: MISSING.into(),
                        });
                    }
                    counts.add(column, class, 1)?;
                }
                Ok(())
            }
        }
    }

    pub fn finish(self) -> Result<FittedTarget> {
        match self {
            Self::Regression(columns) => {
                let fitted = columns.into_iter().map(|(name, steps, moments)| {
                    let steps = steps.into_iter().map(|step| match step {
                        TargetStep::Log => FittedTargetStep::Log,
                        TargetStep::Log1p => FittedTargetStep::Log1p,
                        TargetStep::Standardize => {
                            let spread = moments.deviation();
                            FittedTargetStep::Scale {
                                shift: moments.mean,
                                scale: if spread > 0.0 { spread } else { 1.0 },
                            }
                        }
                    });
                    (name, steps.collect())
                });
                Ok(FittedTarget::Regression {
                    columns: fitted.collect(),
                })
            }
            Self::Classification {
                column,
                kind,
                counts,
            } => {
                let kind = kind.unwrap_or(CategoryKind::Text);
                let classes = counts.in_order(kind, |_, _| true);
                if classes.len() < 2 {
                    return Err(DataError::Column {
                        column,
                        problem: format!(
                            "has only the class {}; there must be two at least",
                            classes.join("")
                        ),
                    });
                }
                Ok(FittedTarget::Classification {
                    column,
                    category_kind: kind,
                    classes: classes.into(),
                })
            }
        }
    }
}
