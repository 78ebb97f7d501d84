//! Prediction intervals from the errors on validation rows: split conformal prediction (Lei et al. 2018,
//! "Distribution-Free Predictive Inference for Regression").

use serde::{Deserialize, Serialize};
use tinderbox_data::Values;

use super::TabularError;

/// The largest number of errors that are kept of each target.
const KEPT: usize = 1000;

/// The absolute errors of predictions on rows that the model was not fitted on, ascending; one list for each
/// target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Residuals {
    /// The number of rows.
    rows: usize,
    /// All errors, or evenly spaced ones of many, the largest among them.
    errors: Vec<Vec<f64>>,
}

impl Residuals {
    /// The errors of these predictions, one row for each; `None` without rows.
    pub fn new(predicted: &Values, truth: &Values) -> Option<Self> {
        let (rows, width) = (truth.rows(), truth.width());
        if rows == 0 {
            return None;
        }
        let of = |target: usize| {
            let pairs = predicted.as_slice().iter().zip(truth.as_slice());
            let own = pairs.skip(target).step_by(width);
            let mut errors: Vec<f64> = own
                .map(|(p, t)| (f64::from(*p) - f64::from(*t)).abs())
                .collect();
            errors.sort_unstable_by(f64::total_cmp);
            match rows > KEPT {
                false => errors,
                true => (1..=KEPT).map(|k| errors[k * rows / KEPT - 1]).collect(),
            }
        };
        Some(Self {
            rows,
            errors: (0..width).map(of).collect(),
        })
    }

    /// For each target, what is subtracted from and added to a prediction so that the interval holds the truth of a
    /// new row with this probability.
    ///
    /// # Errors
    /// A level outside (0, 1), or one that so few rows cannot give.
    pub fn half_widths(&self, level: f64) -> Result<Vec<f64>, TabularError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(TabularError::Level { level });
        }
        // The smallest error that is as large as this share of those of the rows and the new one.
        let place = ((self.rows + 1) as f64 * level).ceil();
        if place > self.rows as f64 {
            return Err(TabularError::IntervalRows {
                level,
                rows: self.rows,
            });
        }
        let share = place / self.rows as f64;
        let at = |errors: &Vec<f64>| {
            let place = (errors.len() as f64 * share).ceil() as usize;
            errors[place.clamp(1, errors.len()) - 1]
        };
        Ok(self.errors.iter().map(at).collect())
    }

    /// Whether the lists can be those of this many targets.
    pub fn is_of(&self, targets: usize) -> bool {
        let fine = |errors: &Vec<f64>| {
            !errors.is_empty()
                && errors
                    .iter()
                    .all(|error| error.is_finite() && *error >= 0.0)
        };
        self.rows > 0 && self.errors.len() == targets && self.errors.iter().all(fine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinderbox_core::Seed;

    fn normals(seed: u64, rows: usize) -> Values {
        let mut rng = Seed::new(seed).rng();
        let numbers = (0..rows).map(|_| rng.normal() as f32);
        Values::new(numbers.collect(), 1).unwrap()
    }

    #[test]
    fn intervals_hold_as_many_rows_as_they_say() {
        for (rows, tolerance) in [(500, 0.05), (20_000, 0.01)] {
            let zeros = Values::new(vec![0.0; rows], 1).unwrap();
            let residuals = Residuals::new(&zeros, &normals(1, rows)).unwrap();
            assert!(residuals.is_of(1) && !residuals.is_of(2));
            for level in [0.5, 0.8, 0.95] {
                let width = residuals.half_widths(level).unwrap()[0];
                let others = normals(2, 20_000);
                let inside = others
                    .as_slice()
                    .iter()
                    .filter(|x| f64::from(x.abs()) <= width);
                let share = inside.count() as f64 / 20_000.0;
                assert!(
                    (share - level).abs() < tolerance,
                    "{rows} rows: {share} for {level}"
                );
            }
        }
    }

    #[test]
    fn the_error_of_a_place_is_exact_for_few_rows() {
        let truth = Values::new((1..=9).map(|x| x as f32).collect(), 1).unwrap();
        let zeros = Values::new(vec![0.0; 9], 1).unwrap();
        let residuals = Residuals::new(&zeros, &truth).unwrap();
        assert_eq!(residuals.half_widths(0.5).unwrap(), [5.0]);
        assert_eq!(residuals.half_widths(0.9).unwrap(), [9.0]);
        let few = residuals.half_widths(0.95).unwrap_err().to_string();
        assert!(few.contains("9 validation rows"), "{few}");
        for level in [0.0, 1.0, -0.1, f64::NAN] {
            let error = residuals.half_widths(level).unwrap_err().to_string();
            assert!(error.contains("between 0 and 1"), "{error}");
        }
    }
}
