use polars::prelude::{Column, DataFrame, DataType, PlHashMap, PlHashSet};

use super::cannot;
use crate::frames::polars;
use crate::{DataError, Result};

/// What decides which rows may be apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Every row for itself, drawn at random.
    Random,
    /// At random within each class, with the same share of every class in each part; a class label a
    /// row.
    ///
    /// A class with fewer rows than there are parts cannot be spread: all its rows are for training.
    /// [`Strategy::small_classes`] says which ones those are.
    Stratified(Vec<u64>),
    /// Rows of one group stay together, as photographs of one patient must; a group a row.
    ///
    /// Groups are drawn at random; the size of a part differs from its share by the rows of the
    /// largest group at most.
    Grouped(Vec<u64>),
    /// The past for training, the future for validation; a time a row. Rows of one moment stay
    /// together, nothing is drawn.
    Time(Vec<i64>),
    /// The rows as they stand, cut into consecutive blocks; nothing is drawn.
    Consecutive,
}

impl Strategy {
    /// The same share of every value of this column in each part; missing values are a class.
    ///
    /// # Errors
    /// No such column, or one of numbers with a fraction, which are no classes (scikit-learn refuses
    /// them too).
    pub fn stratified(frame: &DataFrame, column: &str) -> Result<Self> {
        let values = find(frame, column)?;
        if values.dtype().is_float() {
            let numbers = values.cast(&DataType::Float64).map_err(polars)?;
            let numbers = numbers.f64().map_err(polars)?;
            let mut present = numbers.iter().flatten().filter(|value| !value.is_nan());
            if let Some(value) = present.find(|value| value.fract() != 0.0) {
                return Err(DataError::Column {
                    column: column.to_owned(),
                    problem: format!(
                        "holds numbers such as {value}, which are no classes; use Strategy::Random, \
                         or a column that says which range a number lies in"
                    ),
                });
            }
        }
        Ok(Self::Stratified(keys(values)?))
    }

    /// Rows with the same value of this column stay together; missing values are a group.
    ///
    /// # Errors
    /// No such column.
    pub fn grouped(frame: &DataFrame, column: &str) -> Result<Self> {
        Ok(Self::Grouped(keys(find(frame, column)?)?))
    }

    /// In the order of this column of dates, moments or whole numbers.
    ///
    /// # Errors
    /// No such column, one of another type (text, categories, numbers with a fraction), or one with
    /// missing values.
    pub fn time(frame: &DataFrame, column: &str) -> Result<Self> {
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
                "is of type {dtype}: {advice} (dates, moments and whole numbers have an order in time)"
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
        Ok(Self::Time(times.collect::<Result<_>>()?))
    }

    /// The rows of every class with fewer rows than there are parts, a list for each class in the
    /// order of its first row; of [`Strategy::Stratified`] only.
    ///
    /// [`split`](super::split) leaves them all in the first part, which is for training. For
    /// [`k_fold`](super::k_fold) ask with 2 parts: a class of one row is never validated on.
    pub fn small_classes(&self, parts: usize) -> Vec<Vec<usize>> {
        let Self::Stratified(classes) = self else {
            return Vec::new();
        };
        let mut members = members(classes);
        members.retain(|rows| rows.len() < parts);
        members
    }

    pub(super) fn check(&self, rows: usize) -> Result<()> {
        let keys = match self {
            Self::Stratified(keys) | Self::Grouped(keys) => keys.len(),
            Self::Time(times) => times.len(),
            Self::Random | Self::Consecutive => rows,
        };
        match keys == rows {
            true => Ok(()),
            false => Err(cannot(format!(
                "{keys} classes, groups or times are given for {rows} rows"
            ))),
        }
    }

    /// How many classes, groups, moments or single rows there are.
    pub(super) fn blocks(&self, rows: usize) -> usize {
        match self {
            Self::Stratified(keys) | Self::Grouped(keys) => {
                keys.iter().collect::<PlHashSet<_>>().len()
            }
            Self::Time(times) => times.iter().collect::<PlHashSet<_>>().len(),
            Self::Random | Self::Consecutive => rows,
        }
    }
}

/// The rows of every key, in the order of their first row.
pub(super) fn members(keys: &[u64]) -> Vec<Vec<usize>> {
    let mut places: PlHashMap<u64, usize> = PlHashMap::default();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, key) in keys.iter().enumerate() {
        let place = *places.entry(*key).or_insert(members.len());
        match members.get_mut(place) {
            Some(rows) => rows.push(row),
            None => members.push(vec![row]),
        }
    }
    members
}

fn find<'a>(frame: &'a DataFrame, column: &str) -> Result<&'a Column> {
    frame.column(column).map_err(|_| {
        let names = frame.get_column_names();
        crate::nearest::unknown(
            "column",
            column,
            names.into_iter().map(|name| name.as_str()),
        )
    })
}

/// A number a row that is the same where the values are the same; NaN is a missing value.
fn keys(column: &Column) -> Result<Vec<u64>> {
    let text = column.cast(&DataType::String).map_err(polars)?;
    let words = text.str().map_err(polars)?;
    let float = column.dtype().is_float();
    let mut known: PlHashMap<Option<&str>, u64> = PlHashMap::default();
    Ok(words
        .iter()
        .map(|word| {
            let word = word.filter(|word| !float || *word != "NaN");
            let next = known.len() as u64;
            *known.entry(word).or_insert(next)
        })
        .collect())
}
