use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// How well a translation matches a reference, from 0 to 1, as the course has it for single
/// sentences: `exp(min(0, 1 - reference / predicted))` of the lengths, times `p_n^(1/2^n)` of the
/// matching n-grams for `n` from 1 to `k`.
///
/// A prediction of fewer than `k` tokens has no n-grams of that length: its score is 0.
///
/// ```
/// # use tinderbox_train::sentence_bleu;
/// let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
/// assert_eq!(sentence_bleu(&words("va !"), &words("va !"), 2), 1.0);
/// assert!(sentence_bleu(&words("va là !"), &words("va !"), 2) < 0.8);
/// ```
pub fn sentence_bleu<T: Hash + Eq>(predicted: &[T], reference: &[T], k: usize) -> f64 {
    if predicted.is_empty() || predicted.len() < k {
        return 0.0;
    }
    let lengths = reference.len() as f64 / predicted.len() as f64;
    let precisions = (1..=k).map(|n| {
        let (matching, all) = matching(predicted, reference, n);
        (matching as f64 / all as f64).powf(0.5f64.powi(n as i32))
    });
    (1.0 - lengths).min(0.0).exp() * precisions.product::<f64>()
}

/// N-grams of the prediction that the reference has too (each as often as it has it), and all.
fn matching<T: Hash + Eq>(predicted: &[T], reference: &[T], n: usize) -> (usize, usize) {
    let mut left: HashMap<&[T], usize> = HashMap::new();
    for ngram in reference.windows(n) {
        *left.entry(ngram).or_default() += 1;
    }
    let found = predicted
        .windows(n)
        .filter(|ngram| match left.get_mut(ngram) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        });
    (found.count(), predicted.windows(n).count())
}

/// BLEU of a whole corpus, from 0 to 100 (Papineni et al. 2002), with n-grams up to 4.
///
/// The score of `sacrebleu --tokenize none` for the same tokens: one reference for each sentence, and
/// its smoothing `exp` for n-grams without a match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusBleu {
    matching: [usize; ORDER],
    all: [usize; ORDER],
    predicted: usize,
    reference: usize,
}

/// Length of the longest n-grams.
const ORDER: usize = 4;

impl CorpusBleu {
    /// Adds a sentence: what was predicted and its reference.
    pub fn add<T: Hash + Eq>(&mut self, predicted: &[T], reference: &[T]) {
        for n in 1..=ORDER {
            let (found, all) = matching(predicted, reference, n);
            self.matching[n - 1] += found;
            self.all[n - 1] += all;
        }
        self.predicted += predicted.len();
        self.reference += reference.len();
    }

    /// The score so far; 0 where nothing matches.
    pub fn value(&self) -> f64 {
        if self.matching.iter().all(|&count| count == 0) || self.all.contains(&0) {
            return 0.0;
        }
        let mut missing = 1.0;
        let mut logarithms = 0.0;
        for (&matching, &all) in self.matching.iter().zip(&self.all) {
            let matching = match matching {
                0 => {
                    missing *= 2.0;
                    1.0 / missing
                }
                matching => matching as f64,
            };
            logarithms += (matching / all as f64).ln();
        }
        let brevity = (1.0 - self.reference as f64 / self.predicted as f64).min(0.0);
        100.0 * (brevity + logarithms / ORDER as f64).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split(' ').collect()
    }

    #[test]
    fn sentences_score_as_in_the_course() {
        let score = |predicted, reference| sentence_bleu(&words(predicted), &words(reference), 2);
        assert_eq!(score("je suis chez moi .", "je suis chez moi ."), 1.0);
        // The course's example: A B B C D for A B C D E F, p1 = 4/5, p2 = 3/4, two tokens short.
        let expected = (1.0 - 6.0 / 5.0f64).exp() * 0.8f64.powf(0.5) * 0.75f64.powf(0.25);
        assert!((score("A B B C D", "A B C D E F") - expected).abs() < 1e-12);
        // What it prints of its translations, where the text shows them.
        for (predicted, reference, expected) in [
            ("va !", "va !", 1.0),
            ("j'ai perdu .", "j'ai perdu .", 1.0),
            ("il est paresseux .", "il est calme .", 0.658),
        ] {
            let got = score(predicted, reference);
            assert!((got - expected).abs() < 5e-4, "{predicted}: {got}");
        }
        assert_eq!(score("a b", "c d"), 0.0);
        assert_eq!(score("a", "a"), 0.0);
        assert_eq!(sentence_bleu::<&str>(&[], &["a"], 2), 0.0);
    }

    /// Printed by sacrebleu 2.6.0, `corpus_bleu(predicted, [references], tokenize="none")`.
    #[test]
    fn corpora_score_as_with_sacrebleu() {
        let pairs = [
            (
                "le chat est sur le tapis .",
                "le chat est assis sur le tapis .",
            ),
            ("il fait beau aujourd'hui", "il fait très beau aujourd'hui"),
            (
                "je ne sais pas quoi faire",
                "je ne sais pas ce qu'il faut faire",
            ),
            (
                "elle lit un livre dans le jardin",
                "elle lit un livre au jardin",
            ),
            (
                "nous partons demain matin à sept heures",
                "nous partirons demain matin à sept heures",
            ),
            ("merci", "merci beaucoup"),
        ];
        for (range, expected) in [(0..6, 47.669_629_676), (1..3, 34.470_451_792)] {
            let mut bleu = CorpusBleu::default();
            for (predicted, reference) in &pairs[range] {
                bleu.add(&words(predicted), &words(reference));
            }
            assert!((bleu.value() - expected).abs() < 1e-6, "{}", bleu.value());
        }
    }

    #[test]
    fn a_corpus_is_more_than_the_mean_of_its_sentences() {
        let mut bleu = CorpusBleu::default();
        assert_eq!(bleu.value(), 0.0);
        bleu.add(
            &words("the cat is on the mat"),
            &words("the cat is on the mat"),
        );
        assert!((bleu.value() - 100.0).abs() < 1e-9);
        bleu.add(&words("a dog sat here"), &words("the dog sat here now"));
        // Matches 6 + 3, 5 + 2, 4 + 1 and 3 + 0 of 10, 8, 6 and 4; 10 tokens for 11.
        let precisions = (0.9f64 * 7.0 / 8.0 * 5.0 / 6.0 * 3.0 / 4.0).powf(0.25);
        let expected = 100.0 * (1.0 - 1.1f64).exp() * precisions;
        assert!((bleu.value() - expected).abs() < 1e-9);
        // No 4-gram matches: smoothed as half a match.
        let mut short = CorpusBleu::default();
        short.add(&words("a b c x d"), &words("a b c y d"));
        let by_hand = (4.0 / 5.0 * 2.0 / 4.0 * 1.0 / 3.0 * (0.5 / 2.0f64)).powf(0.25) * 100.0;
        assert!((short.value() - by_hand).abs() < 1e-9);
    }
}
