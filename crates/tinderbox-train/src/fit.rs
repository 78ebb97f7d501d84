//! The loop itself.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::{Module, ParamGroup};
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use tinderbox_core::{Seed, seed_layers};
use tinderbox_data::Batches;
use tinderbox_nn::{deep_copy, seed_backend};
use tinderbox_optim::{Ema, GradientMean, GroupRates, frozen_group};

use crate::checkpoint::{self, BestState};
use crate::evaluate::measure;
use crate::rates::Rates;
use crate::run::InTraining;
use crate::step::{gradients, take_step};
use crate::trainer::Trainer;
use crate::{
    EpochRecord, EventWriter, Fitted, Flow, History, Interval, LossReduction, Mean, Metric, Result,
    Resume, StartInfo, StepInfo, StopReason, Task, TrainError,
};

mod identity;
mod keep;
mod watch;

pub use keep::load_checkpoint;
use keep::load_model;

/// A training under way.
pub(crate) struct Fit<'a, M, O, B, T: Task<M, B>> {
    trainer: Trainer<M, O>,
    task: &'a T,
    train: &'a dyn Batches<Batch = B>,
    valid: Option<&'a dyn Batches<Batch = B>>,
    /// A training device: tensors on it can be differentiated.
    device: Device,
    /// Away only while an optimizer step consumes it, so that weights are updated in place.
    model: Option<M>,
    optimizer: ModuleOptimizer,
    /// The average of the weights, if the settings ask for it.
    average: Option<Ema>,
    rates: Rates,
    /// The rate of every group, from that of the step.
    group_rates: GroupRates,
    frozen: ParamGroup,
    history: History,
    /// Full epochs done, batches done in the one after, optimizer steps done.
    epoch: usize,
    batch: usize,
    step: usize,
    /// What the task carries from batch to batch of the epoch under way.
    state: T::State,
    train_loss: Mean,
    /// Seconds of the epoch under way that were spent before an interruption.
    seconds: f64,
    /// As bytes, as they go into every checkpoint.
    best: Option<(BestState, Vec<u8>)>,
    events: Option<EventWriter>,
    last_checkpoint: Option<PathBuf>,
    metrics: Vec<String>,
    /// What the data are known by, for checkpoints.
    data: serde_json::Map<String, serde_json::Value>,
    _in_training: Option<InTraining>,
}

/// How one epoch ended.
enum EpochEnd {
    Whole,
    Interrupted,
}

