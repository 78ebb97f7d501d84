use super::with_decay;
use crate::error::{OptimError, Result, require_fraction, require_not_negative};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Minibatch SGD, with momentum (Polyak 1964) or Nesterov's momentum (Sutskever et al. 2013).
    ///
    /// With the velocity `b`, 0 at first: `g += weight_decay * p`;
    /// `b = momentum * b + (1 - dampening) * g` (the first `b` is `g`); `p -= rate * b`, or with
    /// Nesterov `p -= rate * (g + momentum * b)`. The update of PyTorch.
    SgdConfig {
        /// The fraction of the velocity that is kept at each step, in [0, 1); 0 is SGD without momentum.
        momentum: f64 = 0.0,
        /// Whether to look ahead along the velocity; needs momentum and no dampening.
        nesterov: bool = false,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
        /// The fraction of a gradient that the velocity does not take, in [0, 1).
        dampening: f64 = 0.0,
    }
}
optimizer_settings!(SgdConfig, Sgd);

impl SgdConfig {
    pub(crate) const NAME: &'static str = "sgd";

    pub(crate) fn check(&self) -> Result<()> {
        require_fraction(Self::NAME, "momentum", self.momentum)?;
        require_fraction(Self::NAME, "dampening", self.dampening)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(OptimError::Conflict {
                owner: Self::NAME,
                problem: "nesterov needs a momentum above 0 and a dampening of 0",
            });
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
pub(crate) struct SgdStep {
    rate: f64,
    momentum: f64,
    take: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl<const N: usize> Rule<N> for SgdConfig {
    const NAME: &'static str = Self::NAME;

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
