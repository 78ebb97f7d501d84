use super::OptimizerConfig;
use crate::elementwise::Elementwise;
use crate::error::Result;
use crate::optimizers::{Lamb, Muon, RmsProp};
use burn::module::ParamGroup;
use burn::optim::{ModuleOptimizer, Optimizer};

impl OptimizerConfig {
    /// Checks the settings and builds an optimizer for a whole module.
    ///
    /// # Errors
    /// Those of [`OptimizerConfig::check`].
    pub fn build(&self) -> Result<ModuleOptimizer> {
        self.check()?;
        Ok(self.install(WholeModule))
    }

    /// Adds this optimizer to `optimizer` for the parameters of one group.
    pub(crate) fn add_to(
        &self,
        optimizer: ModuleOptimizer,
        group: ParamGroup,
    ) -> Result<ModuleOptimizer> {
        self.check()?;
        Ok(self.install(OneGroup { optimizer, group }))
    }

    /// Makes the optimizer of the settings; the number of its state tensors depends on them.
    fn install(&self, target: impl Target) -> ModuleOptimizer {
        match self.clone() {
            Self::Sgd(sgd) if sgd.momentum == 0.0 => target.install(Elementwise::<_, 0>(sgd)),
            Self::Sgd(sgd) => target.install(Elementwise::<_, 1>(sgd)),
            Self::Adagrad(adagrad) => target.install(Elementwise(adagrad)),
            Self::RmsProp(rmsprop) => match (rmsprop.centered, rmsprop.momentum > 0.0) {
                (false, false) => target.install(Elementwise::<_, 1>(RmsProp::<false>(rmsprop))),
                (false, true) => target.install(Elementwise::<_, 2>(RmsProp::<false>(rmsprop))),
                (true, false) => target.install(Elementwise::<_, 2>(RmsProp::<true>(rmsprop))),
                (true, true) => target.install(Elementwise::<_, 3>(RmsProp::<true>(rmsprop))),
            },
            Self::Adadelta(adadelta) => target.install(Elementwise(adadelta)),
            Self::Adam(adam) if adam.amsgrad => target.install(Elementwise::<_, 3>(adam)),
            Self::Adam(adam) => target.install(Elementwise::<_, 2>(adam)),
            Self::AdamW(adamw) if adamw.amsgrad => target.install(Elementwise::<_, 3>(adamw)),
            Self::AdamW(adamw) => target.install(Elementwise::<_, 2>(adamw)),
            Self::Yogi(yogi) => target.install(Elementwise(yogi)),
            Self::Lion(lion) => target.install(Elementwise(lion)),
            Self::Lamb(lamb) => target.install(Lamb(lamb)),
            Self::Muon(muon) => target.install(Muon::new(muon)),
        }
    }
}

/// What an optimizer is for. Each optimizer is a type of its own, so a function cannot return it.
trait Target {
    fn install<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer;
}

struct WholeModule;

impl Target for WholeModule {
    fn install<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer {
        optimizer.into()
    }
}

struct OneGroup {
    optimizer: ModuleOptimizer,
    group: ParamGroup,
}

impl Target for OneGroup {
    fn install<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer {
        self.optimizer.with_group(self.group, optimizer, None)
    }
}
