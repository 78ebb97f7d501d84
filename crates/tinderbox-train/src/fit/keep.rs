//! The content of checkpoints, and how a run resumes from one.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use tinderbox_nn::{ParameterKind, all_parameters, deep_copy};
use tinderbox_optim::{Ema, load_state, save_state};

use super::record::borrowed;
use super::team::Purpose;
use super::turns::Turns;
use super::{Fit, at_epoch, identity, states};
use crate::checkpoint::{self, Checkpoint, Header};
use crate::state::{state_bytes, state_from_bytes};
use crate::{Result, Task, TrainError};

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// What must be the same in a run and in the run that resumes it.
    pub(super) fn identity(&self) -> serde_json::Value {
        let config = &self.setup.config;
        let mut identity = serde_json::json!({
            "seed": config.seed,
            "learning rate": config.learning_rate,
            "optimizer": config.optimizer,
            "schedule": config.schedule,
            "plateau": config.plateau,
            "clipping": config.clip,
            "accumulation": config.accumulate,
            "loss reduction": config.loss_reduction,
            // Absent from checkpoints of runs without them.
            "groups": (!config.groups.is_empty()).then_some(&config.groups),
            "averaging of the weights": config.ema_decay,
            "frozen parts": (!config.freeze.is_empty()).then_some(&config.freeze),
            "synchronised batch norm": config.sync_batch_norm.then_some(true),
            "metrics": self.metrics,
            "turns": self.turns.identity(),
            "validation": config.validate,
            "limit of the data": config.limit,
        });
        if let Some(all) = identity.as_object_mut() {
            all.extend(self.data.clone());
        }
        identity
    }

    /// Writes a checkpoint, the history and the curves; the oldest checkpoints beyond the limit are removed.
    pub(super) fn write_checkpoint(&mut self) -> Result<Option<PathBuf>> {
        let Some(folder) = self.checkpoints.clone() else {
            return Ok(None);
        };
        self.read_device()?;
        self.agree_on_statistics()?;
        let path = checkpoint::file(&folder, self.step);
        let own = self.setup.train_metrics.iter().map(|m| m.state()).collect();
        let (metrics, state) = match &self.team {
            None => {
                let all = self.states.iter().map(state_bytes).collect();
                (own, states::of_ranks(all))
            }
            Some(team) => {
                let each = self.states.iter().map(state_bytes);
                let each = each.map(|state| team.gather(state, Purpose::Bytes));
                let each = each.collect::<Result<Vec<_>>>()?;
                let (_, ranks) = team.places();
                let all = (0..ranks).flat_map(|rank| each.iter().map(move |all| all[rank].clone()));
                let all = all.collect();
                team.merge(&mut borrowed(&mut self.setup.train_metrics), self.epoch + 1)?;
                let metrics = &mut self.setup.train_metrics;
                let merged = metrics.iter().map(|metric| metric.state()).collect();
                for (metric, own) in metrics.iter_mut().zip(&own) {
                    metric.restore(own);
                }
                (merged, states::of_ranks(all))
            }
        };
        let Some(run) = self.setup.run.clone() else {
            // Rank 0 writes the file; if it fails, all ranks end with its error at their next meeting.
            self.last_checkpoint = Some(path.clone());
            return Ok(Some(path));
        };
        let best = match &self.best {
            Some((_, weights)) => weights.clone(),
            None => Vec::new(),
        };
        Checkpoint {
            header: Header {
                epoch: self.epoch,
                batch: self.batch,
                step: self.step,
                identity: self.identity(),
                parameters: parameters(self.model()),
                history: self.history.clone(),
                losses: self.losses.means.clone(),
                metrics,
                seconds: self.seconds_of_record(),
                schedule: self.rates.state(),
                callbacks: self.setup.callbacks.iter().map(|c| c.state()).collect(),
                best: self.best.as_ref().map(|(state, _)| *state),
                blobs: [0; 5],
            },
            model: model_bytes(self.model(), &path)?,
            optimizer: save_state(&self.optimizer, self.model())?,
            best,
            average: match &self.average {
                Some(average) => average.save(self.model())?,
                None => Vec::new(),
            },
            state,
        }
        .save(&path)?;
        run.write_history(&self.history)?;
        run.write_curves(&self.history)?;
        let all = checkpoint::list(&run.checkpoints());
        for old in &all[..all.len().saturating_sub(self.setup.keep)] {
            // A checkpoint that cannot be removed is no reason to end a run.
            let _ = std::fs::remove_file(old);
        }
        for callback in &mut self.setup.callbacks {
            callback
                .on_checkpoint(&path)
                .map_err(at_epoch(self.epoch))?;
        }
        self.last_checkpoint = Some(path.clone());
        Ok(Some(path))
    }

    pub(super) fn restore(&mut self, path: &Path, checkpoint: Checkpoint) -> Result<()> {
        let foreign = |reason: String| TrainError::ForeignCheckpoint {
            path: path.to_path_buf(),
            reason,
        };
        let header = checkpoint.header;
        let parameters = parameters(self.model());
        if header.parameters != parameters {
            return Err(foreign(difference(&header.parameters, &parameters)));
        }
        if let Some(reason) = identity::differences(&header.identity, &self.identity()) {
            return Err(foreign(reason));
        }
        self.model = Some(load_model(self.model(), checkpoint.model, path)?);
        // The loaded parameters have the ids of the checkpoint.
        self.turns = Turns::new(self.task.turns(), self.model())?;
        let config = &self.setup.config;
        let groups = &config.groups;
        let (optimizer, _) = config.optimizer.build_with_groups(groups, self.model())?;
        self.optimizer = load_state(optimizer, &checkpoint.optimizer, self.model())
            .map_err(|error| foreign(error.to_string()))?;
        if self.average.is_some() {
            let average = Ema::load(&checkpoint.average, self.model());
            self.average = Some(average.map_err(|error| foreign(error.to_string()))?);
        }
        if let Some(state) = header.best {
            self.best = Some((state, checkpoint.best));
        }
        let (rank, ranks) = match &self.setup.ranks {
            Some(ranks) => (ranks.rank(), ranks.size()),
            None => (0, 1),
        };
        let devices = self.devices.len();
        for (place, device) in self.devices.iter().enumerate() {
            let state = &checkpoint.state;
            let state = states::of_rank(state, rank * devices + place, ranks * devices);
            let state = state_from_bytes(&state.map_err(foreign)?, device);
            self.states[place] = state.ok_or_else(|| {
                foreign("the state of its task is not that of this program".into())
            })?;
        }
        let mut fits = self.rates.restore(&header.schedule);
        fits &= header.losses.len() == self.turns.len();
        for (metric, state) in self.setup.train_metrics.iter_mut().zip(&header.metrics) {
            fits &= metric.restore(state);
            if rank > 0 {
                // Rank 0 has the sums of all ranks.
                metric.reset();
            }
        }
        fits &= rank > 0 || header.callbacks.len() == self.setup.callbacks.len();
        for (callback, state) in self.setup.callbacks.iter_mut().zip(&header.callbacks) {
            fits &= callback.restore(state);
        }
        if !fits {
            return Err(foreign(
                "its schedule, metrics or callbacks are not those of this program".into(),
            ));
        }
        self.epoch = header.epoch;
        self.batch = header.batch;
        self.step = header.step;
        self.seconds = header.seconds;
        self.losses.means = header.losses;
        self.recorded_seconds = header.history.epochs.iter().map(|r| r.seconds).sum();
        self.history = header.history;
        Ok(())
    }
}

