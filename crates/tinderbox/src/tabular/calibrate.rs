//! Calibration of the probabilities of classes (Guo et al. 2017, "On Calibration of Modern Neural Networks").

use tinderbox_data::Values;

/// The smallest and the largest temperature.
const ENDS: [f64; 2] = [0.1, 10.0];

/// The temperature, a divisor of the logits, with the smallest log-loss on these rows.
///
/// Each label has a share of `1 / (rows + 1)` of uncertainty, so that a few rows that are all classified
/// correctly do not make the model certain.
/// `weights` say how much each row counts.
pub(super) fn temperature(logits: &Values, labels: &[i32], weights: Option<&[f64]>) -> f64 {
    if labels.is_empty() || logits.as_slice().iter().any(|logit| !logit.is_finite()) {
        return 1.0;
    }
    // The loss is convex in 1 / temperature, so it has one minimum in the logarithm as well.
    let loss = |log: f64| smoothed_loss(logits, labels, weights, (-log).exp());
    let [mut low, mut high] = ENDS.map(f64::ln);
    for _ in 0..50 {
        let third = (high - low) / 3.0;
        match loss(low + third) <= loss(high - third) {
            true => high -= third,
            false => low += third,
        }
    }
    let best = (low + high) / 2.0;
    if loss(best) < loss(0.0) {
        best.exp()
    } else {
        1.0
    }
}

/// The sum of the cross-entropies of the scaled logits with smoothed labels.
fn smoothed_loss(logits: &Values, labels: &[i32], weights: Option<&[f64]>, scale: f64) -> f64 {
    let classes = logits.width();
    let smoothing = 1.0 / (labels.len() + 1) as f64;
    let mut sum = 0.0;
    for (place, (row, &label)) in logits.as_slice().chunks(classes).zip(labels).enumerate() {
        let scaled = row.iter().map(|&logit| f64::from(logit) * scale);
        let most = scaled.clone().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = most + scaled.clone().map(|x| (x - most).exp()).sum::<f64>().ln();
        let mean = scaled.clone().sum::<f64>() / classes as f64;
        let right = f64::from(row[label as usize]) * scale;
        let weight = weights.map_or(1.0, |weights| weights[place]);
        sum += weight * (log_sum - (1.0 - smoothing) * right - smoothing * mean);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinderbox_core::Seed;

    /// Labels drawn from the probabilities of logits; the model is `confidence` times as certain.
    fn drawn(rows: usize, confidence: f32) -> (Values, Vec<i32>) {
        let mut rng = Seed::new(4).rng();
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let logit = 2.0 * rng.normal();
            let yes = rng.uniform() < 1.0 / (1.0 + (-logit).exp());
            labels.push(i32::from(yes));
            logits.extend([0.0, logit as f32 * confidence]);
        }
        (Values::new(logits, 2).unwrap(), labels)
    }

    #[test]
    fn the_temperature_undoes_false_certainty() {
        for confidence in [0.5, 1.0, 3.0] {
            let (logits, labels) = drawn(20_000, confidence);
            let found = temperature(&logits, &labels, None);
            assert!(
                (found / f64::from(confidence) - 1.0).abs() < 0.05,
                "{found}"
            );
        }
    }

    #[test]
    fn few_correct_rows_do_not_make_a_model_certain() {
        let logits = Values::new(vec![0.0, 2.0, 2.0, 0.0], 2).unwrap();
        let found = temperature(&logits, &[1, 0], None);
        // The best probability of the label is 1 - 1/3 / 2.
        let right = 1.0 / (1.0 + (-2.0 / found).exp());
        assert!((right - (1.0 - 1.0 / 6.0)).abs() < 1e-3, "{right}");
        let broken = Values::new(vec![f32::NAN, 0.0], 2).unwrap();
        assert_eq!(temperature(&broken, &[0], None), 1.0);
        assert_eq!(
            temperature(&Values::new(vec![], 2).unwrap(), &[], None),
            1.0
        );
    }
}
