//! The steps for the values of a column.

use serde::{Deserialize, Serialize};

/// A part of a date that becomes a feature.
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
    pub(in crate::features) fn name(self) -> &'static str {
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

/// What replaces a missing number (a null or NaN).
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

/// A transform of a number. Statistics are those of the training rows whose value is present.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// `(x - mean) / standard deviation`, the latter with `n - 1` as in pandas.
    Standardize,
    /// Scales to the range 0 to 1 of the training rows.
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
    /// `x / √(1 + (x / 3)²)`: about `x` near 0, and between -3 and 3 everywhere (Holzmüller et al. 2024);
    /// after a step that scales.
    SmoothClip,
}

/// How a category is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encode {
    /// A feature for each category, 1 where the row has it.
    #[default]
    OneHot,
    /// One feature with the index of the category, for an embedding: 0 for a missing or unseen value,
    /// the categories from 1, and one index for all rare ones.
    Ordinal,
}

/// How a missing category is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// As a category of its own (for [`Encode::Ordinal`]: index 0). If no training row had a missing
    /// value, as all zeros.
    #[default]
    Category,
    /// As all zeros (for [`Encode::Ordinal`]: index 0).
    Zeros,
    /// As the most frequent category of the training rows, the first of several.
    MostFrequent,
    /// It is an error.
    Error,
}

/// How a category that no training row has is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unseen {
    /// As all zeros (for [`Encode::Ordinal`]: index 0).
    #[default]
    Zeros,
    /// As a rare category; needs `rare_below` or `keep_most_frequent`. If no training row had a rare
    /// category, as all zeros.
    Rare,
    /// It is an error.
    Error,
}
