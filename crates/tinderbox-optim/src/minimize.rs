use crate::error::{
    OptimError, Result, require, require_fraction, require_not_negative, require_positive,
};
use serde::{Deserialize, Serialize};

/// A first-order method that minimizes a plain function; `g` is the gradient at the point `x`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Method {
    /// `x -= rate * g`.
    GradientDescent {
        /// The step size.
        rate: f64,
    },
    /// `v = momentum * v + g`; `x -= rate * v`.
    Momentum {
        /// The step size.
        rate: f64,
        /// The fraction of the velocity that is kept at each step, in [0, 1).
        momentum: f64,
    },
    /// `s += g^2`; `x -= rate / sqrt(s + epsilon) * g`.
    Adagrad {
        /// The step size.
        rate: f64,
        /// Added under the square root; the course uses 1e-6.
        epsilon: f64,
    },
    /// `s = gamma * s + (1 - gamma) * g^2`; `x -= rate / sqrt(s + epsilon) * g`.
    RmsProp {
        /// The step size.
        rate: f64,
        /// The fraction of the average that is kept at each step, in [0, 1).
        gamma: f64,
        /// Added under the square root; the course uses 1e-6.
        epsilon: f64,
    },
    /// Adam with both moments corrected for their start at 0.
    Adam {
        /// The step size.
        rate: f64,
        /// The fraction of the first moment that is kept at each step, in [0, 1).
        beta_1: f64,
        /// The fraction of the second moment that is kept at each step, in [0, 1).
        beta_2: f64,
        /// Added to the square root; the course uses 1e-6.
        epsilon: f64,
    },
}

impl Method {
    /// Checks the settings.
    ///
    /// # Errors
    /// A rate that is not finite or negative, fractions outside [0, 1), an epsilon that is not
    /// positive.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::GradientDescent { rate } => {
                require_not_negative("gradient_descent", "rate", rate)
            }
            Self::Momentum { rate, momentum } => {
                require_not_negative("momentum", "rate", rate)?;
                require_fraction("momentum", "momentum", momentum)
            }
            Self::Adagrad { rate, epsilon } => {
                require_not_negative("adagrad", "rate", rate)?;
                require_positive("adagrad", "epsilon", epsilon)
            }
            Self::RmsProp {
                rate,
                gamma,
                epsilon,
            } => {
                require_not_negative("rmsprop", "rate", rate)?;
                require_fraction("rmsprop", "gamma", gamma)?;
                require_positive("rmsprop", "epsilon", epsilon)
            }
            Self::Adam {
                rate,
                beta_1,
                beta_2,
                epsilon,
            } => {
                require_not_negative("adam", "rate", rate)?;
                require_fraction("adam", "beta_1", beta_1)?;
                require_fraction("adam", "beta_2", beta_2)?;
                require_positive("adam", "epsilon", epsilon)
            }
        }
    }
}

/// The path of a minimization: the start and the point after every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory<const N: usize> {
    /// The points: the start, then one for each step.
    pub points: Vec<[f64; N]>,
    /// The value of the function at each point.
    pub values: Vec<f64>,
}

impl<const N: usize> Trajectory<N> {
    fn of(points: Vec<[f64; N]>, f: impl Fn([f64; N]) -> f64) -> Self {
        let values = points.iter().map(|&point| f(point)).collect();
        Self { points, values }
    }

    /// The last point.
    pub fn last(&self) -> [f64; N] {
        *self.points.last().expect("the start is always there")
    }

    /// Whether a number of the path is NaN or infinite.
    pub fn diverged(&self) -> bool {
        let finite = |point: &[f64; N]| point.iter().all(|x| x.is_finite());
        !self.points.iter().all(finite) || !self.values.iter().all(|value| value.is_finite())
    }
}

/// Minimizes `f` from `start` in `steps` steps; `gradient` is the derivative of `f`.
///
/// Divergence is not an error, since a lesson may want to show it; see [`Trajectory::diverged`].
///
/// # Errors
/// Settings that [`Method::check`] refuses, a start that is not finite.
pub fn minimize<const N: usize>(
    method: Method,
    f: impl Fn([f64; N]) -> f64,
    gradient: impl Fn([f64; N]) -> [f64; N],
    start: [f64; N],
    steps: usize,
) -> Result<Trajectory<N>> {
    method.check()?;
    require_finite(start)?;
    let mut x = start;
    let (mut first, mut second) = ([0.0; N], [0.0; N]);
    let mut points = vec![x];
    for step in 1..=steps {
        let g = gradient(x);
        for i in 0..N {
            let (g, m, s) = (g[i], &mut first[i], &mut second[i]);
            x[i] -= match method {
                Method::GradientDescent { rate } => rate * g,
                Method::Momentum { rate, momentum } => {
                    *m = momentum * *m + g;
                    rate * *m
                }
                Method::Adagrad { rate, epsilon } => {
                    *s += g * g;
                    rate / (*s + epsilon).sqrt() * g
                }
                Method::RmsProp {
                    rate,
                    gamma,
                    epsilon,
                } => {
                    *s = gamma * *s + (1.0 - gamma) * g * g;
                    rate / (*s + epsilon).sqrt() * g
                }
                Method::Adam {
                    rate,
                    beta_1,
                    beta_2,
                    epsilon,
                } => {
                    *m = beta_1 * *m + (1.0 - beta_1) * g;
                    *s = beta_2 * *s + (1.0 - beta_2) * g * g;
                    let mean = *m / (1.0 - beta_1.powf(step as f64));
                    let square = *s / (1.0 - beta_2.powf(step as f64));
                    rate * mean / (square.sqrt() + epsilon)
                }
            };
        }
        points.push(x);
    }
    Ok(Trajectory::of(points, f))
}

