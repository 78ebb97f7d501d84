use polars::prelude::DataFrame;
use tinderbox_data::{Classes, Values};
use tinderbox_optim::{F32_TOLERANCE, least_squares_with_tolerance};
use tinderbox_tables::{Targets, TensorTable};
use tinderbox_train::{Auc, LogLoss, Metric, RegressionMetric, RegressionMetrics, TrainError};

use super::predict::most_probable;
use super::{Predictor, TabularError};

/// The scores of predictions for rows: of numbers in the units of the table, or of probabilities.
///
/// RMSE, MAE and R² for numbers; accuracy, log-loss and AUC for classes, and for those of different sizes
/// balanced accuracy (the mean recall of the classes) and average precision (of the second class, or the mean
/// over more than two).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(pub Vec<(&'static str, f64)>);

impl Scores {
    /// The score of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(score, _)| *score == name);
        found.map(|&(_, value)| value)
    }

    /// The scores of a model on the rows of a frame; none without targets.
    ///
    /// # Errors
    /// Those of [`Predictor::predict`].
    pub fn of(predictor: &Predictor, frame: &DataFrame) -> Result<Self, TabularError> {
        let features = predictor.features();
        let outputs = predictor.outputs_for(frame)?;
        Ok(match features.transform(frame)?.targets {
            Targets::None => Self(Vec::new()),
            Targets::Values(truth) => numbers(&outputs, &features.invert_targets(&truth)?),
            Targets::Classes(truth) => classes(&outputs, &truth),
        })
    }
}

fn numbers(predicted: &Values, truth: &Values) -> Scores {
    use RegressionMetric::{Mae, R2, Rmse};
    let mut metrics = RegressionMetrics::new(&[Rmse, Mae, R2]);
    metrics.add(predicted.as_slice(), truth.as_slice(), truth.width());
    let values = metrics.values().into_iter().map(|(_, value)| value);
    Scores(["rmse", "mae", "r2"].into_iter().zip(values).collect())
}

/// From logits, not from probabilities: those below 1e-45 are 0 in `f32`, with an infinite logarithm.
fn classes(logits: &Values, truth: &Classes) -> Scores {
    let labels: Vec<i64> = truth.labels().iter().map(|&label| label.into()).collect();
    let (mut loss, mut auc) = (LogLoss::default(), Auc::default());
    loss.add(logits.as_slice(), logits.width(), &labels);
    auc.add(logits.as_slice(), logits.width(), &labels);
    Scores(vec![
        ("accuracy", accuracy(logits, truth)),
        ("log_loss", loss.value()),
        ("auc", auc.value()),
        ("balanced_accuracy", balanced_accuracy(logits, truth)),
        ("average_precision", auc.average_precision()),
    ])
}

/// The mean recall of the classes that rows have.
fn balanced_accuracy(scores: &Values, truth: &Classes) -> f64 {
    let mut counts = vec![(0u64, 0u64); truth.names().len()];
    for (row, &label) in truth.labels().iter().enumerate() {
        let (right, all) = &mut counts[label as usize];
        *all += 1;
        *right += u64::from(most_probable(scores.row(row)) as i32 == label);
    }
    counts.retain(|(_, all)| *all > 0);
    let recalls = counts.iter().map(|&(right, all)| right as f64 / all as f64);
    recalls.sum::<f64>() / counts.len().max(1) as f64
}

fn accuracy(scores: &Values, truth: &Classes) -> f64 {
    let right = truth.labels().iter().enumerate();
    let right = right.filter(|(row, label)| most_probable(scores.row(*row)) as i32 == **label);
    right.count() as f64 / truth.labels().len().max(1) as f64
}

/// The scores of the exact linear solution on training rows, to compare a trained model with.
///
/// Numbers are solved by least squares in their transformed form and scored in the units of the
/// table. Classes are solved by least squares on one indicator for each class (linear discrimination); only
/// their accuracy is returned, as the indicators are not probabilities.
///
/// Returns one [`Scores`] for each of `tables`.
///
/// # Errors
/// Tables of different widths, features that are not finite.
pub fn exact_linear(
    predictor: &Predictor,
    train: &TensorTable,
    tables: &[&TensorTable],
) -> Result<Vec<Scores>, TabularError> {
    let (targets, outputs) = match &train.targets {
        Targets::None => return Err(TabularError::NoTarget),
        Targets::Values(values) => (values.as_slice().to_vec(), values.width()),
        Targets::Classes(classes) => {
            let outputs = classes.names().len();
            let mut indicators = vec![0.0; classes.labels().len() * outputs];
            for (row, &label) in classes.labels().iter().enumerate() {
                indicators[row * outputs + label as usize] = 1.0;
            }
            (indicators, outputs)
        }
    };
    let width = train.features.width();
    let features = train.features.to_wide();
    let solved = least_squares_with_tolerance(&features, width, &targets, outputs, F32_TOLERANCE);
    let solved = solved.map_err(TrainError::from)?;
    let scores = |table: &&TensorTable| {
        let predicted = solved
            .predict(&table.features.to_wide())
            .map_err(TrainError::from)?;
        let predicted = predicted.into_iter().map(|value| value as f32).collect();
        let predicted = Values::new(predicted, outputs)?;
        Ok(match &table.targets {
            Targets::None => Scores(Vec::new()),
            Targets::Classes(truth) => Scores(vec![("accuracy", accuracy(&predicted, truth))]),
            Targets::Values(truth) => {
                let features = predictor.features();
                numbers(
                    &features.invert_targets(&predicted)?,
                    &features.invert_targets(truth)?,
                )
            }
        })
    };
    tables.iter().map(scores).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_loss_is_finite_where_probabilities_are_not() {
        let names = ["no", "yes"].map(String::from).to_vec();
        let truth = Classes::new(vec![1, 0, 1], names).unwrap();
        // Right beyond doubt, wrong beyond doubt, undecided.
        let logits = Values::new(vec![-200., 200., -200., 200., 0., 0.], 2).unwrap();
        let scores = classes(&logits, &truth);
        let expected = (400.0 + 2f64.ln()) / 3.0;
        let found = scores.get("log_loss").unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert_eq!(scores.get("accuracy"), Some(1.0 / 3.0));
        // Of the pairs (yes, no): 400 against 400 is a tie, 0 against 400 is lost.
        assert_eq!(scores.get("auc"), Some(0.25));
        // Of the first class no row of one is right, of the second one of two.
        assert_eq!(scores.get("balanced_accuracy"), Some(0.25));
    }
}
