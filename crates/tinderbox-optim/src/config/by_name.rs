use super::{OptimizerConfig, defaults};
use crate::error::{OptimError, Result};
use crate::muon::MuonScale;
use tinderbox_core::nearest;

impl OptimizerConfig {
    /// The names that [`OptimizerConfig::by_name`] knows.
    pub const NAMES: [&'static str; 12] = [
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "yogi",
        "lion", "lamb", "muon",
    ];

    /// The optimizer called `name` with default settings; `momentum` and `nesterov` are SGD with
    /// momentum 0.9.
    ///
    /// # Errors
    /// A name that is not in [`OptimizerConfig::NAMES`]; the message holds the nearest one. L-BFGS
    /// has its own type, [`Lbfgs`](crate::Lbfgs), since it needs the loss several times a step.
    pub fn by_name(name: &str) -> Result<Self> {
        use defaults::*;
        let sgd = |momentum, nesterov| Self::Sgd {
            momentum,
            nesterov,
            weight_decay: 0.0,
            dampening: 0.0,
        };
        Ok(match name.to_ascii_lowercase().as_str() {
            "sgd" => sgd(0.0, false),
            "momentum" => sgd(0.9, false),
            "nesterov" => sgd(0.9, true),
            "adagrad" => Self::Adagrad {
                rate_decay: 0.0,
                epsilon: tiny(),
                weight_decay: 0.0,
            },
            "rmsprop" => Self::Rmsprop {
                alpha: alpha(),
                epsilon: epsilon(),
                momentum: 0.0,
                centered: false,
                weight_decay: 0.0,
            },
            "adadelta" => Self::Adadelta {
                rho: nine_tenths(),
                epsilon: millionth(),
                weight_decay: 0.0,
            },
            "adam" => Self::Adam {
                beta_1: nine_tenths(),
                beta_2: beta_2(),
                epsilon: epsilon(),
                amsgrad: false,
                weight_decay: 0.0,
            },
            "adamw" => Self::AdamW {
                beta_1: nine_tenths(),
                beta_2: beta_2(),
                epsilon: epsilon(),
                amsgrad: false,
                weight_decay: hundredth(),
            },
            "yogi" => Self::Yogi {
                beta_1: nine_tenths(),
                beta_2: beta_2(),
                epsilon: thousandth(),
                weight_decay: 0.0,
            },
            "lion" => Self::Lion {
                beta_1: nine_tenths(),
                beta_2: lion_beta_2(),
                weight_decay: 0.0,
            },
            "lamb" => Self::Lamb {
                beta_1: nine_tenths(),
                beta_2: beta_2(),
                epsilon: millionth(),
                weight_decay: 0.0,
            },
            "muon" => Self::Muon {
                momentum: muon_momentum(),
                nesterov: yes(),
                iterations: five(),
                scale: MuonScale::default(),
                weight_decay: tenth(),
                beta_1: nine_tenths(),
                beta_2: beta_2(),
                epsilon: epsilon(),
            },
            "lbfgs" | "l-bfgs" => {
                return Err(OptimError::Conflict {
                    owner: "lbfgs",
                    problem: "it computes the loss several times a step, so gradients alone \
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
