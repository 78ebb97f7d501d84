//! The pass over the training rows that makes features of a specification.

use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::coding::pair;
use super::counts::{CodingOptions, Counts, NO_VALUE};
use super::dates;
use super::encoder::TextEncoder;
use super::fitted::{Features, no_features};
use super::fitted_column::{FittedColumn, Indicator};
use super::frame::{Frame, find, require};
use super::numeric::NumberObserver;
use super::spec::{ColumnSpec, DatePart, FeatureSpec, Ignored, Missing, TextSpec};
use super::target::TargetObserver;
use super::text::TextObserver;
use super::values::{CategoryKind, categories, column_type, numbers, texts, timestamps};
use crate::{DataError, Result};

impl FeatureSpec {
    /// Fits the features in one pass over the rows of a frame, which should be training rows only.
    ///
    /// Of a `LazyFrame` only parts are in memory at a time. The result does not depend on how the
    /// rows are cut into parts, nor on the number of threads. A column that has no value in any row, or
    /// only categories that are too rare, is left out: see [`Features::left_out`].
    ///
    /// # Errors
    ///
    /// A column that is absent (the nearest names are suggested) or of a type that its kind cannot
    /// use, a value that no step handles (with column and row), no column with a value, more
    /// categories than `max_categories`, a missing target, no rows.
    pub fn fit(&self, frame: &impl Frame) -> Result<Features> {
        self.check()?;
        if self.columns.is_empty() {
            return Err(no_features(&self.ignored));
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
            .map(|column| Ok(Observer::new(column, limit, self.encoder_of(column)?)))
            .collect::<Result<_>>()?;
        let mut target = match &self.target {
            Some(target) => Some(TargetObserver::new(target, &schema, limit)?),
            None => None,
        };
        let mut rows = 0;
        frame.for_each_part(&names, &mut |part| {
            // An encoder computes on all threads itself.
            for (observer, column) in observers.iter_mut().zip(&self.columns) {
                if let Some(encoder) = self.encoder_of(column)? {
                    observer.observe_texts(column, part, rows, Some(encoder))?;
                }
            }
            // Columns are observed in parallel; of several errors the one of the first column is returned.
            let columns = observers.par_iter_mut().zip(&self.columns);
            let columns = columns.filter(|(_, column)| !encoded(column));
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
        let (mut columns, mut left_out) = (Vec::new(), Vec::new());
        for (observer, column) in observers.into_iter().zip(&self.columns) {
            match observer.finish(column, self.encoder_of(column)?)? {
                Ok(column) => columns.push(column),
                Err(reason) => left_out.push(Ignored {
                    name: column.names().join("×"),
                    reason,
                }),
            }
        }
        let target = target.map(TargetObserver::finish).transpose()?;
        let types = columns.iter().flat_map(FittedColumn::names);
        let types = types.filter_map(|name| {
            let kind = column_type(schema.get(name)?)?;
            Some((name.to_owned(), kind))
        });
        let types = types.collect();
        let mut features = Features::new(columns, target, types, left_out)?;
        features.encoder = self.encoder.clone();
        Ok(features)
    }

    /// The encoder of a column of text that names one.
    fn encoder_of(&self, column: &ColumnSpec) -> Result<Option<&dyn TextEncoder>> {
        let ColumnSpec::Text(TextSpec {
            name,
            encoder: Some(encoder),
            ..
        }) = column
        else {
            return Ok(None);
        };
        Ok(Some(&**self.encoder.named(encoder, name)?))
    }
}

fn encoded(column: &ColumnSpec) -> bool {
    matches!(column, ColumnSpec::Text(text) if text.encoder.is_some())
}

/// The statistics of one column, collected while its values are read.
enum Observer {
    Numeric(NumberObserver),
    Date(Vec<(DatePart, NumberObserver)>),
    Categories {
        kinds: Vec<Option<CategoryKind>>,
        counts: Counts,
    },
    Text(TextObserver),
}

impl Observer {
    fn new(column: &ColumnSpec, limit: usize, encoder: Option<&dyn TextEncoder>) -> Self {
        match column {
            ColumnSpec::Numeric(spec) => {
                Self::Numeric(NumberObserver::new(spec.impute, &spec.steps, limit))
            }
            ColumnSpec::Date(spec) => Self::Date(
                (spec.parts.iter())
                    .map(|&part| (part, NumberObserver::new(spec.impute, &spec.steps, limit)))
                    .collect(),
            ),
            ColumnSpec::Category(_) | ColumnSpec::Cross(_) => Self::Categories {
                kinds: vec![None; column.names().len()],
                counts: Counts::new(limit),
            },
            ColumnSpec::Text(spec) => Self::Text(TextObserver::new(spec, encoder)),
        }
    }

    fn observe_texts(
        &mut self,
        column: &ColumnSpec,
        frame: &DataFrame,
        first_row: usize,
        encoder: Option<&dyn TextEncoder>,
    ) -> Result<()> {
        if let (Self::Text(observer), ColumnSpec::Text(spec)) = (self, column) {
            let texts = texts(find(frame, &spec.name)?)?;
            observer.add(&texts, spec, encoder, first_row)?;
        }
        Ok(())
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
                let timestamps = timestamps(find(frame, &name)?, first_row)?;
                for (row, timestamp) in timestamps.iter().enumerate() {
                    for (part, observer) in parts.iter_mut() {
                        let value = timestamp.map(|timestamp| dates::part(timestamp, *part));
                        observer.add(value).map_err(|problem| at(row, problem))?;
                    }
                }
            }
            (text @ Self::Text(_), _) => text.observe_texts(column, frame, first_row, None)?,
            (Self::Categories { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let [a, b] = &spec.columns;
                let (kind_a, first) = categories(find(frame, a)?, first_row)?;
                let (kind_b, second) = categories(find(frame, b)?, first_row)?;
                kinds[0] = kinds[0].or(kind_a);
                kinds[1] = kinds[1].or(kind_b);
                let mut buffer = String::new();
                for (row, (a, b)) in first.iter().zip(second.iter()).enumerate() {
                    let category = pair(a, b, &mut buffer);
                    forbid_missing(category, spec.missing).map_err(|problem| at(row, problem))?;
                    counts.add(&name, category, 1)?;
                }
            }
            (Self::Categories { kinds, counts }, _) => {
                let (kind, values) = categories(find(frame, &name)?, first_row)?;
                kinds[0] = kinds[0].or(kind);
                let missing = match column {
                    ColumnSpec::Category(spec) => spec.missing,
                    _ => Missing::default(),
                };
                // Equal values often follow each other: a run of them is counted at once.
                let mut run = (None, 0);
                for (row, category) in values.iter().enumerate() {
                    forbid_missing(category, missing).map_err(|problem| at(row, problem))?;
                    if category != run.0 {
                        counts.add(&name, run.0, run.1)?;
                        run = (category, 0);
                    }
                    run.1 += 1;
                }
                counts.add(&name, run.0, run.1)?;
            }
        }
        Ok(())
    }

    /// The fitted column, or the reason why it is left out.
    fn finish(
        self,
        column: &ColumnSpec,
        encoder: Option<&dyn TextEncoder>,
    ) -> Result<Result<FittedColumn, String>> {
        let text = CategoryKind::Text;
        let no_value = || NO_VALUE.to_owned();
        Ok(match (self, column) {
            (Self::Numeric(observer), ColumnSpec::Numeric(spec)) => {
                let indicator = Indicator::new(spec.missing_indicator, observer.missing);
                let number = observer.finish().ok_or_else(no_value);
                number.map(|number| FittedColumn::Numeric {
                    name: spec.name.clone(),
                    indicator,
                    number,
                })
            }
            (Self::Date(parts), ColumnSpec::Date(spec)) => {
                let missing = parts.iter().any(|(_, observer)| observer.missing);
                let parts = parts.into_iter();
                let parts = parts.map(|(part, observer)| Some((part, observer.finish()?)));
                parts
                    .collect::<Option<_>>()
                    .ok_or_else(no_value)
                    .map(|parts| FittedColumn::Date {
                        name: spec.name.clone(),
                        indicator: Indicator::new(spec.missing_indicator, missing),
                        parts,
                    })
            }
            (Self::Categories { kinds, counts }, ColumnSpec::Category(spec)) => {
                let category_kind = kinds[0].unwrap_or(text);
                let options = CodingOptions {
                    encode: spec.encode,
                    missing: spec.missing,
                    unseen: spec.unseen,
                    rare_below: spec.rare_below,
                    keep_most_frequent: spec.keep_most_frequent,
                };
                counts
                    .finish(category_kind, options)
                    .map(|coding| FittedColumn::Category {
                        name: spec.name.clone(),
                        category_kind,
                        coding,
                    })
            }
            (Self::Categories { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let options = CodingOptions {
                    encode: spec.encode,
                    missing: spec.missing,
                    unseen: spec.unseen,
                    rare_below: spec.rare_below,
                    keep_most_frequent: spec.keep_most_frequent,
                };
                counts
                    .finish(text, options)
                    .map(|coding| FittedColumn::Cross {
                        names: spec.columns.clone(),
                        category_kinds: [kinds[0].unwrap_or(text), kinds[1].unwrap_or(text)],
                        coding,
                    })
            }
            (Self::Text(observer), ColumnSpec::Text(spec)) => {
                let indicator = Indicator::new(spec.missing_indicator, observer.missing);
                let coding = observer.finish(spec, encoder);
                coding.map(|coding| FittedColumn::Text {
                    name: spec.name.clone(),
                    indicator,
                    coding,
                })
            }
            (_, other) => {
                return Err(DataError::Spec {
                    problem: format!("column {:?} changed its kind while fitting", other.names()),
                });
            }
        })
    }
}

fn forbid_missing(category: Option<&str>, missing: Missing) -> Result<(), String> {
    match (category, missing) {
        (None, Missing::Error) => {
            Err("the value is missing; state missing = \"category\", or leave the row out".into())
        }
        _ => Ok(()),
    }
}
