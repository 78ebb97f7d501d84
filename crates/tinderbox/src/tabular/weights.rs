//! How much each row counts: a column of weights, and weights that make all classes count the same.

use polars::prelude::{DataFrame, DataType};
use tinderbox_tables::{Targets, TensorTable};

use super::{TabularError, Training};

/// The weights of the rows of the parts of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    /// Of each part the weights of its rows, for scores.
    pub scores: Option<Vec<Vec<f64>>>,
    /// The same times those of the classes, for losses; their mean over the training rows is 1.
    pub losses: Option<Vec<Vec<f64>>>,
}

impl Weights {
    /// The weights of the rows of frames; `rows` are their numbers in errors, and the first part is trained on.
    pub fn of(
        training: &Training,
        frames: &[DataFrame],
        tables: &[TensorTable],
        rows: &[Vec<usize>],
    ) -> Result<Self, TabularError> {
        let scores: Option<Vec<Vec<f64>>> = match &training.weights {
            None => None,
            Some(column) => {
                let parts = frames.iter().zip(rows);
                let parts = parts.map(|(frame, rows)| of_column(frame, column, rows));
                Some(parts.collect::<Result<_, _>>()?)
            }
        };
        let mut losses = scores.clone();
        if training.balanced {
            let of_class = balanced(&tables[0])?;
            let losses = losses.get_or_insert_with(|| {
                let ones = tables.iter().map(|table| vec![1.0; table.features.rows()]);
                ones.collect()
            });
            for (losses, table) in losses.iter_mut().zip(tables) {
                let Targets::Classes(classes) = &table.targets else {
                    continue;
                };
                for (weight, &label) in losses.iter_mut().zip(classes.labels()) {
                    *weight *= of_class[label as usize];
                }
            }
        }
        if let Some(losses) = &mut losses {
            let mean = losses[0].iter().sum::<f64>() / losses[0].len().max(1) as f64;
            for weight in losses.iter_mut().flatten() {
                *weight /= mean;
            }
        }
        Ok(Self { scores, losses })
    }

    /// The weights of the losses of a part, if rows do not count the same.
    pub fn loss(&self, part: usize) -> Option<&[f64]> {
        Some(self.losses.as_ref()?.get(part)?)
    }

    /// The weights of the scores of a part.
    pub fn score(&self, part: usize) -> Option<&[f64]> {
        Some(self.scores.as_ref()?.get(part)?)
    }
}

/// The weights in a column; at least one of a part must be positive.
fn of_column(frame: &DataFrame, column: &str, rows: &[usize]) -> Result<Vec<f64>, TabularError> {
    let fault = |problem: String| TabularError::Weights {
        column: column.to_owned(),
        problem,
    };
    let found = frame.column(column).map_err(|_| {
        let names = frame.get_column_names();
        let names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
        fault(format!(
            "there is no such column; there are {}",
            names.join(", ")
        ))
    })?;
    if !found.dtype().is_primitive_numeric() {
        return Err(fault(format!(
            "it holds values of the type {}, not numbers",
            found.dtype()
        )));
    }
    let numbers = found.cast(&DataType::Float64);
    let numbers = numbers.map_err(|error| fault(error.to_string()))?;
    let numbers = numbers.f64().map_err(|error| fault(error.to_string()))?;
    let mut weights = Vec::with_capacity(rows.len());
    for (weight, row) in numbers.iter().zip(rows) {
        let row = row + 1;
        match weight {
            Some(weight) if weight.is_finite() && weight >= 0.0 => weights.push(weight),
            Some(weight) => {
                return Err(fault(format!(
                    "row {row} has the weight {weight}; a weight must be finite and at least 0"
                )));
            }
            None => {
                return Err(fault(format!(
                    "row {row} has no weight; give it one, 0 to leave the row out"
                )));
            }
        }
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(fault(format!(
            "all {} rows of a part (training, validation or test) have the weight 0; some must be positive",
            weights.len()
        )));
    }
    Ok(weights)
}

/// Rows / (classes x rows of the class), as scikit-learn's `balanced`; 0 for a class without rows.
fn balanced(train: &TensorTable) -> Result<Vec<f64>, TabularError> {
    let Targets::Classes(classes) = &train.targets else {
        return Err(TabularError::BalancedNumbers);
    };
    let mut counts = vec![0usize; classes.names().len()];
    for &label in classes.labels() {
        counts[label as usize] += 1;
    }
    let all = classes.labels().len() as f64 / counts.len() as f64;
    let weight = |&count: &usize| if count > 0 { all / count as f64 } else { 0.0 };
    Ok(counts.iter().map(weight).collect())
}
