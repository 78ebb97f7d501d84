use polars::prelude::{DataFrame, DataType, PlHashMap, Schema};
use rayon::prelude::*;

use super::columns::{Frame, find, numbers, require, words};
use super::spec::{
    ColumnSpec, DatePart, DateSpec, FeatureSpec, Ignored, Impute, NumericSpec, Step, TargetSpec,
    Task,
};
use crate::{DataError, Result};

/// How [`FeatureSpec::infer_with`] decides.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Inference {
    /// Categories with more different values than this are given as an index for an embedding;
    /// `None`: never, as linear models need.
    pub embed_above: Option<usize>,
    /// Whether numbers or classes are predicted.
    pub task: Task,
}

impl Default for Inference {
    fn default() -> Self {
        Self {
            embed_above: None,
            task: Task::Auto,
        }
    }
}

impl Inference {
    /// Gives categories with more different values than this as an index for an embedding.
    pub fn embed_above(mut self, values: usize) -> Self {
        self.embed_above = Some(values);
        self
    }

    /// States whether numbers or classes are predicted.
    pub fn task(mut self, task: Task) -> Self {
        self.task = task;
        self
    }
}

/// A text column with this share of numbers is a numeric one with mistakes in it.
const NUMBERS_IN_TEXT: f64 = 0.9;
/// Text with this many different values, nearly one a row, identifies rows.
const IDENTIFIER: usize = 100;

impl FeatureSpec {
    /// A sensible default from types and values: numbers are imputed by their mean and
    /// standardised, words become one-hot with a category for missing values, dates become year,
    /// month, day and weekday; row numbers, identifiers and columns without values are left out.
    ///
    /// # Errors
    ///
    /// A target that is not there (the nearest names are suggested), a text column that is nearly
    /// all numbers (with the first row that is not one), no rows.
    pub fn infer(frame: &impl Frame, target: &str) -> Result<Self> {
        Self::infer_with(frame, target, &Inference::default())
    }

    /// Like [`FeatureSpec::infer`], with a say in it.
    ///
    /// # Errors
    /// Those of [`FeatureSpec::infer`].
    pub fn infer_with(frame: &impl Frame, target: &str, inference: &Inference) -> Result<Self> {
        let schema = frame.columns()?;
        require(&schema, [target])?;
        let mut spec = Self {
            target: Some(TargetSpec::new([target], inference.task)),
            ..Self::default()
        };
        let names = schema
            .iter_names()
            .filter(|name| *name != target)
            .map(|name| name.to_string());
        let names: Vec<String> = names.collect();
        let mut looks: Vec<Look> = names.iter().map(|name| Look::new(name, &schema)).collect();
        let (mut rows, limit) = (0, spec.max_categories);
        // With the target, so that a table of nothing else still has rows.
        let columns: Vec<String> = names.iter().cloned().chain([target.to_owned()]).collect();
        frame.for_each_part(&columns, &mut |part| {
            // Cores share the columns; of several wrong ones the first is told.
            let looked: Vec<Result<()>> = (looks.par_iter_mut().zip(&names))
                .map(|(look, name)| look.look(part, name, rows, limit))
                .collect();
            looked.into_iter().collect::<Result<()>>()?;
            rows += part.height();
            Ok(())
        })?;
        if rows == 0 {
            return Err(DataError::Empty {
                what: "to infer features from".into(),
            });
        }
        for (look, name) in looks.into_iter().zip(names) {
            match look.decide(&name, rows, limit, inference)? {
                Ok(column) => spec.columns.push(column),
                Err(reason) => spec.ignored.push(Ignored { name, reason }),
            }
        }
        Ok(spec)
    }
}

enum Look {
    Number {
        present: usize,
        counting: Option<i64>,
        integer: bool,
    },
    Date {
        present: usize,
        clock: bool,
    },
    Word {
        /// Different words, and whether each is a number.
        values: PlHashMap<String, bool>,
        present: usize,
        numbers: usize,
        text: Option<(usize, String)>,
    },
    Other(DataType),
}

