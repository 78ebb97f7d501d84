use super::average;
use crate::rule::{Rule, Value};

/// Lion (Chen et al. 2023): `c = beta_1 * m + (1 - beta_1) * g`;
/// `p -= rate * (sign(c) + decay * p)`; `m = beta_2 * m + (1 - beta_2) * g`.
#[derive(Clone, Debug)]
pub(crate) struct Lion {
    pub(crate) beta_1: f64,
    pub(crate) beta_2: f64,
    pub(crate) weight_decay: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct LionStep {
    rate: f64,
    beta_1: f64,
    beta_2: f64,
    shrink: f64,
}

impl Rule<1> for Lion {
    const NAME: &'static str = "lion";

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
