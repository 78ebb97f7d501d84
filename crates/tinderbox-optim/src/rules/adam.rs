use super::{average, correction, with_decay};
use crate::rule::{Rule, Value};

/// Adam (Kingma and Ba 2015), with the penalty in the gradient; with three slots AMSGrad
/// (Reddi et al. 2018).
///
/// `p -= rate / (1 - beta_1^t) * m / (sqrt(v / (1 - beta_2^t)) + epsilon)`.
#[derive(Clone, Debug)]
pub(crate) struct Adam {
    pub(crate) beta_1: f64,
    pub(crate) beta_2: f64,
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
}

/// AdamW (Loshchilov and Hutter 2019): Adam whose decay `p *= 1 - rate * decay` bypasses the
/// moments.
#[derive(Clone, Debug)]
pub(crate) struct AdamW(pub(crate) Adam);

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
    /// What the parameter is multiplied with.
    shrink: f64,
}

impl Adam {
    fn step(&self, rate: f64, time: usize) -> AdamStep {
        AdamStep {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            rate: rate / correction(self.beta_1, time),
            root: correction(self.beta_2, time).sqrt().recip(),
            penalty: self.weight_decay,
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

impl<const N: usize> Rule<N> for Adam {
    const NAME: &'static str = "adam";

    type Step = AdamStep;

    fn slot(index: usize) -> &'static str {
        moment(index)
    }

    fn prepare(&self, rate: f64, time: usize) -> AdamStep {
        self.step(rate, time)
    }

    #[inline(always)]
    fn update<V: Value>(step: &AdamStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        adam(step, parameter, gradient, slots)
    }
}

impl<const N: usize> Rule<N> for AdamW {
    const NAME: &'static str = "adamw";

    type Step = AdamStep;

    fn slot(index: usize) -> &'static str {
        moment(index)
    }

    fn prepare(&self, rate: f64, time: usize) -> AdamStep {
        AdamStep {
            penalty: 0.0,
            shrink: 1.0 - rate * self.0.weight_decay,
            ..self.0.step(rate, time)
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &AdamStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        adam(step, parameter, gradient, slots)
    }
}
