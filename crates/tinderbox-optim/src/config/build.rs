use super::OptimizerConfig;
use crate::elementwise::Elementwise;
use crate::error::Result;
use crate::lamb::Lamb;
use crate::muon::Muon;
use crate::rules::{Adadelta, Adagrad, Adam, AdamW, Lion, Rmsprop, Sgd, Yogi};
use burn::module::ParamGroup;
use burn::optim::{ModuleOptimizer, Optimizer};

impl OptimizerConfig {
    /// Checks the settings and builds an optimizer for a whole module.
    ///
    /// # Errors
    /// Those of [`OptimizerConfig::check`].
    pub fn build(&self) -> Result<ModuleOptimizer> {
        self.check()?;
        Ok(self.place(Whole))
    }

    /// Adds this optimizer to `optimizer` for the parameters of one group.
    pub(crate) fn add_to(
        &self,
        optimizer: ModuleOptimizer,
        group: ParamGroup,
    ) -> Result<ModuleOptimizer> {
        self.check()?;
        Ok(self.place(Part { optimizer, group }))
    }

    fn place(&self, place: impl Place) -> ModuleOptimizer {
        match *self {
            Self::Sgd {
                momentum,
                nesterov,
                weight_decay,
                dampening,
            } => {
                let rule = Sgd {
                    momentum,
                    dampening,
                    nesterov,
                    weight_decay,
                };
                if momentum == 0.0 {
                    place.put(Elementwise::<_, 0>(rule))
                } else {
                    place.put(Elementwise::<_, 1>(rule))
                }
            }
            Self::Adagrad {
                rate_decay,
                epsilon,
                weight_decay,
            } => place.put(Elementwise(Adagrad {
                rate_decay,
                epsilon,
                weight_decay,
            })),
            Self::Rmsprop {
                alpha,
                epsilon,
                momentum,
                centered,
                weight_decay,
            } => {
                let plain = Rmsprop::<false> {
                    alpha,
                    epsilon,
                    momentum,
                    weight_decay,
                };
                let central = Rmsprop::<true> {
                    alpha,
                    epsilon,
                    momentum,
                    weight_decay,
                };
                match (centered, momentum > 0.0) {
                    (false, false) => place.put(Elementwise::<_, 1>(plain)),
                    (false, true) => place.put(Elementwise::<_, 2>(plain)),
                    (true, false) => place.put(Elementwise::<_, 2>(central)),
                    (true, true) => place.put(Elementwise::<_, 3>(central)),
                }
            }
            Self::Adadelta {
                rho,
                epsilon,
                weight_decay,
            } => place.put(Elementwise(Adadelta {
                rho,
                epsilon,
                weight_decay,
            })),
            Self::Adam {
                beta_1,
                beta_2,
                epsilon,
                amsgrad,
                weight_decay,
            } => {
                let rule = Adam {
                    beta_1,
                    beta_2,
                    epsilon,
                    weight_decay,
                };
                if amsgrad {
                    place.put(Elementwise::<_, 3>(rule))
                } else {
                    place.put(Elementwise::<_, 2>(rule))
                }
            }
            Self::AdamW {
                beta_1,
                beta_2,
                epsilon,
                amsgrad,
                weight_decay,
            } => {
                let rule = AdamW(Adam {
                    beta_1,
                    beta_2,
                    epsilon,
                    weight_decay,
                });
                if amsgrad {
                    place.put(Elementwise::<_, 3>(rule))
                } else {
                    place.put(Elementwise::<_, 2>(rule))
                }
            }
            Self::Yogi {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => place.put(Elementwise(Yogi {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            })),
            Self::Lion {
                beta_1,
                beta_2,
                weight_decay,
            } => place.put(Elementwise(Lion {
                beta_1,
                beta_2,
                weight_decay,
            })),
            Self::Lamb {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => place.put(Lamb {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            }),
            Self::Muon {
                momentum,
                nesterov,
                iterations,
                scale,
                weight_decay,
                beta_1,
                beta_2,
                epsilon,
            } => place.put(Muon {
                momentum,
                nesterov,
                iterations,
                weight_decay,
                scale,
                vectors: Elementwise(AdamW(Adam {
                    beta_1,
                    beta_2,
                    epsilon,
                    weight_decay,
                })),
            }),
        }
    }
}

/// Where an optimizer goes: one type of optimizer cannot be returned, each is its own.
trait Place {
    fn put<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer;
}

struct Whole;

impl Place for Whole {
    fn put<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer {
        optimizer.into()
    }
}

struct Part {
    optimizer: ModuleOptimizer,
    group: ParamGroup,
}

impl Place for Part {
    fn put<O: Optimizer>(self, optimizer: O) -> ModuleOptimizer {
        self.optimizer.with_group(self.group, optimizer, None)
    }
}
