//! The values of a column as numbers, categories or timestamps, whatever its type.

use polars::prelude::{
    ChunkFullNull, Column, DataType, Float64Chunked, Int64Chunked, StringChunked, TimeUnit,
};
use serde::{Deserialize, Serialize};

use crate::calendar::{DAY_MICROSECONDS, compact};
use crate::frames::polars;
use crate::read::unread_number;
use crate::{ColumnType, DataError, Result};

/// The values of a column as numbers: booleans are 0 and 1, decimals the nearest `f64`. NaN stays NaN.
pub(super) fn numbers(column: &Column, first_row: usize) -> Result<Float64Chunked> {
    let dtype = column.dtype();
    let numeric = dtype.is_numeric() || dtype.is_bool();
    if !numeric && column.null_count() < column.len() {
        if let Ok(text) = column.str() {
            return numbers_in_text(text, first_row);
        }
        return Err(unusable(column, "not numeric"));
    }
    if !numeric {
        return Ok(Float64Chunked::full_null(
            column.name().clone(),
            column.len(),
        ));
    }
    floats(column)
}

/// A column of text as numbers: numbers that are kept as text because they have more than 64 bits, or
/// because the type of the column was stated.
fn numbers_in_text(text: &StringChunked, first_row: usize) -> Result<Float64Chunked> {
    let mut numbers = Vec::with_capacity(text.len());
    for (row, value) in text.iter().enumerate() {
        let number = value.map(|value| {
            value.trim().parse::<f64>().map_err(|_| DataError::Value {
                column: text.name().to_string(),
                row: first_row + row,
                problem: format!(
                    "\"{value}\" is text in a numeric column{}; correct it, name it as a null value when reading, or use kind = \"category\"",
                    unread_number(value.trim()).map_or_else(String::new, |why| format!(" (it {why})"))
                ),
            })
        });
        numbers.push(number.transpose()?);
    }
    let numbers: Float64Chunked = numbers.into_iter().collect();
    Ok(numbers.with_name(text.name().clone()))
}

fn floats(column: &Column) -> Result<Float64Chunked> {
    let Some(decimals) = column.try_decimal() else {
        let column = column.cast(&DataType::Float64).map_err(polars)?;
        return Ok(column.f64().map_err(polars)?.clone());
    };
    // The cast of polars rounds twice.
    let scale = decimals.scale();
    let numbers = decimals.physical().iter();
    let numbers: Float64Chunked = numbers
        .map(|number| Some(decimal(number?, scale)))
        .collect();
    Ok(numbers.with_name(column.name().clone()))
}

/// The `f64` nearest to `number / 10^scale`.
fn decimal(number: i128, scale: usize) -> f64 {
    /// Whole numbers up to this, and powers of ten up to 10^22, are `f64` to the last digit.
    const EXACT: u128 = 1 << 53;
    if number.unsigned_abs() <= EXACT && scale <= 22 {
        return number as f64 / 10f64.powi(scale as i32);
    }
    // Rust parses to the nearest `f64`.
    format!("{number}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The error for a column of a type that cannot be used as requested.
fn unusable(column: &Column, what: &str) -> DataError {
    let dtype = column.dtype();
    let advice = match dtype.is_nested() {
        true => "make a column of each of its parts, or leave it out",
        false => "use another kind, cast it, or leave it out",
    };
    DataError::Column {
        column: column.name().to_string(),
        problem: format!("is of type {dtype}, which is {what}; {advice}"),
    }
}

/// The type of text tables that a polars type corresponds to, if there is one.
pub(super) fn column_type(dtype: &DataType) -> Option<ColumnType> {
    Some(match dtype {
        DataType::Boolean => ColumnType::Boolean,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => ColumnType::Text,
        DataType::Date => ColumnType::Date,
        DataType::Datetime(..) => ColumnType::Datetime,
        dtype if dtype.is_integer() => ColumnType::Integer,
        dtype if dtype.is_numeric() => ColumnType::Float,
        _ => return None,
    })
}

/// The type of the values of a category column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CategoryKind {
    Text,
    Integer,
    Boolean,
}

impl CategoryKind {
    pub fn plural(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "whole numbers",
            Self::Boolean => "booleans",
        }
    }
}

