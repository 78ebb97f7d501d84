//! Splits the rows of a frame by the values of a column.

use polars::prelude::{Column, DataFrame, DataType, IdxCa, IdxSize, PlHashMap};
use tinderbox_data::{DataError, Result, Strategy};

use crate::frames::polars;

/// The rows of a frame with these indices, in this order.
///
/// [`DataError::of_rows`] turns an error about a row of the result into one about the row of `frame`.
///
/// # Errors
/// An index beyond the last row.
pub fn take(frame: &DataFrame, rows: &[usize]) -> Result<DataFrame> {
    if let Some(row) = rows.iter().find(|row| **row >= frame.height()) {
        return Err(DataError::Split {
            problem: format!(
                "there is no row with the index {row} in a frame of {} rows",
                frame.height()
            ),
        });
    }
    let rows: Vec<IdxSize> = rows.iter().map(|&row| row as IdxSize).collect();
    frame
        .take(&IdxCa::from_vec("rows".into(), rows))
        .map_err(polars)
}

/// A split that has the same share of every value of this column in each part; missing values are a class.
///
/// # Errors
/// No such column, or a column of numbers with a fraction, which are not classes (as in scikit-learn).
pub fn stratified_by(frame: &DataFrame, column: &str) -> Result<Strategy> {
    let values = find(frame, column)?;
    if values.dtype().is_float() {
        let numbers = values.cast(&DataType::Float64).map_err(polars)?;
        let numbers = numbers.f64().map_err(polars)?;
        let mut present = numbers.iter().flatten().filter(|value| !value.is_nan());
        if let Some(value) = present.find(|value| value.fract() != 0.0) {
            return Err(DataError::Column {
                column: column.to_owned(),
                problem: format!(
                    "holds numbers such as {value}, which are not classes; use Strategy::Random, \
                     or a column that says which range a number lies in"
                ),
            });
        }
    }
    Ok(Strategy::Stratified(keys(values)?))
}

/// A split that keeps rows with the same value of this column together; missing values are a group.
///
/// # Errors
/// No such column.
pub fn grouped_by(frame: &DataFrame, column: &str) -> Result<Strategy> {
    Ok(Strategy::Grouped(keys(find(frame, column)?)?))
}

/// A split in the order of this column of dates, times or whole numbers.
///
/// # Errors
/// No such column, one of another type (text, categories, numbers with a fraction), or one with
/// missing values.
pub fn ordered_by(frame: &DataFrame, column: &str) -> Result<Strategy> {
    let values = find(frame, column)?;
    let wrong = |problem: String| DataError::Column {
        column: column.to_owned(),
        problem,
    };
    let dtype = values.dtype();
    if !dtype.is_temporal() && !dtype.is_integer() {
        let advice = match dtype {
            DataType::Float32 | DataType::Float64 => {
                "its fractions would be lost; round it to whole numbers, in a unit that is small \
                 enough, and cast it to an integer type"
            }
            _ => "it has no order in time; read it as dates, or give a column of whole numbers",
        };
        return Err(wrong(format!(
            "is of type {dtype}: {advice} (dates, times and whole numbers have an order in time)"
        )));
    }
    let values = values
        .to_physical_repr()
        .strict_cast(&DataType::Int64)
        .map_err(|error| {
            wrong(format!(
                "has numbers that are too large for a time ({error})"
            ))
        })?;
    let times = values.i64().map_err(polars)?;
    let times = times.iter().enumerate().map(|(row, value)| {
        value.ok_or_else(|| DataError::Value {
            column: column.to_owned(),
            row,
            problem: "the time is missing; leave such rows out of the table".into(),
        })
    });
    Ok(Strategy::Time(times.collect::<Result<_>>()?))
}

fn find<'a>(frame: &'a DataFrame, column: &str) -> Result<&'a Column> {
    frame.column(column).map_err(|_| {
        let names = frame.get_column_names();
        DataError::unknown(
            "column",
            column,
            names.into_iter().map(|name| name.as_str()),
        )
    })
}

/// A number for each row, equal for equal values; NaN is a missing value.
fn keys(column: &Column) -> Result<Vec<u64>> {
    let text = column.cast(&DataType::String).map_err(polars)?;
    let values = text.str().map_err(polars)?;
    let float = column.dtype().is_float();
    let mut known: PlHashMap<Option<&str>, u64> = PlHashMap::default();
    Ok(values
        .iter()
        .map(|value| {
            let value = value.filter(|value| !float || *value != "NaN");
            let next = known.len() as u64;
            *known.entry(value).or_insert(next)
        })
        .collect())
}
