use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::columns::{Frame, WordKind, find, moments, numbers, require, words};
use super::dates;
use super::fit_number::NumberObserver;
use super::fit_target::TargetObserver;
use super::fit_words::Counts;
use super::fitted::{Features, FittedColumn, no_features};
use super::spec::{CategorySpec, ColumnSpec, CrossSpec, DatePart, FeatureSpec, Missing};
use super::transform::join;
use crate::{DataError, Result};

impl FeatureSpec {
    /// Looks once at all rows of a frame, which are to be training rows only, and gives what turns
    /// any such frame into numbers.
    ///
    /// Of a `LazyFrame` only parts are in memory at a time. The result does not depend on how the
    /// rows are cut into parts, nor on the number of threads.
    ///
    /// # Errors
    ///
    /// A column that is absent (the nearest names are suggested) or of a type that its kind cannot
    /// use, a value that no step handles (with column and row), a column without any value, more
    /// categories than `max_categories`, a missing target, no rows.
    pub fn fit(&self, frame: &impl Frame) -> Result<Features> {
        self.check()?;
        if self.columns.is_empty() {
            return Err(no_features());
        }
        let schema = frame.columns()?;
        let mut names: Vec<String> = Vec::new();
        for column in &self.columns {
            names.extend(column.names().into_iter().map(String::from));
        }
        names.extend(self.target.iter().flat_map(|target| target.columns.clone()));
        require(&schema, names.iter().map(String::as_str))?;
        let limit = self.max_categories;
        let mut observers: Vec<Observer> = self
            .columns
            .iter()
            .map(|column| Observer::new(column, limit))
            .collect();
        let mut target = match &self.target {
            Some(target) => Some(TargetObserver::new(target, &schema, limit)?),
            None => None,
        };
        let mut rows = 0;
        frame.for_each_part(&names, &mut |part| {
            // Cores share the columns; of several wrong ones the first is told.
            let columns = observers.par_iter_mut().zip(&self.columns);
            let observed: Vec<Result<()>> = columns
                .map(|(observer, column)| observer.observe(column, part, rows))
                .collect();
            observed.into_iter().collect::<Result<()>>()?;
            if let Some(target) = &mut target {
                target.observe(part, rows)?;
            }
            rows += part.height();
            Ok(())
        })?;
        if rows == 0 {
            return Err(DataError::Empty {
                what: "to fit features on".into(),
            });
        }
        let columns = observers
            .into_iter()
            .zip(&self.columns)
            .map(|(observer, column)| observer.finish(column))
            .collect::<Result<Vec<_>>>()?;
        let target = target.map(TargetObserver::finish).transpose()?;
        Features::new(columns, target)
    }
}

enum Observer {
    Numeric(NumberObserver),
    Date(Vec<(DatePart, NumberObserver)>),
    Words {
        kinds: Vec<Option<WordKind>>,
        counts: Counts,
    },
}

impl Observer {
    fn new(column: &ColumnSpec, limit: usize) -> Self {
        match column {
            ColumnSpec::Numeric(spec) => {
                Self::Numeric(NumberObserver::new(spec.impute, &spec.steps, limit))
            }
            ColumnSpec::Date(spec) => Self::Date(
                (spec.parts.iter())
                    .map(|&part| (part, NumberObserver::new(spec.impute, &spec.steps, limit)))
                    .collect(),
            ),
            ColumnSpec::Category(_) | ColumnSpec::Cross(_) => Self::Words {
                kinds: vec![None; column.names().len()],
                counts: Counts::new(limit),
            },
        }
    }

