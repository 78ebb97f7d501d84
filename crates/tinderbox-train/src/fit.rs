//! A training run in progress.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use burn::module::{Module, ParamGroup};
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use tinderbox_data::Batches;
use tinderbox_nn::{deep_copy, is_host, weights_digest};
use tinderbox_optim::{Ema, GradientMean, GroupRates, frozen_group};

use crate::checkpoint::{self, BestState};
use crate::outputs::Outputs;
use crate::rates::Rates;
use crate::run::InTraining;
use crate::setup::Setup;
use crate::{
    EventWriter, Fitted, History, Metric, Result, Resume, Run, StartInfo, StopReason, Task,
    TrainError,
};

mod devices;
mod epoch;
mod identity;
mod keep;
mod losses;
mod monitor;
mod norms;
mod record;
mod states;
mod team;
mod together;
mod turns;

use devices::{Parts, divide};
pub use keep::load_checkpoint;
use keep::load_model;
use losses::Losses;
use norms::Norms;
use team::Team;
pub(crate) use team::settle;
use turns::Turns;

/// A training run in progress.
pub(crate) struct Fit<'a, M, O, B, T: Task<M, B>> {
    setup: Setup<M, O>,
    task: &'a T,
    train: &'a dyn Batches<Batch = B>,
    valid: Option<&'a dyn Batches<Batch = B>>,
    /// The first of the devices.
    device: Device,
    /// Training devices: tensors on them can be differentiated.
    devices: Vec<Device>,
    /// The model on all devices but the first.
    replicas: Vec<M>,
    /// The parts of the batches, if there are several devices or ranks.
    train_parts: Parts<'a, B>,
    valid_parts: Parts<'a, B>,
    /// `None` only while an optimizer step consumes it, so that weights are updated in place.
    model: Option<M>,
    optimizer: ModuleOptimizer,
    /// The average of the weights, if the settings ask for it.
    average: Option<Ema>,
    rates: Rates,
    /// The learning rate of every group, from that of the step.
    group_rates: GroupRates,
    frozen: ParamGroup,
    turns: Turns,
    history: History,
    /// Full epochs done, batches done in the one after, optimizer steps done.
    epoch: usize,
    batch: usize,
    step: usize,
    /// What the task carries from batch to batch of the current epoch, for each device.
    states: Vec<T::State>,
    /// Gradients that wait for their step, and of how many batches.
    accumulated: GradientMean,
    waiting: usize,
    /// Since the last record.
    losses: Losses,
    outputs: Outputs<O>,
    /// When the time of the next record began in this process, and its seconds before an interruption.
    clock: Instant,
    seconds: f64,
    /// The seconds of all records.
    recorded_seconds: f64,
    /// As bytes, as they are written into every checkpoint.
    best: Option<(BestState, Vec<u8>)>,
    events: Option<EventWriter>,
    last_checkpoint: Option<PathBuf>,
    /// The folder of the checkpoints, on every rank that of rank 0.
    checkpoints: Option<PathBuf>,
    metrics: Vec<String>,
    /// The identity of the data, for checkpoints.
    data: serde_json::Map<String, serde_json::Value>,
    /// The other ranks, if there are any.
    team: Option<Team>,
    /// The sums of batch norms over all ranks, if the settings ask for them.
    norms: Option<Rc<Norms>>,
    _in_training: Option<InTraining>,
}

