//! The past of a series as features: values of earlier rows, and means over windows of them.

use polars::prelude::{Column, DataFrame, DataType};
use serde::{Deserialize, Serialize};
use tinderbox_data::{DataError, Result, Strategy};

use crate::frames::polars;
use crate::ordered_by;

/// Which past values of a table that is ordered by time become columns.
///
/// Row by row only earlier rows are looked at: what is predicted never is among its own features.
///
/// ```
/// use polars::prelude::df;
/// use tinderbox_tables::Lags;
///
/// let frame = df!("day" => [3i64, 1, 2], "sold" => [9.0, 5.0, 7.0])?;
/// let lags = Lags::new("day", ["sold"]).steps([1]).windows([2]);
/// let with_past = lags.add(&frame)?;
/// // Of the days 3, 1, 2: the day before, and the mean of the two days before.
/// assert_eq!(with_past.column("sold_lag_1")?.f64()?.to_vec(), [Some(7.0), None, Some(5.0)]);
/// assert_eq!(with_past.column("sold_mean_2")?.f64()?.to_vec(), [Some(6.0), None, Some(5.0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lags {
    time: String,
    columns: Vec<String>,
    steps: Vec<usize>,
    windows: Vec<usize>,
}

impl Lags {
    /// The past of columns of numbers, in the order of the column `time` (dates, times or whole numbers, each once);
    /// without steps and windows nothing is added.
    pub fn new(
        time: impl Into<String>,
        columns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            time: time.into(),
            columns: columns.into_iter().map(Into::into).collect(),
            steps: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// The values so many rows before become the columns `NAME_lag_STEP`.
    pub fn steps(mut self, steps: impl Into<Vec<usize>>) -> Self {
        self.steps = steps.into();
        self
    }

    /// The means of so many rows before (of fewer at the start, and without missing values) become the columns
    /// `NAME_mean_ROWS`.
    pub fn windows(mut self, windows: impl Into<Vec<usize>>) -> Self {
        self.windows = windows.into();
        self
    }

    /// The names of the new columns.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in &self.columns {
            names.extend(self.steps.iter().map(|step| format!("{name}_lag_{step}")));
            names.extend(
                self.windows
                    .iter()
                    .map(|window| format!("{name}_mean_{window}")),
            );
        }
        names
    }

    /// The frame with these columns, its rows in their own order.
    ///
    /// # Errors
    /// A step or window of 0 rows, a column that is absent or holds no numbers, one that has the name of a new one, a
    /// time that is missing or occurs twice.
    pub fn add(&self, frame: &DataFrame) -> Result<DataFrame> {
        if self.steps.contains(&0) || self.windows.contains(&0) {
            return Err(DataError::Spec {
                problem:
                    "a lag or window of 0 rows: the row itself is not its past; 1 is the row before"
                        .into(),
            });
        }
        let order = self.order(frame)?;
        let mut extended = frame.clone();
        for name in &self.columns {
            let past = numbers(frame, name)?;
            let sorted: Vec<Option<f64>> = order.iter().map(|&row| past[row]).collect();
            for &step in &self.steps {
                let of = |place: usize| sorted[place.checked_sub(step)?];
                put(&mut extended, format!("{name}_lag_{step}"), &order, of)?;
            }
            for &window in &self.windows {
                let of = |place: usize| mean(&sorted[place.saturating_sub(window)..place]);
                put(&mut extended, format!("{name}_mean_{window}"), &order, of)?;
            }
        }
        Ok(extended)
    }

    /// The rows, the earliest first.
    fn order(&self, frame: &DataFrame) -> Result<Vec<usize>> {
        let Strategy::Time(times) = ordered_by(frame, &self.time)? else {
            return Ok((0..frame.height()).collect());
        };
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by_key(|&row| times[row]);
        if let Some(twice) = order
            .windows(2)
            .find(|pair| times[pair[0]] == times[pair[1]])
        {
            return Err(DataError::Value {
                column: self.time.clone(),
                row: twice[1],
                problem: format!(
                    "it has the time of row {} too; a series has one row for each time",
                    twice[0] + 1
                ),
            });
        }
        Ok(order)
    }
}

