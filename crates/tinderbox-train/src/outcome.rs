//! The result of a training run.

use std::path::PathBuf;

use crate::History;

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs or steps of the settings are done.
    Finished,
    /// The patience or the time is used up, or a callback stopped the run; the text says which.
    Early(String),
    /// The user interrupted the run; with a run folder, this checkpoint holds everything to resume it.
    Interrupted(Option<PathBuf>),
}

/// The result of a training run.
#[derive(Clone, Debug)]
pub struct Fitted<M> {
    /// The trained model, ready to predict: the best weights if a metric was monitored, otherwise the
    /// last ones; averaged weights with [`TrainConfig::ema_decay`](crate::TrainConfig::ema_decay).
    pub model: M,
    /// The metrics of all epochs, including those before a resume.
    pub history: History,
    /// Why training ended.
    pub stop_reason: StopReason,
    /// The epoch of the best weights, counted from 1, and the value of the monitored metric there.
    pub best: Option<(usize, f64)>,
}
