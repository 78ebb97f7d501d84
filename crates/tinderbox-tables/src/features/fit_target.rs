use polars::prelude::{DataFrame, Schema};

use super::columns::{WordKind, find, numbers, words};
use super::fit_words::Counts;
use super::spec::{TargetSpec, TargetStep, Task};
use super::statistics::Moments;
use super::target::{FittedTarget, FittedTargetStep, MISSING, present};
use crate::{DataError, Result};

/// What is to be known of the targets, in one pass.
pub(super) enum TargetObserver {
    Regression(Vec<(String, Vec<TargetStep>, Moments)>),
    Classification {
        column: String,
        kind: Option<WordKind>,
        counts: Counts,
    },
}

impl TargetObserver {
    pub fn new(spec: &TargetSpec, schema: &Schema, limit: usize) -> Result<Self> {
        let first = &spec.columns[0];
        let classes = match spec.task {
            Task::Regression => false,
            Task::Classification => true,
            Task::Auto => schema.get(first).is_some_and(|dtype| !dtype.is_numeric()),
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
                let (found, values) = words(find(frame, column)?, first_row)?;
                *kind = kind.or(found);
                for (row, word) in values.iter().enumerate() {
                    if word.is_none() {
                        return Err(DataError::Value {
                            column: column.clone(),
                            row: first_row + row,
                            problem: MISSING.into(),
                        });
                    }
                    counts.add(column, word, 1)?;
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
                let kind = kind.unwrap_or(WordKind::Text);
                let classes = counts.words(kind, |_, _| true);
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
                    words: kind,
                    classes: classes.into(),
                })
            }
        }
    }
}
