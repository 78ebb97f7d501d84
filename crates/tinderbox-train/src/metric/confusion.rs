//! The confusion matrix, and the scores of each class that follow from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tinderbox_plot::Plot;

use super::{Metric, restore};
use crate::{Logits, Result, StepError};

/// The confusion matrix: how often each class was predicted as each class, by the highest logit.
///
/// As a metric it gives the macro averages of its [`scores`](Self::scores).
#[derive(Clone, Debug, Default)]
pub struct ConfusionMatrix {
    counted: Counted,
}

/// Of thousands of classes few pairs occur: only those are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
struct Counted {
    classes: usize,
    /// By true and predicted class.
    counts: BTreeMap<(usize, usize), u64>,
}

/// JSON has no maps with pairs as keys.
#[derive(Serialize, Deserialize)]
struct Stored {
    classes: usize,
    /// True class, predicted class, how often.
    counts: Vec<(usize, usize, u64)>,
}

impl From<Counted> for Stored {
    fn from(counted: Counted) -> Self {
        let counts = counted.counts.into_iter();
        Self {
            classes: counted.classes,
            counts: counts
                .map(|((truth, guess), count)| (truth, guess, count))
                .collect(),
        }
    }
}

impl From<Stored> for Counted {
    fn from(stored: Stored) -> Self {
        let counts = stored.counts.into_iter();
        Self {
            classes: stored.classes,
            counts: counts
                .map(|(truth, guess, count)| ((truth, guess), count))
                .collect(),
        }
    }
}

/// Precision, recall and F1 of a class, or their average over classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The share of the examples predicted as this class that belong to it.
    pub precision: f64,
    /// The share of the examples of this class that were predicted as this class.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// Examples of this class.
    pub support: u64,
}

/// The scores of every class and their averages, as in scikit-learn's `classification_report`.
///
/// A division by zero gives 0: the precision of a class that was never predicted, the recall
/// of one without examples, the F1 of two zeros. A class that is neither true nor predicted anywhere
/// is left out of the macro average. Averages over no examples are NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// One per class, in order.
    pub classes: Vec<ClassScore>,
    /// The share of all examples that were classified correctly.
    pub accuracy: f64,
    /// All classes have the same weight.
    pub macro_average: ClassScore,
    /// Each class is weighted by its number of examples.
    pub weighted_average: ClassScore,
}

impl ConfusionMatrix {
    /// The largest number of classes that a chart shows; see [`to_svg`](Self::to_svg).
    pub const DRAWN: usize = 50;

    /// Adds the predicted and the true classes of examples; there are `classes` in all.
    pub fn add(&mut self, classes: usize, predicted: &[i64], targets: &[i64]) {
        self.counted.classes = classes;
        for (&guess, &truth) in predicted.iter().zip(targets) {
            let pair = (truth as usize, guess as usize);
            *self.counted.counts.entry(pair).or_default() += 1;
        }
    }

    /// `counts[true class][predicted class]`; empty before the first example.
    pub fn counts(&self) -> Vec<Vec<u64>> {
        self.counts_of(&(0..self.counted.classes).collect::<Vec<_>>())
    }