/// Newton's method: `x -= rate * H^-1 g` with the matrix `H` of second derivatives.
///
/// With a `rate` below 1 it is the damped method. In one dimension the matrix is `[[f''(x)]]`.
///
/// # Errors
/// A rate or a start that is not finite, a matrix that cannot be inverted.
pub fn newton<const N: usize>(
    rate: f64,
    f: impl Fn([f64; N]) -> f64,
    gradient: impl Fn([f64; N]) -> [f64; N],
    hessian: impl Fn([f64; N]) -> [[f64; N]; N],
    start: [f64; N],
    steps: usize,
) -> Result<Trajectory<N>> {
    require_not_negative("newton", "rate", rate)?;
    require_finite(start)?;
    let mut x = start;
    let mut points = vec![x];
    for _ in 0..steps {
        let direction = solve(hessian(x), gradient(x))?;
        for (x, d) in x.iter_mut().zip(direction) {
            *x -= rate * d;
        }
        points.push(x);
    }
    Ok(Trajectory::of(points, f))
}

fn require_finite<const N: usize>(start: [f64; N]) -> Result<()> {
    start
        .iter()
        .try_for_each(|&x| require("minimizer", "start", x, "finite", |_| true))
}

/// Solves `a x = b` by Gaussian elimination with partial pivoting.
fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> Result<[f64; N]> {
    for column in 0..N {
        let pivot = (column..N)
            .max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))
            .unwrap_or(column);
        let size = a[pivot][column];
        if size == 0.0 || !size.is_finite() {
            return Err(OptimError::Setting {
                owner: "newton",
                field: "hessian",
                value: size,
                range: "invertible: take gradient descent where the curvature vanishes",
            });
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        let top = a[column];
        for row in column + 1..N {
            let factor = a[row][column] / top[column];
            for (value, above) in a[row].iter_mut().zip(top) {
                *value -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|j| a[row][j] * b[j]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    Ok(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_settings_are_named() {
        let run = |method| {
            minimize(method, |[x]| x * x, |[x]| [2.0 * x], [1.0], 1)
                .unwrap_err()
                .to_string()
        };
        assert!(run(Method::GradientDescent { rate: f64::NAN }).contains("`rate` is NaN"));
        assert!(
            run(Method::Momentum {
                rate: 0.1,
                momentum: 1.0
            })
            .contains("`momentum` is 1")
        );
        assert!(
            run(Method::Adagrad {
                rate: 0.1,
                epsilon: 0.0
            })
            .contains("`epsilon` is 0")
        );
        let start = minimize(
            Method::GradientDescent { rate: 0.1 },
            |[x]| x,
            |[_]| [1.0],
            [f64::NAN],
            1,
        );
        assert!(start.unwrap_err().to_string().contains("start"));
        let flat = newton(1.0, |[x]| x, |[_]| [1.0], |[_]| [[0.0]], [1.0], 1);
        assert!(flat.unwrap_err().to_string().contains("invertible"));
    }

    #[test]
    fn divergence_is_reported_and_no_error() {
        let trajectory = minimize(
            Method::GradientDescent { rate: 10.0 },
            |[x]| x * x,
            |[x]| [2.0 * x],
            [1.0],
            400,
        )
        .unwrap();
        assert!(trajectory.diverged());
    }

    proptest! {
        /// On a quadratic function one full Newton step is exact, whatever the scaling.
        #[test]
        fn newton_solves_a_quadratic_at_once(a in 0.1f64..10.0, c in 0.1f64..10.0, x in -5.0f64..5.0, y in -5.0f64..5.0) {
            let b = 0.5 * (a * c).sqrt();
            let gradient = |[x, y]: [f64; 2]| [a * (x - 1.0) + b * (y + 2.0), b * (x - 1.0) + c * (y + 2.0)];
            let trajectory = newton(1.0, |_| 0.0, gradient, |_| [[a, b], [b, c]], [x, y], 1).unwrap();
            let [x, y] = trajectory.last();
            prop_assert!((x - 1.0).abs() < 1e-9 && (y + 2.0).abs() < 1e-9);
        }
    }
}
