use super::with_decay;
use crate::error::{Result, require_not_negative, require_positive};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Adagrad (Duchi, Hazan, Singer 2011).
    ///
    /// With the sum `s`, 0 at first: `s += g^2`; `p -= rate * g / (sqrt(s) + epsilon)`, with the
    /// learning rate divided by `1 + (t - 1) * rate_decay` at step `t`.
    AdagradConfig {
        /// At step `t` the learning rate is divided by `1 + (t - 1) * rate_decay`.
        rate_decay: f64 = 0.0,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-10,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(AdagradConfig, Adagrad);

impl AdagradConfig {
    pub(crate) const NAME: &'static str = "adagrad";

    pub(crate) fn check(&self) -> Result<()> {
        require_not_negative(Self::NAME, "rate_decay", self.rate_decay)?;
        require_positive(Self::NAME, "epsilon", self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct AdagradStep {
    rate: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Rule<1> for AdagradConfig {
    const NAME: &'static str = Self::NAME;

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
