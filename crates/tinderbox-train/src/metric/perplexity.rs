use super::{LogLoss, Metric};
use crate::{Logits, StepError};

/// The exponential of the mean of `-ln p(next token)` over tokens: the number of
/// equally likely tokens that would be as hard to predict.
///
/// 1 for a model that is always certain and right; the size of the vocabulary for uniform predictions.
#[derive(Clone, Debug, Default)]
pub struct Perplexity {
    loss: LogLoss,
}

impl Perplexity {
    /// The perplexity so far; NaN before the first token.
    pub fn value(&self) -> f64 {
        self.loss.value().exp()
    }
}

impl Metric<Logits> for Perplexity {
    fn update(&mut self, output: &Logits) -> Result<(), StepError> {
        self.loss.update(output)
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("perplexity".into(), self.value())]
    }

    fn reset(&mut self) {
        self.loss.reset();
    }

    fn state(&self) -> serde_json::Value {
        self.loss.state()
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        self.loss.restore(state)
    }

    fn merge(&mut self, state: &serde_json::Value) -> bool {
        self.loss.merge(state)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    #[test]
    fn it_is_the_exponential_of_the_mean_over_all_tokens() {
        let device = Device::flex();
        let mut metric = Perplexity::default();
        assert!(metric.value().is_nan());
        let mut add = |logits: Tensor<2>, targets: &[i32]| {
            let targets = Tensor::from_data(targets, &device);
            metric.update(&Logits { logits, targets }).unwrap();
            metric.value()
        };
        // Uniform predictions over 28 tokens.
        let nothing = add(Tensor::zeros([6, 28], &device), &[0, 3, 9, 27, 1, 1]);
        assert!((nothing - 28.0).abs() < 1e-9, "{nothing}");
        // Two more tokens, each with a probability of 1/2: the mean is over eight.
        let mut row = [f32::NEG_INFINITY; 28];
        row[4..6].fill(0.0);
        let half = Tensor::<1>::from_data(row, &device).unsqueeze::<2>();
        let both = add(half.repeat_dim(0, 2), &[4, 5]);
        let expected = (28f64.ln() * 0.75 + 2f64.ln() * 0.25).exp();
        assert!((both - expected).abs() < 1e-9, "{both}");
        let mut other = Perplexity::default();
        assert!(other.restore(&metric.state()));
        assert_eq!(other.values(), metric.values());
        metric.reset();
        assert!(metric.value().is_nan());
    }
}
