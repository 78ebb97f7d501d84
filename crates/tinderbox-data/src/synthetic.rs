//! The synthetic data sets of the course, whose true parameters are known.

mod texts;

use tinderbox_core::Seed;

pub use texts::{inferences, reviews};

use crate::{DataError, Result, Rows, Values};

/// Linear data with noise: `y = X w + b + e`, `X ~ N(0, 1)`, `e ~ N(0, noise)`.
///
/// Features have shape `[examples, weights.len()]`, targets `[examples, 1]`. The course's first
/// data set is `linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed)` (chapter "Linear Regression").
///
/// # Errors
/// No examples or no weights.
pub fn linear(weights: &[f64], bias: f64, noise: f64, examples: usize, seed: Seed) -> Result<Rows> {
    check("linear", examples, weights.len())?;
    let mut inputs = seed.child("inputs").rng();
    let mut errors = seed.child("noise").rng();
    let mut features = Vec::with_capacity(examples * weights.len());
    let mut targets = Vec::with_capacity(examples);
    for _ in 0..examples {
        let mut target = bias;
        for weight in weights {
            let input = inputs.normal();
            target += weight * input;
            features.push(input as f32);
        }
        targets.push((target + noise * errors.normal()) as f32);
    }
    Rows::new(
        Values::new(features, weights.len())?,
        Values::new(targets, 1)?,
    )
}

/// Polynomial data with noise: `y = sum_i c_i x^i / i! + e`, `x ~ N(0, 1)`, `e ~ N(0, noise)`.
///
/// Row `i` of the features holds `x^j / j!` for `j = 0..terms`, so that a linear model without
/// bias on the first `k` columns is a polynomial of degree `k - 1`. The course uses coefficients
/// `[5, 1.2, -3.4, 5.6]`, noise 0.1 and 20 terms (chapter "Underfitting and Overfitting").
///
/// # Errors
/// No examples or no terms.
pub fn polynomial(
    coefficients: &[f64],
    terms: usize,
    noise: f64,
    examples: usize,
    seed: Seed,
) -> Result<Rows> {
    check("polynomial", examples, terms)?;
    let mut inputs = seed.child("inputs").rng();
    let mut errors = seed.child("noise").rng();
    let mut features = Vec::with_capacity(examples * terms);
    let mut targets = Vec::with_capacity(examples);
    for _ in 0..examples {
        let x = inputs.normal();
        let mut target = noise * errors.normal();
        let mut term = 1.0;
        for power in 0..terms.max(coefficients.len()) {
            if power > 0 {
                term *= x / power as f64;
            }
            if power < terms {
                features.push(term as f32);
            }
            target += coefficients.get(power).unwrap_or(&0.0) * term;
        }
        targets.push(target as f32);
    }
    Rows::new(Values::new(features, terms)?, Values::new(targets, 1)?)
}

/// Many inputs and few examples, the course's weight-decay data: `y = 0.05 + sum_i 0.01 x_i + e`,
/// `x_i ~ N(0, 1)`, `e ~ N(0, 0.01)` (chapter "Weight Decay": 200 inputs, 20 + 100 examples).
///
/// # Errors
/// No examples or no inputs.
pub fn high_dimensional(inputs: usize, examples: usize, seed: Seed) -> Result<Rows> {
    linear(&vec![0.01; inputs], 0.05, 0.01, examples, seed)
}

fn check(what: &str, examples: usize, width: usize) -> Result<()> {
    if examples == 0 || width == 0 {
        return Err(DataError::Empty {
            what: format!("synthetic::{what} with {examples} examples of {width} inputs"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_data_lie_on_their_plane_up_to_the_noise() {
        let data = linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(1)).unwrap();
        assert_eq!((data.len(), data.features().width()), (1000, 2));
        let mut squares = 0.0;
        for row in 0..data.len() {
            let x = data.features().row(row);
            let plane = 2.0 * x[0] - 3.4 * x[1] + 4.2;
            squares += f64::from(data.targets().row(row)[0] - plane).powi(2);
        }
        let noise = (squares / 1000.0).sqrt();
        assert!((0.009..0.011).contains(&noise), "noise {noise}");
        assert_eq!(
            data,
            linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(1)).unwrap()
        );
        assert_ne!(
            data,
            linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(2)).unwrap()
        );
    }

    #[test]
    fn polynomial_rows_hold_scaled_powers() {
        let data = polynomial(&[5.0, 1.2, -3.4, 5.6], 20, 0.0, 50, Seed::new(1)).unwrap();
        for row in 0..data.len() {
            let x = data.features().row(row);
            let (one, first) = (x[0], x[1]);
            assert_eq!(one, 1.0);
            assert!((x[2] - first * first / 2.0).abs() < 1e-5);
            assert!((x[3] - first.powi(3) / 6.0).abs() < 1e-4 * (1.0 + first.abs().powi(3)));
            let target = 5.0 + 1.2 * first - 3.4 * x[2] + 5.6 * x[3];
            let got = data.targets().row(row)[0];
            assert!(
                (got - target).abs() < 1e-3 * (1.0 + target.abs()),
                "{got} {target}"
            );
        }
    }

    #[test]
    fn no_examples_is_an_error_that_says_so() {
        let error = high_dimensional(200, 0, Seed::new(0)).unwrap_err();
        assert!(error.to_string().contains("has no rows"), "{error}");
    }
}
