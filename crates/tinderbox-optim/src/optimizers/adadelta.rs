use super::{average, with_decay};
use crate::error::{Result, require_fraction, require_not_negative, require_positive};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};

settings! {
    /// Adadelta (Zeiler 2012), meant for a learning rate of 1.
    ///
    /// With the averages `s` and `a`, 0 at first: `s = avg(g^2)`;
    /// `d = sqrt(a + epsilon) / sqrt(s + epsilon) * g`; `a = avg(d^2)`; `p -= rate * d`.
    AdadeltaConfig {
        /// The fraction of the averages that is kept at each step, in [0, 1).
        rho: f64 = 0.9,
        /// Added under both square roots.
        epsilon: f64 = 1e-6,
        /// Strength of the L2 penalty in the gradient.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(AdadeltaConfig, Adadelta);

impl AdadeltaConfig {
    pub(crate) const NAME: &'static str = "adadelta";

    pub(crate) fn check(&self) -> Result<()> {
        require_fraction(Self::NAME, "rho", self.rho)?;
        require_positive(Self::NAME, "epsilon", self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct AdadeltaStep {
    rate: f64,
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Rule<2> for AdadeltaConfig {
    const NAME: &'static str = Self::NAME;

    type Step = AdadeltaStep;

    fn slot(index: usize) -> &'static str {
        ["average_of_squares", "average_of_squared_updates"][index]
    }

    fn prepare(&self, rate: f64, _time: usize) -> AdadeltaStep {
        AdadeltaStep {
            rate,
            rho: self.rho,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(
        step: &AdadeltaStep,
        parameter: V,
        gradient: V,
        [squares, updates]: &mut [V; 2],
    ) -> V {
        let gradient = with_decay(gradient, &parameter, step.weight_decay);
        *squares = average(squares, gradient.clone() * gradient.clone(), step.rho);
        let ratio =
            updates.clone().shift(step.epsilon).root() / squares.clone().shift(step.epsilon).root();
        let update = ratio * gradient;
        *updates = average(updates, update.clone() * update.clone(), step.rho);
        parameter - update.scale(step.rate)
    }
}
