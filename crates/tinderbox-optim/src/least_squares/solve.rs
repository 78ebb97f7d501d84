use super::ExactSolution;
use crate::error::{OptimError, Result};
use faer::Mat;

/// Singular values below this fraction of the largest belong to a nearly dependent direction.
const NEARLY_DEPENDENT: f64 = 1e-7;
/// Columns with more than this share in a dependent direction are reported.
const SHARE_REPORTED: f64 = 1e-3;

/// Minimizes `|y - W x - b|^2 + lambda * |W|^2` by a singular value decomposition.
pub(super) fn solve<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
    lambda: f64,
    tolerance: f64,
) -> Result<ExactSolution> {
    let rows = rows_of("features", x.len(), width)?;
    let targets = rows_of("targets", y.len(), outputs)?;
    if rows != targets {
        return Err(OptimError::Rows {
            features: rows,
            targets,
        });
    }
    let x = finite("features", x, width)?;
    let y = finite("targets", y, outputs)?;
    let x_columns = Columns::of(&x, width);
    let y_columns = Columns::of(&y, outputs);

    // The penalty is `width` more examples, sqrt(lambda) * w_j = 0. Each column, with these, is then
    // scaled to length 1, which changes the unknowns but not the problem.
    let extra = if lambda > 0.0 { width } else { 0 };
    let scale: Vec<f64> = (0..width)
        .map(|j| {
            let centered = if x_columns.constant[j] {
                0.0
            } else {
                x_columns.squares[j]
            };
            let length = (centered + lambda).sqrt();
            if length > 0.0 { length } else { 1.0 }
        })
        .collect();
    let features = Mat::from_fn(rows + extra, width, |i, j| {
        if i < rows {
            if x_columns.constant[j] {
                0.0
            } else {
                (x[i * width + j] - x_columns.mean[j]) / scale[j]
            }
        } else if i - rows == j {
            lambda.sqrt() / scale[j]
        } else {
            0.0
        }
    });
    let centered_targets = Mat::from_fn(rows + extra, outputs, |i, k| {
        if i < rows {
            y[i * outputs + k] - y_columns.mean[k]
        } else {
            0.0
        }
    });

    let svd = features.thin_svd().map_err(|_| OptimError::Decomposition)?;
    let sigma: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let largest = sigma.first().copied().unwrap_or(0.0);
    let rounding = f64::EPSILON * (rows + extra).max(width) as f64;
    let floor = largest * rounding.max(tolerance);
    let rank = sigma.iter().filter(|&&s| s > floor).count();
    let projected = svd.U().transpose() * &centered_targets;
    let v = svd.V();

    let mut weights = vec![0.0; outputs * width];
    for k in 0..outputs {
        for j in 0..width {
            let sum: f64 = (0..rank)
                .map(|r| v[(j, r)] * projected[(r, k)] / sigma[r])
                .sum();
            weights[k * width + j] = if x_columns.constant[j] {
                0.0
            } else {
                sum / scale[j]
            };
        }
    }
    let bias = (0..outputs)
        .map(|k| {
            let row = &weights[k * width..(k + 1) * width];
            let shift: f64 = row
                .iter()
                .zip(&x_columns.mean)
                .map(|(w, mean)| w * mean)
                .sum();
            y_columns.mean[k] - shift
        })
        .collect();

    let constant: Vec<usize> = (0..width).filter(|&j| x_columns.constant[j]).collect();
    // With more columns than rows, `sigma` lacks some directions; the part of a column outside the kept
    // directions is in those.
    let kept = sigma
        .iter()
        .filter(|&&s| s > largest * NEARLY_DEPENDENT)
        .count();
    let collinear = (0..width)
        .filter(|&j| !x_columns.constant[j])
        .filter(|&j| {
            let inside: f64 = (0..kept).map(|r| v[(j, r)] * v[(j, r)]).sum();
            1.0 - inside > SHARE_REPORTED
        })
        .collect();

    let mut solution = ExactSolution {
        weights,
        bias,
        mse: vec![0.0; outputs],
        rank,
        singular_values: sigma,
        constant,
        collinear,
        width,
    };
    let predictions = solution.predict(&x)?;
    for (predicted, target) in predictions
        .chunks_exact(outputs)
        .zip(y.chunks_exact(outputs))
    {
        for (k, (p, t)) in predicted.iter().zip(target).enumerate() {
            solution.mse[k] += (p - t).powi(2) / rows as f64;
        }
    }
    Ok(solution)
}

/// The number of rows in `length` numbers with `width` in a row.
pub(super) fn rows_of(what: &'static str, length: usize, width: usize) -> Result<usize> {
    if length == 0 || width == 0 {
        return Err(OptimError::Empty { what });
    }
    if !length.is_multiple_of(width) {
        return Err(OptimError::Ragged {
            what,
            length,
            width,
        });
    }
    Ok(length / width)
}

fn finite<T: Copy + Into<f64>>(what: &'static str, values: &[T], width: usize) -> Result<Vec<f64>> {
    let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(index) => Err(OptimError::NotFinite {
            what,
            row: index / width,
            column: index % width,
            value: values[index],
        }),
    }
}

struct Columns {
    mean: Vec<f64>,
    /// Sum of the squared distances from the mean.
    squares: Vec<f64>,
    /// All values are equal: by comparison, since the mean of equal numbers is rounded.
    constant: Vec<bool>,
}

impl Columns {
    fn of(values: &[f64], width: usize) -> Self {
        let rows = (values.len() / width) as f64;
        let mut mean = vec![0.0; width];
        for row in values.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / rows);
        }
        let (mut squares, mut constant) = (vec![0.0; width], vec![true; width]);
        for row in values.chunks_exact(width) {
            for j in 0..width {
                squares[j] += (row[j] - mean[j]).powi(2);
                constant[j] &= row[j] == values[j];
            }
        }
        Self {
            mean,
            squares,
            constant,
        }
    }
}
