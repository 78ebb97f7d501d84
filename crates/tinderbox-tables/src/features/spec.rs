use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Which columns become features and how, as a user writes it: in Rust, or as TOML.
///
/// ```
/// use tinderbox_tables::FeatureSpec;
///
/// # fn main() -> Result<(), tinderbox_data::DataError> {
/// let spec = FeatureSpec::from_toml(r#"
///     [target]
///     columns = ["price"]
///     transform = ["log"]
///
///     [[column]]
///     name = "area"
///     kind = "numeric"
///     impute = "median"
///     missing_indicator = true
///     steps = [{ clip = { low = 0.0 } }, "log1p", "standardize"]
///
///     [[column]]
///     name = "street"
///     kind = "category"
///     unseen = "rare"
///     rare_below = 10
///
///     [[column]]
///     name = "sold"
///     kind = "date"
///     parts = ["year", "month"]
///     steps = ["standardize"]
/// "#)?;
/// assert_eq!(spec.columns.len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FeatureSpec {
    /// A column with more different values than this is no category: fitting stops with an error.
    #[serde(default = "max_categories")]
    pub max_categories: usize,
    /// What is to be predicted; none for a table that is only transformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
    /// The columns that become features, in this order.
    #[serde(default, rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnSpec>,
    /// Columns that inference left out, and why; nothing is done with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
}

fn max_categories() -> usize {
    10_000
}

impl Default for FeatureSpec {
    fn default() -> Self {
        Self {
            max_categories: max_categories(),
            target: None,
            columns: Vec::new(),
            ignored: Vec::new(),
        }
    }
}

/// What becomes of one column, or of two that are crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnSpec {
    /// A column of numbers or booleans.
    Numeric(NumericSpec),
    /// A column of words, whole numbers or booleans that stand for categories.
    Category(CategorySpec),
    /// A column of days or moments.
    Date(DateSpec),
    /// The pairs of values of two category columns.
    Cross(CrossSpec),
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericSpec {
    /// Name of the column.
    pub name: String,
    /// What stands in for a missing value, before the steps.
    #[serde(default)]
    pub impute: Impute,
    /// Whether a second feature says, as 1 or 0, that the value was missing; it stays 0 where no
    /// training row had a missing one.
    #[serde(default)]
    pub missing_indicator: bool,
    /// What is done to the values, in this order; at most one of them scales.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A column of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategorySpec {
    /// Name of the column.
    pub name: String,
    /// How a category becomes numbers.
    #[serde(default)]
    pub encode: Encode,
    /// What becomes of a missing value.
    #[serde(default)]
    pub missing: Missing,
    /// What becomes of a category that the training rows do not have.
    #[serde(default)]
    pub unseen: Unseen,
    /// Categories with fewer training rows than this share one category.
    #[serde(default)]
    pub rare_below: usize,
    /// At most this many keep a category of their own, the most frequent ones; all others share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_most_frequent: Option<usize>,
}

/// The pairs of values of two category columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossSpec {
    /// Names of the two columns.
    pub columns: [String; 2],
    /// How a pair becomes numbers.
    #[serde(default)]
    pub encode: Encode,
    /// What becomes of a pair in which a value is missing.
    #[serde(default)]
    pub missing: Missing,
    /// What becomes of a pair that the training rows do not have.
    #[serde(default)]
    pub unseen: Unseen,
    /// Pairs with fewer training rows than this share one category.
    #[serde(default)]
    pub rare_below: usize,
    /// At most this many keep a category of their own, the most frequent ones; all others share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_most_frequent: Option<usize>,
}

/// A column of days or moments; moments with a time zone are taken in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateSpec {
    /// Name of the column.
    pub name: String,
    /// The numbers made of it, one feature each.
    pub parts: Vec<DatePart>,
    /// What stands in for a missing part, before the steps.
    #[serde(default)]
    pub impute: Impute,
    /// Whether another feature says, as 1 or 0, that the value was missing; it stays 0 where no
    /// training row had a missing one.
    #[serde(default)]
    pub missing_indicator: bool,
    /// What is done to every part, in this order; at most one of them scales.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A number made of a day or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DatePart {
    /// The year of the Gregorian calendar.
    Year,
    /// 1 to 12.
    Month,
    /// Day of the month, 1 to 31.
    Day,
    /// Day of the week, 1 (Monday) to 7 (Sunday), as in ISO 8601.
    Weekday,
    /// Day of the year, 1 to 366.
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// Days since 1970-01-01 with the time of day as a fraction.
    Days,
}

impl DatePart {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::DayOfYear => "day_of_year",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Days => "days",
        }
    }
}

