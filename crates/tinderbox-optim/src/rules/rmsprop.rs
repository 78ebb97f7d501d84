use super::{average, with_decay};
use crate::rule::{Rule, Value};

/// RMSProp (Tieleman and Hinton 2012): slot 0 is the average of `g^2`; then, when centred, the
/// average of `g` (Graves 2013); last, when there is momentum, the velocity.
///
/// `p -= rate * g / (sqrt(s) + epsilon)`; epsilon is added to the root, as in PyTorch.
#[derive(Clone, Debug)]
pub(crate) struct Rmsprop<const CENTERED: bool> {
    pub(crate) alpha: f64,
    pub(crate) epsilon: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct RmspropStep {
    rate: f64,
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    weight_decay: f64,
}

impl<const CENTERED: bool, const N: usize> Rule<N> for Rmsprop<CENTERED> {
    const NAME: &'static str = "rmsprop";

    type Step = RmspropStep;

    fn slot(index: usize) -> &'static str {
        match index {
            0 => "average_of_squares",
            1 if CENTERED => "average",
            _ => "velocity",
        }
    }

    fn prepare(&self, rate: f64, _time: usize) -> RmspropStep {
        RmspropStep {
            rate,
            alpha: self.alpha,
            epsilon: self.epsilon,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &RmspropStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
        let gradient = with_decay(gradient, &parameter, step.weight_decay);
        slots[0] = average(&slots[0], gradient.clone() * gradient.clone(), step.alpha);
        let mut variance = slots[0].clone();
        if CENTERED {
            slots[1] = average(&slots[1], gradient.clone(), step.alpha);
            variance = variance - slots[1].clone() * slots[1].clone();
        }
        let mut update = gradient / variance.root().shift(step.epsilon);
        if N > 1 + usize::from(CENTERED) {
            let velocity = &mut slots[N - 1];
            *velocity = velocity.clone().scale(step.momentum) + update;
            update = velocity.clone();
        }
        parameter - update.scale(step.rate)
    }
}
