use super::OptimizerConfig;
use crate::error::{OptimError, Result};
use tinderbox_core::nearest;

impl OptimizerConfig {
    /// The names that [`OptimizerConfig::by_name`] knows.
    pub const NAMES: [&'static str; 12] = [
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "yogi",
        "lion", "lamb", "muon",
    ];

    /// The optimizer called `name` with default settings, for command lines and configuration files.
    ///
    /// `momentum` and `nesterov` are SGD with a momentum of 0.9. In a program use the typed functions:
    /// [`OptimizerConfig::adamw`] and the others.
    ///
    /// # Errors
    /// A name that is not in [`OptimizerConfig::NAMES`]; the message suggests the nearest one.
    /// L-BFGS has its own type, [`Lbfgs`](crate::Lbfgs), since it computes the loss several times a
    /// step.
    pub fn by_name(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "sgd" => Self::sgd().into(),
            "momentum" => Self::sgd().momentum(0.9).into(),
            "nesterov" => Self::sgd().momentum(0.9).nesterov(true).into(),
            "adagrad" => Self::adagrad().into(),
            "rmsprop" => Self::rmsprop().into(),
            "adadelta" => Self::adadelta().into(),
            "adam" => Self::adam().into(),
            "adamw" => Self::adamw().into(),
            "yogi" => Self::yogi().into(),
            "lion" => Self::lion().into(),
            "lamb" => Self::lamb().into(),
            "muon" => Self::muon().into(),
            "lbfgs" | "l-bfgs" => {
                return Err(OptimError::Conflict {
                    owner: "lbfgs",
                    problem: "it computes the loss several times per step, so gradients alone \
                              cannot drive it; use `Lbfgs::step` with a closure",
                });
            }
            _ => {
                return Err(OptimError::UnknownName {
                    kind: "optimizer",
                    name: name.to_string(),
                    nearest: nearest(name, Self::NAMES, 1).pop(),
                    known: Self::NAMES.to_vec(),
                });
            }
        })
    }
}
