use super::adam::check;
use super::{average, correction, with_decay};
use crate::error::{Result, require_not_negative};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Yogi (Zaheer et al. 2018): Adam with `v += (1 - beta_2) * sign(g^2 - v) * g^2`, which grows
    /// as fast as Adam's average but shrinks no faster than the gradients are large.
    ///
    /// Both moments start at 0 and are corrected for it, as in the course.
    YogiConfig {
        /// The fraction of the first moment that is kept at each step, in [0, 1).
        beta_1: f64 = 0.9,
        /// How slowly the second moment changes, in [0, 1).
        beta_2: f64 = 0.999,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-3,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(YogiConfig, Yogi);

impl YogiConfig {
    pub(crate) const NAME: &'static str = "yogi";

    pub(crate) fn check(&self) -> Result<()> {
        check(Self::NAME, [self.beta_1, self.beta_2], self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct YogiStep {
    beta_1: f64,
    take: f64,
    epsilon: f64,
    rate: f64,
    root: f64,
    weight_decay: f64,
}

impl Rule<2> for YogiConfig {
    const NAME: &'static str = Self::NAME;

    type Step = YogiStep;

    fn slot(index: usize) -> &'static str {
        ["first_moment", "second_moment"][index]
    }

    fn prepare(&self, rate: f64, time: usize) -> YogiStep {
        YogiStep {
            beta_1: self.beta_1,
            take: 1.0 - self.beta_2,
            epsilon: self.epsilon,
            rate: rate / correction(self.beta_1, time),
            root: correction(self.beta_2, time).sqrt().recip(),
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(
        step: &YogiStep,
        parameter: V,
        gradient: V,
        [first, second]: &mut [V; 2],
    ) -> V {
        let gradient = with_decay(gradient, &parameter, step.weight_decay);
        let square = gradient.clone() * gradient.clone();
        let direction = (square.clone() - second.clone()).sign();
        *second = second.clone() + (direction * square).scale(step.take);
        *first = average(first, gradient, step.beta_1);
        parameter
            - first.clone().scale(step.rate)
                / second.clone().root().scale(step.root).shift(step.epsilon)
    }
}
