//! Classification metrics that use the probabilities, not only the predicted class.

use serde::{Deserialize, Serialize};

use super::{Mean, Metric, merge, restore};
use crate::{Logits, Result, StepError, TrainError};

/// The mean of `-ln p(true class)` over examples, without label smoothing.
#[derive(Clone, Debug, Default)]
pub struct LogLoss {
    mean: Mean,
}

impl LogLoss {
    /// Adds rows of `classes` logits and their true classes.
    pub fn add(&mut self, logits: &[f32], classes: usize, targets: &[i64]) {
        for (row, &target) in logits.chunks_exact(classes).zip(targets) {
            let most = row
                .iter()
                .fold(f64::NEG_INFINITY, |most, &x| most.max(x.into()));
            let sum: f64 = row.iter().map(|&x| (f64::from(x) - most).exp()).sum();
            let of_target = f64::from(row[target as usize]);
            self.mean.add(most + sum.ln() - of_target, 1);
        }
    }

    /// The mean so far; NaN before the first example.
    pub fn value(&self) -> f64 {
        self.mean.value()
    }
}

impl Metric<Logits> for LogLoss {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        output.check()?;
        let (logits, classes, targets) = host(output);
        self.add(&logits, classes, &targets);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("log_loss".into(), self.value())]
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.mean)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        restore(&mut self.mean, state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        self.mean.merge(state)
    }
}

/// The share of examples whose true class is among the `k` highest logits.
///
/// Of equal logits the one of the lower class counts as the higher, so that `k = 1` is
/// [`Accuracy`](crate::Accuracy). A NaN never counts as a hit. With as many classes as `k` or fewer it is 1.
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    mean: Mean,
}

impl TopK {
    /// Among the `k` highest.
    ///
    /// # Errors
    /// `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        if k == 0 {
            return Err(TrainError::Config {
                field: "k of the top-k accuracy",
                value: "0".into(),
                rule: "it must be at least 1; 5 is common for a thousand classes",
            });
        }
        Ok(Self {
            k,
            mean: Mean::default(),
        })
    }

    /// Adds rows of `classes` logits and their true classes.
    pub fn add(&mut self, logits: &[f32], classes: usize, targets: &[i64]) {
        for (row, &target) in logits.chunks_exact(classes).zip(targets) {
            let (before, after) = row.split_at(target as usize);
            let own = row[target as usize];
            let higher = before.iter().filter(|x| **x >= own || x.is_nan()).count()
                + after[1..]
                    .iter()
                    .filter(|x| **x > own || x.is_nan())
                    .count();
            let hit = higher < self.k && !own.is_nan();
            self.mean.add(f64::from(u8::from(hit)), 1);
        }
    }

    /// The share so far; NaN before the first example.
    pub fn value(&self) -> f64 {
        self.mean.value()
    }
}

impl Metric<Logits> for TopK {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        output.check()?;
        let (logits, classes, targets) = host(output);
        self.add(&logits, classes, &targets);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![(format!("top_{}_accuracy", self.k), self.value())]
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.mean)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        restore(&mut self.mean, state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        self.mean.merge(state)
    }
}

/// The area under the ROC curve, exact: the chance that an example of a class gets a higher
/// probability of it than one of another class, ties counting half (Hanley and McNeil 1982).
///
/// With more than two classes it is the mean over the classes, each against all others. A class
/// that no example has, or that all have, has no curve and is left out of the mean; the result is
/// NaN when no class is left. All probabilities of the epoch are kept in memory.
#[derive(Clone, Debug, Default)]
pub struct Auc {
    seen: Seen,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    classes: usize,
    /// The logarithm of `p / (1 - p)` for each class, one row per example; of two classes, that of the second
    /// one only. It orders as the probability `p` does, and does not round to 1.
    scores: Vec<f32>,
    targets: Vec<i64>,
    /// Weights of the examples; none if all are equal.
    #[serde(default)]
    weights: Vec<f64>,
}

impl Auc {
    /// Adds rows of `classes` logits and their true classes.
    pub fn add(&mut self, logits: &[f32], classes: usize, targets: &[i64]) {
        self.seen.classes = classes;
        self.seen.targets.extend_from_slice(targets);
        for row in logits.chunks_exact(classes) {
            match row {
                [no, yes] => self.seen.scores.push(yes - no),
                row => log_odds(row, &mut self.seen.scores),
            }
        }
    }

    /// As [`add`](Self::add), with a weight for each row; all rows must have one.
    pub fn add_weighted(
        &mut self,
        logits: &[f32],
        classes: usize,
        targets: &[i64],
        weights: &[f64],
    ) {
        self.add(logits, classes, targets);
        self.seen.weights.extend_from_slice(weights);
    }

    /// The area so far.
    pub fn value(&self) -> f64 {
        self.mean_over_classes(area)
    }

    /// The average precision of the same examples: the precision at each recall, weighted by the rise of the
    /// recall (scikit-learn's `average_precision_score`). It falls with the share of a rare class, where
    /// the area hardly changes. Of two classes it is that of the second.
    pub fn average_precision(&self) -> f64 {
        self.mean_over_classes(average_precision)
    }