/// The values of a column as strings, and their type; it is `None` when all values are missing.
pub(super) fn categories(
    column: &Column,
    first_row: usize,
) -> Result<(Option<CategoryKind>, StringChunked)> {
    let missing = column.null_count() == column.len();
    let (kind, integers);
    let column = match column.dtype() {
        _ if missing => {
            let none = StringChunked::full_null(column.name().clone(), column.len());
            return Ok((None, none));
        }
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => {
            kind = CategoryKind::Text;
            column
        }
        DataType::Boolean => {
            kind = CategoryKind::Boolean;
            column
        }
        dtype if dtype.is_integer() => {
            kind = CategoryKind::Integer;
            column
        }
        dtype if dtype.is_numeric() => {
            integers = whole_numbers(column, first_row)?;
            if integers.null_count() == integers.len() {
                let none = StringChunked::full_null(column.name().clone(), column.len());
                return Ok((None, none));
            }
            kind = CategoryKind::Integer;
            &integers
        }
        _ => return Err(unusable(column, "no type of categories")),
    };
    let text = column.cast(&DataType::String).map_err(polars)?;
    Ok((Some(kind), text.str().map_err(polars)?.clone()))
}

/// The values of a column as texts; numbers and booleans are written out.
pub(super) fn texts(column: &Column) -> Result<StringChunked> {
    let dtype = column.dtype();
    let known = match dtype {
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) | DataType::Boolean => {
            true
        }
        dtype => dtype.is_numeric() || dtype.is_null(),
    };
    if !known {
        return Err(unusable(column, "no type of texts"));
    }
    let text = column.cast(&DataType::String).map_err(polars)?;
    Ok(text.str().map_err(polars)?.clone())
}

/// Integer codes that other tools wrote as floats because some are missing, or as decimals.
fn whole_numbers(column: &Column, first_row: usize) -> Result<Column> {
    let mut whole = Vec::with_capacity(column.len());
    for (row, value) in floats(column)?.iter().enumerate() {
        whole.push(match value {
            Some(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            Some(value) if !value.is_nan() => {
                return Err(DataError::Value {
                    column: column.name().to_string(),
                    row: first_row + row,
                    problem: format!("{value} is not a category; use kind = \"numeric\""),
                });
            }
            _ => None,
        });
    }
    let mut integers: Int64Chunked = whole.into_iter().collect();
    integers.rename(column.name().clone());
    Ok(Column::from(polars::prelude::IntoSeries::into_series(
        integers,
    )))
}

/// The values of a date column, in microseconds since 1970-01-01.
///
/// Whole numbers are dates written as `20010131`.
pub(super) fn timestamps(column: &Column, first_row: usize) -> Result<Int64Chunked> {
    let (multiply, divide) = match column.dtype() {
        DataType::Date => (DAY_MICROSECONDS, 1),
        DataType::Datetime(TimeUnit::Milliseconds, _) => (1_000, 1),
        DataType::Datetime(TimeUnit::Microseconds, _) => (1, 1),
        DataType::Datetime(TimeUnit::Nanoseconds, _) => (1, 1_000),
        _ if column.null_count() == column.len() => {
            return Ok(Int64Chunked::full_null(column.name().clone(), column.len()));
        }
        dtype if dtype.is_integer() => return compact_dates(column, first_row),
        dtype => {
            return Err(DataError::Column {
                column: column.name().to_string(),
                problem: format!(
                    "is of type {dtype}, not a date; state its type when reading (--column-type \"{}=date\"), cast it, or leave it out",
                    column.name()
                ),
            });
        }
    };
    let physical = column
        .to_physical_repr()
        .cast(&DataType::Int64)
        .map_err(polars)?;
    let physical = physical.i64().map_err(polars)?;
    Ok(physical
        .iter()
        .map(|value| Some(value?.saturating_mul(multiply).div_euclid(divide)))
        .collect())
}

/// Whole numbers such as `20010131` as timestamps.
fn compact_dates(column: &Column, first_row: usize) -> Result<Int64Chunked> {
    let numbers = column.cast(&DataType::Int64).map_err(polars)?;
    let mut timestamps = Vec::with_capacity(column.len());
    for (row, number) in numbers.i64().map_err(polars)?.iter().enumerate() {
        let timestamp = number.map(|number| match compact(number) {
            Some(day) => Ok(day * DAY_MICROSECONDS),
            None => Err(DataError::Value {
                column: column.name().to_string(),
                row: first_row + row,
                problem: format!(
                    "{number} is not a date; whole numbers are dates if they are written as 20010131"
                ),
            }),
        });
        timestamps.push(timestamp.transpose()?);
    }
    let timestamps: Int64Chunked = timestamps.into_iter().collect();
    Ok(timestamps.with_name(column.name().clone()))
}

/// A number that is not missing; NaN is a missing value.
pub(super) fn present(value: Option<f64>) -> Option<f64> {
    value.filter(|value| !value.is_nan())
}
