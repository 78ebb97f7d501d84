use burn::module::Module;
use burn::optim::GradientsParams;
use serde::{Deserialize, Serialize};
use tinderbox_optim::{clip_global_norm, clip_global_norm_unread, clip_value};

use crate::{Result, TrainError};

/// Clipping of the gradients before every optimizer step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Scales all gradients by one factor, so that their norm over all parameters together is at
    /// most this (Pascanu et al. 2013; `clip_grad_norm_`).
    Norm(f64),
    /// Moves every number of the gradients into [-limit, limit].
    Value(f64),
}

impl Clip {
    pub(crate) fn check(self) -> Result<()> {
        let (Self::Norm(limit) | Self::Value(limit)) = self;
        if limit.is_finite() && limit > 0.0 {
            return Ok(());
        }
        Err(TrainError::Config {
            field: "clip",
            value: limit.to_string(),
            rule: "a limit must be positive and finite; 1 is a common choice",
        })
    }

    /// `on_host` says whether the norm can be read without waiting for a device.
    pub(crate) fn apply<M: Module>(
        self,
        model: &M,
        gradients: &mut GradientsParams,
        on_host: bool,
    ) -> Result<()> {
        match self {
            Self::Norm(limit) if on_host => {
                clip_global_norm(gradients, model, limit).map(|_| ())?
            }
            Self::Norm(limit) => clip_global_norm_unread(gradients, model, limit)?,
            Self::Value(limit) => clip_value(gradients, model, limit)?,
        }
        Ok(())
    }
}
