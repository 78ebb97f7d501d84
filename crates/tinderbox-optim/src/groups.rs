use crate::config::OptimizerConfig;
use crate::error::{OptimError, Result, require_not_negative};
use crate::parameters::distinct_parameters;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ParamGroup};
use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};
use tinderbox_nn::{Parameter, ParameterKind, all_parameters, parameters};

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
    /// Fewer than two axes: biases, and the weights of normalization layers.
    Vectors,
}

impl Select {
    fn matches(&self, parameter: &Parameter) -> bool {
        match self {
            Self::Prefix(prefix) => is_below(&parameter.path, prefix),
            Self::Contains(text) => parameter.path.contains(text.as_str()),
            Self::Vectors => parameter.shape.len() < 2,
        }
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The group of these parts of a module, for [`Module::freeze_group`] and [`Module::unfreeze_group`].
///
/// It has their parameters, their running statistics and the training flags of batch norm and dropout.
/// Parts are named as in [`Select::Prefix`]; without any, the group is empty.
///
/// # Errors
/// A part that the module does not have, and parts that leave no parameter to train.
pub fn frozen_group<M: Module>(module: &M, parts: &[String]) -> Result<ParamGroup> {
    let selected = select_parts(module, parts)?;
    let floats = |parameter: &&Parameter| parameter.kind == ParameterKind::Float;
    if !parts.is_empty() && selected.iter().filter(floats).count() == parameters(module).len() {
        return Err(OptimError::AllFrozen {
            parts: parts.join(", "),
        });
    }
    let paths = selected.into_iter().map(|parameter| parameter.path);
    Ok(ParamGroup::from_paths(paths.collect()))
}

/// The parameters, running statistics and flags of these parts of a module, in the order of its fields.
///
/// Parts are named as in [`Select::Prefix`].
///
/// # Errors
/// A part without a floating-point parameter, for example one that the module does not have.
pub fn select_parts<M: Module>(module: &M, parts: &[String]) -> Result<Vec<Parameter>> {
    let mut all = all_parameters(module);
    all.retain(|parameter| matches!(parameter.kind, ParameterKind::Float | ParameterKind::Flag));
    let floats = || (all.iter()).filter(|parameter| parameter.kind == ParameterKind::Float);
    let missing = |part: &&String| !floats().any(|parameter| is_below(&parameter.path, part));
    if let Some(part) = parts.iter().find(missing) {
        let known: Vec<&str> = floats().map(|parameter| parameter.path.as_str()).collect();
        return Err(OptimError::EmptyGroup {
            selection: format!("{part:?}"),
            known: known.join(", "),
        });
    }
    all.retain(|parameter| parts.iter().any(|part| is_below(&parameter.path, part)));
    Ok(all)
}

/// Parameters with a learning rate, weight decay or optimizer of their own (PyTorch's parameter
/// groups).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// The selected parameters.
    pub select: Select,
    /// The factor of the learning rate; 0 leaves the parameters unchanged, except for momentum that is
    /// left.
    #[serde(default = "one")]
    pub rate_factor: f64,
    /// The weight decay; `None` for that of the optimizer.
    #[serde(default)]
    pub weight_decay: Option<f64>,
    /// The optimizer; `None` for that of the other parameters.
    #[serde(default)]
    pub optimizer: Option<OptimizerConfig>,
}

fn one() -> f64 {
    1.0
}

impl ParameterGroup {
    /// A group with the settings of the rest, until they are set.
    pub fn new(select: Select) -> Self {
        Self {
            select,
            rate_factor: 1.0,
            weight_decay: None,
            optimizer: None,
        }
    }

    /// Biases and normalization weights without weight decay.
    pub fn no_decay_on_vectors() -> Self {
        Self::new(Select::Vectors).weight_decay(0.0)
    }

    /// The factor of the learning rate: 10 for a new head, for example.
    pub fn rate_factor(mut self, rate_factor: f64) -> Self {
        self.rate_factor = rate_factor;
        self
    }

    /// The weight decay of these parameters.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = Some(weight_decay);
        self
    }

    /// The optimizer of these parameters.
    pub fn optimizer(mut self, optimizer: impl Into<OptimizerConfig>) -> Self {
        self.optimizer = Some(optimizer.into());
        self
    }
}

/// The learning rate of every group as a multiple of the base learning rate.
#[derive(Clone, Debug, Default)]
pub struct GroupRates {
    factors: Vec<(ParamGroup, f64)>,
}

impl GroupRates {
    /// The learning rates of a step, for [`ModuleOptimizer::step`].
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
    /// Builds an optimizer for `module` with parameter groups.
    ///
    /// A parameter that several groups select belongs to the last one. Pass
    /// [`GroupRates::at`] of the returned rates to [`ModuleOptimizer::step`].
    ///
    /// # Errors
    /// Settings that [`OptimizerConfig::check`] refuses, a negative rate factor, and a group that
    /// selects no parameter (a misspelled prefix would otherwise go unnoticed).
    pub fn build_with_groups<M: Module>(
        &self,
        groups: &[ParameterGroup],
        module: &M,
    ) -> Result<(ModuleOptimizer, GroupRates)> {
        let parameters = distinct_parameters(module);
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
