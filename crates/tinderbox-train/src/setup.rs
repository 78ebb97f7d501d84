use std::sync::Arc;

use burn::tensor::Device;

use crate::{
    Callback, Communicator, Interval, Metric, Monitor, Resume, Run, StopFlag, TrainConfig,
};

/// Everything that a [`Trainer`](crate::Trainer) was told, apart from model, task and data.
pub(crate) struct Setup<M, O> {
    pub config: TrainConfig,
    pub train_metrics: Vec<Box<dyn Metric<O>>>,
    pub valid_metrics: Vec<Box<dyn Metric<O>>>,
    pub callbacks: Vec<Box<dyn Callback<M>>>,
    pub run: Option<Run>,
    pub resume: Resume,
    pub stop: StopFlag,
    /// How often a checkpoint is written, beside the one at the end.
    pub checkpoints: Interval,
    /// How many checkpoints are kept.
    pub keep: usize,
    pub monitor: Option<Monitor>,
    /// The ranks, if there are several.
    pub ranks: Option<Arc<dyn Communicator>>,
    /// The devices to train on; none for that of the model.
    pub devices: Vec<Device>,
}

impl<M, O> Setup<M, O> {
    pub fn new(config: TrainConfig) -> Self {
        Self {
            config,
            train_metrics: Vec::new(),
            valid_metrics: Vec::new(),
            callbacks: Vec::new(),
            run: None,
            resume: Resume::No,
            stop: StopFlag::new(),
            checkpoints: Interval::Epochs(1),
            keep: 2,
            monitor: None,
            ranks: None,
            devices: Vec::new(),
        }
    }
}