impl Look {
    fn new(name: &str, schema: &Schema) -> Self {
        match schema.get(name) {
            Some(dtype) if dtype.is_primitive_numeric() || dtype.is_null() => Self::Number {
                present: 0,
                counting: None,
                integer: dtype.is_integer(),
            },
            Some(DataType::Date) => Self::Date {
                present: 0,
                clock: false,
            },
            Some(DataType::Datetime(..)) => Self::Date {
                present: 0,
                clock: true,
            },
            Some(
                DataType::Boolean
                | DataType::String
                | DataType::Categorical(..)
                | DataType::Enum(..),
            ) => Self::Word {
                values: PlHashMap::default(),
                present: 0,
                numbers: 0,
                text: None,
            },
            Some(other) => Self::Other(other.clone()),
            None => Self::Other(DataType::Null),
        }
    }

    fn look(&mut self, frame: &DataFrame, name: &str, rows: usize, limit: usize) -> Result<()> {
        let column = find(frame, name)?;
        match self {
            Self::Other(_) => {}
            Self::Date { present, .. } => *present += column.len() - column.null_count(),
            Self::Number {
                present,
                counting,
                integer,
            } => {
                for (row, value) in numbers(column, rows)?.iter().enumerate() {
                    let value = value.filter(|value| !value.is_nan());
                    *present += usize::from(value.is_some());
                    let row = (rows + row) as i64;
                    // Row numbers: each one more than the one before.
                    let start = value.map(|value| (value as i64).wrapping_sub(row));
                    if row == 0 && *integer {
                        *counting = start;
                    } else if start != *counting {
                        *counting = None;
                        *integer = false;
                    }
                }
            }
            Self::Word {
                values,
                present,
                numbers,
                text,
            } => {
                let (_, words) = words(column, rows)?;
                let mut last = (None, false);
                for (row, word) in words.iter().enumerate() {
                    let Some(word) = word else { continue };
                    *present += 1;
                    let number = if last.0 == Some(word) {
                        last.1
                    } else if let Some(&number) = values.get(word) {
                        number
                    } else {
                        let number = word.trim().parse::<f64>().is_ok();
                        if values.len() <= limit {
                            values.insert(word.to_owned(), number);
                        }
                        number
                    };
                    last = (Some(word), number);
                    if number {
                        *numbers += 1;
                    } else if text.is_none() {
                        *text = Some((rows + row, word.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// The column's spec, or why it has none.
    fn decide(
        self,
        name: &str,
        rows: usize,
        limit: usize,
        inference: &Inference,
    ) -> Result<Result<ColumnSpec, String>> {
        const EMPTY: &str = "it has no value in any row";
        Ok(match self {
            Self::Other(dtype) => Err(format!("its type is {dtype}")),
            Self::Number { present: 0, .. }
            | Self::Date { present: 0, .. }
            | Self::Word { present: 0, .. } => Err(EMPTY.to_owned()),
            Self::Number {
                counting: Some(_),
                integer: true,
                ..
            } if rows > 2 => Err("it counts the rows".to_owned()),
            Self::Number { .. } => Ok(ColumnSpec::Numeric(NumericSpec {
                name: name.to_owned(),
                impute: Impute::Mean,
                missing_indicator: false,
                steps: vec![Step::Standardise],
            })),
            Self::Date { clock, .. } => {
                let mut parts = vec![
                    DatePart::Year,
                    DatePart::Month,
                    DatePart::Day,
                    DatePart::Weekday,
                ];
                if clock {
                    parts.push(DatePart::Hour);
                }
                Ok(ColumnSpec::Date(DateSpec {
                    name: name.to_owned(),
                    parts,
                    impute: Impute::Mean,
                    missing_indicator: false,
                    steps: vec![Step::Standardise],
                }))
            }
            Self::Word {
                values,
                present,
                numbers,
                text,
            } => {
                if let Some((row, word)) = text
                    && present >= 20
                    && numbers as f64 >= NUMBERS_IN_TEXT * present as f64
                {
                    return Err(DataError::Value {
                        column: name.to_owned(),
                        row,
                        problem: format!(
                            "\"{word}\" is text in a column of numbers ({numbers} of {present} are); correct it, name it as a null value when reading, or state the column as a category"
                        ),
                    });
                }
                let different = values.len();
                if different > limit {
                    Err(format!("it has more than {limit} different values"))
                } else if different > IDENTIFIER && 2 * different > present {
                    Err(format!(
                        "{different} different values in {present} rows identify rows"
                    ))
                } else if inference.embed_above.is_some_and(|above| different > above) {
                    Ok(ColumnSpec::ordinal(name))
                } else {
                    Ok(ColumnSpec::one_hot(name))
                }
            }
        })
    }
}
