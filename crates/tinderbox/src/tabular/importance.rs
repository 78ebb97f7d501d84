use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_data::DataError;
use tinderbox_tables::{Targets, take};

use super::predict::most_probable;
use super::{Predicted, Predictor, TabularError};

/// How much the predictions of a model depend on one column of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// By how much the error grows when the values of the column are shuffled, averaged over the repeats: root mean squared error in the units of the table, or share of wrong classes.
    pub error_rise: f64,
    /// The standard deviation over the repeats, with `n - 1`; 0 for one repeat.
    pub deviation: f64,
}

impl Importance {
    /// The default number of repeats, enough to estimate the standard deviation.
    pub const REPEATS: usize = 5;
}

/// Permutation importance of every input column (Breiman 2001), the largest first.
///
/// The column itself is shuffled and the rows are transformed again, so that all features of the column
/// change together: date parts, missing indicators, crosses with other columns. Each of the
/// `repeats` (1 at least) has its own permutation, drawn from `seed.child(column).at(repeat)`. Use
/// rows that the model was not trained on.
///
/// # Errors
/// A frame without the target, and those of [`Predictor::predict`].
pub fn permutation_importance(
    predictor: &Predictor,
    frame: &DataFrame,
    repeats: usize,
    seed: Seed,
) -> Result<Vec<Importance>, TabularError> {
    let features = predictor.features();
    let table = features.transform(frame)?;
    let truth = match table.targets {
        Targets::Values(values) => Targets::Values(features.invert_targets(&values)?),
        classes @ Targets::Classes(_) => classes,
        Targets::None => {
            return Err(TabularError::Data(DataError::TargetKind {
                found: "nothing",
                wanted: "what is predicted",
                advice: "give rows with the target column",
            }));
        }
    };
    let base = error(&predictor.predict(frame)?, &truth);
    let repeats = repeats.max(1);
    let mut importance: Vec<Importance> = Vec::new();
    for column in features.inputs() {
        let mut rises = Vec::with_capacity(repeats);
        for repeat in 0..repeats {
            let seed = seed.child(column).at(repeat as u64);
            let shuffled = shuffle(frame, column, seed)?;
            rises.push(error(&predictor.predict(&shuffled)?, &truth) - base);
        }
        let mean = rises.iter().sum::<f64>() / repeats as f64;
        let squares: f64 = rises.iter().map(|rise| (rise - mean).powi(2)).sum();
        importance.push(Importance {
            column: column.to_owned(),
            error_rise: mean,
            deviation: (squares / (repeats - 1).max(1) as f64).sqrt(),
        });
    }
    importance.sort_by(|a, b| b.error_rise.total_cmp(&a.error_rise));
    Ok(importance)
}

/// The frame with the values of one column in another order.
fn shuffle(frame: &DataFrame, column: &str, seed: Seed) -> Result<DataFrame, TabularError> {
    let polars = |source| DataError::Table {
        what: format!("cannot shuffle the column \"{column}\""),
        source: Box::new(source),
    };
    let order = seed.rng().permutation(frame.height());
    let alone = frame.select([column]).map_err(polars)?;
    let values = take(&alone, &order)?
        .column(column)
        .map_err(polars)?
        .clone();
    let mut shuffled = frame.clone();
    shuffled.with_column(values).map_err(polars)?;
    Ok(shuffled)
}

fn error(predicted: &Predicted, targets: &Targets) -> f64 {
    match (predicted, targets) {
        (Predicted::Numbers(values), Targets::Values(truth)) => {
            let pairs = values.as_slice().iter().zip(truth.as_slice());
            let squares = pairs.map(|(p, t)| (f64::from(*p) - f64::from(*t)).powi(2));
            (squares.sum::<f64>() / values.as_slice().len().max(1) as f64).sqrt()
        }
        (Predicted::Probabilities(values), Targets::Classes(truth)) => {
            let labels = truth.labels();
            let wrong = (0..values.rows())
                .filter(|&row| most_probable(values.row(row)) as i32 != labels[row]);
            wrong.count() as f64 / values.rows().max(1) as f64
        }
        // One target gives one kind of both.
        _ => f64::NAN,
    }
}