/// What stands in for a missing number: a null, or a NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Impute {
    /// Nothing: a missing value is an error.
    #[default]
    Error,
    /// The mean of the training rows.
    Mean,
    /// The median of the training rows.
    Median,
    /// The most frequent value of the training rows, the smallest of several.
    MostFrequent,
    /// This number.
    Constant(f64),
}

/// Something done to a number. Statistics are those of the training rows where the value is present.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// `(x - mean) / standard deviation`, the latter with `n - 1` as in pandas.
    Standardize,
    /// To the range 0 to 1 on the training rows.
    MinMax,
    /// `(x - median) / (75 % quantile - 25 % quantile)`: outliers do not move it. Where the two are
    /// equal, quantiles further out are taken: 10 % and 90 %, then 1 % and 99 %.
    Robust,
    /// Values beyond an end become that end; an end may be left out.
    Clip {
        /// The least value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        low: Option<f64>,
        /// The greatest value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        high: Option<f64>,
    },
    /// `ln(1 + x)`, for values above -1.
    Log1p,
}

/// How a category becomes numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encode {
    /// A feature a category, 1 where the row has it.
    #[default]
    OneHot,
    /// One feature with the index of the category, for an embedding: 0 for a value that is missing
    /// or unseen, then the categories from 1, then the rare ones together.
    Ordinal,
}

/// What becomes of a missing category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// Being missing is a category of its own (for [`Encode::Ordinal`]: index 0). Where no training row
    /// had a missing value, it has no category.
    #[default]
    Category,
    /// It has no category: all zeros (for [`Encode::Ordinal`]: index 0).
    Zeros,
    /// It counts as the most frequent category of the training rows, the first of several.
    MostFrequent,
    /// It is an error.
    Error,
}

/// What becomes of a category that the training rows do not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unseen {
    /// It has no category: all zeros (for [`Encode::Ordinal`]: index 0).
    #[default]
    Zeros,
    /// It counts as a rare one; needs `rare_below` or `keep_most_frequent`. Where no training row had
    /// a rare one, it has no category.
    Rare,
    /// It is an error.
    Error,
}

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetSpec {
    /// Names of the columns; classification has exactly one.
    pub columns: Vec<String>,
    /// Whether numbers or classes are predicted.
    #[serde(default)]
    pub task: Task,
    /// What is done to the numbers, in this order; undone by `Features::invert_targets`.
    #[serde(default)]
    pub transform: Vec<TargetStep>,
}

impl TargetSpec {
    /// These columns, as they are.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>, task: Task) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            task,
            transform: Vec::new(),
        }
    }

    /// The steps in an order that can be fitted, as a specification has them.
    fn in_order(&self) -> String {
        let others = (self.transform.iter()).filter(|step| **step != TargetStep::Standardize);
        let names = others
            .chain([&TargetStep::Standardize])
            .map(|step| match step {
                TargetStep::Log => "\"log\"",
                TargetStep::Log1p => "\"log1p\"",
                TargetStep::Standardize => "\"standardize\"",
            });
        format!("[{}]", names.collect::<Vec<_>>().join(", "))
    }
}

/// Whether numbers or classes are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Numbers for numeric columns, classes for text and booleans.
    #[default]
    Auto,
    /// Numbers.
    Regression,
    /// One of several classes.
    Classification,
}

/// Something done to a target that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetStep {
    /// `ln(y)`, for values above 0.
    Log,
    /// `ln(1 + y)`, for values above -1.
    Log1p,
    /// `(y - mean) / standard deviation` of the training rows, after the steps before; the last step.
    Standardize,
}

/// A column that inference left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// Name of the column.
    pub name: String,
    /// Why it is no feature.
    pub reason: String,
}