pub(super) fn model_bytes<M: Module>(model: &M, path: &Path) -> Result<Vec<u8>> {
    // Burn applies the last update of running statistics only in the next forward pass, and a record
    // would leave it out; in the copy it is applied.
    let bytes = deep_copy(model).into_record().into_bytes();
    let bytes = bytes.map_err(|error| TrainError::Bundle {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    Ok(bytes.to_vec())
}

pub(super) fn load_model<M: Module>(model: &M, bytes: Vec<u8>, path: &Path) -> Result<M> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes));
    let loaded = record.and_then(|record| deep_copy(model).try_load_record(record));
    loaded.map_err(|error| TrainError::ForeignCheckpoint {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })
}

/// The model with the weights of a checkpoint, to start a new run on other data or with other
/// settings. [`Trainer::resume`](crate::Trainer::resume) continues the same run.
///
/// # Errors
/// A file that is no whole checkpoint, or one of another model.
pub fn load_checkpoint<M: Module>(model: M, path: impl AsRef<Path>) -> Result<M> {
    let path = path.as_ref();
    let checkpoint = Checkpoint::load(path)?;
    let (old, new) = (&checkpoint.header.parameters, &parameters(&model));
    if old != new {
        return Err(TrainError::ForeignCheckpoint {
            path: path.to_path_buf(),
            reason: difference(old, new),
        });
    }
    load_model(&model, checkpoint.model, path)
}

/// Path and shape of every parameter, in the order of the module.
pub(super) fn parameters<M: Module>(model: &M) -> Vec<(String, Vec<usize>)> {
    let all = all_parameters(model).into_iter();
    let tensors = all.filter(|parameter| parameter.kind != ParameterKind::Flag);
    tensors
        .map(|parameter| (parameter.path, parameter.shape))
        .collect()
}

/// The first parameter by which two models differ.
fn difference(old: &[(String, Vec<usize>)], new: &[(String, Vec<usize>)]) -> String {
    let pair = old.iter().zip(new).find(|(old, new)| old != new);
    match pair {
        Some((old, new)) => format!(
            "it holds the parameter {} of shape {:?} where this model has {} of shape {:?}",
            old.0, old.1, new.0, new.1
        ),
        None => format!(
            "it holds {} parameters and this model has {}",
            old.len(),
            new.len()
        ),
    }
}
