//! The profile of a column during inference, and the specification that follows from it.

use polars::prelude::{DataFrame, DataType, PlHashMap};

use super::dates;
use super::frame::find;
use super::inference::{Inference, Stated};
use super::spec::{ColumnSpec, DatePart, DateSpec, FREQUENT, Impute, NumericSpec, Step};
use super::statistics::{Moments, Sample, inner_place, spread};
use super::values::{categories, numbers, texts, timestamps};
use super::words;
use crate::{DataError, Result};

/// A text column with this share of numbers is a numeric one with mistakes in it.
const NUMBERS_IN_TEXT: f64 = 0.9;
/// Text with more different values than this, nearly one for each row, identifies rows.
const IDENTIFIER: usize = 100;
/// Text with at least this many different values, most of them in one row only, is free text if they have
/// [`WORDS`] words or more on average.
const DIFFERENT: usize = 20;
const WORDS: f64 = 4.0;
/// Of more categories than this only the frequent ones have a feature of their own.
const ONE_HOT: usize = 300;
/// A standard deviation of more [`spread`]s than this comes from a few extreme values, such as 999,999 for
/// "unknown" or a misplaced decimal point. Log-normal columns reach about a tenth of it.
const EXTREME: f64 = 50.0;
/// Scaled values are clipped here if some are extreme.
const CLIP: f64 = 10.0;

/// The reason why a column of row numbers is left out.
pub(super) const COUNTS: &str = "it counts the rows";
const NO_VALUE: &str = "it has no value in any row";

/// The counts of a column, collected while its values are read.
pub(super) enum Profile {
    Number {
        stated: bool,
        present: usize,
        /// The first number, as long as each value is one more than the value before it.
        counting: Option<i64>,
        integer: bool,
        scale: Scale,
    },
    Date {
        present: usize,
        clock: bool,
        /// Statistics of the years.
        scale: Scale,
    },
    Category {
        stated: bool,
        /// The different values.
        values: PlHashMap<String, Seen>,
        present: usize,
        numbers: usize,
        text: Option<(usize, String)>,
        /// Words of all different values; `None` if the column cannot be free text.
        words: Option<f64>,
    },
    /// Free text, as stated.
    Text { present: usize },
    /// Left out for this reason.
    LeftOut(String),
}

/// A value of a text column.
pub(super) struct Seen {
    /// Whether it is a number.
    number: bool,
    rows: u64,
}

impl Profile {
    pub fn new(dtype: Option<&DataType>, stated: Option<Stated>) -> Self {
        let dtype = dtype.unwrap_or(&DataType::Null);
        let number = |stated| Self::Number {
            stated,
            present: 0,
            counting: None,
            integer: dtype.is_integer(),
            scale: Scale::default(),
        };
        let category = |stated| Self::Category {
            stated,
            values: PlHashMap::default(),
            present: 0,
            numbers: 0,
            text: None,
            words: matches!(
                dtype,
                DataType::String | DataType::Categorical(..) | DataType::Enum(..)
            )
            .then_some(0.0),
        };
        let date = || Self::Date {
            present: 0,
            clock: matches!(dtype, DataType::Datetime(..)),
            scale: Scale::default(),
        };
        match (stated, dtype) {
            (Some(Stated::Numeric), _) => number(true),
            (Some(Stated::Category), _) => category(true),
            (Some(Stated::Date), _) => date(),
            (Some(Stated::Text), _) => Self::Text { present: 0 },
            (Some(Stated::Ignore), _) => Self::LeftOut("as stated".into()),
            (None, dtype) if dtype.is_numeric() || dtype.is_null() => number(false),
            (None, DataType::Date | DataType::Datetime(..)) => date(),
            (
                None,
                DataType::Boolean
                | DataType::String
                | DataType::Categorical(..)
                | DataType::Enum(..),
            ) => category(false),
            (None, other) => Self::LeftOut(format!("its type is {other}")),
        }
    }

