//! One epoch of training: batches, gradients, optimizer steps.

use std::ops::Range;

use burn::module::Module;
use burn::optim::GradientsParams;
use tinderbox_core::{Seed, seed_layers, seed_layers_of_rows};
use tinderbox_data::{BatchIterator, SharedBatch};
use tinderbox_nn::{scale_dropout, seed_backend};

use super::losses::At;
use super::record::borrowed;
use super::team::Team;
use super::together::Own;
use super::{Fit, at_epoch};
use crate::callback::LazyLoss;
use crate::evaluate::whole;
use crate::step::{gradients, take_step};
use crate::{
    Interval, LossReduction, Result, StepGradients, StepInfo, StepLoss, StopReason, Task,
    TaskState, TrainError,
};

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
        let train = self.train;
        let (order, most) = self.setup.config.limit.train(self.epoch);
        let divided = self.team.as_ref().map(Team::train);
        let batches: BatchIterator<SharedBatch<B>> = match &divided {
            None => {
                let batches = train.epoch(order, self.batch, &self.device)?;
                Box::new(batches.map(|batch| batch.map(whole)))
            }
            Some(part) => part.epoch(order, self.batch, &self.device)?,
        };
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
    fn train_batch(&mut self, part: SharedBatch<B>, last: bool) -> Result<bool> {
        // The random state is a function of the step, so a resumed run needs no other memory.
        let seed = Seed::new(self.setup.config.seed).child("train");
        let draws = seed.at(self.epoch as u64).at(self.batch as u64);
        self.seed(draws, &part.rows);
        let dropout = &self.setup.config.dropout_schedule;
        let _scale = scale_dropout(dropout.rate(self.step, self.epoch, 1.0));
        let at = (self.epoch + 1, self.batch + 1);
        let model = self.model.as_ref().expect("it is put back below");
        let step = match part.batch {
            Some(batch) => Some(take_step(self.task, model, batch, &mut self.state, at)?),
            None => None,
        };
        let mut own = self.backward(0, step.as_ref().map(|step| &step.loss))?;
        if let Some(step) = &step {
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
                return Ok(false);
            }
            batches = std::mem::take(&mut self.waiting);
            own.weight = self.accumulated.examples();
            own.gradients = self.accumulated.take(model);
        }
        let (gradients, loss) = self.together(0, own, batches)?;
        self.optimize(gradients)?;
        for turn in 1..self.turns.len() {
            self.seed(draws.child(self.turns.name(turn)), &part.rows);
            let loss = match &step {
                Some(step) => Some(self.next_turn(turn, &step.output, at)?),
                None => None,
            };
            let own = self.backward(turn, loss.as_ref())?;
            let (gradients, _) = self.together(turn, own, 1)?;
            self.optimize(gradients)?;
        }
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

    /// Seeds the layers for these rows of the batch.
    fn seed(&self, draws: Seed, rows: &Range<usize>) {
        match &self.team {
            None => {
                seed_layers(draws);
                seed_backend(&self.device, draws);
            }
            Some(team) => {
                seed_layers_of_rows(draws, rows.clone());
                seed_backend(&self.device, draws.child("rank").at(team.rank() as u64));
            }
        }
    }

    /// The loss of a turn after the first.
    fn next_turn(&mut self, turn: usize, output: &O, at: (usize, usize)) -> Result<StepLoss> {
        let (epoch, batch) = at;
        let model = self.model.as_ref().expect("it is put back after a step");
        let loss = self.task.next_turn(turn, model, output, &mut self.state);
        TaskState::detach(&mut self.state);
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

    /// The gradients of the loss of a turn, and the loss, which is added to the mean of the epoch; no
    /// gradients without a loss, on a rank that has no example of the batch.
    fn backward(&mut self, turn: usize, loss: Option<&StepLoss>) -> Result<Own> {
        let Some(loss) = loss else {
            return Ok(Own::none());
        };
        let batch = if turn == 0 {
            self.batch + 1
        } else {
            self.batch
        };
        let scaled = self.setup.config.loss_reduction.scale(loss);
        let gradients = gradients(
            &scaled,
            self.model(),
            self.turns.parameters(turn),
            (self.epoch + 1, batch),
        )?;
        let lazy = LazyLoss::new(loss.mean.clone());
        let weight = match self.setup.config.loss_reduction {
            LossReduction::Mean => loss.count,
            LossReduction::DivideBy(_) | LossReduction::Sum => 1,
        };
        match &mut self.team {
            Some(team) => team.add_loss(turn, lazy.read(), loss.count),
            None => {
                if self.losses.at_once() {
                    lazy.read();
                }
                self.add_loss(turn, &lazy, loss.count)?;
            }
        }
        Ok(Own {
            gradients,
            weight,
            loss: Some(lazy),
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
        added.map_err(|error| self.with_checkpoint(error))
    }

    /// Reads the losses and measures the outputs that wait on the device.
    pub(super) fn read_device(&mut self) -> Result<()> {
        let metrics = &mut borrowed(&mut self.setup.train_metrics);
        let measured = self.outputs.measure(self.task, metrics);
        measured.map_err(|source| TrainError::Metric {
            epoch: self.epoch + 1,
            batch: self.batch,
            source,
        })?;
        let read = self.losses.read();
        read.map_err(|error| self.with_checkpoint(error))
    }

    /// The error about a loss with the last checkpoint, from which a user can resume.
    pub(super) fn with_checkpoint(&self, mut error: TrainError) -> TrainError {
        if let TrainError::NotFinite { checkpoint, .. } | TrainError::RankLost { checkpoint, .. } =
            &mut error
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
        self.state = T::State::default();
        let interrupted = end.is_none() && self.stops() && done < epochs;
        Ok(end.or(interrupted.then_some(StopReason::Interrupted(None))))
    }
}
