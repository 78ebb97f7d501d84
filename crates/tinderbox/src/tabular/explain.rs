//! Why a row is predicted as it is: Shapley values (Štrumbelj and Kononenko 2014, "Explaining Prediction Models
//! and Individual Predictions with Feature Contributions").

use polars::prelude::{Column, DataFrame};
use tinderbox_core::Seed;
use tinderbox_data::DataError;
use tinderbox_tables::take;

use super::predict::most_probable;
use super::{Predictor, TabularError};

/// The number of orders of the columns that are drawn; each is used forwards and backwards.
const ORDERS: usize = 8;

/// The largest number of rows that a row is compared with.
const BACKGROUND: usize = 64;

/// What each column adds to the prediction for a row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// What is explained: the target, or the class of which the probability is.
    pub of: String,
    /// The mean prediction for the rows that the row is compared with.
    pub base: f64,
    /// The prediction for the row: the base and all contributions.
    pub predicted: f64,
    /// The contribution of each column, the largest first.
    pub contributions: Vec<(String, f64)>,
}

/// The contributions of the columns to the prediction for row `row` (from 0) of a frame, compared with up to 64
/// rows of the frame: how much the prediction changes when the column takes its value, averaged over the values
/// that the others have, in random orders.
///
/// Of several targets the first is explained; of classes the probability of the most probable one. The
/// contributions sum to the prediction minus the base. They are exact for a model that adds up its columns or
/// pairs of them, and a mean over 16 orders otherwise. All draws come from `seed`.
///
/// # Errors
/// A row that the frame does not have, and those of [`Predictor::predict`].
pub fn explain(
    predictor: &Predictor,
    frame: &DataFrame,
    row: usize,
    seed: Seed,
) -> Result<Explanation, TabularError> {
    let own = take(frame, &[row])?;
    let mut others = seed.child("rows").rng().permutation(frame.height());
    others.truncate(BACKGROUND);
    let background = take(frame, &others)?;
    let alone = predictor.predict(&own)?;
    let output = match predictor.features().classes() {
        Some(_) => most_probable(alone.values().row(0)),
        None => 0,
    };
    let of = match predictor.features().classes() {
        Some(classes) => classes[output].clone(),
        None => predictor.features().target_names()[0].to_owned(),
    };
    let value = |frame: &DataFrame| -> Result<f64, TabularError> {
        let predicted = predictor.predict(frame)?;
        let (values, rows) = (predicted.values(), frame.height());
        let sum: f64 = (0..rows)
            .map(|row| f64::from(values.row(row)[output]))
            .sum();
        Ok(sum / rows as f64)
    };
    let columns = predictor.inputs();
    let mut sums = vec![0.0; columns.len()];
    let base = value(&background)?;
    for order in 0..ORDERS {
        let draw = seed.child("order").at(order as u64);
        let forwards = draw.rng().permutation(columns.len());
        let backwards = forwards.iter().rev().copied().collect();
        for order in [forwards, backwards] {
            let (mut mixed, mut before) = (background.clone(), base);
            for place in order {
                set(&mut mixed, &own, columns[place])?;
                let after = value(&mixed)?;
                sums[place] += after - before;
                before = after;
            }
        }
    }
    let share = |(column, sum): (&&str, f64)| ((*column).to_owned(), sum / (2 * ORDERS) as f64);
    let mut contributions: Vec<(String, f64)> = columns.iter().zip(sums).map(share).collect();
    contributions.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    Ok(Explanation {
        of,
        base,
        predicted: alone.values().row(0)[output].into(),
        contributions,
    })
}

/// Gives every row of the frame the value that `own` has in this column.
pub(super) fn set(
    frame: &mut DataFrame,
    own: &DataFrame,
    column: &str,
) -> Result<(), TabularError> {
    let polars = |source| DataError::Table {
        what: format!("cannot set the column \"{column}\""),
        source: Box::new(source),
    };
    let value: Column = own.column(column).map_err(polars)?.clone();
    let repeated = value.new_from_index(0, frame.height());
    frame.with_column(repeated).map_err(polars)?;
    Ok(())
}
