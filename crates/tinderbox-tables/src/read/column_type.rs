//! The types of columns of text tables.

use std::str::FromStr;

use polars::prelude::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// The type of a column of a text table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers of 64 bits.
    Float,
    /// `true` and `false`, in upper or lower case.
    Boolean,
    /// Text, unchanged.
    Text,
    /// Dates: `2001-01-31`, `2001/01/31`, `31.01.2001`, `31/01/2001` or `01/31/2001`, `31-Jan-2001`,
    /// `31 January 2001`, `Jan 31, 2001`.
    ///
    /// Years of two digits, in `31.01.01`, `1/31/01` and `31-Jan-01`, are 1969 to 2068. `20010131` is a
    /// date if the type is stated, or the name of the column says so (`date`, `datum`, `day`, `ymd`).
    Date,
    /// Dates with a time: a date, a blank or `T`, and `23:59`, `23:59:59` or `23:59:59.25`; then nothing,
    /// AM or PM, `Z` or an offset such as `+01:00`, which gives the time in UTC.
    Datetime,
}

impl ColumnType {
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::String,
            Self::Date => DataType::Date,
            Self::Datetime => DataType::Datetime(TimeUnit::Microseconds, None),
        }
    }

    /// The type that corresponds to a polars type, if there is one.
    pub(super) fn of(dtype: &DataType) -> Option<Self> {
        Some(match dtype {
            dtype if dtype.is_integer() => Self::Integer,
            dtype if dtype.is_float() || matches!(dtype, DataType::Decimal(..)) => Self::Float,
            DataType::Boolean => Self::Boolean,
            DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Self::Text,
            DataType::Date => Self::Date,
            DataType::Datetime(..) => Self::Datetime,
            _ => return None,
        })
    }

    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Boolean => "true or false",
            Self::Text => "text",
            Self::Date => "a date such as 2001-01-31",
            Self::Datetime => "a date with a time such as 2001-01-31 23:59:59",
        }
    }
}

impl FromStr for ColumnType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "integer" => Self::Integer,
            "float" => Self::Float,
            "boolean" => Self::Boolean,
            "text" => Self::Text,
            "date" => Self::Date,
            "datetime" => Self::Datetime,
            _ => {
                return Err(format!(
                    "{text:?}: use integer, float, boolean, text, date or datetime"
                ));
            }
        })
    }
}
