//! What the ranks of a run do together.

use burn::module::Module;
use burn::optim::GradientsParams;
use serde_json::{Value, json};
use tinderbox_nn::{running_statistics, weights_digest, with_running_statistics};

use super::team::{Purpose, Team};
use super::{Fit, identity};
use crate::callback::LazyLoss;
use crate::checkpoint::Checkpoint;
use crate::{LossReduction, Result, Task, TrainError};

/// What this process computed of a step.
pub(super) struct Own {
    pub gradients: GradientsParams,
    /// Its weight among the ranks: examples, or batches if the loss is not a mean over examples.
    pub weight: usize,
    /// `None` on a rank that has no example of the batch.
    pub loss: Option<LazyLoss>,
    /// What the loss is a mean over.
    pub count: usize,
}

impl Own {
    /// Nothing: the batch has fewer examples than there are ranks.
    pub fn none() -> Self {
        Self {
            gradients: GradientsParams::new(),
            weight: 0,
            loss: None,
            count: 0,
        }
    }
}

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Compares how the ranks were started, and gives all of them the checkpoint of rank 0.
    pub(super) fn assemble(&mut self) -> Result<()> {
        if self.team.is_none() {
            return Ok(());
        }
        self.data = identity::of_data(self.train, self.valid)?;
        let mut start = self.identity();
        if let Some(all) = start.as_object_mut() {
            let config = &self.setup.config;
            all.insert(
                "parameters".into(),
                json!(super::keep::parameters(self.model())),
            );
            all.insert("epochs".into(), json!(config.epochs));
            all.insert("number of steps".into(), json!(config.max_steps));
            all.insert("number of minutes".into(), json!(config.max_minutes));
            all.insert("dropout schedule".into(), json!(config.dropout_schedule));
            all.insert("monitored metric".into(), json!(self.setup.monitor));
            all.insert("number of devices".into(), json!(self.devices.len()));
            all.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
            all.insert("times of checkpoints".into(), json!(self.setup.checkpoints));
        }
        self.same_on_all(Purpose::Start, start)?;
        let team = self.team()?;
        let resumed = match &self.last_checkpoint {
            Some(path) => std::fs::read(path).map_err(|source| TrainError::Read {
                path: path.clone(),
                source,
            })?,
            None => Vec::new(),
        };
        let paths = (&self.checkpoints, &self.last_checkpoint);
        let paths = team.first_ranks_bytes(serde_json::to_vec(&paths).expect("paths are JSON"))?;
        let resumed = team.first_ranks_bytes(resumed)?;
        if !team.is_first() {
            (self.checkpoints, self.last_checkpoint) =
                serde_json::from_slice(&paths).unwrap_or_default();
            if let Some(path) = self.last_checkpoint.clone() {
                self.restore(&path, Checkpoint::parse(&path, &resumed)?)?;
            }
        }
        let digest = format!("{:016x}", weights_digest(self.model()));
        self.same_on_all(
            Purpose::Start,
            json!({ "the digest of the weights": digest }),
        )?;
        let seconds = self.recorded_seconds + self.seconds;
        if let Some(team) = &mut self.team {
            team.seconds = seconds;
        }
        Ok(())
    }

    fn team(&self) -> Result<&Team> {
        self.team.as_ref().ok_or(TrainError::Config {
            field: "ranks",
            value: "1".into(),
            rule: "there must be several",
        })
    }

    fn same_on_all(&self, purpose: Purpose, own: Value) -> Result<()> {
        let all = self.team()?.gather(own.to_string().into_bytes(), purpose)?;
        let mut all = all
            .iter()
            .map(|bytes| serde_json::from_slice(bytes).unwrap_or_default());
        let first: Value = all.next().unwrap_or_default();
        for (rank, other) in all.enumerate() {
            if let Some(reason) = identity::between_ranks(&first, &other) {
                return Err(TrainError::RanksDiffer {
                    rank: rank + 1,
                    reason,
                });
            }
        }
        Ok(())
    }

    /// The gradients of the whole step, of all ranks, with its mean loss; `batches` is the number of batches
    /// of the step.
    pub(super) fn together(
        &mut self,
        turn: usize,
        own: Own,
        batches: usize,
    ) -> Result<(GradientsParams, LazyLoss)> {
        let (stop, seconds) = (
            self.setup.stop.is_set(),
            self.recorded_seconds + self.seconds_of_record(),
        );
        let Some(team) = &mut self.team else {
            let loss = own.loss.expect("a process without others has all examples");
            return Ok((own.gradients, loss));
        };
        let (mean, count, weights) = team.meet_for_step(turn, own.weight, stop, seconds)?;
        let loss = LazyLoss::known(mean, &self.device.clone().inner());
        self.add_loss(turn, &loss, count)?;
        let divisor = match self.setup.config.loss_reduction {
            LossReduction::Mean => weights,
            LossReduction::DivideBy(_) | LossReduction::Sum => batches,
        };
        let model = self.model.as_ref().expect("it is put back after a step");
        let team = self.team.as_mut().expect("it was there above");
        let gradients = team.sum_gradients(model, own.gradients, own.weight, divisor)?;
        Ok((gradients, loss))
    }

    /// Whether the run was asked to stop; of several ranks, whether any was, as far as all know.
    pub(super) fn stops(&self) -> bool {
        match &self.team {
            Some(team) => team.stop,
            None => self.setup.stop.is_set(),
        }
    }

    /// Gives all ranks the mean of their running statistics, before a model is measured or written.
    pub(super) fn agree_on_statistics(&mut self) -> Result<()> {
        let Some(team) = &self.team else {
            return Ok(());
        };
        if self.norms.is_some() {
            // They are the same on all ranks.
            return Ok(());
        }
        let model = self.model.as_ref().expect("it is put back after a step");
        let mut numbers = running_statistics(model);
        if numbers.is_empty() {
            return Ok(());
        }
        team.mean(&mut numbers)?;
        self.model = Some(with_running_statistics(model, &numbers));
        Ok(())
    }
}
