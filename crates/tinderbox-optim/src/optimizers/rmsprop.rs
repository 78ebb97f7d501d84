use super::{average, with_decay};
use crate::error::{Result, require_fraction, require_not_negative, require_positive};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// RMSProp (Tieleman and Hinton 2012), centered as in Graves (2013).
    ///
    /// With the average `s`, 0 at first: `s = alpha * s + (1 - alpha) * g^2`;
    /// `p -= rate * g / (sqrt(s) + epsilon)`. Epsilon is added to the root, as in PyTorch.
    RmsPropConfig {
        /// The fraction of the average of squares that is kept at each step, in [0, 1); the course's
        /// gamma.
        alpha: f64 = 0.99,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-8,
        /// The fraction of the velocity that is kept at each step, in [0, 1).
        momentum: f64 = 0.0,
        /// Whether to divide by the standard deviation and not by the root mean square.
        centered: bool = false,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(RmsPropConfig, RmsProp);

impl RmsPropConfig {
    pub(crate) const NAME: &'static str = "rmsprop";

    pub(crate) fn check(&self) -> Result<()> {
        require_fraction(Self::NAME, "alpha", self.alpha)?;
        require_positive(Self::NAME, "epsilon", self.epsilon)?;
        require_fraction(Self::NAME, "momentum", self.momentum)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

/// The update of RMSProp.
///
/// Slot 0 is the average of `g^2`; then, when centered, the average of `g`; last, when there is
/// momentum, the velocity.
#[derive(Clone)]
pub(crate) struct RmsProp<const CENTERED: bool>(pub(crate) RmsPropConfig);

#[derive(Clone, Copy)]
pub(crate) struct RmsPropStep {
    rate: f64,
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    weight_decay: f64,
}

impl<const CENTERED: bool, const N: usize> Rule<N> for RmsProp<CENTERED> {
    const NAME: &'static str = RmsPropConfig::NAME;

    type Step = RmsPropStep;

    fn slot(index: usize) -> &'static str {
        match index {
            0 => "average_of_squares",
            1 if CENTERED => "average",
            _ => "velocity",
        }
    }

    fn prepare(&self, rate: f64, _time: usize) -> RmsPropStep {
        RmsPropStep {
            rate,
            alpha: self.0.alpha,
            epsilon: self.0.epsilon,
            momentum: self.0.momentum,
            weight_decay: self.0.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(step: &RmsPropStep, parameter: V, gradient: V, slots: &mut [V; N]) -> V {
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