impl<'a, M, O, B, T> Fit<'a, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    pub fn start(
        trainer: Trainer<M, O>,
        model: M,
        task: &'a T,
        train: &'a dyn Batches<Batch = B>,
        valid: Option<&'a dyn Batches<Batch = B>>,
    ) -> Result<Self> {
        let device = model.devices().into_iter().next().unwrap_or_default();
        let device = device.autodiff();
        let config = &trainer.config;
        let model = model.train();
        let frozen = frozen_group(&model, &config.freeze)?;
        let model = model.freeze_group(frozen.clone());
        let groups = &config.groups;
        let (optimizer, group_rates) = config.optimizer.build_with_groups(groups, &model)?;
        let average = config.ema_decay.map(Ema::new).transpose()?;
        let rates = Rates::new(
            config.learning_rate,
            &config.schedule,
            config.plateau.as_ref(),
        )?;
        let mut fit = Self {
            task,
            train,
            valid,
            model: Some(model),
            device,
            optimizer,
            average,
            rates,
            group_rates,
            frozen,
            history: History::default(),
            epoch: 0,
            batch: 0,
            step: 0,
            state: T::State::default(),
            train_loss: Mean::default(),
            seconds: 0.0,
            best: None,
            events: None,
            last_checkpoint: None,
            metrics: Vec::new(),
            data: serde_json::Map::new(),
            _in_training: None,
            trainer,
        };
        fit.metrics = fit.metric_names();
        let watched = fit.trainer.monitor.as_ref().map(|watch| &watch.metric);
        let plateau = fit.trainer.config.plateau.as_ref().map(|on| &on.metric);
        if let Some(name) = watched
            .into_iter()
            .chain(plateau)
            .find(|name| !fit.metrics.contains(name))
        {
            return Err(TrainError::UnknownMetric {
                name: name.clone(),
                available: fit.metrics.clone(),
            });
        }
        if let Some(run) = fit.trainer.run.clone() {
            let resumes = fit.trainer.resume != Resume::No;
            fit._in_training = Some(run.begin(resumes)?);
            fit.data = identity::of_data(train, valid)?;
            checkpoint::remove_litter(run.folder());
            checkpoint::remove_litter(&run.checkpoints());
            let resume = fit.trainer.resume.clone();
            if let Some((path, checkpoint)) = resume.load(&run.checkpoints())? {
                fit.restore(&path, checkpoint)?;
                fit.last_checkpoint = Some(path);
            }
            // Of a run that goes on, what was logged up to the checkpoint stays.
            let first = if fit.step > 0 { fit.step + 1 } else { 0 };
            let events = EventWriter::create(run.folder(), first);
            fit.events = Some(events.map_err(|source| events_error(run.folder(), source))?);
        }
        Ok(fit)
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

    pub fn go(mut self) -> Result<Fitted<M>> {
        let info = StartInfo {
            epochs: self.trainer.config.epochs,
            batches: self.train.batches(),
            epochs_done: self.epoch,
            metrics: &self.metrics,
            folder: self.trainer.run.as_ref().map(|run| run.folder()),
        };
        for callback in &mut self.trainer.callbacks {
            callback
                .on_train_start(&info)
                .map_err(at_epoch(self.epoch))?;
        }
        let mut ended = self.patience_over().unwrap_or(StopReason::Finished);
        while ended == StopReason::Finished && self.epoch < self.trainer.config.epochs {
            let started = Instant::now();
            if let EpochEnd::Interrupted = self.train_epoch(started)? {
                let path = self.write_checkpoint()?;
                ended = StopReason::Interrupted(path);
                break;
            }
            ended = self.close_epoch(started)?;
            let due = match self.trainer.interval {
                Interval::Epochs(n) => self.epoch.is_multiple_of(n.max(1)),
                Interval::Steps(_) => false,
            };
            if due && ended == StopReason::Finished && self.epoch < self.trainer.config.epochs {
                self.write_checkpoint()?;
            }
        }
        if !matches!(ended, StopReason::Interrupted(_)) {
            self.write_checkpoint()?;
        }
        self.finish(ended)
    }

    fn train_epoch(&mut self, started: Instant) -> Result<EpochEnd> {
        for callback in &mut self.trainer.callbacks {
            callback
                .on_epoch_start(self.epoch + 1)
                .map_err(at_epoch(self.epoch + 1))?;
        }
        let train = self.train;
        let seed = Seed::new(self.trainer.config.seed).child("train");
        let accumulate = self.trainer.config.accumulate;
        let mut sum = GradientMean::new();
        let mut waiting = 0;
        let batches = train.epoch(self.epoch, self.batch, &self.device)?;
        let mut batches = batches.peekable();
        while let Some(batch) = batches.next() {
            // The random state is a function of the step, so a resumed run needs no other memory.
            let draws = seed.at(self.epoch as u64).at(self.batch as u64);
            seed_layers(draws);
            seed_backend(&self.device, draws);
            let at = (self.epoch + 1, self.batch + 1);
            let model = self.model.as_ref().expect("it is put back below");
            let step = take_step(self.task, model, batch?, &mut self.state, at)?;
            let count = step.loss.count;
            let scaled = self.trainer.config.loss_reduction.scale(&step.loss);
            let mut gradients = gradients(&scaled, self.model(), at)?;
            let loss: f64 = step.loss.mean.into_scalar();
            let rate = self.rates.rate(self.step, self.epoch);
            if !loss.is_finite() {
                return Err(TrainError::NotFinite {
                    loss,
                    epoch: self.epoch + 1,
                    step: self.step + 1,
                    learning_rate: rate,
                    checkpoint: self.last_checkpoint.clone(),
                });
            }
            self.train_loss.add(loss, count);
            for metric in &mut self.trainer.train_metrics {
                let updated = metric.update(&step.output);
                updated.map_err(|source| TrainError::Metric {
                    epoch: at.0,
                    batch: at.1,
                    source,
                })?;
            }
            self.batch += 1;
            let last = batches.peek().is_none();
            if accumulate > 1 {
                // The mean over all examples of the group; over its batches where the loss itself is
                // not a mean over examples.
                let weight = match self.trainer.config.loss_reduction {
                    LossReduction::Mean => count,
                    LossReduction::DivideBy(_) | LossReduction::Sum => 1,
                };
                sum.add(self.model(), gradients, weight);
                waiting += 1;
                if waiting < accumulate && !last {
                    continue;
                }
                waiting = 0;
                gradients = sum.take(self.model());
            }
            if let Some(clip) = self.trainer.config.clip {
                clip.apply(self.model(), &mut gradients)?;
            }
            let model = self.model.take().expect("it is put back below");
            let rates = self.group_rates.at(rate);
            let model = self.optimizer.step(rates, model, gradients);
            if let Some(average) = &mut self.average {
                average.update(&model);
            }
            self.model = Some(model);
            self.step += 1;
            let info = StepInfo {
                epoch: self.epoch + 1,
                batch: self.batch,
                step: self.step,
                loss,
                learning_rate: rate,
            };
            for callback in &mut self.trainer.callbacks {
                callback
                    .on_step_end(&info)
                    .map_err(at_epoch(self.epoch + 1))?;
            }
            if !last {
                let stop = self.trainer.stop.is_set();
                if stop {
                    self.seconds += started.elapsed().as_secs_f64();
                    return Ok(EpochEnd::Interrupted);
                }
                if let Interval::Steps(n) = self.trainer.interval
                    && self.step.is_multiple_of(n.max(1))
                {
                    self.write_checkpoint()?;
                }
            }
        }
        Ok(EpochEnd::Whole)
    }

    /// Measures the epoch that just ended and tells everybody.
    fn close_epoch(&mut self, started: Instant) -> Result<StopReason> {
        if self.batch == 0 {
            return Err(TrainError::NoBatches {
                which: "the training data",
                epoch: self.epoch + 1,
            });
        }
        let mut metrics = vec![("train_loss".to_string(), self.train_loss.value())];
        metrics.extend(named("train", &self.trainer.train_metrics));
        let outcome = self.outcome();
        metrics.extend(self.validate(&outcome)?);
        let record = EpochRecord {
            epoch: self.epoch + 1,
            step: self.step,
            learning_rate: self.rates.rate(self.step.saturating_sub(1), self.epoch),
            metrics,
            seconds: self.seconds + started.elapsed().as_secs_f64(),
        };
        self.rates.epoch_ended(|name| record.get(name));
        self.epoch += 1;
        self.batch = 0;
        self.seconds = 0.0;
        self.train_loss = Mean::default();
        self.state = T::State::default();
        for metric in &mut self.trainer.train_metrics {
            metric.reset();
        }
        if let Some(events) = &mut self.events {
            let folder = self
                .trainer
                .run
                .as_ref()
                .map_or(Path::new("."), |run| run.folder());
            events
                .epoch(&record)
                .map_err(|source| events_error(folder, source))?;
        }
        self.compare(&record, &outcome)?;
        self.check_metrics(&record, &outcome)?;
        let mut ended = self.patience_over().unwrap_or(StopReason::Finished);
        for callback in &mut self.trainer.callbacks {
            let flow = callback.on_epoch_end(&record, &outcome);
            if let Flow::Stop(reason) = flow.map_err(at_epoch(self.epoch))?
                && ended == StopReason::Finished
            {
                ended = StopReason::Early(reason);
            }
        }
        self.history.epochs.push(record);
        if ended == StopReason::Finished
            && self.trainer.stop.is_set()
            && self.epoch < self.trainer.config.epochs
        {
            ended = StopReason::Interrupted(self.write_checkpoint()?);
        }
        Ok(ended)
    }

    fn validate(&mut self, model: &M) -> Result<Vec<(String, f64)>> {
        let Some(valid) = self.valid else {
            return Ok(Vec::new());
        };
        let metrics = &mut self.trainer.valid_metrics;
        let mut metrics: Vec<&mut dyn Metric<O>> = metrics
            .iter_mut()
            .map(|metric| &mut **metric as &mut dyn Metric<O>)
            .collect();
        let of = ("the validation data", self.epoch + 1);
        let loss = measure(model, self.task, valid, &mut metrics, of)?;
        let mut metrics = vec![("valid_loss".to_string(), loss)];
        metrics.extend(named("valid", &self.trainer.valid_metrics));
        Ok(metrics)
    }

    fn finish(mut self, ended: StopReason) -> Result<Fitted<M>> {
        let why = match &ended {
            StopReason::Finished => String::new(),
            StopReason::Early(reason) => format!("stopped after epoch {}: {reason}", self.epoch),
            StopReason::Interrupted(checkpoint) => TrainError::Interrupted {
                epoch: self.epoch + 1,
                checkpoint: checkpoint.clone(),
            }
            .to_string(),
        };
        for callback in &mut self.trainer.callbacks {
            callback.on_train_end(&why).map_err(at_epoch(self.epoch))?;
        }
        let best = self
            .best
            .as_ref()
            .map(|(state, _)| (state.epoch, state.value));
        let mut model = self.outcome();
        if let (Some((_, weights)), StopReason::Finished | StopReason::Early(_)) =
            (self.best, &ended)
        {
            model = load_model(&model, weights, Path::new("best weights"))?;
        }
        Ok(Fitted {
            model: model.unfreeze_group(self.frozen).valid(),
            history: self.history,
            stop_reason: ended,
            best,
        })
    }

    fn metric_names(&self) -> Vec<String> {
        let mut names = vec!["train_loss".to_string()];
        names.extend(named("train", &self.trainer.train_metrics).map(|(name, _)| name));
        if self.valid.is_some() {
            names.push("valid_loss".into());
            names.extend(named("valid", &self.trainer.valid_metrics).map(|(name, _)| name));
        }
        names
    }
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
