//! The optimizers by name: their settings, the checks of those, and how they are built.

mod build;
mod by_name;
mod check;

use crate::muon::MuonScale;
use serde::{Deserialize, Serialize};

/// Every optimizer of the framework with its settings, as written in a configuration file.
///
/// All of them implement Burn's `Optimizer` and run in stock Burn's
/// `ModuleOptimizer`. The learning rate is not in here: it comes
/// with every step. A setting that is left out has the value of the paper or of PyTorch;
/// `weight_decay` is an L2 penalty in the gradient for all but AdamW, Lion, LAMB and Muon, where it
/// is decoupled from the moments.
///
/// They differ from Burn's own in three ways: coefficients such as `1 - beta_2^t` are computed in
/// `f64`, the defaults are PyTorch's, and on a CPU a step is one pass over memory, not ten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// Minibatch SGD, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).
    Sgd {
        /// How much of the velocity is kept, in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// Whether to look ahead along the velocity.
        #[serde(default)]
        nesterov: bool,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
        /// How much less of a gradient the velocity takes, in [0, 1).
        #[serde(default)]
        dampening: f64,
    },
    /// Adagrad (Duchi, Hazan, Singer 2011).
    Adagrad {
        /// At step `t` the rate is divided by `1 + (t - 1) * rate_decay`.
        #[serde(default)]
        rate_decay: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::tiny")]
        epsilon: f64,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
    },
    /// RMSProp (Tieleman and Hinton 2012).
    Rmsprop {
        /// How much of the average of squares is kept, in [0, 1); the course's gamma.
        #[serde(default = "defaults::alpha")]
        alpha: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::epsilon")]
        epsilon: f64,
        /// How much of the velocity is kept, in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// Whether to divide by the standard deviation, not by the root mean square.
        #[serde(default)]
        centered: bool,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adadelta (Zeiler 2012); its learning rate is 1.
    Adadelta {
        /// How much of the averages is kept, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        rho: f64,
        /// Added under both roots.
        #[serde(default = "defaults::millionth")]
        epsilon: f64,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// How much of the first moment is kept, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// How much of the second moment is kept, in [0, 1).
        #[serde(default = "defaults::beta_2")]
        beta_2: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::epsilon")]
        epsilon: f64,
        /// Whether to divide by the largest second moment so far (Reddi et al. 2018).
        #[serde(default)]
        amsgrad: bool,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
    },
    /// AdamW (Loshchilov and Hutter 2019).
    #[serde(rename = "adamw")]
    AdamW {
        /// How much of the first moment is kept, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// How much of the second moment is kept, in [0, 1).
        #[serde(default = "defaults::beta_2")]
        beta_2: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::epsilon")]
        epsilon: f64,
        /// Whether to divide by the largest second moment so far (Reddi et al. 2018).
        #[serde(default)]
        amsgrad: bool,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        #[serde(default = "defaults::hundredth")]
        weight_decay: f64,
    },
    /// Yogi (Zaheer et al. 2018).
    Yogi {
        /// How much of the first moment is kept, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// How slowly the second moment moves, in [0, 1).
        #[serde(default = "defaults::beta_2")]
        beta_2: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::thousandth")]
        epsilon: f64,
        /// Strength of the L2 penalty.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Lion (Chen et al. 2023); wants a rate about a tenth of AdamW's.
    Lion {
        /// How much of the momentum goes into the direction, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// How much of the momentum is kept, in [0, 1).
        #[serde(default = "defaults::lion_beta_2")]
        beta_2: f64,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        #[serde(default)]
        weight_decay: f64,
    },
    /// LAMB (You et al. 2020), for very large batches.
    Lamb {
        /// How much of the first moment is kept, in [0, 1).
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// How much of the second moment is kept, in [0, 1).
        #[serde(default = "defaults::beta_2")]
        beta_2: f64,
        /// Added to the root in the denominator.
        #[serde(default = "defaults::millionth")]
        epsilon: f64,
        /// How much of the parameter is added to the direction.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Muon (Jordan et al. 2024) for weights with two or more axes, AdamW for biases and norms.
    ///
    /// Give embeddings and the last layer a [`Group`](crate::Group) with AdamW, as its authors do.
    Muon {
        /// How much of the velocity is kept, in [0, 1).
        #[serde(default = "defaults::muon_momentum")]
        momentum: f64,
        /// Whether to look ahead along the velocity.
        #[serde(default = "defaults::yes")]
        nesterov: bool,
        /// Newton-Schulz iterations.
        #[serde(default = "defaults::five")]
        iterations: usize,
        /// How the step depends on the shape.
        #[serde(default)]
        scale: MuonScale,
        /// A step multiplies the parameter with `1 - rate * weight_decay`.
        #[serde(default = "defaults::tenth")]
        weight_decay: f64,
        /// AdamW's first beta for what is no matrix.
        #[serde(default = "defaults::nine_tenths")]
        beta_1: f64,
        /// AdamW's second beta for what is no matrix.
        #[serde(default = "defaults::beta_2")]
        beta_2: f64,
        /// AdamW's epsilon for what is no matrix.
        #[serde(default = "defaults::epsilon")]
        epsilon: f64,
    },
}

mod defaults {
    macro_rules! constants {
        ($($name:ident: $type:ty = $value:expr;)*) => {
            $(pub(super) fn $name() -> $type { $value })*
        };
    }
    constants! {
        tiny: f64 = 1e-10;
        epsilon: f64 = 1e-8;
        millionth: f64 = 1e-6;
        thousandth: f64 = 1e-3;
        hundredth: f64 = 1e-2;
        tenth: f64 = 0.1;
        alpha: f64 = 0.99;
        nine_tenths: f64 = 0.9;
        beta_2: f64 = 0.999;
        lion_beta_2: f64 = 0.99;
        muon_momentum: f64 = 0.95;
        five: usize = 5;
        yes: bool = true;
    }
}

impl Default for OptimizerConfig {
    /// Minibatch SGD without anything.
    fn default() -> Self {
        Self::Sgd {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            dampening: 0.0,
        }
    }
}

impl OptimizerConfig {
    /// The name under which the settings are written in a configuration file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adagrad { .. } => "adagrad",
            Self::Rmsprop { .. } => "rmsprop",
            Self::Adadelta { .. } => "adadelta",
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::Yogi { .. } => "yogi",
            Self::Lion { .. } => "lion",
            Self::Lamb { .. } => "lamb",
            Self::Muon { .. } => "muon",
        }
    }

    /// The same optimizer with another weight decay.
    pub fn with_weight_decay(mut self, decay: f64) -> Self {
        *self.weight_decay_mut() = decay;
        self
    }

    /// The weight decay.
    pub fn weight_decay(&self) -> f64 {
        *self.clone().weight_decay_mut()
    }

    fn weight_decay_mut(&mut self) -> &mut f64 {
        match self {
            Self::Sgd { weight_decay, .. }
            | Self::Adagrad { weight_decay, .. }
            | Self::Rmsprop { weight_decay, .. }
            | Self::Adadelta { weight_decay, .. }
            | Self::Adam { weight_decay, .. }
            | Self::AdamW { weight_decay, .. }
            | Self::Yogi { weight_decay, .. }
            | Self::Lion { weight_decay, .. }
            | Self::Lamb { weight_decay, .. }
            | Self::Muon { weight_decay, .. } => weight_decay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OptimizerConfig;

    #[test]
    fn every_name_builds_and_survives_json() {
        for name in OptimizerConfig::NAMES {
            let config = OptimizerConfig::by_name(name).unwrap();
            config.build().unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(
                serde_json::from_str::<OptimizerConfig>(&json).unwrap(),
                config
            );
            // What by_name gives is what an empty configuration gives.
            if name == config.name() {
                let short = format!(r#"{{"name": "{name}"}}"#);
                assert_eq!(
                    serde_json::from_str::<OptimizerConfig>(&short).unwrap(),
                    config
                );
            }
        }
        assert!(
            serde_json::from_str::<OptimizerConfig>(r#"{"name": "adam", "beta1": 0.9}"#).is_err()
        );
    }

    #[test]
    fn a_misspelt_name_gets_a_suggestion() {
        let message = OptimizerConfig::by_name("adamm").unwrap_err().to_string();
        assert!(message.contains("did you mean `adam`?"), "{message}");
        let message = OptimizerConfig::by_name("zzzzzzzzz")
            .unwrap_err()
            .to_string();
        assert!(message.contains("known: sgd, momentum") && !message.contains("did you"));
        let message = OptimizerConfig::by_name("lbfgs").unwrap_err().to_string();
        assert!(message.contains("Lbfgs::step"), "{message}");
    }

    #[test]
    fn wrong_settings_are_named_with_their_value() {
        let refused = |json: &str, parts: [&str; 2]| {
            let config: OptimizerConfig = serde_json::from_str(json).unwrap();
            let message = config.build().map(|_| ()).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        refused(
            r#"{"name": "adam", "beta_1": 1.0}"#,
            ["adam: `beta_1` is 1", "[0, 1)"],
        );
        refused(
            r#"{"name": "adamw", "beta_2": -0.1}"#,
            ["`beta_2` is -0.1", "[0, 1)"],
        );
        refused(
            r#"{"name": "yogi", "epsilon": 0.0}"#,
            ["`epsilon` is 0", "above 0"],
        );
        refused(
            r#"{"name": "lamb", "epsilon": -1e-3}"#,
            ["`epsilon` is -0.001", "above 0"],
        );
        refused(
            r#"{"name": "lion", "weight_decay": -1.0}"#,
            ["`weight_decay` is -1", "0 or more"],
        );
        refused(
            r#"{"name": "sgd", "momentum": 1.5}"#,
            ["`momentum` is 1.5", "[0, 1)"],
        );
        refused(
            r#"{"name": "sgd", "nesterov": true}"#,
            ["sgd", "needs a momentum"],
        );
        refused(
            r#"{"name": "rmsprop", "alpha": 2.0}"#,
            ["`alpha` is 2", "[0, 1)"],
        );
        refused(
            r#"{"name": "adadelta", "rho": 1.0}"#,
            ["`rho` is 1", "[0, 1)"],
        );
        refused(
            r#"{"name": "adagrad", "rate_decay": -1.0}"#,
            ["`rate_decay`", "0 or more"],
        );
        refused(
            r#"{"name": "muon", "iterations": 0}"#,
            ["`iterations` is 0", "1 or more"],
        );
        let nan = OptimizerConfig::by_name("adam")
            .unwrap()
            .with_weight_decay(f64::NAN);
        assert!(nan.check().unwrap_err().to_string().contains("NaN"));
    }
}
