use tinderbox_core::Seed;
use tinderbox_data::{Targets, Values};

use super::predict::most_probable;
use super::{Predicted, Predictor, TabularError};

/// How much a model leans on one column of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// By how much the error grows when its values are shuffled among the rows: root mean squared
    /// error in the units of the target, or share of wrong classes.
    pub error_rise: f64,
}

/// Permutation importance of every input column (Breiman 2001), the largest first.
///
/// All features made of a column are shuffled together, once, by a permutation drawn from
/// `seed.child(column)`. Use rows that the model was not trained on. Classes may come as
/// [`Targets::Classes`], numbers as [`Targets::Values`] in the units of the table.
///
/// # Errors
/// Rows of another width than the model takes.
pub fn permutation_importance(
    predictor: &Predictor,
    features: &Values,
    targets: &Targets,
    seed: Seed,
) -> Result<Vec<Importance>, TabularError> {
    let error = |features: &Values| -> Result<f64, TabularError> {
        Ok(error(&predictor.of(features)?, targets))
    };
    let base = error(features)?;
    let outputs = predictor.features().outputs();
    let mut importance: Vec<Importance> = Vec::new();
    for output in outputs {
        let column = &output.source;
        if importance.iter().any(|done| done.column == *column) {
            continue;
        }
        let places: Vec<usize> = (0..outputs.len())
            .filter(|&place| outputs[place].source == *column)
            .collect();
        let order = seed.child(column).rng().permutation(features.rows());
        let width = features.width();
        let mut shuffled = features.as_slice().to_vec();
        for (row, &from) in order.iter().enumerate() {
            for &place in &places {
                shuffled[row * width + place] = features.row(from)[place];
            }
        }
        importance.push(Importance {
            column: column.clone(),
            error_rise: error(&Values::new(shuffled, width)?)? - base,
        });
    }
    importance.sort_by(|a, b| b.error_rise.total_cmp(&a.error_rise));
    Ok(importance)
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
        // Targets of another kind, or none: there is no error to speak of.
        _ => f64::NAN,
    }
}