    /// The counts of these classes, in ascending order, among each other.
    fn counts_of(&self, classes: &[usize]) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (&(truth, guess), &count) in &self.counted.counts {
            if let (Ok(row), Ok(column)) =
                (classes.binary_search(&truth), classes.binary_search(&guess))
            {
                counts[row][column] = count;
            }
        }
        counts
    }

    /// The classes with the most errors, as true or as predicted class, [`DRAWN`](Self::DRAWN) of them at
    /// most, in ascending order.
    fn most_confused(&self) -> Vec<usize> {
        let mut errors = vec![0; self.counted.classes];
        for (&(truth, guess), &count) in &self.counted.counts {
            if truth != guess {
                errors[truth] += count;
                errors[guess] += count;
            }
        }
        let mut classes: Vec<usize> = (0..self.counted.classes).collect();
        classes.sort_by_key(|&class| std::cmp::Reverse(errors[class]));
        classes.truncate(Self::DRAWN);
        classes.sort_unstable();
        classes
    }

    /// The scores of each class.
    pub fn scores(&self) -> ClassScores {
        let number = self.counted.classes;
        let (mut supports, mut taken) = (vec![0; number], vec![0; number]);
        let mut hits = vec![0; number];
        for (&(truth, guess), &count) in &self.counted.counts {
            supports[truth] += count;
            taken[guess] += count;
            if truth == guess {
                hits[truth] = count;
            }
        }
        let all: u64 = supports.iter().sum();
        let right: u64 = hits.iter().sum();
        let seen: Vec<bool> = (0..number)
            .map(|class| supports[class] + taken[class] > 0)
            .collect();
        let classes: Vec<ClassScore> = (0..number)
            .map(|class| {
                let (support, predicted, hits) = (supports[class], taken[class], hits[class]);
                ClassScore {
                    precision: share(hits, predicted),
                    recall: share(hits, support),
                    f1: share(2 * hits, predicted + support),
                    support,
                }
            })
            .collect();
        let average = |weight: &dyn Fn(usize) -> f64| {
            let weights: Vec<f64> = (0..classes.len()).map(weight).collect();
            let total: f64 = weights.iter().sum();
            let mean = |value: fn(&ClassScore) -> f64| {
                let weighted = classes.iter().zip(&weights);
                weighted.map(|(class, w)| w * value(class)).sum::<f64>() / total
            };
            ClassScore {
                precision: mean(|class| class.precision),
                recall: mean(|class| class.recall),
                f1: mean(|class| class.f1),
                support: all,
            }
        };
        ClassScores {
            accuracy: right as f64 / all as f64,
            macro_average: average(&|class| f64::from(u8::from(seen[class]))),
            weighted_average: average(&|class| classes[class].support as f64),
            classes,
        }
    }

    /// The matrix as SVG: rows are true classes, columns predicted ones, the colour is the share of
    /// the row.
    ///
    /// Of more than [`DRAWN`](Self::DRAWN) classes those that are most often confused are drawn, and the
    /// title says so; the share of a row is then that among them.
    ///
    /// # Errors
    /// Another number of names than of classes; no example so far.
    pub fn to_svg(&self, title: &str, names: &[String]) -> Result<String> {
        let number = self.counted.classes;
        let (mut title, mut names) = (title.to_owned(), names.to_vec());
        let counts = if names.len() != number {
            // The drawing function reports the different lengths.
            vec![Vec::new(); number]
        } else if number > Self::DRAWN {
            title += &format!(" (the {} most confused of {number} classes)", Self::DRAWN);
            let classes = self.most_confused();
            names = classes.iter().map(|&class| names[class].clone()).collect();
            self.counts_of(&classes)
        } else {
            self.counts()
        };
        // 44 px a class hold a count of five digits.
        let side = (names.len() as u32).saturating_mul(44).clamp(400, 2000);
        let plot = Plot {
            width: side + 120,
            height: side,
            ..Plot::new(title.as_str()).labels("predicted", "actual")
        };
        Ok(tinderbox_plot::confusion_matrix(&plot, &names, &counts)?)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl ClassScores {
    /// The scores as text, one line per class; a class without a name is called by its number.
    pub fn table(&self, names: &[String]) -> String {
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0).max("weighted average".len());
        let line = |name: &str, score: &ClassScore| {
            let ClassScore {
                precision,
                recall,
                f1,
                support,
            } = score;
            format!("{name:<width$}  {precision:>9.4}  {recall:>9.4}  {f1:>9.4}  {support:>9}\n")
        };
        let mut text = format!(
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>9}\n",
            "class", "precision", "recall", "F1", "examples"
        );
        for (class, score) in self.classes.iter().enumerate() {
            let number = class.to_string();
            text += &line(names.get(class).unwrap_or(&number), score);
        }
        text += &line("macro average", &self.macro_average);
        text += &line("weighted average", &self.weighted_average);
        text + &format!("accuracy {:.4}\n", self.accuracy)
    }
}