/// The numbers of a column.
fn numbers(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>> {
    let column = frame.column(name).map_err(|_| {
        let names = frame.get_column_names();
        DataError::unknown("column", name, names.into_iter().map(|name| name.as_str()))
    })?;
    if !column.dtype().is_primitive_numeric() {
        return Err(DataError::Column {
            column: name.to_owned(),
            problem: format!(
                "is of type {}; the past of numbers can be used",
                column.dtype()
            ),
        });
    }
    let column = column.cast(&DataType::Float64).map_err(polars)?;
    let known = column.f64().map_err(polars)?.iter();
    Ok(known
        .map(|value| value.filter(|value| !value.is_nan()))
        .collect())
}

fn mean(past: &[Option<f64>]) -> Option<f64> {
    let known = past.iter().flatten();
    let count = known.clone().count();
    (count > 0).then(|| known.sum::<f64>() / count as f64)
}

/// Adds a column whose value at the place `p` of the order is `of(p)`.
fn put(
    frame: &mut DataFrame,
    name: String,
    order: &[usize],
    of: impl Fn(usize) -> Option<f64>,
) -> Result<()> {
    if frame.column(&name).is_ok() {
        return Err(DataError::Column {
            column: name,
            problem: "is in the table already; rename it, as its name is that of a lag".into(),
        });
    }
    let mut values = vec![None; order.len()];
    for (place, &row) in order.iter().enumerate() {
        values[row] = of(place);
    }
    frame
        .with_column(Column::new(name.into(), values))
        .map_err(polars)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    fn lags() -> Lags {
        Lags::new("t", ["y"]).steps([1, 3]).windows([2])
    }

    #[test]
    fn features_of_a_row_do_not_depend_on_it_or_on_later_rows() {
        let times: Vec<i64> = (0..40).map(|row| (row * 7) % 40).collect();
        let values: Vec<f64> = (0..40).map(|row| f64::from(row * row % 23)).collect();
        let frame = df!("t" => &times, "y" => &values).unwrap();
        let before = lags().add(&frame).unwrap();
        for now in [0, 1, 17, 39] {
            let changed = times.iter().zip(&values);
            let changed = changed.map(|(&time, &value)| if time >= now { -1e6 } else { value });
            let changed: Vec<f64> = changed.collect();
            let after = df!("t" => &times, "y" => changed).unwrap();
            let after = lags().add(&after).unwrap();
            for name in ["y_lag_1", "y_lag_3", "y_mean_2"] {
                let of = |frame: &DataFrame| frame.column(name).unwrap().f64().unwrap().to_vec();
                let (before, after) = (of(&before), of(&after));
                for row in (0..40).filter(|&row| times[row] <= now) {
                    assert_eq!(before[row], after[row], "{name} at {}", times[row]);
                }
            }
        }
    }

    #[test]
    fn series_that_have_no_past_are_refused() {
        let message = |lags: Lags, frame: DataFrame| lags.add(&frame).unwrap_err().to_string();
        let frame =
            || df!("t" => [1i64, 2, 2], "y" => [1.0, 2.0, 3.0], "s" => ["a", "b", "c"]).unwrap();
        let twice = message(lags(), frame());
        assert!(
            twice.contains("row 3") && twice.contains("row 2 too"),
            "{twice}"
        );
        let missing = df!("t" => [Some(1i64), None], "y" => [1.0, 2.0]).unwrap();
        assert!(message(lags(), missing).contains("the time is missing"));
        let fine = || df!("t" => [1i64, 2], "y" => [1.0, 2.0], "s" => ["a", "b"]).unwrap();
        assert!(message(Lags::new("t", ["s"]).steps([1]), fine()).contains("\"s\""));
        assert!(message(Lags::new("t", ["z"]).steps([1]), fine()).contains("z"));
        assert!(message(lags().windows([0]), fine()).contains("1 is the row before"));
        let again = lags().add(&fine()).unwrap();
        assert!(message(lags(), again).contains("in the table already"));
    }
}