impl FeatureSpec {
    /// A spec written as TOML.
    ///
    /// # Errors
    ///
    /// Text that is no spec: the message has the line, and the names that would be known there.
    pub fn from_toml(text: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| DataError::Spec {
            problem: error.to_string(),
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// A spec from a TOML file.
    ///
    /// # Errors
    /// A file that cannot be read, and what [`FeatureSpec::from_toml`] refuses.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DataError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text).map_err(|error| DataError::Format {
            path: path.to_owned(),
            problem: error.to_string(),
        })
    }

    /// The spec as TOML, which [`FeatureSpec::from_toml`] reads back.
    ///
    /// # Errors
    /// What TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| DataError::Spec {
            problem: error.to_string(),
        })
    }

    /// What can be told to be wrong before seeing any data.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |name: &str, problem: &str| {
            Err(DataError::Column {
                column: name.to_owned(),
                problem: problem.to_owned(),
            })
        };
        let steps = |name: &str, steps: &[Step], impute: Impute| {
            let scaling =
                |step: &&Step| matches!(step, Step::Standardize | Step::MinMax | Step::Robust);
            if steps.iter().filter(scaling).count() > 1 {
                return wrong(
                    name,
                    "has two scaling steps; use one of standardize, min_max and robust",
                );
            }
            let scaled = steps.iter().position(|step| scaling(&step));
            if scaled.is_some_and(|scaled| steps[scaled..].contains(&Step::Log1p)) {
                return wrong(
                    name,
                    "log1p comes after a scaling step, where it has no value below -1; put log1p first",
                );
            }
            for step in steps {
                if let Step::Clip { low, high } = *step {
                    let (low, high) = (
                        low.unwrap_or(f64::NEG_INFINITY),
                        high.unwrap_or(f64::INFINITY),
                    );
                    if low > high || low.is_nan() || high.is_nan() {
                        return wrong(name, "the low end of clip is above its high end");
                    }
                }
            }
            match impute {
                Impute::Constant(value) if !value.is_finite() => {
                    wrong(name, "the constant to impute must be a finite number")
                }
                _ => Ok(()),
            }
        };
        for column in &self.columns {
            match column {
                ColumnSpec::Numeric(spec) => steps(&spec.name, &spec.steps, spec.impute)?,
                ColumnSpec::Date(spec) if spec.parts.is_empty() => {
                    return wrong(
                        &spec.name,
                        "no parts are given; name some, such as year and month",
                    );
                }
                ColumnSpec::Date(spec) => steps(&spec.name, &spec.steps, spec.impute)?,
                ColumnSpec::Category(CategorySpec {
                    name,
                    unseen,
                    rare_below,
                    keep_most_frequent,
                    ..
                })
                | ColumnSpec::Cross(CrossSpec {
                    columns: [name, _],
                    unseen,
                    rare_below,
                    keep_most_frequent,
                    ..
                }) => {
                    if *unseen == Unseen::Rare && *rare_below == 0 && keep_most_frequent.is_none() {
                        return wrong(
                            name,
                            "unseen = \"rare\" needs rare_below or keep_most_frequent",
                        );
                    }
                    if *keep_most_frequent == Some(0) {
                        return wrong(name, "keep_most_frequent must be at least 1");
                    }
                }
            }
        }
        if let Some(target) = &self.target {
            let one = match target.task {
                Task::Classification => target.columns.len() == 1,
                _ => !target.columns.is_empty(),
            };
            if !one {
                return Err(DataError::Spec {
                    problem: "the target needs one column (several only for regression)".into(),
                });
            }
            if target.task == Task::Classification && !target.transform.is_empty() {
                return Err(DataError::Spec {
                    problem: "classes cannot be transformed; leave transform out or use task = \"regression\"".into(),
                });
            }
            let scaled =
                (target.transform.iter()).position(|step| *step == TargetStep::Standardize);
            if scaled.is_some_and(|scaled| scaled + 1 < target.transform.len()) {
                return Err(DataError::Spec {
                    problem: format!(
                        "standardize must be the last step of the target, once; write transform = {}",
                        target.in_order()
                    ),
                });
            }
            for column in &self.columns {
                if let Some(name) = column
                    .names()
                    .into_iter()
                    .find(|name| target.columns.iter().any(|target| target == name))
                {
                    return wrong(
                        name,
                        "is the target and a feature, so the model would see the answer; leave it out of the columns",
                    );
                }
            }
        }
        Ok(())
    }
}

impl ColumnSpec {
    /// The columns of the frame that this one is made of.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Numeric(spec) => vec![&spec.name],
            Self::Category(spec) => vec![&spec.name],
            Self::Date(spec) => vec![&spec.name],
            Self::Cross(spec) => spec.columns.iter().map(String::as_str).collect(),
        }
    }

    /// A numeric column: missing values become the mean, then all are standardized.
    pub fn numeric(name: impl Into<String>) -> Self {
        Self::Numeric(NumericSpec {
            name: name.into(),
            impute: Impute::Mean,
            missing_indicator: false,
            steps: vec![Step::Standardize],
        })
    }

    /// A one-hot column, with a feature for missing values and zeros for unseen ones.
    pub fn one_hot(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::OneHot,
            missing: Missing::Category,
            unseen: Unseen::Zeros,
            rare_below: 0,
            keep_most_frequent: None,
        })
    }

    /// A one-hot column of many categories: those with 5 training rows or more have a feature each,
    /// 4,000 of them at most; all others, and unseen ones, share one.
    pub fn one_hot_frequent(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::OneHot,
            missing: Missing::Category,
            unseen: Unseen::Rare,
            rare_below: 5,
            keep_most_frequent: Some(4000),
        })
    }

    /// An index for an embedding, 0 for missing and unseen values.
    pub fn ordinal(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::Ordinal,
            missing: Missing::Category,
            unseen: Unseen::Zeros,
            rare_below: 0,
            keep_most_frequent: None,
        })
    }
}
