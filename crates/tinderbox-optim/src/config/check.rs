use super::OptimizerConfig;
use crate::error::{
    OptimError, Result, require_count, require_fraction, require_not_negative, require_positive,
};

impl OptimizerConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// Betas, momenta and the like outside [0, 1), an epsilon that is not positive, a negative
    /// decay, numbers that are not finite, Nesterov without momentum or with dampening.
    pub fn check(&self) -> Result<()> {
        let name = self.name();
        require_not_negative(name, "weight_decay", self.weight_decay())?;
        match *self {
            Self::Sgd {
                momentum,
                nesterov,
                dampening,
                ..
            } => {
                require_fraction(name, "momentum", momentum)?;
                require_fraction(name, "dampening", dampening)?;
                if nesterov && (momentum == 0.0 || dampening != 0.0) {
                    return Err(OptimError::Conflict {
                        owner: name,
                        problem: "nesterov needs a momentum above 0 and a dampening of 0",
                    });
                }
                Ok(())
            }
            Self::Adagrad {
                rate_decay,
                epsilon,
                ..
            } => {
                require_not_negative(name, "rate_decay", rate_decay)?;
                require_positive(name, "epsilon", epsilon)
            }
            Self::Rmsprop {
                alpha,
                epsilon,
                momentum,
                ..
            } => {
                require_fraction(name, "alpha", alpha)?;
                require_fraction(name, "momentum", momentum)?;
                require_positive(name, "epsilon", epsilon)
            }
            Self::Adadelta { rho, epsilon, .. } => {
                require_fraction(name, "rho", rho)?;
                require_positive(name, "epsilon", epsilon)
            }
            Self::Adam {
                beta_1,
                beta_2,
                epsilon,
                ..
            }
            | Self::AdamW {
                beta_1,
                beta_2,
                epsilon,
                ..
            }
            | Self::Yogi {
                beta_1,
                beta_2,
                epsilon,
                ..
            }
            | Self::Lamb {
                beta_1,
                beta_2,
                epsilon,
                ..
            } => {
                require_fraction(name, "beta_1", beta_1)?;
                require_fraction(name, "beta_2", beta_2)?;
                require_positive(name, "epsilon", epsilon)
            }
            Self::Lion { beta_1, beta_2, .. } => {
                require_fraction(name, "beta_1", beta_1)?;
                require_fraction(name, "beta_2", beta_2)
            }
            Self::Muon {
                momentum,
                iterations,
                beta_1,
                beta_2,
                epsilon,
                ..
            } => {
                require_fraction(name, "momentum", momentum)?;
                require_count(name, "iterations", iterations)?;
                require_fraction(name, "beta_1", beta_1)?;
                require_fraction(name, "beta_2", beta_2)?;
                require_positive(name, "epsilon", epsilon)
            }
        }
    }
}
