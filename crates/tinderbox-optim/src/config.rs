mod build;
mod by_name;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::optimizers::{
    AdadeltaConfig, AdagradConfig, AdamConfig, AdamWConfig, LambConfig, LionConfig, MuonConfig,
    RmsPropConfig, SgdConfig, YogiConfig,
};
use serde::{Deserialize, Serialize};

/// Every optimizer of the framework with its settings, as written in a configuration file.
///
/// A function for each optimizer returns its settings with defaults; setters change them:
/// `OptimizerConfig::adamw().weight_decay(0.1)`. The result converts into an `OptimizerConfig`.
///
/// All of them implement Burn's `Optimizer` and run in Burn's own `ModuleOptimizer`. The learning
/// rate is not in here: it is an argument of every step. Defaults are those of PyTorch, or of the
/// paper where PyTorch has no such optimizer. `weight_decay` is an L2 penalty in the gradient for all
/// but AdamW, Lion, LAMB and Muon, where it is decoupled from the moments.
///
/// They differ from Burn's own in three ways: coefficients such as `1 - beta_2^t` are computed in
/// `f64`, the defaults are PyTorch's, and on a CPU a step is one pass over memory, not ten.
///
/// ```
/// use tinderbox_optim::OptimizerConfig;
///
/// let config: OptimizerConfig = OptimizerConfig::sgd().momentum(0.9).nesterov(true).into();
/// let optimizer = config.build()?;
/// # let _ = optimizer;
/// # Ok::<(), tinderbox_optim::OptimError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// Minibatch SGD, with momentum (Polyak 1964) or Nesterov momentum (Sutskever et al. 2013).
    Sgd(SgdConfig),
    /// Adagrad (Duchi, Hazan, Singer 2011).
    Adagrad(AdagradConfig),
    /// RMSProp (Tieleman and Hinton 2012).
    RmsProp(RmsPropConfig),
    /// Adadelta (Zeiler 2012).
    Adadelta(AdadeltaConfig),
    /// Adam (Kingma and Ba 2015).
    Adam(AdamConfig),
    /// AdamW (Loshchilov and Hutter 2019).
    AdamW(AdamWConfig),
    /// Yogi (Zaheer et al. 2018).
    Yogi(YogiConfig),
    /// Lion (Chen et al. 2023).
    Lion(LionConfig),
    /// LAMB (You et al. 2020).
    Lamb(LambConfig),
    /// Muon (Jordan et al. 2024).
    Muon(MuonConfig),
}

impl Default for OptimizerConfig {
    /// Minibatch SGD without momentum or weight decay.
    fn default() -> Self {
        Self::sgd().into()
    }
}

/// Runs `$body` with the settings of whichever optimizer it is.
macro_rules! with_settings {
    ($config:expr, $settings:ident => $body:expr) => {
        match $config {
            OptimizerConfig::Sgd($settings) => $body,
            OptimizerConfig::Adagrad($settings) => $body,
            OptimizerConfig::RmsProp($settings) => $body,
            OptimizerConfig::Adadelta($settings) => $body,
            OptimizerConfig::Adam($settings) => $body,
            OptimizerConfig::AdamW($settings) => $body,
            OptimizerConfig::Yogi($settings) => $body,
            OptimizerConfig::Lion($settings) => $body,
            OptimizerConfig::Lamb($settings) => $body,
            OptimizerConfig::Muon($settings) => $body,
        }
    };
}

impl OptimizerConfig {
    /// Minibatch SGD, without momentum until it is set.
    pub fn sgd() -> SgdConfig {
        SgdConfig::default()
    }

    /// Adagrad (Duchi, Hazan, Singer 2011).
    pub fn adagrad() -> AdagradConfig {
        AdagradConfig::default()
    }

    /// RMSProp (Tieleman and Hinton 2012).
    pub fn rmsprop() -> RmsPropConfig {
        RmsPropConfig::default()
    }

    /// Adadelta (Zeiler 2012).
    pub fn adadelta() -> AdadeltaConfig {
        AdadeltaConfig::default()
    }

    /// Adam (Kingma and Ba 2015).
    pub fn adam() -> AdamConfig {
        AdamConfig::default()
    }

    /// AdamW (Loshchilov and Hutter 2019).
    pub fn adamw() -> AdamWConfig {
        AdamWConfig::default()
    }

    /// Yogi (Zaheer et al. 2018).
    pub fn yogi() -> YogiConfig {
        YogiConfig::default()
    }

    /// Lion (Chen et al. 2023).
    pub fn lion() -> LionConfig {
        LionConfig::default()
    }

    /// LAMB (You et al. 2020).
    pub fn lamb() -> LambConfig {
        LambConfig::default()
    }

    /// Muon (Jordan et al. 2024).
    pub fn muon() -> MuonConfig {
        MuonConfig::default()
    }

    /// The name of the optimizer in a configuration file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd(_) => SgdConfig::NAME,
            Self::Adagrad(_) => AdagradConfig::NAME,
            Self::RmsProp(_) => RmsPropConfig::NAME,
            Self::Adadelta(_) => AdadeltaConfig::NAME,
            Self::Adam(_) => AdamConfig::NAME,
            Self::AdamW(_) => AdamWConfig::NAME,
            Self::Yogi(_) => YogiConfig::NAME,
            Self::Lion(_) => LionConfig::NAME,
            Self::Lamb(_) => LambConfig::NAME,
            Self::Muon(_) => MuonConfig::NAME,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Betas, momenta and the like outside [0, 1), an epsilon that is not positive, a negative
    /// decay, numbers that are not finite, Nesterov without momentum or with dampening.
    pub fn check(&self) -> Result<()> {
        with_settings!(self, settings => settings.check())
    }

    /// The same optimizer with another weight decay, which every optimizer has.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        with_settings!(&mut self, settings => settings.weight_decay = weight_decay);
        self
    }

    /// The weight decay.
    pub fn weight_decay(&self) -> f64 {
        with_settings!(self, settings => settings.weight_decay)
    }
}
