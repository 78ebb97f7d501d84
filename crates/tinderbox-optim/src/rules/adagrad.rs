use super::with_decay;
use crate::rule::{Rule, Value};

/// Adagrad (Duchi, Hazan, Singer 2011): `s += g^2`; `p -= rate * g / (sqrt(s) + epsilon)`, with
/// `rate / (1 + (t - 1) * rate_decay)` at step `t`.
#[derive(Clone, Debug)]
pub(crate) struct Adagrad {
    pub(crate) rate_decay: f64,
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct AdagradStep {
    rate: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Rule<1> for Adagrad {
    const NAME: &'static str = "adagrad";

    type Step = AdagradStep;

    fn slot(_index: usize) -> &'static str {
        "sum_of_squares"
    }

    fn prepare(&self, rate: f64, time: usize) -> AdagradStep {
        AdagradStep {
            rate: rate / (1.0 + (time - 1) as f64 * self.rate_decay),
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &AdagradStep, parameter: V, gradient: V, [sum]: &mut [V; 1]) -> V {
        let gradient = with_decay(gradient, &parameter, step.weight_decay);
        *sum = sum.clone() + gradient.clone() * gradient.clone();
        parameter - gradient.scale(step.rate) / sum.clone().root().shift(step.epsilon)
    }
}
