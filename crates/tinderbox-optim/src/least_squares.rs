//! Exact linear regression: what every training of a linear model is measured against.

use crate::error::{OptimError, Result, require_not_negative};
use faer::Mat;
use serde::{Deserialize, Serialize};

/// Below this part of the largest singular value a direction counts as nearly dependent.
const NEARLY: f64 = 1e-7;
/// The part of a column in a dependent direction above which the column is reported.
const INVOLVED: f64 = 1e-3;

/// The exact solution of a linear regression, in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExactSolution {
    /// Weights, one row an output: `weights[output * width + column]`.
    pub weights: Vec<f64>,
    /// Intercepts, one an output.
    pub bias: Vec<f64>,
    /// Mean over the examples of the squared error, one an output; no half, no penalty.
    pub mse: Vec<f64>,
    /// Number of independent columns after centring; less than `width` when some depend on others.
    pub rank: usize,
    /// Singular values of the centred columns scaled to length 1, in descending order.
    pub singular_values: Vec<f64>,
    /// Columns that hold one value only; their weight is 0.
    pub constant: Vec<usize>,
    /// Columns that are, exactly or nearly, a linear combination of each other.
    pub collinear: Vec<usize>,
    width: usize,
}

impl ExactSolution {
    /// Number of features a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Predictions for rows of features, `outputs` numbers a row.
    ///
    /// # Errors
    /// A length that is no multiple of the width.
    pub fn predict<T: Copy + Into<f64>>(&self, x: &[T]) -> Result<Vec<f64>> {
        rows_of("features", x.len(), self.width)?;
        let mut predictions = Vec::with_capacity(x.len() / self.width * self.outputs());
        for row in x.chunks_exact(self.width) {
            for (weights, bias) in self.weights.chunks_exact(self.width).zip(&self.bias) {
                let terms = weights.iter().zip(row).map(|(w, &value)| w * value.into());
                predictions.push(bias + terms.sum::<f64>());
            }
        }
        Ok(predictions)
    }
}

/// Linear least squares with intercept: minimises `sum_i |y_i - W x_i - b|^2` for every output.
///
/// `x` holds rows of `width` features, `y` rows of `outputs` targets; `f32` and `f64` are both
/// solved in `f64`, by a singular value decomposition of the centred columns scaled to length 1, so
/// that columns of very different size do no harm. When columns depend on each other the solution
/// is the one of smallest norm in those scaled columns (predictions are the same for all solutions);
/// [`ExactSolution::rank`], [`ExactSolution::constant`] and [`ExactSolution::collinear`] say so.
///
/// # Errors
/// No data, lengths that do not fit, a number that is NaN or infinite (row and column are named).
pub fn least_squares<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
) -> Result<ExactSolution> {
    solve(x, width, y, outputs, 0.0, 0.0)
}

/// [`least_squares`] for a model with weights of limited precision: directions with a singular value
/// below `tolerance` times the largest are left out (`rcond` of NumPy and PyTorch).
///
/// Columns that are sums of others, up to rounding, have directions in which nothing but the rounding
/// is fitted, with weights too large for `f32`. For data and a model of `f32` use
/// [`F32_TOLERANCE`].
///
/// # Errors
/// Those of [`least_squares`], and a tolerance that is negative or not finite.
pub fn least_squares_within<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
    tolerance: f64,
) -> Result<ExactSolution> {
    require_not_negative("least squares", "tolerance", tolerance)?;
    solve(x, width, y, outputs, 0.0, tolerance)
}

/// A tolerance of [`least_squares_within`] for numbers of `f32`: ten times their rounding.
pub const F32_TOLERANCE: f64 = 1e-6;

/// Ridge regression: minimises `sum_i |y_i - W x_i - b|^2 + lambda * |W|^2`.
///
/// The objective is a sum over examples, divided by nothing, in the units of the data, and the
/// intercept `b` is not penalised. A training that minimises the mean over `n` examples of half the
/// squared error plus `decay / 2 * |W|^2` (weight decay) reaches this solution with
/// `lambda = n * decay`; without the half in the loss, `lambda = n * decay / 2`.
///
/// # Errors
/// Those of [`least_squares`], and a `lambda` that is negative or not finite.
pub fn ridge<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
    lambda: f64,
) -> Result<ExactSolution> {
    require_not_negative("ridge", "lambda", lambda)?;
    solve(x, width, y, outputs, lambda, 0.0)
}

