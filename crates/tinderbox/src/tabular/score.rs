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
        Self::with(predictor, frame, None)
    }

    /// As [`of`](Self::of), with how much each row counts; as many weights as rows, all at least 0.
    ///
    /// # Errors
    /// Those of [`of`](Self::of).
    ///
    /// # Panics
    /// If there is another number of weights than of rows.
    pub fn weighted(
        predictor: &Predictor,
        frame: &DataFrame,
        weights: &[f64],
    ) -> Result<Self, TabularError> {
        assert_eq!(weights.len(), frame.height(), "one weight for each row");
        Self::with(predictor, frame, Some(weights))
    }

    pub(super) fn with(
        predictor: &Predictor,
        frame: &DataFrame,
        weights: Option<&[f64]>,
    ) -> Result<Self, TabularError> {
        let features = predictor.features();
        let outputs = predictor.outputs_for(frame)?;
        Ok(match features.transform(frame)?.targets {
            Targets::None => Self(Vec::new()),
            Targets::Values(truth) => numbers(&outputs, &features.invert_targets(&truth)?, weights),
            Targets::Classes(truth) => classes(&outputs, &truth, weights),
        })
    }
}

pub(super) fn numbers(predicted: &Values, truth: &Values, weights: Option<&[f64]>) -> Scores {
    if let Some(weights) = weights {
        return weighted_numbers(predicted, truth, weights);
    }
    use RegressionMetric::{Mae, R2, Rmse};
    let mut metrics = RegressionMetrics::new(&[Rmse, Mae, R2]);
    metrics.add(predicted.as_slice(), truth.as_slice(), truth.width());
    let values = metrics.values().into_iter().map(|(_, value)| value);
    Scores(["rmse", "mae", "r2"].into_iter().zip(values).collect())
}

/// RMSE, MAE and R² with weights; R² is the mean over the targets, as in scikit-learn.
fn weighted_numbers(predicted: &Values, truth: &Values, weights: &[f64]) -> Scores {
    let (width, all) = (truth.width(), weights.iter().sum::<f64>());
    let (mut squares, mut sizes, mut r2) = (0.0, 0.0, 0.0);
    for target in 0..width {
        let column = |values: &Values| -> Vec<f64> {
            let values = values.as_slice().iter().skip(target).step_by(width);
            values.map(|&value| value.into()).collect()
        };
        let (predicted, truth) = (column(predicted), column(truth));
        let mean = |of: &dyn Fn(usize) -> f64| {
            let each = weights.iter().enumerate();
            each.map(|(row, weight)| weight * of(row)).sum::<f64>() / all
        };
        let error = mean(&|row| (predicted[row] - truth[row]).powi(2));
        let center = mean(&|row| truth[row]);
        squares += error;
        sizes += mean(&|row| (predicted[row] - truth[row]).abs());
        r2 += 1.0 - error / mean(&|row| (truth[row] - center).powi(2));
    }
    let width = width as f64;
    Scores(vec![
        ("rmse", (squares / width).sqrt()),
        ("mae", sizes / width),
        ("r2", r2 / width),
    ])
}

/// From logits, not from probabilities: those below 1e-45 are 0 in `f32`, with an infinite logarithm.
pub(super) fn classes(logits: &Values, truth: &Classes, weights: Option<&[f64]>) -> Scores {
    let labels: Vec<i64> = truth.labels().iter().map(|&label| label.into()).collect();
    let (width, mut auc) = (logits.width(), Auc::default());
    let loss_of = |logits: &[f32], labels: &[i64]| {
        let mut loss = LogLoss::default();
        loss.add(logits, width, labels);
        loss.value()
    };
    let loss = match weights {
        None => {
            auc.add(logits.as_slice(), width, &labels);
            loss_of(logits.as_slice(), &labels)
        }
        Some(weights) => {
            auc.add_weighted(logits.as_slice(), width, &labels, weights);
            let rows = weights.iter().enumerate();
            let sum: f64 = rows
                .map(|(row, weight)| weight * loss_of(logits.row(row), &labels[row..=row]))
                .sum();
            sum / weights.iter().sum::<f64>()
        }
    };
    Scores(vec![
        ("accuracy", accuracy(logits, truth, weights)),
        ("log_loss", loss),
        ("auc", auc.value()),
        (
            "balanced_accuracy",
            balanced_accuracy(logits, truth, weights),
        ),
        ("average_precision", auc.average_precision()),
    ])
}

