//! One epoch of training: batches, gradients, optimizer steps.

use burn::module::Module;
use burn::optim::GradientsParams;
use tinderbox_core::{Seed, seed_layers};
use tinderbox_nn::{scale_dropout, seed_backend};

use super::losses::At;
use super::{Fit, at_epoch};
use crate::callback::LazyLoss;
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
        let batches = train.epoch(order, self.batch, &self.device)?;
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
    fn train_batch(&mut self, batch: B, last: bool) -> Result<bool> {
        // The random state is a function of the step, so a resumed run needs no other memory.
        let seed = Seed::new(self.setup.config.seed).child("train");
        let draws = seed.at(self.epoch as u64).at(self.batch as u64);
        seed_layers(draws);
        seed_backend(&self.device, draws);
        let dropout = &self.setup.config.dropout_schedule;
        let _scale = scale_dropout(dropout.rate(self.step, self.epoch, 1.0));
        let at = (self.epoch + 1, self.batch + 1);
        let model = self.model.as_ref().expect("it is put back below");
        let step = take_step(self.task, model, batch, &mut self.state, at)?;
        let (mut gradients, loss) = self.backward(0, &step.loss)?;
        for metric in &mut self.setup.train_metrics {
            let updated = metric.update(&step.output);
            updated.map_err(|source| TrainError::Metric {
                epoch: at.0,
                batch: at.1,
                source,
            })?;
        }
        self.batch += 1;
        let accumulate = self.setup.config.accumulate;
        if accumulate > 1 {
            // The mean over all examples of the group; over its batches where the loss itself is
            // not a mean over examples.
            let weight = match self.setup.config.loss_reduction {
                LossReduction::Mean => step.loss.count,
                LossReduction::DivideBy(_) | LossReduction::Sum => 1,
            };
            let model = self.model.as_ref().expect("it is put back below");
            self.accumulated.add(model, gradients, weight);
            self.waiting += 1;
            if self.waiting < accumulate && !last {
                return Ok(false);
            }
            self.waiting = 0;
            gradients = self.accumulated.take(model);
        }
        self.optimize(gradients)?;
        for turn in 1..self.turns.len() {
            let draws = draws.child(self.turns.name(turn));
            seed_layers(draws);
            seed_backend(&self.device, draws);
            let model = self.model.as_ref().expect("it is put back after a step");
            let loss = self
                .task
                .next_turn(turn, model, &step.output, &mut self.state);
            TaskState::detach(&mut self.state);
            let loss = loss.map_err(|source| TrainError::Step {
                epoch: at.0,
                batch: at.1,
                source,
            })?;
            loss.check().map_err(|source| TrainError::Loss {
                epoch: at.0,
                batch: at.1,
                source,
            })?;
            let (gradients, _) = self.backward(turn, &loss)?;
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

    /// The gradients of the loss of a turn, and the loss, which is added to the mean of the epoch.
    fn backward(&mut self, turn: usize, loss: &StepLoss) -> Result<(GradientsParams, LazyLoss)> {
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
        if self.losses.at_once() {
            lazy.read();
        }
        let at = At {
            epoch: self.epoch + 1,
            step: self.step + 1,
            learning_rate: self.rates.rate(self.step, self.epoch),
        };
        let added = self.losses.add(turn, &lazy, loss.count, at);
        added.map_err(|error| self.with_checkpoint(error))?;
        Ok((gradients, lazy))
    }

    /// Reads the losses that wait on the device.
    pub(super) fn read_losses(&mut self) -> Result<()> {
        let read = self.losses.read();
        read.map_err(|error| self.with_checkpoint(error))
    }

    /// The error about a loss with the last checkpoint, from which a user can resume.
    fn with_checkpoint(&self, mut error: TrainError) -> TrainError {
        if let TrainError::NotFinite { checkpoint, .. } = &mut error {
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
            clip.apply(model, &mut gradients)?;
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
        if end.is_none() && self.setup.stop.is_set() {
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
        let interrupted = end.is_none() && self.setup.stop.is_set() && done < epochs;
        Ok(end.or(interrupted.then_some(StopReason::Interrupted(None))))
    }
}