impl<'a, M, O, B, T> Fit<'a, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    pub fn start(
        mut setup: Setup<M, O>,
        model: M,
        task: &'a T,
        train: &'a dyn Batches<Batch = B>,
        valid: Option<&'a dyn Batches<Batch = B>>,
    ) -> Result<Self> {
        let model = match setup.devices.first() {
            Some(device) if !model.devices().iter().any(|own| same(own, device)) => {
                deep_copy(&model).fork(device)
            }
            _ => model,
        };
        let device = model.devices().into_iter().next().unwrap_or_default();
        let at_once = is_host(&device.clone().inner());
        let device = device.autodiff();
        let others = setup.devices.iter().skip(1).cloned();
        let devices: Vec<Device> = std::iter::once(device.clone())
            .chain(others.map(Device::autodiff))
            .collect();
        let config = &setup.config;
        let model = model.train();
        let frozen = frozen_group(&model, &config.freeze)?;
        let model = model.freeze_group(frozen.clone());
        let turns = Turns::new(task.turns(), &model)?;
        if turns.len() > 1 && config.accumulate > 1 {
            return Err(TrainError::Config {
                field: "accumulate",
                value: config.accumulate.to_string(),
                rule: "losses that take turns need a step after every batch: set it to 1",
            });
        }
        let ranks = setup.ranks.clone();
        let team = ranks.map(|ranks| Team::new(ranks, turns.len()));
        let places = team.as_ref().map_or((0, 1), Team::places);
        let norms = Norms::new(config.sync_batch_norm, setup.ranks.clone(), devices.len())?;
        let train_parts = divide(train, "training", places, devices.len())?;
        let valid_parts = valid.map(|valid| divide(valid, "validation", places, devices.len()));
        let valid_parts = valid_parts.transpose()?.unwrap_or_default();
        let groups = &config.groups;
        let (optimizer, group_rates) = config.optimizer.build_with_groups(groups, &model)?;
        let average = config.ema_decay.map(Ema::new).transpose()?;
        let rates = Rates::new(
            config.learning_rate,
            &config.schedule,
            config.plateau.as_ref(),
        )?;
        if team.as_ref().is_some_and(|team| !team.is_first()) {
            setup.callbacks.clear();
            setup.run = None;
            setup.resume = Resume::No;
        }
        let mut fit = Self {
            task,
            train,
            valid,
            model: Some(model),
            device,
            outputs: Outputs::new(&devices),
            states: devices.iter().map(|_| T::State::default()).collect(),
            devices,
            replicas: Vec::new(),
            train_parts,
            valid_parts,
            optimizer,
            average,
            rates,
            group_rates,
            frozen,
            history: History::default(),
            epoch: 0,
            batch: 0,
            step: 0,
            accumulated: GradientMean::new(),
            waiting: 0,
            losses: Losses::new(turns.len(), at_once),
            clock: Instant::now(),
            seconds: 0.0,
            recorded_seconds: 0.0,
            best: None,
            events: None,
            last_checkpoint: None,
            metrics: Vec::new(),
            data: serde_json::Map::new(),
            turns,
            team,
            norms,
            checkpoints: None,
            _in_training: None,
            setup,
        };
        fit.metrics = fit.metric_names();
        let monitored = fit.setup.monitor.as_ref().map(|monitor| &monitor.metric);
        let plateau = fit.setup.config.plateau.as_ref().map(|on| &on.metric);
        if let Some(name) = monitored
            .into_iter()
            .chain(plateau)
            .find(|name| !fit.metrics.contains(name))
        {
            return Err(TrainError::UnknownMetric {
                name: name.clone(),
                available: fit.metrics.clone(),
            });
        }
        fit.checkpoints = fit.setup.run.as_ref().map(Run::checkpoints);
        fit.open_run()?;
        Ok(fit)
    }

    /// Takes the run folder into use, and resumes from its checkpoint if that is asked for.
    fn open_run(&mut self) -> Result<()> {
        let Some(run) = self.setup.run.clone() else {
            return Ok(());
        };
        let resumes = self.setup.resume != Resume::No;
        self._in_training = Some(run.begin(resumes)?);
        self.data = identity::of_data(self.train, self.valid)?;
        checkpoint::remove_litter(run.folder());
        checkpoint::remove_litter(&run.checkpoints());
        let resume = self.setup.resume.clone();
        if let Some((path, checkpoint)) = resume.load(&run.checkpoints())? {
            self.restore(&path, checkpoint)?;
            self.last_checkpoint = Some(path);
        }
        // In a resumed run, everything that was logged up to the checkpoint stays.
        let first = if self.step > 0 { self.step + 1 } else { 0 };
        let events = EventWriter::create(run.folder(), first);
        self.events = Some(events.map_err(|source| events_error(run.folder(), source))?);
        Ok(())
    }

    fn model(&self) -> &M {
        self.model
            .as_ref()
            .expect("it is put back after every step")
    }

    /// The model as it would be used now: with averaged weights, if they are averaged.
    fn outcome(&self) -> M {
        match &self.average {
            Some(average) => average.apply(self.model()),
            None => deep_copy(self.model()),
        }
    }

    pub fn run(mut self) -> Result<Fitted<M>> {
        self.assemble()?;
        let ended = self
            .train_on_devices()
            .map_err(|error| self.with_checkpoint(error));
        self.finish(ended?)
    }

    /// Trains to the end of the run; why it ended.
    fn train_all(&mut self) -> Result<StopReason> {
        let info = StartInfo {
            epochs: self.epochs_expected(),
            batches: self.batches_in_epoch(),
            epochs_done: self.epoch,
            validate: self.setup.config.validate,
            metrics: &self.metrics,
            folder: self.setup.run.as_ref().map(|run| run.folder()),
        };
        for callback in &mut self.setup.callbacks {
            callback
                .on_train_start(&info)
                .map_err(at_epoch(self.epoch))?;
        }
        if self.devices.len() > 1 {
            // Reads, and so draws, weights that nothing has read yet: a replica would draw its own.
            weights_digest(self.model());
        }
        self.send_weights();
        let epochs = self.setup.config.epochs_to_train();
        self.clock = Instant::now();
        // A new run takes at least one step, however small its budget.
        let mut end = match self.step {
            0 => None,
            _ => self.patience_over().or_else(|| self.budget_over()),
        };
        while end.is_none() && self.epoch < epochs {
            end = self.train_epoch()?.or_else(|| self.budget_over());
            let more = end.is_none() && self.epoch < epochs;
            let checkpoints = self.setup.checkpoints;
            if more
                && (checkpoints.ends_at_epoch(self.epoch) || checkpoints.ends_at_step(self.step))
            {
                self.write_checkpoint()?;
            }
        }
        Ok(match end.unwrap_or(StopReason::Finished) {
            StopReason::Interrupted(_) => StopReason::Interrupted(self.write_checkpoint()?),
            end => {
                if !self.losses.is_empty() {
                    self.record(true)?;
                }
                self.write_checkpoint()?;
                end
            }
        })
    }

    /// The batches in an epoch, where that is known.
    fn batches_in_epoch(&self) -> Option<usize> {
        let (_, most) = self.setup.config.limit.train(0);
        Some(self.train.batches()?.min(most))
    }

    /// The number of epochs, the last one perhaps in part; `usize::MAX` if it is not known.
    fn epochs_expected(&self) -> usize {
        let config = &self.setup.config;
        let of_steps = || {
            let steps = self.batches_in_epoch()?.div_ceil(config.accumulate).max(1);
            Some(config.max_steps?.div_ceil(steps))
        };
        config
            .epochs_to_train()
            .min(of_steps().unwrap_or(usize::MAX))
    }

    /// Whether the steps or minutes of the settings are used up.
    fn budget_over(&self) -> Option<StopReason> {
        let config = &self.setup.config;
        if config.max_steps.is_some_and(|most| self.step >= most) {
            return Some(StopReason::Finished);
        }
        let minutes = config.max_minutes?;
        let spent = match &self.team {
            // As rank 0 had them at the last step, so that all ranks decide alike.
            Some(team) => team.seconds,
            None => self.recorded_seconds + self.seconds_of_record(),
        };
        (spent >= 60.0 * minutes)
            .then(|| StopReason::Early(format!("the time budget of {minutes} minutes is used up")))
    }

    /// The seconds since the last record.
    fn seconds_of_record(&self) -> f64 {
        self.seconds + self.clock.elapsed().as_secs_f64()
    }

    fn finish(mut self, end: StopReason) -> Result<Fitted<M>> {
        let why = match &end {
            StopReason::Finished => String::new(),
            StopReason::Early(reason) => {
                let epoch = self.history.last().map_or(self.epoch, |last| last.epoch);
                format!("stopped after epoch {epoch}: {reason}")
            }
            StopReason::Interrupted(checkpoint) => TrainError::Interrupted {
                epoch: self.epoch + 1,
                checkpoint: checkpoint.clone(),
            }
            .to_string(),
        };
        for callback in &mut self.setup.callbacks {
            callback.on_train_end(&why).map_err(at_epoch(self.epoch))?;
        }
        let best = self
            .best
            .as_ref()
            .map(|(state, _)| (state.epoch, state.value));
        let mut model = self.outcome();
        if let (Some((_, weights)), StopReason::Finished | StopReason::Early(_)) = (self.best, &end)
        {
            model = load_model(&model, weights, Path::new("best weights"))?;
        }
        Ok(Fitted {
            model: model.unfreeze_group(self.frozen).valid(),
            history: self.history,
            stop_reason: end,
            best,
        })
    }

    fn metric_names(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..self.turns.len())
            .map(|turn| self.turns.metric(turn))
            .collect();
        names.extend(named("train", &self.setup.train_metrics).map(|(name, _)| name));
        if self.valid.is_some() {
            names.push("valid_loss".into());
            names.extend(named("valid", &self.setup.valid_metrics).map(|(name, _)| name));
        }
        names
    }
}

fn same(a: &Device, b: &Device) -> bool {
    a.clone().inner() == b.clone().inner()
}

fn named<O>(part: &str, metrics: &[Box<dyn Metric<O>>]) -> impl Iterator<Item = (String, f64)> {
    let values = metrics.iter().flat_map(|metric| metric.values());
    let prefixed = values.map(|(name, value)| (format!("{part}_{name}"), value));
    prefixed.collect::<Vec<_>>().into_iter()
}

fn at_epoch(epoch: usize) -> impl Fn(crate::StepError) -> TrainError {
    move |source| TrainError::Callback { epoch, source }
}

fn events_error(folder: &Path, source: std::io::Error) -> TrainError {
    tinderbox_core::WriteError::new(folder.join("events.out.tfevents"), source).into()
}