/// The mean recall of the classes that rows have.
fn balanced_accuracy(scores: &Values, truth: &Classes, weights: Option<&[f64]>) -> f64 {
    let mut counts = vec![(0.0, 0.0); truth.names().len()];
    for (row, &label) in truth.labels().iter().enumerate() {
        let (right, all) = &mut counts[label as usize];
        let weight = weights.map_or(1.0, |weights| weights[row]);
        *all += weight;
        if most_probable(scores.row(row)) as i32 == label {
            *right += weight;
        }
    }
    counts.retain(|(_, all)| *all > 0.0);
    let recalls = counts.iter().map(|&(right, all)| right / all);
    recalls.sum::<f64>() / counts.len().max(1) as f64
}

fn accuracy(scores: &Values, truth: &Classes, weights: Option<&[f64]>) -> f64 {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let right = truth.labels().iter().enumerate();
    let right = right.filter(|(row, label)| most_probable(scores.row(*row)) as i32 == **label);
    let right: f64 = right.map(|(row, _)| weight(row)).sum();
    right
        / (0..truth.labels().len())
            .map(weight)
            .sum::<f64>()
            .max(f64::MIN_POSITIVE)
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
            Targets::Classes(truth) => {
                Scores(vec![("accuracy", accuracy(&predicted, truth, None))])
            }
            Targets::Values(truth) => {
                let features = predictor.features();
                numbers(
                    &features.invert_targets(&predicted)?,
                    &features.invert_targets(truth)?,
                    None,
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
        let scores = classes(&logits, &truth, None);
        let expected = (400.0 + 2f64.ln()) / 3.0;
        let found = scores.get("log_loss").unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert_eq!(scores.get("accuracy"), Some(1.0 / 3.0));
        // Of the pairs (yes, no): 400 against 400 is a tie, 0 against 400 is lost.
        assert_eq!(scores.get("auc"), Some(0.25));
        // Of the first class no row of one is right, of the second one of two.
        assert_eq!(scores.get("balanced_accuracy"), Some(0.25));
    }

    #[test]
    fn a_row_of_weight_two_counts_as_two_rows() {
        let names = ["no", "yes"].map(String::from).to_vec();
        let of = |rows: &[usize]| {
            let logits = [[0.0, 1.5], [0.0, -0.5], [0.0, 0.25], [0.0, 0.5]];
            let (truth, number) = ([1, 0, 0, 1], [1.0f32, 3.0, -2.0, 0.5]);
            let logits = rows.iter().flat_map(|&row| logits[row]).collect();
            let truth = rows.iter().map(|&row| truth[row]).collect();
            let numbers = rows.iter().map(|&row| number[row]).collect();
            let logits = Values::new(logits, 2).unwrap();
            let guesses = rows.iter().map(|&row| row as f32).collect();
            (
                logits,
                Classes::new(truth, names.clone()).unwrap(),
                Values::new(guesses, 1).unwrap(),
                Values::new(numbers, 1).unwrap(),
            )
        };
        let same = |weighted: Scores, repeated: Scores| {
            for ((name, a), (_, b)) in weighted.0.iter().zip(&repeated.0) {
                assert!((a - b).abs() < 1e-6, "{name}: {a} and {b}");
            }
        };
        let (logits, truth, guesses, values) = of(&[0, 1, 2, 3]);
        let twice = of(&[0, 1, 1, 2, 3]);
        let weights = [1.0, 2.0, 1.0, 1.0];
        let weighted = classes(&logits, &truth, Some(&weights));
        same(weighted, classes(&twice.0, &twice.1, None));
        let weighted = numbers(&guesses, &values, Some(&weights));
        same(weighted, numbers(&twice.2, &twice.3, None));
        // sklearn.metrics.average_precision_score([1, 0, 0, 1], [1.5, -0.5, 0.25, 0.5],
        // sample_weight=[1, 2, 5, 0])
        let weighted = classes(&logits, &truth, Some(&[1.0, 2.0, 5.0, 0.0]));
        assert_eq!(weighted.get("average_precision"), Some(1.0));
        assert_eq!(weighted.get("accuracy"), Some(3.0 / 8.0));
    }
}
