use polars::prelude::{
    ChunkFullNull, Column, DataFrame, DataType, Float64Chunked, Int64Chunked, LazyFrame, Schema,
    StringChunked, TimeUnit, col,
};
use serde::{Deserialize, Serialize};

use crate::frames::{FrameParts, polars, schema};
use crate::{ColumnType, DataError, Result};

/// Rows of a frame that are looked at together.
const PART: usize = 1 << 16;

/// A table that features are fitted on or made from: a `DataFrame`, or a `LazyFrame`, which is
/// read part by part and may be larger than memory.
pub trait Frame {
    /// Names and types of the columns.
    fn columns(&self) -> Result<Schema>;

    /// Calls `each` with the rows of these columns in their order, part by part.
    fn for_each_part(
        &self,
        columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()>;
}

impl Frame for DataFrame {
    fn columns(&self) -> Result<Schema> {
        Ok(self.schema().as_ref().clone())
    }

    fn for_each_part(
        &self,
        _columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()> {
        each(self)
    }
}

impl Frame for LazyFrame {
    fn columns(&self) -> Result<Schema> {
        schema(self)
    }

    fn for_each_part(
        &self,
        columns: &[String],
        each: &mut dyn FnMut(&DataFrame) -> Result<()>,
    ) -> Result<()> {
        for part in FrameParts::new(select(self.clone(), columns), PART)? {
            each(&part?)?;
        }
        Ok(())
    }
}

/// These columns only, each once.
pub(crate) fn select(frame: LazyFrame, columns: &[String]) -> LazyFrame {
    let mut once: Vec<&String> = Vec::new();
    for column in columns {
        if !once.contains(&column) {
            once.push(column);
        }
    }
    frame.select(once.into_iter().map(col).collect::<Vec<_>>())
}

/// An error with the nearest names, unless all these columns are there.
pub(super) fn require<'a>(schema: &Schema, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    match names.into_iter().find(|name| !schema.contains(name)) {
        Some(name) => Err(DataError::unknown(
            "column",
            name,
            schema.iter_names().map(|name| name.as_str()),
        )),
        None => Ok(()),
    }
}

/// The column with this name.
pub(super) fn find<'a>(frame: &'a DataFrame, name: &str) -> Result<&'a Column> {
    frame.column(name).map_err(|_| {
        DataError::unknown(
            "column",
            name,
            frame
                .get_column_names()
                .into_iter()
                .map(|name| name.as_str()),
        )
    })
}

/// A column as numbers: booleans are 0 and 1, decimals the nearest number. NaN stays what it is.
pub(super) fn numbers(column: &Column, first_row: usize) -> Result<Float64Chunked> {
    let dtype = column.dtype();
    let numeric = dtype.is_numeric() || dtype.is_bool();
    if !numeric && column.null_count() < column.len() {
        if let Ok(text) = column.str() {
            let words = || (text.iter().enumerate()).filter_map(|(row, value)| Some((row, value?)));
            // The mistake is rather the one word than the numbers that became text with it.
            let word = words().find(|(_, value)| value.trim().parse::<f64>().is_err());
            let (row, value) = word.or_else(|| words().next()).unwrap_or((0, ""));
            return Err(DataError::Value {
                column: column.name().to_string(),
                row: first_row + row,
                problem: format!(
                    "\"{value}\" is text in a numeric column; correct it, name it as a null value when reading, or use kind = \"category\""
                ),
            });
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

fn floats(column: &Column) -> Result<Float64Chunked> {
    let Some(decimals) = column.try_decimal() else {
        let column = column.cast(&DataType::Float64).map_err(polars)?;
        return Ok(column.f64().map_err(polars)?.clone());
    };
    // Not by polars' cast, which rounds twice.
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
    // Rust reads to the nearest; what it wrote is a number.
    format!("{number}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The error for a column of a type that cannot be used as asked.
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

/// The type of text tables that is this one, if there is one.
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

/// What the categories of a column are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WordKind {
    Text,
    Integer,
    Boolean,
}

impl WordKind {
    pub fn plural(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "whole numbers",
            Self::Boolean => "booleans",
        }
    }
}

/// A column as words, and what they are words for; that is unknown when all are missing.
pub(super) fn words(
    column: &Column,
    first_row: usize,
) -> Result<(Option<WordKind>, StringChunked)> {
    let missing = column.null_count() == column.len();
    let (kind, integers);
    let column = match column.dtype() {
        _ if missing => {
            let none = StringChunked::full_null(column.name().clone(), column.len());
            return Ok((None, none));
        }
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => {
            kind = WordKind::Text;
            column
        }
        DataType::Boolean => {
            kind = WordKind::Boolean;
            column
        }
        dtype if dtype.is_integer() => {
            kind = WordKind::Integer;
            column
        }
        dtype if dtype.is_numeric() => {
            integers = whole_numbers(column, first_row)?;
            if integers.null_count() == integers.len() {
                let none = StringChunked::full_null(column.name().clone(), column.len());
                return Ok((None, none));
            }
            kind = WordKind::Integer;
            &integers
        }
        _ => return Err(unusable(column, "no type of categories")),
    };
    let text = column.cast(&DataType::String).map_err(polars)?;
    Ok((Some(kind), text.str().map_err(polars)?.clone()))
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
                    problem: format!("{value} is no category; use kind = \"numeric\""),
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

/// A column as moments, in microseconds since 1970-01-01.
pub(super) fn moments(column: &Column) -> Result<Int64Chunked> {
    let (multiply, divide) = match column.dtype() {
        DataType::Date => (86_400_000_000, 1),
        DataType::Datetime(TimeUnit::Milliseconds, _) => (1_000, 1),
        DataType::Datetime(TimeUnit::Microseconds, _) => (1, 1),
        DataType::Datetime(TimeUnit::Nanoseconds, _) => (1, 1_000),
        _ if column.null_count() == column.len() => {
            return Ok(Int64Chunked::full_null(column.name().clone(), column.len()));
        }
        dtype => {
            return Err(DataError::Column {
                column: column.name().to_string(),
                problem: format!(
                    "is of type {dtype}, not a date; days are read from text such as 2001-01-31, other forms need a cast, or leave it out"
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
