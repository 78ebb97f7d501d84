use super::average;
use crate::error::{Result, require_fraction, require_not_negative};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Lion (Chen et al. 2023); needs a learning rate of about a tenth of AdamW's.
    ///
    /// With the momentum `m`, 0 at first: `c = beta_1 * m + (1 - beta_1) * g`;
    /// `p -= rate * (sign(c) + weight_decay * p)`; `m = beta_2 * m + (1 - beta_2) * g`.
    LionConfig {
        /// The share of the momentum in the direction of a step, in [0, 1).
        beta_1: f64 = 0.9,
        /// The fraction of the momentum that is kept at each step, in [0, 1).
        beta_2: f64 = 0.99,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(LionConfig, Lion);

impl LionConfig {
    pub(crate) const NAME: &'static str = "lion";

    pub(crate) fn check(&self) -> Result<()> {
        require_fraction(Self::NAME, "beta_1", self.beta_1)?;
        require_fraction(Self::NAME, "beta_2", self.beta_2)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct LionStep {
    rate: f64,
    beta_1: f64,
    beta_2: f64,
    shrink: f64,
}

impl Rule<1> for LionConfig {
    const NAME: &'static str = Self::NAME;

    type Step = LionStep;

    fn slot(_index: usize) -> &'static str {
        "momentum"
    }

    fn prepare(&self, rate: f64, _time: usize) -> LionStep {
        LionStep {
            rate,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            shrink: 1.0 - rate * self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &LionStep, parameter: V, gradient: V, [momentum]: &mut [V; 1]) -> V {
        let direction = average(momentum, gradient.clone(), step.beta_1).sign();
        *momentum = average(momentum, gradient, step.beta_2);
        parameter.scale(step.shrink) - direction.scale(step.rate)
    }
}