impl Metric<Logits> for ConfusionMatrix {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        output.check()?;
        let [rows, classes] = output.logits.dims();
        let guesses = output.logits.clone().argmax(1).reshape([rows]).into_data();
        let guesses: Vec<i64> = guesses.iter::<i64>().collect();
        let targets: Vec<i64> = output.targets.to_data().iter::<i64>().collect();
        self.add(classes, &guesses, &targets);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        let average = self.scores().macro_average;
        vec![
            ("macro_precision".into(), average.precision),
            ("macro_recall".into(), average.recall),
            ("macro_f1".into(), average.f1),
        ]
    }

    fn reset(&mut self) {
        self.counted = Counted::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.counted)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        let mut read = Counted::default();
        let fits = restore(&mut read, state)
            && (read.counts.keys())
                .all(|&(truth, guess)| truth < read.classes && guess < read.classes);
        if fits {
            self.counted = read;
        }
        fits
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        let mut other = Self::default();
        if !other.restore(state) {
            return false;
        }
        self.counted.classes = self.counted.classes.max(other.counted.classes);
        for (pair, count) in other.counted.counts {
            *self.counted.counts.entry(pair).or_default() += count;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(classes: usize, targets: &[i64], predicted: &[i64]) -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::default();
        // In two parts: the scores are over examples, not over batches.
        let half = targets.len() / 3;
        matrix.add(classes, &predicted[..half], &targets[..half]);
        matrix.add(classes, &predicted[half..], &targets[half..]);
        matrix
    }

    fn near(score: &ClassScore, expected: [f64; 3], support: u64) {
        let got = [score.precision, score.recall, score.f1];
        for (got, expected) in got.into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{score:?} {expected}");
        }
        assert_eq!(score.support, support);
    }

    #[test]
    fn counts_are_those_of_scikit_learns_documentation() {
        let counts = matrix(3, &[2, 0, 2, 2, 0, 1], &[0, 0, 2, 2, 0, 2]).counts();
        assert_eq!(counts, [vec![2, 0, 0], vec![0, 0, 1], vec![1, 0, 2]]);
    }

    /// The example of scikit-learn's documentation of `classification_report`, which prints
    /// 0.50 1.00 0.67 1, 0.00 0.00 0.00 1, 1.00 0.67 0.80 3, macro 0.50 0.56 0.49, weighted
    /// 0.70 0.60 0.61: class 1 was predicted, wrongly, and never right.
    #[test]
    fn scores_are_those_of_scikit_learns_documentation() {
        let matrix = matrix(3, &[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1]);
        let scores = matrix.scores();
        near(&scores.classes[0], [0.5, 1.0, 2.0 / 3.0], 1);
        near(&scores.classes[1], [0.0, 0.0, 0.0], 1);
        near(&scores.classes[2], [1.0, 2.0 / 3.0, 0.8], 3);
        let macro_f1 = (2.0 / 3.0 + 0.8) / 3.0;
        near(&scores.macro_average, [0.5, 5.0 / 9.0, macro_f1], 5);
        let weighted_f1 = (2.0 / 3.0 + 3.0 * 0.8) / 5.0;
        near(&scores.weighted_average, [0.7, 0.6, weighted_f1], 5);
        assert_eq!(scores.accuracy, 0.6);
        let values: Vec<f64> = matrix.values().iter().map(|(_, value)| *value).collect();
        for (got, expected) in values.iter().zip([0.5, 5.0 / 9.0, macro_f1]) {
            assert!((got - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_class_that_never_occurs_is_zero_and_left_out_of_averages() {
        // scikit-learn's default leaves out labels that are in neither list: the averages are those
        // of classes 0 (F1 4/5) and 2 (F1 2/3).
        let scores = matrix(4, &[0, 2, 2, 0], &[0, 2, 0, 0]).scores();
        near(&scores.classes[1], [0.0; 3], 0);
        near(&scores.classes[3], [0.0; 3], 0);
        near(
            &scores.macro_average,
            [5.0 / 6.0, 0.75, (0.8 + 2.0 / 3.0) / 2.0],
            4,
        );
        let nothing = ConfusionMatrix::default().scores();
        assert!(nothing.accuracy.is_nan() && nothing.macro_average.f1.is_nan());
    }

    #[test]
    fn table_and_figure_name_every_class() {
        let names = ["cat".to_string(), "dog".into(), "pig".into()];
        let matrix = matrix(3, &[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1]);
        let table = matrix.scores().table(&names);
        let cells = |line: &str| {
            let line = table.lines().find(|found| found.starts_with(line)).unwrap();
            let cells = line.split_whitespace().map(String::from);
            cells.collect::<Vec<_>>()
        };
        assert_eq!(cells("pig"), ["pig", "1.0000", "0.6667", "0.8000", "3"]);
        let macros = ["macro", "average", "0.5000", "0.5556", "0.4889", "5"];
        assert_eq!(cells("macro"), macros);
        let svg = matrix.to_svg("Animals", &names).unwrap();
        for text in [">cat<", ">dog<", ">pig<", ">predicted<", ">actual<"] {
            assert!(svg.replace('\n', "").contains(text), "{text}: {svg}");
        }
        let error = matrix.to_svg("", &names[..2]).unwrap_err().to_string();
        assert!(error.contains("expected 2 values, got 3"), "{error}");
    }

    #[test]
    fn of_many_classes_the_most_confused_are_drawn() {
        let number = 2000;
        let names: Vec<String> = (0..number).map(|class| format!("class {class}")).collect();
        let all: Vec<i64> = (0..number as i64).collect();
        let mut many = ConfusionMatrix::default();
        // All correct but 30: 1970 is predicted as 0, 1971 as 1, ….
        let guesses: Vec<i64> = all
            .iter()
            .map(|&class| if class < 1970 { class } else { class - 1970 })
            .collect();
        many.add(number, &guesses, &all);
        let classes = many.most_confused();
        assert_eq!(classes.len(), 50);
        // A pair is two classes: 0 to 29 and 1970 on are confused alike, and the first ones win.
        let expected: Vec<usize> = (0..30).chain(1970..1990).collect();
        assert_eq!(classes, expected);
        assert_eq!(many.counts_of(&classes)[30][0], 1);
        let svg = many.to_svg("Words", &names).unwrap();
        assert!(svg.contains("50 most confused of 2000 classes"), "said");
        assert!(svg.len() < 2 << 20, "{} bytes", svg.len());
        assert!(many.to_svg("", &names[1..]).is_err());
        assert_eq!(many.scores().accuracy, 1970.0 / 2000.0);
    }

    #[test]
    fn state_survives_a_checkpoint() {
        let matrix = matrix(3, &[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1]);
        let text = matrix.state().to_string();
        let mut other = ConfusionMatrix::default();
        assert!(other.restore(&serde_json::from_str(&text).unwrap()));
        assert_eq!(other.counted, matrix.counted);
        for state in [
            serde_json::json!("something else"),
            serde_json::json!({"classes": 3, "counts": [1]}),
            serde_json::json!({"classes": 3, "counts": [[0, 3, 1]]}),
        ] {
            assert!(!other.restore(&state));
        }
        assert_eq!(other.counted, matrix.counted);
    }
}
