use super::with_decay;
use crate::rule::{Rule, Value};

/// Minibatch SGD, with momentum in slot 0 when there is one.
///
/// `g += decay * p`; `b = momentum * b + (1 - dampening) * g` (the first `b` is `g`);
/// `p -= rate * b`, or with Nesterov `p -= rate * (g + momentum * b)`. The update of PyTorch
/// (Sutskever et al. 2013 with the rate outside the velocity).
#[derive(Clone, Debug)]
pub(crate) struct Sgd {
    pub(crate) momentum: f64,
    pub(crate) dampening: f64,
    pub(crate) nesterov: bool,
    pub(crate) weight_decay: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct SgdStep {
    rate: f64,
    momentum: f64,
    take: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl<const N: usize> Rule<N> for Sgd {
    const NAME: &'static str = "sgd";

    type Step = SgdStep;

    fn slot(_index: usize) -> &'static str {
        "velocity"
    }

    fn prepare(&self, rate: f64, time: usize) -> SgdStep {
        SgdStep {
            rate,
            momentum: self.momentum,
            take: if time == 1 { 1.0 } else { 1.0 - self.dampening },
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &SgdStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        let mut gradient = with_decay(gradient, &parameter, step.weight_decay);
        if let Some(velocity) = slots.first_mut() {
            *velocity = velocity.clone().scale(step.momentum) + gradient.clone().scale(step.take);
            gradient = if step.nesterov {
                gradient + velocity.clone().scale(step.momentum)
            } else {
                velocity.clone()
            };
        }
        parameter - gradient.scale(step.rate)
    }
}