    fn mean_over_classes(&self, of: fn(Vec<Scored>) -> Option<f64>) -> f64 {
        let seen = &self.seen;
        let (width, first) = match seen.classes {
            0 | 1 => return f64::NAN,
            2 => (1, 1),
            classes => (classes, 0),
        };
        let areas = (0..width).filter_map(|place| {
            let class = (first + place) as i64;
            let scores = seen.scores.iter().skip(place).step_by(width);
            let positive = seen.targets.iter().map(|&target| target == class);
            let weights = seen.weights.iter().copied().chain(std::iter::repeat(1.0));
            let scored = scores.copied().zip(positive).zip(weights);
            let scored = scored.map(|((score, positive), weight)| Scored {
                score,
                positive,
                weight,
            });
            of(scored.filter(|scored| scored.weight > 0.0).collect())
        });
        let areas: Vec<f64> = areas.collect();
        areas.iter().sum::<f64>() / areas.len() as f64
    }
}

/// The score of an example for a class.
#[derive(Clone, Copy)]
struct Scored {
    score: f32,
    positive: bool,
    weight: f64,
}

/// The weight of the examples that are positive, and of the others.
fn sides(scored: &[Scored]) -> [f64; 2] {
    let mut sides = [0.0; 2];
    for example in scored {
        sides[usize::from(!example.positive)] += example.weight;
    }
    sides
}

/// Appends `ln(p / (1 - p))` of each class of a row of logits.
fn log_odds(row: &[f32], scores: &mut Vec<f32>) {
    let mut top = 0;
    for (place, x) in row.iter().enumerate() {
        if *x > row[top] {
            top = place;
        }
    }
    let most = f64::from(row[top]);
    let parts: Vec<f64> = row.iter().map(|&x| (f64::from(x) - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    for (place, &x) in row.iter().enumerate() {
        let others = match place == top {
            false => most + (sum - parts[place]).ln(),
            // Next to the top one the others may be too small to be seen in the sum.
            true => {
                let others = || row.iter().enumerate().filter(|(other, _)| *other != top);
                let next = others().fold(f64::NEG_INFINITY, |next, (_, &x)| next.max(x.into()));
                let sum: f64 = others().map(|(_, &x)| (f64::from(x) - next).exp()).sum();
                next + sum.ln()
            }
        };
        scores.push((f64::from(x) - others) as f32);
    }
}

/// The area under the curve of these scores by ranks; `None` without positives or negatives.
fn area(mut scored: Vec<Scored>) -> Option<f64> {
    let [positives, negatives] = sides(&scored);
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    if scored.iter().any(|scored| scored.score.is_nan()) {
        return Some(f64::NAN);
    }
    scored.sort_unstable_by(|a, b| a.score.total_cmp(&b.score));
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.score == b.score) {
        let [here, others] = sides(tied);
        wins += here * (below + others / 2.0);
        below += others;
    }
    Some(wins / (positives * negatives))
}

/// The average precision of these scores; `None` without positives or negatives.
fn average_precision(mut scored: Vec<Scored>) -> Option<f64> {
    let [positives, negatives] = sides(&scored);
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    if scored.iter().any(|scored| scored.score.is_nan()) {
        return Some(f64::NAN);
    }
    scored.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    let (mut all, mut right, mut sum) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.score == b.score) {
        let [here, others] = sides(tied);
        all += here + others;
        right += here;
        sum += here * right / all;
    }
    Some(sum / positives)
}

impl Metric<Logits> for Auc {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        output.check()?;
        let (logits, classes, targets) = host(output);
        self.add(&logits, classes, &targets);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("auc".into(), self.value())]
    }

    fn reset(&mut self) {
        self.seen = Seen::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.seen)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        restore(&mut self.seen, state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        merge(&mut self.seen, state, |seen, other| {
            seen.classes = seen.classes.max(other.classes);
            seen.scores.extend(other.scores);
            seen.targets.extend(other.targets);
        })
    }
}