fn solve<T: Copy + Into<f64>>(
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

    // The penalty is `width` more examples, sqrt(lambda) * w_j = 0. Each column of the whole is
    // then scaled to length 1, which changes the unknowns but not the problem.
    let extra = if lambda > 0.0 { width } else { 0 };
    let scale: Vec<f64> = (0..width)
        .map(|j| {
            let centred = if x_columns.constant[j] {
                0.0
            } else {
                x_columns.squares[j]
            };
            let length = (centred + lambda).sqrt();
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
    let centred_targets = Mat::from_fn(rows + extra, outputs, |i, k| {
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
    let projected = svd.U().transpose() * &centred_targets;
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
    // Directions that the decomposition leaves out entirely (more columns than rows) are not in
    // `sigma`; what a column lacks to length 1 in the kept directions lies in them.
    let kept = sigma.iter().filter(|&&s| s > largest * NEARLY).count();
    let collinear = (0..width)
        .filter(|&j| !x_columns.constant[j])
        .filter(|&j| {
            let inside: f64 = (0..kept).map(|r| v[(j, r)] * v[(j, r)]).sum();
            1.0 - inside > INVOLVED
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

/// Number of rows in `length` numbers of `width` a row.
fn rows_of(what: &'static str, length: usize, width: usize) -> Result<usize> {
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
    /// One value only: decided by comparison, since the mean of equal numbers is rounded.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tinderbox_core::Seed;

    fn normals(seed: u64, count: usize) -> Vec<f64> {
        let mut rng = Seed::new(seed).rng();
        (0..count).map(|_| rng.normal()).collect()
    }

    #[test]
    fn a_line_through_two_points() {
        let solution = least_squares(&[1.0, 3.0], 1, &[5.0, 9.0], 1).unwrap();
        assert!((solution.weights[0] - 2.0).abs() < 1e-14);
        assert!((solution.bias[0] - 3.0).abs() < 1e-14);
        assert_eq!(
            (solution.rank, solution.outputs(), solution.width()),
            (1, 1, 1)
        );
        assert!(solution.mse[0] < 1e-28);
    }

    /// Anscombe's first data set (Anscombe 1973): y = 3.0001 + 0.50009 x, SSE 13.763.
    #[test]
    fn anscombes_quartet() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [
            8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68,
        ];
        let solution = least_squares(&x, 1, &y, 1).unwrap();
        assert!((solution.weights[0] - 0.500_090_9).abs() < 1e-7);
        assert!((solution.bias[0] - 3.000_090_9).abs() < 1e-7);
        assert!((solution.mse[0] * 11.0 - 13.762_69).abs() < 1e-5);
    }

    #[test]
    fn columns_of_wildly_different_size_and_a_far_mean() {
        let noise = normals(1, 400);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for pair in noise.chunks_exact(2) {
            let row = [1e8 + pair[0] * 1e3, pair[1] * 1e-9];
            x.extend(row);
            y.push(2e-4 * row[0] - 3e9 * row[1] + 7.0);
        }
        let solution = least_squares(&x, 2, &y, 1).unwrap();
        assert!(
            (solution.weights[0] / 2e-4 - 1.0).abs() < 1e-9,
            "{:?}",
            solution.weights
        );
        assert!((solution.weights[1] / -3e9 - 1.0).abs() < 1e-9);
        assert!((solution.bias[0] - 7.0).abs() < 1e-4);
        assert!(solution.collinear.is_empty());
    }

    #[test]
    fn dependent_and_constant_columns_are_named() {
        // Columns: a, a one-hot pair that sums to 1, a constant, b.
        let noise = normals(2, 120);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for (i, pair) in noise.chunks_exact(2).enumerate() {
            let hot = (i % 3 == 0) as u8 as f64;
            x.extend([pair[0], hot, 1.0 - hot, 0.1, pair[1]]);
            y.push(pair[0] + 4.0 * hot - pair[1] + 1.0);
        }
        let solution = least_squares(&x, 5, &y, 1).unwrap();
        assert_eq!((solution.rank, &*solution.constant), (3, &[3][..]));
        assert_eq!(solution.collinear, [1, 2]);
        assert_eq!(solution.weights[3], 0.0);
        // Smallest norm: the effect of 4 is shared out evenly.
        assert!((solution.weights[1] - 2.0).abs() < 1e-10);
        assert!((solution.weights[2] + 2.0).abs() < 1e-10);
        assert!(solution.mse[0] < 1e-20);
    }

    #[test]
    fn what_f32_rounds_is_not_fitted_within_its_tolerance() {
        // The third column is the sum of the first two, up to the rounding of f32.
        let noise = normals(5, 3 * 200);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for row in noise.chunks_exact(3) {
            let (a, b) = (row[0] as f32, row[1] as f32);
            x.extend([a, b, a + b]);
            y.push(a - b + row[2] as f32);
        }
        let exact = least_squares(&x, 3, &y, 1).unwrap();
        let within = least_squares_within(&x, 3, &y, 1, F32_TOLERANCE).unwrap();
        assert_eq!((exact.rank, within.rank), (3, 2));
        let largest =
            |solution: &ExactSolution| solution.weights.iter().fold(0f64, |m, w| m.max(w.abs()));
        assert!(largest(&exact) > 1e3 && largest(&within) < 2.0);
        assert!(within.mse[0] < 1.02 * exact.mse[0]);
        assert!(least_squares_within(&x, 3, &y, 1, -1.0).is_err());
    }

    #[test]
    fn more_columns_than_rows_still_fit_exactly() {
        let x = normals(3, 5 * 20);
        let y = normals(4, 5 * 2);
        let solution = least_squares(&x, 20, &y, 2).unwrap();
        assert_eq!(solution.rank, 4, "centring takes one of five");
        assert!(
            solution.mse.iter().all(|mse| *mse < 1e-20),
            "{:?}",
            solution.mse
        );
        assert_eq!(solution.collinear.len(), 20);
    }

    /// For one centred column the solution is `sum(xy) / (sum(xx) + lambda)`.
    #[test]
    fn ridge_shrinks_by_the_formula_and_leaves_the_intercept() {
        let solution = ridge(&[1.0f32, 2.0, 3.0], 1, &[10.0, 12.0, 14.0], 1, 2.0).unwrap();
        assert!((solution.weights[0] - 4.0 / 4.0).abs() < 1e-12);
        assert!((solution.bias[0] - 10.0).abs() < 1e-12);
        let huge = ridge(&[1.0, 2.0, 3.0], 1, &[10.0, 12.0, 14.0], 1, 1e12).unwrap();
        assert!(huge.weights[0].abs() < 1e-11 && (huge.bias[0] - 12.0).abs() < 1e-9);
    }

    #[test]
    fn bad_data_is_refused_by_name() {
        let error = |x: &[f64], width, y: &[f64], outputs| {
            least_squares(x, width, y, outputs).unwrap_err().to_string()
        };
        let bad = error(&[1.0, 2.0, f64::NAN, 4.0], 2, &[1.0, 2.0], 1);
        assert!(bad.contains("features: row 1, column 0 is NaN"), "{bad}");
        let bad = error(&[1.0, 2.0], 1, &[1.0, f64::INFINITY], 1);
        assert!(bad.contains("targets: row 1, column 0 is inf"), "{bad}");
        assert!(error(&[], 2, &[], 1).contains("no data"));
        assert!(error(&[1.0], 0, &[1.0], 1).contains("no data"));
        assert!(error(&[1.0, 2.0, 3.0], 2, &[1.0], 1).contains("rows of 2"));
        assert!(error(&[1.0, 2.0], 1, &[1.0], 1).contains("2 rows of features but 1"));
        assert!(
            ridge(&[1.0], 1, &[1.0], 1, -1.0)
                .unwrap_err()
                .to_string()
                .contains("lambda")
        );
        let solution = least_squares(&[1.0, 3.0], 1, &[5.0, 9.0], 1).unwrap();
        assert!(solution.predict::<f64>(&[]).is_err());
    }

    proptest! {
        /// The normal equations: at the optimum the gradient of the objective is zero.
        #[test]
        fn the_gradient_is_zero_at_the_solution(
            seed: u64, rows in 3usize..40, width in 1usize..5, lambda in 0.0f64..10.0,
        ) {
            let x = normals(seed, rows * width);
            let y = normals(seed ^ 1, rows);
            let solution = ridge(&x, width, &y, 1, lambda).unwrap();
            let predicted = solution.predict(&x).unwrap();
            let residual: Vec<f64> = predicted.iter().zip(&y).map(|(p, t)| p - t).collect();
            prop_assert!(residual.iter().sum::<f64>().abs() < 1e-8);
            for j in 0..width {
                let slope: f64 = (0..rows).map(|i| residual[i] * x[i * width + j]).sum();
                prop_assert!((slope + lambda * solution.weights[j]).abs() < 1e-8, "{slope}");
            }
        }
    }
}
