use super::{average, with_decay};
use crate::rule::{Rule, Value};

/// Adadelta (Zeiler 2012): `s = avg(g^2)`; `d = sqrt(a + epsilon) / sqrt(s + epsilon) * g`;
/// `a = avg(d^2)`; `p -= rate * d`. The paper's rate is 1.
#[derive(Clone, Debug)]
pub(crate) struct Adadelta {
    pub(crate) rho: f64,
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct AdadeltaStep {
    rate: f64,
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Rule<2> for Adadelta {
    const NAME: &'static str = "adadelta";

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