fn host(output: &Logits) -> (Vec<f32>, usize, Vec<i64>) {
    let classes = output.logits.dims()[1];
    let logits = output.logits.to_data().iter::<f32>().collect();
    (
        logits,
        classes,
        output.targets.to_data().iter::<i64>().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Logits of these probabilities of the second class.
    fn binary(probabilities: &[f32]) -> Vec<f32> {
        probabilities
            .iter()
            .flat_map(|p| [(1.0 - p).ln(), p.ln()])
            .collect()
    }

    #[test]
    fn known_values() {
        // The examples of scikit-learn's documentation of roc_auc_score and log_loss.
        let mut auc = Auc::default();
        auc.add(&binary(&[0.1, 0.4, 0.35, 0.8]), 2, &[0, 0, 1, 1]);
        assert!((auc.value() - 0.75).abs() < 1e-12);
        // average_precision_score of the same example: 1/2 * 1 + 1/2 * 2/3.
        assert!((auc.average_precision() - 0.833_333_333).abs() < 1e-9);
        let mut loss = LogLoss::default();
        loss.add(&binary(&[0.9, 0.1, 0.2, 0.65]), 2, &[1, 0, 0, 1]);
        assert!(
            (loss.value() - 0.216_161_877).abs() < 1e-6,
            "{}",
            loss.value()
        );
    }

    #[test]
    fn the_true_class_among_the_highest() {
        // The example of scikit-learn's documentation of top_k_accuracy_score.
        let rows = [
            0.5f32, 0.2, 0.2, 0.3, 0.4, 0.2, 0.2, 0.4, 0.3, 0.7, 0.2, 0.1,
        ];
        for (k, expected) in [(1, 0.5), (2, 0.75), (3, 1.0), (9, 1.0)] {
            let mut top = TopK::new(k).unwrap();
            top.add(&rows[..3], 3, &[0]);
            top.add(&rows[3..], 3, &[1, 2, 2]);
            assert_eq!(top.value(), expected);
            assert_eq!(top.values()[0].0, format!("top_{k}_accuracy"));
        }
        // With equal logits for all classes only the first ones count as hits.
        let mut top = TopK::new(2).unwrap();
        top.add(&[0.0; 20], 5, &[0, 1, 2, 3]);
        assert_eq!(top.value(), 0.5);
        let nan = f32::NAN;
        let mut top = TopK::new(2).unwrap();
        top.add(&[nan, nan, 1.0, 0.0, nan, 1.0], 3, &[2, 1]);
        assert_eq!(top.value(), 0.0, "NaN is no hit, and never below one");
        assert!(TopK::new(0).unwrap_err().to_string().contains("at least 1"));
    }

    #[test]
    fn each_of_three_classes_is_compared_with_the_others() {
        let rows = [
            [0.7f32, 0.2, 0.1],
            [0.1, 0.5, 0.4],
            [0.2, 0.55, 0.25],
            [0.3, 0.4, 0.3],
        ];
        let logits: Vec<f32> = rows.iter().flatten().map(|p| p.ln()).collect();
        let targets = [0, 1, 2, 2];
        let mut auc = Auc::default();
        auc.add(&logits, 3, &targets);
        // Class 0: 0.7 beats all three: 1. Class 1: 0.5 beats 0.2 and 0.4, not 0.55: 2 of 3.
        // Class 2: 0.25 and 0.3 against 0.1 and 0.4: 2 of 4.
        let expected = (1.0 + 2.0 / 3.0 + 0.5) / 3.0;
        assert!((auc.value() - expected).abs() < 1e-9, "{}", auc.value());
    }

    #[test]
    fn probabilities_that_round_to_one_are_still_ranked() {
        // Class 0 lies 200 or 300 above the others: its probability is 1 to the last bit of f32.
        let rows = [[300.0f32, 0.0, 0.0], [200.0, 0.0, 0.0], [200.0, -1.0, 1.0]];
        let mut auc = Auc::default();
        auc.add(&rows.concat(), 3, &[0, 1, 2]);
        assert_eq!(auc.value(), 1.0);
    }

    #[test]
    fn without_both_kinds_there_is_no_curve() {
        let mut auc = Auc::default();
        assert!(auc.value().is_nan());
        auc.add(&binary(&[0.1, 0.4]), 2, &[0, 0]);
        assert!(auc.value().is_nan());
        auc.add(&[0.0, f32::NAN], 2, &[1]);
        assert!(auc.value().is_nan(), "a NaN must show");
    }

    #[test]
    fn state_survives_a_checkpoint_bit_for_bit() {
        let mut auc = Auc::default();
        auc.add(&binary(&[0.1, 0.7, 0.3]), 2, &[0, 1, 1]);
        let mut other = Auc::default();
        assert!(other.restore(&serde_json::from_str(&auc.state().to_string()).unwrap()));
        assert_eq!(other.seen, auc.seen);
        assert!(!other.restore(&serde_json::json!("something else")));
        other.reset();
        assert!(other.value().is_nan());
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            scored in prop::collection::vec((-3i8..3, any::<bool>()), 2..40),
        ) {
            let (mut wins, mut pairs) = (0.0, 0.0);
            for (a, _) in scored.iter().filter(|(_, positive)| *positive) {
                for (b, _) in scored.iter().filter(|(_, positive)| !*positive) {
                    pairs += 1.0;
                    wins += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                }
            }
            let logits: Vec<f32> = scored.iter().flat_map(|(s, _)| [0.0, f32::from(*s)]).collect();
            let targets: Vec<i64> = scored.iter().map(|(_, p)| i64::from(*p)).collect();
            let mut auc = Auc::default();
            // In two parts: the metric is over examples, not over batches.
            let half = targets.len() / 2;
            auc.add(&logits[..2 * half], 2, &targets[..half]);
            auc.add(&logits[2 * half..], 2, &targets[half..]);
            if pairs > 0.0 {
                prop_assert!((auc.value() - wins / pairs).abs() < 1e-12);
            } else {
                prop_assert!(auc.value().is_nan());
            }
        }
    }
}
