mod solve;
#[cfg(test)]
mod tests;

use crate::error::{Result, require_not_negative};
use serde::{Deserialize, Serialize};
use solve::{rows_of, solve};

/// The exact solution of a linear regression, in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExactSolution {
    /// Weights, one row for each output: `weights[output * width + column]`.
    pub weights: Vec<f64>,
    /// Intercepts, one for each output.
    pub bias: Vec<f64>,
    /// Mean squared error over the examples, one for each output; without a factor 1/2 or a penalty.
    pub mse: Vec<f64>,
    /// Number of independent columns after centering; below `width` when some depend on others.
    pub rank: usize,
    /// Singular values of the centered columns scaled to length 1, in descending order.
    pub singular_values: Vec<f64>,
    /// Constant columns; their weight is 0.
    pub constant: Vec<usize>,
    /// Columns that are, exactly or nearly, a linear combination of each other.
    pub collinear: Vec<usize>,
    width: usize,
}

impl ExactSolution {
    /// Number of features in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Predictions for rows of features, `outputs` numbers for each row.
    ///
    /// # Errors
    /// A length that is not a multiple of the width.
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

/// Linear least squares with intercept: minimizes `sum_i |y_i - W x_i - b|^2` for every output.
///
/// `x` has rows of `width` features, `y` rows of `outputs` targets. Both `f32` and `f64` are solved in
/// `f64`, by a singular value decomposition of the centered columns scaled to length 1, so that columns
/// may have very different scales. When columns depend on each other, the solution is the one of
/// smallest norm in those scaled columns (all solutions predict the same);
/// [`ExactSolution::rank`], [`ExactSolution::constant`] and [`ExactSolution::collinear`] report it.
///
/// # Errors
/// No data, lengths that do not match, a number that is NaN or infinite (row and column are named).
pub fn least_squares<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
) -> Result<ExactSolution> {
    solve(x, width, y, outputs, 0.0, 0.0)
}

/// [`least_squares`] for weights of limited precision: directions with a singular value below
/// `tolerance` times the largest are left out (`rcond` of NumPy and PyTorch).
///
/// Where columns are sums of others up to rounding, there are directions in which only the rounding is
/// fitted, with weights too large for `f32`. For data and models in `f32` use [`F32_TOLERANCE`].
///
/// # Errors
/// Those of [`least_squares`], and a tolerance that is negative or not finite.
pub fn least_squares_with_tolerance<T: Copy + Into<f64>>(
    x: &[T],
    width: usize,
    y: &[T],
    outputs: usize,
    tolerance: f64,
) -> Result<ExactSolution> {
    require_not_negative("least squares", "tolerance", tolerance)?;
    solve(x, width, y, outputs, 0.0, tolerance)
}

/// The tolerance of [`least_squares_with_tolerance`] for `f32`: ten times its rounding error.
pub const F32_TOLERANCE: f64 = 1e-6;

/// Ridge regression: minimizes `sum_i |y_i - W x_i - b|^2 + lambda * |W|^2`.
///
/// The objective is a sum over examples, not a mean, in the units of the data, and the intercept `b` is
/// not penalized. Training that minimizes the mean over `n` examples of half the squared error plus
/// `decay / 2 * |W|^2` (weight decay) reaches this solution with `lambda = n * decay`; without the
/// factor 1/2 in the loss, `lambda = n * decay / 2`.
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
