use crate::config::OptimizerConfig;
use crate::error::{OptimError, Result, require_not_negative};
use crate::parameters::{Parameter, parameters};
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ParamGroup};
use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

/// Which parameters belong to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Select {
    /// The path starts with these fields: `backbone` and `backbone.layer1` select
    /// `backbone.layer1.weight`, `back` does not.
    Prefix(String),
    /// The path contains this text.
    Contains(String),
    /// Fewer than two axes: biases, and the weights of normalisation layers.
    Vectors,
}

impl Select {
    fn matches(&self, parameter: &Parameter) -> bool {
        match self {
            Self::Prefix(prefix) => parameter
                .path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            Self::Contains(text) => parameter.path.contains(text.as_str()),
            Self::Vectors => parameter.shape.len() < 2,
        }
    }
}

/// Parameters that are optimized in their own way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which parameters.
    pub select: Select,
    /// What the learning rate is multiplied with; 0 keeps the parameters as they are, except for
    /// momentum that is left.
    #[serde(default = "one")]
    pub rate_factor: f64,
    /// Another weight decay, or that of the optimizer.
    #[serde(default)]
    pub weight_decay: Option<f64>,
    /// Another optimizer, or the one of the rest.
    #[serde(default)]
    pub optimizer: Option<OptimizerConfig>,
}

fn one() -> f64 {
    1.0
}

impl Group {
    /// A group that differs in nothing yet.
    pub fn new(select: Select) -> Self {
        Self {
            select,
            rate_factor: 1.0,
            weight_decay: None,
            optimizer: None,
        }
    }

    /// Biases and normalisation weights without weight decay.
    pub fn no_decay_on_vectors() -> Self {
        Self {
            weight_decay: Some(0.0),
            ..Self::new(Select::Vectors)
        }
    }
}

/// The learning rate of every group, for a given base rate.
#[derive(Clone, Debug, Default)]
pub struct GroupRates {
    factors: Vec<(ParamGroup, f64)>,
}

impl GroupRates {
    /// What [`ModuleOptimizer::step`] takes as learning rate.
    pub fn at(&self, base: f64) -> ModuleLearningRate {
        if self.factors.is_empty() {
            return base.into();
        }
        let start = ModuleLrScheduler::new(base);
        let add = |rates: ModuleLrScheduler, (group, factor): &(ParamGroup, f64)| {
            rates.with_group(group.clone(), base * factor)
        };
        self.factors.iter().fold(start, add).step()
    }
}

impl OptimizerConfig {
    /// Builds an optimizer for `module` whose `groups` are treated in their own way.
    ///
    /// A parameter that several groups select belongs to the last of them. Pass
    /// [`GroupRates::at`] of the returned rates to [`ModuleOptimizer::step`].
    ///
    /// # Errors
    /// Settings that [`OptimizerConfig::check`] refuses, a negative rate factor, and a group that
    /// selects no parameter (a misspelt prefix would otherwise go unnoticed).
    pub fn build_with_groups<M: Module>(
        &self,
        groups: &[Group],
        module: &M,
    ) -> Result<(ModuleOptimizer, GroupRates)> {
        let parameters = parameters(module);
        let mut optimizer = self.build()?;
        let mut rates = GroupRates::default();
        for group in groups {
            require_not_negative("group", "rate_factor", group.rate_factor)?;
            let paths: Vec<&str> = parameters
                .iter()
                .filter(|parameter| group.select.matches(parameter))
                .map(|parameter| parameter.path.as_str())
                .collect();
            if paths.is_empty() {
                let known: Vec<&str> = parameters.iter().map(|p| p.path.as_str()).collect();
                return Err(OptimError::EmptyGroup {
                    selection: format!("{:?}", group.select),
                    known: known.join(", "),
                });
            }
            // By path and not by identity, so that a state restored onto a fresh model of the same
            // shape finds its group.
            let selected = ParamGroup::from_paths(paths);
            let base = group.optimizer.as_ref().unwrap_or(self).clone();
            let config = match group.weight_decay {
                Some(decay) => base.with_weight_decay(decay),
                None => base,
            };
            optimizer = config.add_to(optimizer, selected.clone())?;
            rates.factors.push((selected, group.rate_factor));
        }
        Ok((optimizer, rates))
    }
}
