use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_nn::EncoderDecoder;

use crate::DecodingError;

/// Beam search for the most probable sequence: at every step the `width` best of all continuations are
/// kept (Dive into Deep Learning, "Beam Search").
///
/// With a width of 1 it is greedy search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeamSearch {
    /// Sequences that are kept at every step.
    pub width: usize,
    /// α of the score `ln P / length^α`: 0 prefers short sequences, the course has 0.75.
    pub length_penalty: f64,
    /// Tokens that are written at most, the end among them.
    pub max_length: usize,
}

/// Tokens with a meaning of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialTokens {
    /// What stands before the first token.
    pub begin: u32,
    /// What ends a sequence.
    pub end: u32,
    /// What is never written: padding, the unknown token.
    pub never: Vec<u32>,
}

/// A sequence that the search wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, without the end.
    pub tokens: Vec<u32>,
    /// Whether the model wrote the end; without it the length was used up.
    pub ended: bool,
    /// ln P of the tokens and the end, among those that may be written.
    pub log_probability: f64,
    /// What hypotheses are compared by.
    pub score: f64,
}

/// A sequence that is being written, and the state of the model before its last token.
struct Open<S> {
    tokens: Vec<u32>,
    log_probability: f64,
    state: S,
}

impl BeamSearch {
    /// The most probable token at every step.
    pub fn greedy(max_length: usize) -> Self {
        Self {
            width: 1,
            length_penalty: 0.0,
            max_length,
        }
    }

    /// Checks the settings that a user wrote.
    ///
    /// # Errors
    /// A width or length of 0, a length penalty that is negative or not finite.
    pub fn check(&self) -> Result<(), DecodingError> {
        let wrong = |field, value: String, rule| Err(DecodingError::Setting { field, value, rule });
        if self.width == 0 {
            return wrong(
                "beam",
                "0".into(),
                "keep at least 1 sequence; 1 is greedy search",
            );
        }
        if self.max_length == 0 {
            return wrong("length", "0".into(), "ask for at least 1 token");
        }
        let penalty = self.length_penalty;
        if !(penalty.is_finite() && penalty >= 0.0) {
            let rule = "it must be at least 0; 0.75 is a common choice";
            return wrong("length penalty", penalty.to_string(), rule);
        }
        Ok(())
    }

    /// The sequences that are found, best first: those with an end, and those that used up the length.
    ///
    /// `step` gives the logits of the token behind the given one, and the state behind it.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; logits with a NaN, or without a finite one for a token that
    /// may be written.
    pub fn search<S: Clone>(
        &self,
        special: &SpecialTokens,
        start: S,
        mut step: impl FnMut(u32, S) -> (Vec<f32>, S),
    ) -> Result<Vec<Hypothesis>, DecodingError> {
        self.check()?;
        let mut open = vec![Open {
            tokens: Vec::new(),
            log_probability: 0.0,
            state: start,
        }];
        let mut found: Vec<Hypothesis> = Vec::new();
        for length in 1..=self.max_length {
            let mut before = Vec::with_capacity(open.len());
            let mut next: Vec<(usize, u32, f64)> = Vec::new();
            for (from, one) in open.into_iter().enumerate() {
                let last = one.tokens.last().copied().unwrap_or(special.begin);
                let (logits, state) = step(last, one.state);
                let likely = log_probabilities(logits, &special.never)?;
                let likely = likely.into_iter().zip(0..).filter(|(p, _)| p.is_finite());
                next.extend(likely.map(|(p, token)| (from, token, one.log_probability + p)));
                before.push((one.tokens, state));
            }
            // Stable: of equal ones the better sequence so far, then the lower id, comes first.
            next.sort_by(|(_, _, a), (_, _, b)| b.total_cmp(a));
            next.truncate(self.width);
            open = Vec::with_capacity(next.len());
            for (from, token, log_probability) in next {
                let (tokens, state) = &before[from];
                let mut tokens = tokens.clone();
                let ended = token == special.end;
                if !ended {
                    tokens.push(token);
                }
                match ended || length == self.max_length {
                    true => found.push(Hypothesis {
                        tokens,
                        ended,
                        log_probability,
                        score: self.score(log_probability, length),
                    }),
                    false => open.push(Open {
                        tokens,
                        log_probability,
                        state: state.clone(),
                    }),
                }
            }
            // What is open cannot become more probable; its score is best at the greatest length.
            let best = found
                .iter()
                .map(|one| one.score)
                .fold(f64::NEG_INFINITY, f64::max);
            let reachable = |one: &Open<S>| self.score(one.log_probability, self.max_length);
            if !open.iter().any(|one| reachable(one) > best) {
                break;
            }
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(found)
    }

    /// The translations of a source sentence that are found, best first.
    ///
    /// `source` is padded as the model was trained; `length` of its ids are no padding. The model must
    /// be in evaluation mode ([`Module::valid`](burn::module::Module::valid)).
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn translate<M: EncoderDecoder>(
        &self,
        model: &M,
        source: &[u32],
        length: usize,
        special: &SpecialTokens,
        device: &Device,
    ) -> Result<Vec<Hypothesis>, DecodingError> {
        self.check()?;
        let ids = |ids: &[u32]| {
            let numbers: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
            Tensor::<2, Int>::from_data(TensorData::new(numbers, [1, ids.len()]), device)
        };
        let lengths = Tensor::<1, Int>::from_data([length as i32], device);
        let start = model.encode(ids(source), lengths);
        self.search(special, start, |token, state| {
            let decoded = model.decode(ids(&[token]), state);
            let logits = decoded.logits.into_data().iter::<f32>().collect();
            (logits, decoded.state)
        })
    }

    fn score(&self, log_probability: f64, length: usize) -> f64 {
        log_probability / (length as f64).powf(self.length_penalty)
    }
}

/// ln P of every token, without those that are never written.
fn log_probabilities(logits: Vec<f32>, never: &[u32]) -> Result<Vec<f64>, DecodingError> {
    let mut numbers: Vec<f64> = logits.into_iter().map(f64::from).collect();
    if numbers.iter().any(|number| number.is_nan()) {
        return Err(DecodingError::Logits);
    }
    for &token in never {
        if let Some(number) = numbers.get_mut(token as usize) {
            *number = f64::NEG_INFINITY;
        }
    }
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return Err(DecodingError::Logits);
    }
    let sum: f64 = numbers.iter().map(|number| (number - most).exp()).sum();
    let norm = most + sum.ln();
    Ok(numbers.into_iter().map(|number| number - norm).collect())
}

#[cfg(test)]
mod tests;
