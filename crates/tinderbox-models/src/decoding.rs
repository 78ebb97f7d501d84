use serde::{Deserialize, Serialize};
use tinderbox_core::Rng;

/// How the next token is chosen from a model's logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// The most probable token; of equal ones the one with the lower id.
    #[default]
    Greedy,
    /// A draw from the model's probabilities.
    Sample {
        /// The divisor of the logits: below 1 probable tokens become more probable, above 1 less.
        temperature: f64,
        /// Only the `k` most probable tokens (Fan, Lewis, Dauphin 2018).
        top_k: Option<usize>,
        /// Only the most probable tokens whose probabilities together reach `p` (Holtzman et al. 2020).
        top_p: Option<f64>,
    },
}

/// Settings or logits from which no token can be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodingError {
    /// An invalid setting.
    #[error("{field} = {value}: {rule}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        rule: &'static str,
    },
    /// Logits that are NaN, or no token that may be chosen.
    #[error(
        "the model gives no usable logits (NaN, or all of them minus infinity); its weights are broken: train it again"
    )]
    Logits,
}

impl Decoding {
    /// Checks the settings that a user wrote.
    ///
    /// # Errors
    /// A temperature that is not positive and finite, `top_k` of 0, `top_p` outside `(0, 1]`.
    pub fn check(&self) -> Result<(), DecodingError> {
        let Self::Sample {
            temperature,
            top_k,
            top_p,
        } = *self
        else {
            return Ok(());
        };
        let wrong = |field, value: String, rule| Err(DecodingError::Setting { field, value, rule });
        if !(temperature.is_finite() && temperature > 0.0) {
            let rule = "it must be above 0; leave it out for the most probable token";
            return wrong("temperature", temperature.to_string(), rule);
        }
        if top_k == Some(0) {
            return wrong("top-k", "0".into(), "choose among at least 1 token");
        }
        match top_p {
            Some(p) if !(p > 0.0 && p <= 1.0) => {
                let rule = "it must be above 0 and at most 1";
                wrong("top-p", p.to_string(), rule)
            }
            _ => Ok(()),
        }
    }

    /// The token that is chosen from these logits; `rng` is only drawn from to sample.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; logits with a NaN, or without a finite one.
    pub fn choose(&self, logits: &[f32], rng: &mut Rng) -> Result<usize, DecodingError> {
        self.check()?;
        let finite = logits.iter().any(|x| x.is_finite());
        if !finite || logits.iter().any(|x| x.is_nan()) {
            return Err(DecodingError::Logits);
        }
        let Self::Sample {
            temperature,
            top_k,
            top_p,
        } = *self
        else {
            let best = |best: usize, at: usize| match logits[at] > logits[best] {
                true => at,
                false => best,
            };
            return Ok((0..logits.len()).fold(0, best));
        };
        let mut order: Vec<usize> = (0..logits.len()).collect();
        // Stable: of equal logits the lower id comes first.
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(top_k.unwrap_or(order.len()));
        let most = f64::from(logits[order[0]]);
        let weight = |&id: &usize| ((f64::from(logits[id]) - most) / temperature).exp();
        let mut weights: Vec<f64> = order.iter().map(weight).collect();
        if let Some(p) = top_p {
            let total: f64 = weights.iter().sum();
            let mut sum = 0.0;
            let reached = weights.iter().position(|weight| {
                sum += weight;
                sum >= p * total
            });
            weights.truncate(reached.map_or(weights.len(), |last| last + 1));
        }
        let mut left = rng.uniform() * weights.iter().sum::<f64>();
        let drawn = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a little at the end.
        Ok(order[drawn.unwrap_or(weights.len() - 1)])
    }
}

#[cfg(test)]
mod tests {
    use tinderbox_core::Seed;

    use super::*;

    /// Probabilities 1/8, 1/2, 1/4, 1/8.
    fn logits() -> Vec<f32> {
        [1.0f32, 4.0, 2.0, 1.0].map(f32::ln).to_vec()
    }

    fn sample(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Decoding {
        Decoding::Sample {
            temperature,
            top_k,
            top_p,
        }
    }

    fn shares(decoding: Decoding) -> Vec<f64> {
        let mut rng = Seed::new(1).rng();
        let mut counts = vec![0.0; 4];
        for _ in 0..20_000 {
            counts[decoding.choose(&logits(), &mut rng).unwrap()] += 1.0 / 20_000.0;
        }
        counts
    }

    fn close(got: Vec<f64>, expected: [f64; 4]) {
        for (got, expected) in got.iter().zip(expected) {
            let exact = expected == 0.0;
            let near = (got - expected).abs() < 0.015;
            assert!(if exact { *got == 0.0 } else { near }, "{got} {expected}");
        }
    }

    #[test]
    fn draws_follow_the_probabilities() {
        close(shares(Decoding::Greedy), [0.0, 1.0, 0.0, 0.0]);
        close(shares(sample(1.0, None, None)), [0.125, 0.5, 0.25, 0.125]);
        // Squares of 1, 4, 2, 1 at a temperature of 1/2.
        let squares = [1.0, 16.0, 4.0, 1.0].map(|x| x / 22.0);
        close(shares(sample(0.5, None, None)), squares);
        close(
            shares(sample(1.0, Some(2), None)),
            [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
        );
        // Of equal ones the lower id is kept.
        close(
            shares(sample(1.0, Some(3), None)),
            [1.0 / 7.0, 4.0 / 7.0, 2.0 / 7.0, 0.0],
        );
        close(shares(sample(1.0, None, Some(0.5))), [0.0, 1.0, 0.0, 0.0]);
        close(
            shares(sample(1.0, None, Some(0.51))),
            [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
        );
        close(
            shares(sample(1.0, Some(9), Some(1.0))),
            [0.125, 0.5, 0.25, 0.125],
        );
    }

    #[test]
    fn a_seed_gives_the_same_draws() {
        let draw = |seed| {
            let mut rng = Seed::new(seed).rng();
            let decoding = sample(1.0, None, None);
            (0..50)
                .map(|_| decoding.choose(&logits(), &mut rng).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn invalid_settings_and_logits_are_refused() {
        let mut rng = Seed::new(1).rng();
        for (decoding, what) in [
            (sample(0.0, None, None), "temperature = 0"),
            (sample(-1.0, None, None), "temperature = -1"),
            (sample(f64::NAN, None, None), "temperature = NaN"),
            (sample(1.0, Some(0), None), "top-k = 0"),
            (sample(1.0, None, Some(0.0)), "top-p = 0"),
            (sample(1.0, None, Some(1.1)), "top-p = 1.1"),
        ] {
            let error = decoding.choose(&logits(), &mut rng).unwrap_err();
            assert!(error.to_string().starts_with(what), "{error}");
        }
        for broken in [&[1.0, f32::NAN][..], &[f32::NEG_INFINITY], &[]] {
            let error = Decoding::Greedy.choose(broken, &mut rng).unwrap_err();
            assert_eq!(error, DecodingError::Logits);
        }
    }
}
