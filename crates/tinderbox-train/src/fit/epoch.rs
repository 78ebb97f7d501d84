//! One epoch of training: batches, gradients, optimizer steps.

use std::ops::Range;

use burn::module::Module;
use burn::optim::GradientsParams;
use tinderbox_core::{Seed, seed_layers, seed_layers_of_rows};
use tinderbox_data::SharedBatch;
use tinderbox_nn::{scale_dropout, seed_backend};
use tinderbox_optim::GradientMean;

use super::losses::At;
use super::record::borrowed;
use super::team::Team;
use super::together::Own;
use super::{Fit, at_epoch, devices};
use crate::callback::LazyLoss;
use crate::step::{gradients, take_step};
use crate::{
    Interval, LossReduction, Result, Step, StepGradients, StepInfo, StepLoss, StopReason, Task,
    TaskState, TrainError,
};

/// The rows of a device and its step; none without rows.
type DeviceStep<O> = (Range<usize>, Option<Step<O>>);

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Trains to the end of the epoch, or to where the run ends.
    pub(super) fn train_epoch(&mut self) -> Result<Option<StopReason>> {
        for callback in &mut self.setup.callbacks {
            callback
                .on_epoch_start(self.epoch + 1)
                .map_err(at_epoch(self.epoch + 1))?;
        }
        let (train, parts) = (self.train, self.train_parts.clone());
        let (order, most) = self.setup.config.limit.train(self.epoch);
        let batches = devices::epoch(train, &parts, (order, self.batch), &self.devices)?;
        let most = most.saturating_sub(self.batch);
        let mut batches = batches.take(most).peekable();
        while let Some(batch) = batches.next() {
            let batch = batch?;
            let last = batches.peek().is_none();
            if !self.train_batch(batch, last)? || last {
                continue;
            }
            if let Some(end) = self.end_step()? {
                return Ok(Some(end));
            }
        }
        self.end_epoch()
    }

    /// Takes the step of a batch, `true`, or keeps its gradients for a later one.
    fn train_batch(&mut self, parts: Vec<SharedBatch<B>>, last: bool) -> Result<bool> {
        // The random state is a function of the step, so a resumed run needs no other memory.
        let seed = Seed::new(self.setup.config.seed).child("train");
        let draws = seed.at(self.epoch as u64).at(self.batch as u64);
        let dropout = &self.setup.config.dropout_schedule;
        let _scale = scale_dropout(dropout.rate(self.step, self.epoch, 1.0));
        let at = (self.epoch + 1, self.batch + 1);
        let active = parts.iter().any(|part| part.batch.is_some());
        let (steps, all) = self.over_ranks(active, |fit| fit.first_turn(parts, draws, at))?;
        let mut own = self.gather(0, all)?;
        for (_, step) in &steps {
            let Some(step) = step else { continue };
            let metrics = &mut borrowed(&mut self.setup.train_metrics);
            let added = self.outputs.add(self.task, &step.output, metrics);
            added.map_err(|source| TrainError::Metric {
                epoch: at.0,
                batch: at.1,
                source,
            })?;
        }
        self.batch += 1;
        let accumulate = self.setup.config.accumulate;
        let mut batches = 1;
        if accumulate > 1 {
            // The mean over all examples of the group; over its batches where the loss itself is
            // not a mean over examples.
            let model = self.model.as_ref().expect("it is put back below");
            self.accumulated.add(model, own.gradients, own.weight);
            self.waiting += 1;
            if self.waiting < accumulate && !last {
                self.update_idle_ranks(active)?;
                return Ok(false);
            }
            batches = std::mem::take(&mut self.waiting);
            own.weight = self.accumulated.examples();
            own.gradients = self.accumulated.take(model);
        }
        let (gradients, loss) = self.together(0, own, batches)?;
        self.optimize(gradients)?;
        for turn in 1..self.turns.len() {
            let draws = draws.child(self.turns.name(turn));
            let all = self.over_ranks(active, |fit| fit.later_turn(turn, &steps, draws, at))?;
            let own = self.gather(turn, all)?;
            let (gradients, _) = self.together(turn, own, 1)?;
            self.optimize(gradients)?;
        }
        self.update_idle_ranks(active)?;
        if let Some(average) = &mut self.average {
            let model = self.model.as_ref().expect("it is put back after a step");
            average.update(model);
        }
        let rate = self.rates.rate(self.step, self.epoch);
        self.step += 1;
        let model = self.model.as_ref().expect("it is put back after a step");
        let place = [self.epoch + 1, self.batch, self.step];
        let info = StepInfo::new(place, rate, model, &loss);
        for callback in &mut self.setup.callbacks {
            callback
                .on_step_end(&info)
                .map_err(at_epoch(self.epoch + 1))?;
        }
        Ok(true)
    }

    /// The steps of the devices with their gradients.
    fn first_turn(
        &mut self,
        parts: Vec<SharedBatch<B>>,
        draws: Seed,
        at: (usize, usize),
    ) -> Result<(Vec<DeviceStep<O>>, Vec<Own>)> {
        // All devices are given their work before the first result is read.
        let (mut steps, mut all) = (Vec::with_capacity(1), Vec::with_capacity(1));
        for (place, part) in parts.into_iter().enumerate() {
            self.seed(draws, &part.rows, place);
            let step = match part.batch {
                Some(batch) => {
                    let mut state = std::mem::take(&mut self.states[place]);
                    let step = take_step(self.task, self.replica(place), batch, &mut state, at)?;
                    self.states[place] = state;
                    Some(step)
                }
                None => None,
            };
            all.push(self.backward(0, place, step.as_ref().map(|step| &step.loss))?);
            steps.push((part.rows, step));
        }
        Ok((steps, all))
    }

    /// The gradients of the devices in a turn after the first.
    fn later_turn(
        &mut self,
        turn: usize,
        steps: &[DeviceStep<O>],
        draws: Seed,
        at: (usize, usize),
    ) -> Result<Vec<Own>> {
        let mut all = Vec::with_capacity(1);
        for (place, (rows, step)) in steps.iter().enumerate() {
            self.seed(draws, rows, place);
            let loss = match step {
                Some(step) => Some(self.next_turn(turn, place, &step.output, at)?),
                None => None,
            };
            all.push(self.backward(turn, place, loss.as_ref())?);
        }
        Ok(all)
    }

    /// Seeds the layers of a device for these rows of the batch.
    fn seed(&self, draws: Seed, rows: &Range<usize>, place: usize) {
        if self.train_parts.is_empty() {
            seed_layers(draws);
            seed_backend(&self.device, draws);
            return;
        }
        let (rank, _) = self.team.as_ref().map_or((0, 1), Team::places);
        let own = (rank * self.devices.len() + place) as u64;
        seed_layers_of_rows(draws, rows.clone());
        seed_backend(&self.devices[place], draws.child("rank").at(own));
    }

    /// The loss of a turn after the first.
    fn next_turn(
        &mut self,
        turn: usize,
        place: usize,
        output: &O,
        at: (usize, usize),
    ) -> Result<StepLoss> {
        let (epoch, batch) = at;
        let mut state = std::mem::take(&mut self.states[place]);
        let loss = self
            .task
            .next_turn(turn, self.replica(place), output, &mut state);
        TaskState::detach(&mut state);
        self.states[place] = state;
        let loss = loss.map_err(|source| TrainError::Step {
            epoch,
            batch,
            source,
        })?;
        loss.check().map_err(|source| TrainError::Loss {
            epoch,
            batch,
            source,
        })?;
        Ok(loss)
    }

    /// The gradients of the loss of a turn on a device, and the loss; no gradients without a loss, on a device
    /// that has no example of the batch.
    fn backward(&self, turn: usize, place: usize, loss: Option<&StepLoss>) -> Result<Own> {
        let Some(loss) = loss else {
            return Ok(Own::none());
        };
        let batch = if turn == 0 {
            self.batch + 1
        } else {
            self.batch
        };
        let weight = match self.setup.config.loss_reduction {
            LossReduction::Mean => loss.count,
            LossReduction::DivideBy(_) | LossReduction::Sum => 1,
        };
        let mut scaled = self.setup.config.loss_reduction.scale(loss);
        if self.norms.is_some() {
            // Gradients of other ranks arrive in its batch norms, each times its weight.
            scaled = scaled * weight as f64;
        }
        let mut gradients = gradients(
            &scaled,
            self.replica(place),
            self.turns.parameters(turn),
            (self.epoch + 1, batch),
        )?;
        if self.norms.is_some() {
            let mut mean = GradientMean::new();
            mean.add(self.model(), gradients, 1);
            gradients = mean.take_divided(self.model(), weight as f64);
        }
        Ok(Own {
            gradients,
            weight,
            loss: Some(LazyLoss::new(loss.mean.clone())),
            count: loss.count,
        })
    }

    /// Adds the loss of a step to the mean of the epoch.
    pub(super) fn add_loss(&mut self, turn: usize, loss: &LazyLoss, count: usize) -> Result<()> {
        let at = At {
            epoch: self.epoch + 1,
            step: self.step + 1,
            learning_rate: self.rates.rate(self.step, self.epoch),
        };
        let added = self.losses.add(turn, loss, count, at);
        if added.is_err() {
            // The metrics may know the reason: a label that is no class.
            self.measure_outputs()?;
        }
        added.map_err(|error| self.with_checkpoint(error))
    }

    /// Measures the outputs that wait on the device.
    fn measure_outputs(&mut self) -> Result<()> {
        let metrics = &mut borrowed(&mut self.setup.train_metrics);
        let measured = self.outputs.measure(self.task, metrics);
        measured.map_err(|source| TrainError::Metric {
            epoch: self.epoch + 1,
            batch: self.batch,
            source,
        })
    }

    /// Reads the losses and measures the outputs that wait on the device.
    pub(super) fn read_device(&mut self) -> Result<()> {
        self.reach_devices()?;
        self.measure_outputs()?;
        let read = self.losses.read();
        read.map_err(|error| self.with_checkpoint(error))
    }

    /// The error about a loss with the last checkpoint, from which a user can resume.
    pub(super) fn with_checkpoint(&self, mut error: TrainError) -> TrainError {
        if let TrainError::NotFinite { checkpoint, .. }
        | TrainError::RankLost { checkpoint, .. }
        | TrainError::DeviceLost { checkpoint, .. } = &mut error
        {
            checkpoint.clone_from(&self.last_checkpoint);
        }
        error
    }

    /// Clips the gradients and takes an optimizer step.
    fn optimize(&mut self, mut gradients: GradientsParams) -> Result<()> {
        let model = self.model.as_ref().expect("it is put back below");
        let info = StepGradients {
            steps_done: self.step,
            model,
            gradients: &gradients,
        };
        for callback in &mut self.setup.callbacks {
            callback
                .on_gradients(&info)
                .map_err(at_epoch(self.epoch + 1))?;
        }
        if let Some(clip) = self.setup.config.clip {
            clip.apply(model, &mut gradients, self.losses.at_once())?;
        }
        let rate = self.rates.rate(self.step, self.epoch);
        let rates = self.group_rates.at(rate);
        let model = self.model.take().expect("it is put back below");
        self.model = Some(self.optimizer.step(rates, model, gradients));
        self.send_weights();
        Ok(())
    }

    /// What is due after a step that does not end its epoch.
    fn end_step(&mut self) -> Result<Option<StopReason>> {
        let mut end = None;
        if self.setup.config.validate.ends_at_step(self.step) {
            end = self.record(true)?;
        }
        if end.is_none() && self.stops() {
            end = Some(StopReason::Interrupted(None));
        }
        let end = end.or_else(|| self.budget_over());
        if end.is_none() && self.setup.checkpoints.ends_at_step(self.step) {
            self.write_checkpoint()?;
        }
        Ok(end)
    }

    /// What is due after the last step of an epoch.
    fn end_epoch(&mut self) -> Result<Option<StopReason>> {
        if self.batch == 0 {
            return Err(TrainError::NoBatches {
                which: "the training data",
                epoch: self.epoch + 1,
            });
        }
        let config = &self.setup.config;
        let (done, epochs) = (self.epoch + 1, config.epochs_to_train());
        let end = match config.validate {
            Interval::Epochs(_) => {
                let validate = done == epochs || config.validate.ends_at_epoch(done);
                self.record(validate)?
            }
            Interval::Steps(_) if config.validate.ends_at_step(self.step) => self.record(true)?,
            Interval::Steps(_) => None,
        };
        self.epoch = done;
        self.batch = 0;
        self.states.fill_with(T::State::default);
        let interrupted = end.is_none() && self.stops() && done < epochs;
        Ok(end.or(interrupted.then_some(StopReason::Interrupted(None))))
    }
}