    pub fn observe(
        &mut self,
        frame: &DataFrame,
        name: &str,
        rows: usize,
        limit: usize,
    ) -> Result<()> {
        let column = find(frame, name)?;
        match self {
            Self::LeftOut(_) => {}
            Self::Text { present } => {
                let texts = texts(column)?;
                *present += texts.len() - texts.null_count();
            }
            Self::Date { present, scale, .. } => {
                for timestamp in timestamps(column, rows)?.iter().flatten() {
                    *present += 1;
                    scale.add(dates::part(timestamp, DatePart::Year));
                }
            }
            Self::Number {
                present,
                counting,
                integer,
                scale,
                ..
            } => {
                for (row, value) in numbers(column, rows)?.iter().enumerate() {
                    let value = value.filter(|value| !value.is_nan());
                    if let Some(value) = value {
                        *present += 1;
                        scale.add(value);
                    }
                    let row = (rows + row) as i64;
                    // Row numbers: each is one more than the one before it.
                    let start = value.map(|value| (value as i64).wrapping_sub(row));
                    if row == 0 && *integer {
                        *counting = start;
                    } else if start != *counting {
                        *counting = None;
                        *integer = false;
                    }
                }
            }
            Self::Category {
                values,
                present,
                numbers,
                text,
                words,
                ..
            } => {
                let (_, categories) = categories(column, rows)?;
                for (row, category) in categories.iter().enumerate() {
                    let Some(category) = category else { continue };
                    *present += 1;
                    let number = match values.get_mut(category) {
                        Some(seen) => {
                            seen.rows += 1;
                            seen.number
                        }
                        None => {
                            let number = category.trim().parse::<f64>().is_ok();
                            if values.len() <= limit {
                                if let Some(words) = words {
                                    *words += words::count(category);
                                }
                                values.insert(category.to_owned(), Seen { number, rows: 1 });
                            }
                            number
                        }
                    };
                    if number {
                        *numbers += 1;
                    } else if text.is_none() {
                        *text = Some((rows + row, category.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// The specification of the column, or the reason why it is left out.
    pub fn decide(
        self,
        name: &str,
        rows: usize,
        limit: usize,
        inference: &Inference,
    ) -> Result<Result<ColumnSpec, String>> {
        Ok(match self {
            Self::LeftOut(reason) => Err(reason),
            Self::Number { present: 0, .. }
            | Self::Date { present: 0, .. }
            | Self::Text { present: 0 }
            | Self::Category { present: 0, .. } => Err(NO_VALUE.to_owned()),
            Self::Number {
                stated: false,
                counting: Some(start),
                integer: true,
                ..
            } if rows > 2 && !years(name, start, rows) => Err(COUNTS.to_owned()),
            Self::Number { scale, .. } => {
                let (impute, steps) = scale.steps();
                Ok(ColumnSpec::Numeric(NumericSpec {
                    name: name.to_owned(),
                    impute,
                    missing_indicator: false,
                    steps,
                }))
            }
            Self::Text { .. } => Ok(inference.text_column(name)),
            Self::Date { clock, scale, .. } => {
                let mut parts = vec![
                    DatePart::Year,
                    DatePart::Month,
                    DatePart::Day,
                    DatePart::Weekday,
                ];
                if clock {
                    parts.push(DatePart::Hour);
                }
                let (impute, steps) = scale.steps();
                Ok(ColumnSpec::Date(DateSpec {
                    name: name.to_owned(),
                    parts,
                    impute,
                    missing_indicator: false,
                    steps,
                }))
            }
            Self::Category {
                stated,
                values,
                present,
                numbers,
                text,
                words,
            } => {
                if let Some((row, category)) = text
                    && !stated
                    && present >= 20
                    && numbers as f64 >= NUMBERS_IN_TEXT * present as f64
                {
                    return Err(DataError::Value {
                        column: name.to_owned(),
                        row,
                        problem: format!(
                            "\"{category}\" is text in a column of numbers ({numbers} of {present} are); correct it, name it as a null value when reading, or state the column as a category"
                        ),
                    });
                }
                let different = values.len();
                let many = different > limit || different >= DIFFERENT && 2 * different > present;
                let text = words.is_some_and(|words| words >= WORDS * different as f64);
                if !stated && many && text {
                    Ok(inference.text_column(name))
                } else if !stated && different > limit {
                    Err(format!("it has more than {limit} different values"))
                } else if !stated && different > IDENTIFIER && 2 * different > present {
                    Err(format!(
                        "{different} different values in {present} rows identify rows"
                    ))
                } else if inference.embed_above.is_some_and(|above| different > above) {
                    Ok(ColumnSpec::ordinal(name))
                } else if different > ONE_HOT {
                    match stated || values.values().any(|seen| seen.rows >= FREQUENT) {
                        true => Ok(ColumnSpec::one_hot_frequent(name)),
                        false => Err(format!(
                            "it has {different} different values, each in fewer than {FREQUENT} rows"
                        )),
                    }
                } else {
                    Ok(ColumnSpec::one_hot(name))
                }
            }
        })
    }
}

/// Whether numbers that count up are years rather than row numbers.
fn years(name: &str, start: i64, rows: usize) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = lower
        .rsplit(|letter: char| !letter.is_alphanumeric())
        .next();
    let identifier = ["id", "index", "key", "no", "nr", "number", "row"]
        .contains(&last.unwrap_or_default())
        || name.ends_with("Id")
        || name.ends_with("ID");
    let end = start.saturating_add(rows as i64);
    !identifier && start >= 1500 && end <= 2200
}

/// Statistics that decide how a column of numbers is scaled.
#[derive(Default)]
pub(super) struct Scale {
    moments: Moments,
    sample: Sample,
}

impl Scale {
    fn add(&mut self, value: f64) {
        // Fitting refuses infinite values, with their row.
        if value.is_finite() {
            self.moments.add(value);
            self.sample.add(value);
        }
    }

    fn steps(self) -> (Impute, Vec<Step>) {
        let mut sample = self.sample.kept;
        sample.sort_unstable_by(f64::total_cmp);
        let inner = |fraction: f64| {
            let place = inner_place(fraction, sample.len() as u64);
            sample.get(place as usize).copied().unwrap_or(0.0)
        };
        let spread = spread(inner(0.75) - inner(0.25), inner);
        if spread == 0.0 || self.moments.deviation() <= EXTREME * spread {
            return (Impute::Mean, vec![Step::Standardize]);
        }
        let clip = Step::Clip {
            low: Some(-CLIP),
            high: Some(CLIP),
        };
        (Impute::Median, vec![Step::Robust, clip])
    }
}