    fn observe(&mut self, column: &ColumnSpec, frame: &DataFrame, first_row: usize) -> Result<()> {
        let name = column.names()[0].to_owned();
        let at = |row: usize, problem: String| DataError::Value {
            column: name.clone(),
            row: first_row + row,
            problem,
        };
        match (self, column) {
            (Self::Numeric(observer), _) => {
                let values = numbers(find(frame, &name)?, first_row)?;
                for (row, value) in values.iter().enumerate() {
                    observer.add(value).map_err(|problem| at(row, problem))?;
                }
            }
            (Self::Date(parts), _) => {
                let moments = moments(find(frame, &name)?)?;
                for (row, moment) in moments.iter().enumerate() {
                    for (part, observer) in parts.iter_mut() {
                        let value = moment.map(|moment| dates::part(moment, *part));
                        observer.add(value).map_err(|problem| at(row, problem))?;
                    }
                }
            }
            (Self::Words { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let [a, b] = &spec.columns;
                let (kind_a, first) = words(find(frame, a)?, first_row)?;
                let (kind_b, second) = words(find(frame, b)?, first_row)?;
                kinds[0] = kinds[0].or(kind_a);
                kinds[1] = kinds[1].or(kind_b);
                let mut pair = String::new();
                for (row, (a, b)) in first.iter().zip(second.iter()).enumerate() {
                    let word = join(a, b, &mut pair);
                    forbid_missing(word, spec.missing).map_err(|problem| at(row, problem))?;
                    counts.add(&name, word, 1)?;
                }
            }
            (Self::Words { kinds, counts }, _) => {
                let (kind, values) = words(find(frame, &name)?, first_row)?;
                kinds[0] = kinds[0].or(kind);
                let missing = match column {
                    ColumnSpec::Category(spec) => spec.missing,
                    _ => Missing::default(),
                };
                // The same word often follows: it is counted once for all of them.
                let mut run = (None, 0);
                for (row, word) in values.iter().enumerate() {
                    forbid_missing(word, missing).map_err(|problem| at(row, problem))?;
                    if word != run.0 {
                        counts.add(&name, run.0, run.1)?;
                        run = (word, 0);
                    }
                    run.1 += 1;
                }
                counts.add(&name, run.0, run.1)?;
            }
        }
        Ok(())
    }

    fn finish(self, column: &ColumnSpec) -> Result<FittedColumn> {
        match (self, column) {
            (Self::Numeric(observer), ColumnSpec::Numeric(spec)) => Ok(FittedColumn::Numeric {
                name: spec.name.clone(),
                missing_indicator: spec.missing_indicator,
                number: observer.finish(&spec.name)?,
            }),
            (Self::Date(parts), ColumnSpec::Date(spec)) => Ok(FittedColumn::Date {
                name: spec.name.clone(),
                missing_indicator: spec.missing_indicator,
                parts: parts
                    .into_iter()
                    .map(|(part, observer)| Ok((part, observer.finish(&spec.name)?)))
                    .collect::<Result<_>>()?,
            }),
            (Self::Words { kinds, counts }, ColumnSpec::Category(spec)) => {
                let CategorySpec {
                    name,
                    encode,
                    missing,
                    unseen,
                    rare_below,
                } = spec;
                let kind = kinds[0].unwrap_or(WordKind::Text);
                Ok(FittedColumn::Category {
                    name: name.clone(),
                    words: kind,
                    coding: counts.finish(name, kind, (*encode, *missing, *unseen), *rare_below)?,
                })
            }
            (Self::Words { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let CrossSpec {
                    columns,
                    encode,
                    missing,
                    unseen,
                    rare_below,
                } = spec;
                let text = WordKind::Text;
                Ok(FittedColumn::Cross {
                    names: columns.clone(),
                    words: [kinds[0].unwrap_or(text), kinds[1].unwrap_or(text)],
                    coding: counts.finish(
                        &columns[0],
                        text,
                        (*encode, *missing, *unseen),
                        *rare_below,
                    )?,
                })
            }
            (_, other) => Err(DataError::Spec {
                problem: format!("column {:?} changed its kind while fitting", other.names()),
            }),
        }
    }
}

fn forbid_missing(word: Option<&str>, missing: Missing) -> Result<(), String> {
    match (word, missing) {
        (None, Missing::Error) => {
            Err("the value is missing; state missing = \"category\", or leave the row out".into())
        }
        _ => Ok(()),
    }
}

pub(super) fn all_missing(name: &str) -> DataError {
    DataError::Column {
        column: name.to_owned(),
        problem: "has no value in any training row; leave it out, or impute a constant".into(),
    }
}
