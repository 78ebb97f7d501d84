use serde::{Deserialize, Serialize};
use tinderbox_optim::{Plateau, PlateauConfig, RateSchedule};

use crate::Result;

/// Cuts of the learning rate when a metric stops improving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnPlateau {
    /// The metric to monitor after every epoch, e.g. `valid_loss`.
    pub metric: String,
    /// When to cut, and by how much.
    pub rule: PlateauConfig,
}

/// The learning rate of every step: a schedule, and cuts on a plateau on top of it.
pub(crate) struct Rates {
    base: f64,
    schedule: RateSchedule,
    plateau: Option<(String, Plateau)>,
}

impl Rates {
    pub fn new(base: f64, schedule: &RateSchedule, plateau: Option<&OnPlateau>) -> Result<Self> {
        let plateau = match plateau {
            Some(on) => Some((on.metric.clone(), Plateau::new(on.rule.clone())?)),
            None => None,
        };
        Ok(Self {
            base,
            schedule: schedule.clone(),
            plateau,
        })
    }

    /// The rate of the step that follows `step` steps and `epoch` full epochs.
    pub fn rate(&self, step: usize, epoch: usize) -> f64 {
        let rate = self.schedule.rate(step, epoch, self.base);
        match &self.plateau {
            Some((_, plateau)) => plateau.rate(rate),
            None => rate,
        }
    }

    /// Gives a record's metrics to the plateau rule; a record without its metric does not count.
    pub fn record(&mut self, metric: impl Fn(&str) -> Option<f64>) {
        if let Some((name, plateau)) = &mut self.plateau
            && let Some(value) = metric(name)
        {
            plateau.observe(value);
        }
    }

    pub fn state(&self) -> serde_json::Value {
        match &self.plateau {
            Some((_, plateau)) => serde_json::json!(plateau),
            None => serde_json::Value::Null,
        }
    }

    /// Restores the state of a checkpoint; `false` if it belongs to another schedule.
    pub fn restore(&mut self, state: &serde_json::Value) -> bool {
        match &mut self.plateau {
            None => state.is_null(),
            Some((_, plateau)) => match Plateau::deserialize(state) {
                Ok(read) => {
                    *plateau = read;
                    true
                }
                Err(_) => false,
            },
        }
    }
}
