//! How predictions depend on a column: partial dependence (Friedman 2001, "Greedy Function Approximation: A Gradient
//! Boosting Machine", section 8.2).

use polars::prelude::{DataFrame, DataType};
use tinderbox_core::Seed;
use tinderbox_data::DataError;
use tinderbox_tables::take;

use super::explain::set;
use super::{Predictor, TabularError};

/// The largest number of rows whose predictions are averaged.
const ROWS: usize = 500;

/// The mean prediction for each of several values of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartialDependence {
    /// The column.
    pub column: String,
    /// What is predicted: the targets, or the classes of which the probabilities are.
    pub of: Vec<String>,
    /// Values of the column, and the mean predictions with them; numbers in order, categories by frequency.
    pub points: Vec<(String, Vec<f64>)>,
}

/// The mean prediction over up to 500 rows of a frame, if all of them had the same value in a column, for up to
/// `points` values that the frame has: quantiles of numbers and times, the most frequent of other values.
///
/// It shows the effect of the column alone if the column does not depend on the others; where it does, it
/// averages over rows that cannot be. The rows are drawn from `seed`.
///
/// # Errors
/// A column that the model does not use, or without a value; those of [`Predictor::predict`].
pub fn partial_dependence(
    predictor: &Predictor,
    frame: &DataFrame,
    column: &str,
    points: usize,
    seed: Seed,
) -> Result<PartialDependence, TabularError> {
    let inputs = predictor.inputs();
    if !inputs.contains(&column) {
        let unknown = DataError::unknown("column", column, inputs);
        return Err(TabularError::Data(unknown));
    }
    let rows = representatives(frame, column, points.max(1))?;
    let mut order = seed.child("rows").rng().permutation(frame.height());
    order.truncate(ROWS);
    let background = take(frame, &order)?;
    let features = predictor.features();
    let of = match features.classes() {
        Some(classes) => classes.to_vec(),
        None => features
            .target_names()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let own = take(frame, &[row])?;
        let mut mixed = background.clone();
        set(&mut mixed, &own, column)?;
        let predicted = predictor.predict(&mixed)?;
        let values = predicted.values();
        let mean = |place: usize| {
            let all = (0..values.rows()).map(|row| f64::from(values.row(row)[place]));
            all.sum::<f64>() / values.rows() as f64
        };
        let shown = own.column(column).map_err(|error| polars(column, error))?;
        let shown = shown.get(0).map_err(|error| polars(column, error))?;
        let means = (0..of.len()).map(mean).collect();
        found.push((shown.str_value().into_owned(), means));
    }
    Ok(PartialDependence {
        column: column.to_owned(),
        of,
        points: found,
    })
}

fn polars(column: &str, source: polars::prelude::PolarsError) -> DataError {
    DataError::Table {
        what: format!("cannot read the column \"{column}\""),
        source: Box::new(source),
    }
}

/// Rows with different values of the column, at most `points`.
fn representatives(
    frame: &DataFrame,
    column: &str,
    points: usize,
) -> Result<Vec<usize>, TabularError> {
    let values = frame
        .column(column)
        .map_err(|error| polars(column, error))?;
    let dtype = values.dtype();
    let rows = if dtype.is_primitive_numeric() || dtype.is_temporal() {
        let numbers = values.to_physical_repr().cast(&DataType::Float64);
        let numbers = numbers.map_err(|error| polars(column, error))?;
        let numbers = numbers.f64().map_err(|error| polars(column, error))?;
        let known = numbers.iter().enumerate();
        let known = known.filter_map(|(row, value)| Some((value.filter(|x| !x.is_nan())?, row)));
        let mut known: Vec<(f64, usize)> = known.collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = known.len().saturating_sub(1) as f64;
        let steps = points.saturating_sub(1).max(1) as f64;
        let quantile = |point: usize| (last * point as f64 / steps).round() as usize;
        let mut chosen: Vec<(f64, usize)> = (0..points)
            .filter_map(|point| known.get(quantile(point)).copied())
            .collect();
        chosen.dedup_by(|a, b| a.0 == b.0);
        chosen.into_iter().map(|(_, row)| row).collect()
    } else {
        let text = values.cast(&DataType::String);
        let text = text.map_err(|error| polars(column, error))?;
        let text = text.str().map_err(|error| polars(column, error))?;
        // The rows of a value and the first of them.
        let mut counts: std::collections::BTreeMap<&str, (usize, usize)> = Default::default();
        for (row, value) in text.iter().enumerate() {
            if let Some(value) = value {
                counts.entry(value).or_insert((0, row)).0 += 1;
            }
        }
        let mut counts: Vec<(usize, usize)> = counts.into_values().collect();
        counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        counts
            .into_iter()
            .take(points)
            .map(|(_, row)| row)
            .collect::<Vec<_>>()
    };
    if rows.is_empty() {
        return Err(TabularError::Data(DataError::Column {
            column: column.to_owned(),
            problem: "has no value; give a table with values in it".into(),
        }));
    }
    Ok(rows)
}
