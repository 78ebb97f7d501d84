use super::{average, correction, with_decay};
use crate::error::{Result, require_fraction, require_not_negative, require_positive};
use crate::rule::{Rule, Value};
use crate::schedule::Schedule;
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Adam (Kingma and Ba 2015), with weight decay as an L2 penalty in the gradient.
    ///
    /// With the moments `m` and `v`, 0 at first: `m = avg(g)`; `v = avg(g^2)`;
    /// `p -= rate / (1 - beta_1^t) * m / (sqrt(v / (1 - beta_2^t)) + epsilon)` at step `t`.
    AdamConfig {
        /// The fraction of the first moment that is kept at each step, in [0, 1).
        beta_1: f64 = 0.9,
        /// The fraction of the second moment that is kept at each step, in [0, 1).
        beta_2: f64 = 0.999,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-8,
        /// Whether to divide by the largest second moment so far (AMSGrad, Reddi et al. 2018).
        amsgrad: bool = false,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(AdamConfig, Adam);

impl AdamConfig {
    pub(crate) const NAME: &'static str = "adam";

    pub(crate) fn check(&self) -> Result<()> {
        check(Self::NAME, [self.beta_1, self.beta_2], self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

settings! {
    /// AdamW (Loshchilov and Hutter 2019): Adam whose weight decay bypasses the moments.
    AdamWConfig {
        /// The fraction of the first moment that is kept at each step, in [0, 1).
        beta_1: f64 = 0.9,
        /// The fraction of the second moment that is kept at each step, in [0, 1).
        beta_2: f64 = 0.999,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-8,
        /// Whether to divide by the largest second moment so far (AMSGrad, Reddi et al. 2018).
        amsgrad: bool = false,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        weight_decay: f64 = 0.01,
        /// The weight decay as a function of the step, from 0, of its parameter.
        decay_schedule: Schedule = Schedule::Constant,
    }
}
optimizer_settings!(AdamWConfig, AdamW);

impl AdamWConfig {
    pub(crate) const NAME: &'static str = "adamw";

    pub(crate) fn check(&self) -> Result<()> {
        check(Self::NAME, [self.beta_1, self.beta_2], self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)?;
        self.decay_schedule.check()
    }
}

/// Checks what Adam and its relatives have in common.
pub(super) fn check(owner: &'static str, betas: [f64; 2], epsilon: f64) -> Result<()> {
    require_fraction(owner, "beta_1", betas[0])?;
    require_fraction(owner, "beta_2", betas[1])?;
    require_positive(owner, "epsilon", epsilon)
}

#[derive(Clone, Copy)]
pub(crate) struct AdamStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// `rate / (1 - beta_1^t)`.
    rate: f64,
    /// `1 / sqrt(1 - beta_2^t)`.
    root: f64,
    /// Added to the gradient.
    penalty: f64,
    /// The factor of the parameter.
    shrink: f64,
}

impl AdamStep {
    /// Step number `time` (from 1) without weight decay.
    fn new(rate: f64, time: usize, [beta_1, beta_2]: [f64; 2], epsilon: f64) -> Self {
        Self {
            beta_1,
            beta_2,
            epsilon,
            rate: rate / correction(beta_1, time),
            root: correction(beta_2, time).sqrt().recip(),
            penalty: 0.0,
            shrink: 1.0,
        }
    }
}

#[inline(always)]
fn adam<V: Value, const N: usize>(
    step: &AdamStep,
    parameter: V,
    gradient: V,
    slots: &mut [V; N],
) -> V {
    let gradient = with_decay(gradient, &parameter, step.penalty);
    slots[1] = average(&slots[1], gradient.clone() * gradient.clone(), step.beta_2);
    slots[0] = average(&slots[0], gradient, step.beta_1);
    let mut variance = slots[1].clone();
    if N == 3 {
        slots[2] = slots[2].clone().larger(variance);
        variance = slots[2].clone();
    }
    let update =
        slots[0].clone().scale(step.rate) / variance.root().scale(step.root).shift(step.epsilon);
    let parameter = if step.shrink == 1.0 {
        parameter
    } else {
        parameter.scale(step.shrink)
    };
    parameter - update
}

fn moment(index: usize) -> &'static str {
    ["first_moment", "second_moment", "largest_second_moment"][index]
}

impl<const N: usize> Rule<N> for AdamConfig {
    const NAME: &'static str = Self::NAME;

    type Step = AdamStep;

    fn slot(index: usize) -> &'static str {
        moment(index)
    }

    fn prepare(&self, rate: f64, time: usize) -> AdamStep {
        AdamStep {
            penalty: self.weight_decay,
            ..AdamStep::new(rate, time, [self.beta_1, self.beta_2], self.epsilon)
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &AdamStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        adam(step, parameter, gradient, slots)
    }
}

impl<const N: usize> Rule<N> for AdamWConfig {
    const NAME: &'static str = Self::NAME;

    type Step = AdamStep;

    fn slot(index: usize) -> &'static str {
        moment(index)
    }

    fn prepare(&self, rate: f64, time: usize) -> AdamStep {
        let decay = (self.decay_schedule).rate(time.saturating_sub(1), self.weight_decay);
        AdamStep {
            shrink: 1.0 - rate * decay,
            ..AdamStep::new(rate, time, [self.beta_1, self.beta_2], self.epsilon)
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &AdamStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        adam(step, parameter, gradient, slots)
    }
}
