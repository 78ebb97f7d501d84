//! Several ranks that train one model together: what they agree on, and when.
//!
//! Whatever ranks do together is a *meeting*: it begins with a short sum in which each says what it came for,
//! whether it failed, and whether it was asked to stop. So an error on one rank ends all of them at their
//! next meeting, with its message, and none waits for a rank that has given up.

use std::sync::Arc;

use burn::module::Module;
use burn::optim::GradientsParams;
use tinderbox_optim::FlatGradients;

use crate::{Communicator, CommunicatorError, Metric, Result, TrainError};

/// What ranks come together for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Start = 1,
    Step,
    Sums,
    Metrics,
    Bytes,
    Statistics,
    Norm,
    End,
}

/// The numbers of a meeting that each rank brings.
const OWN: usize = 4;

/// The ranks of a run.
pub(super) struct Team {
    ranks: Arc<dyn Communicator>,
    flat: Option<FlatGradients>,
    /// The sum of losses and the number of examples of this rank since the last step, for every turn.
    losses: Vec<[f64; 2]>,
    /// Whether any rank was asked to stop, and the seconds of rank 0 since the last record, at the last step.
    pub stop: bool,
    pub seconds: f64,
}

impl Team {
    pub fn new(ranks: Arc<dyn Communicator>, turns: usize) -> Self {
        Self {
            ranks,
            flat: None,
            losses: vec![[0.0; 2]; turns],
            stop: false,
            seconds: 0.0,
        }
    }

    pub fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// The number of this rank, and of all.
    pub fn places(&self) -> (usize, usize) {
        (self.ranks.rank(), self.ranks.size())
    }

    /// Remembers the mean loss of this rank's examples for the next step.
    pub fn add_loss(&mut self, turn: usize, mean: f64, count: usize) {
        let [sum, all] = &mut self.losses[turn];
        *sum += mean * count as f64;
        *all += count as f64;
    }

    /// The meeting of a step: the mean loss of all ranks since the last one with its number of examples, and
    /// the sum of the weights of their gradients. `stop` and the seconds of rank 0 are agreed.
    pub fn meet_for_step(
        &mut self,
        turn: usize,
        weight: usize,
        stop: bool,
        seconds: f64,
    ) -> Result<(f64, usize, usize)> {
        let [sum, count] = std::mem::take(&mut self.losses[turn]);
        let own = [
            sum,
            count,
            weight as f64,
            if self.is_first() { seconds } else { 0.0 },
        ];
        let (all, stops) = meet(&*self.ranks, Purpose::Step, own, stop)?;
        let [sum, count, weight, seconds] = all;
        self.stop |= stops;
        self.seconds = seconds;
        Ok((sum / count, count as usize, weight as usize))
    }

    /// The gradients of all ranks, each times its weight, divided by `divisor`.
    pub fn sum_gradients<M: Module>(
        &mut self,
        model: &M,
        gradients: GradientsParams,
        weight: usize,
        divisor: usize,
    ) -> Result<GradientsParams> {
        let flat = self.flat.get_or_insert_with(|| FlatGradients::new(model));
        flat.fill(gradients, model, weight as f32);
        self.ranks.sum_f32(flat.numbers_mut()).map_err(lost)?;
        Ok(flat.take(model, divisor as f64))
    }

    /// The sums over all ranks.
    pub fn sum(&self, numbers: &mut [f64]) -> Result<()> {
        meet(&*self.ranks, Purpose::Sums, [0.0; OWN], false)?;
        self.ranks.sum_f64(numbers).map_err(lost)
    }

    /// The mean over all ranks of what each has.
    pub fn mean(&self, numbers: &mut Vec<f32>) -> Result<()> {
        meet(&*self.ranks, Purpose::Statistics, [0.0; OWN], false)?;
        self.ranks.sum_f32(numbers).map_err(lost)?;
        let ranks = self.ranks.size() as f32;
        numbers.iter_mut().for_each(|number| *number /= ranks);
        Ok(())
    }

    /// The bytes of every rank.
    pub fn gather(&self, own: Vec<u8>, purpose: Purpose) -> Result<Vec<Vec<u8>>> {
        meet(&*self.ranks, purpose, [0.0; OWN], false)?;
        gather(&*self.ranks, own).map_err(lost)
    }

    /// The bytes of rank 0.
    pub fn first_ranks_bytes(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        meet(&*self.ranks, Purpose::Bytes, [0.0; OWN], false)?;
        self.ranks.broadcast(&mut bytes, 0).map_err(lost)?;
        Ok(bytes)
    }

    /// Adds up the sums of metrics of all ranks, on every rank.
    pub fn merge<O>(&self, metrics: &mut [&mut dyn Metric<O>], epoch: usize) -> Result<()> {
        let states: Vec<_> = metrics.iter().map(|metric| metric.state()).collect();
        let own = serde_json::to_vec(&states).expect("states are JSON");
        let all = self.gather(own, Purpose::Metrics)?;
        let all: Vec<Vec<serde_json::Value>> = all
            .iter()
            .map(|bytes| serde_json::from_slice(bytes).unwrap_or_default())
            .collect();
        for (index, metric) in metrics.iter_mut().enumerate() {
            metric.reset();
            let states = all.iter().map(|states| states.get(index));
            let fits = states
                .into_iter()
                .all(|state| state.is_some_and(|s| metric.merge(s)));
            if !fits {
                let names: Vec<String> =
                    metric.values().into_iter().map(|(name, _)| name).collect();
                return Err(TrainError::MetricOfRanks {
                    metric: names.join(", "),
                    epoch,
                });
            }
        }
        Ok(())
    }
}

/// The last meeting: with the result of this rank, whose error the others then know.
pub(crate) fn settle<T>(ranks: &dyn Communicator, result: Result<T>) -> Result<T> {
    match result {
        Ok(done) => {
            meet(ranks, Purpose::End, [0.0; OWN], false)?;
            Ok(done)
        }
        // The others know it.
        Err(error @ (TrainError::RankFailed { .. } | TrainError::RankLost { .. })) => Err(error),
        Err(error) => {
            // If the others cannot be reached, they cannot be told either.
            let _ = begin(ranks, Purpose::End, [0.0; OWN], false, true)
                .and_then(|_| gather(ranks, error.to_string().into_bytes()));
            Err(error)
        }
    }
}

/// Begins a meeting: the sums of what each rank brought, and whether any was asked to stop.
pub(super) fn meet(
    ranks: &dyn Communicator,
    purpose: Purpose,
    own: [f64; OWN],
    stop: bool,
) -> Result<([f64; OWN], bool)> {
    let [failed, stops, purposes, squares, own @ ..] =
        begin(ranks, purpose, own, stop, false).map_err(lost)?;
    if failed > 0.0 {
        let messages = gather(ranks, Vec::new()).map_err(lost)?;
        let (rank, message) = messages
            .iter()
            .enumerate()
            .find(|(_, message)| !message.is_empty())
            .unwrap_or((0, &messages[0]));
        return Err(TrainError::RankFailed {
            rank,
            reason: String::from_utf8_lossy(message).into_owned(),
        });
    }
    // All purposes are equal if, and only if, their variance is 0.
    if squares * ranks.size() as f64 != purposes * purposes {
        return Err(lost(CommunicatorError(
            "the ranks are at different places of the program, which must be the same on all"
                .into(),
        )));
    }
    Ok((own, stops > 0.0))
}

fn begin(
    ranks: &dyn Communicator,
    purpose: Purpose,
    own: [f64; OWN],
    stop: bool,
    failed: bool,
) -> Result<[f64; 4 + OWN], CommunicatorError> {
    let purpose = f64::from(purpose as u8);
    let [a, b, c, d] = own;
    let flag = |flag| f64::from(u8::from(flag));
    let mut all = [
        flag(failed),
        flag(stop),
        purpose,
        purpose * purpose,
        a,
        b,
        c,
        d,
    ];
    ranks.sum_f64(&mut all)?;
    Ok(all)
}

fn gather(ranks: &dyn Communicator, own: Vec<u8>) -> Result<Vec<Vec<u8>>, CommunicatorError> {
    (0..ranks.size())
        .map(|rank| {
            let mut bytes = if rank == ranks.rank() {
                own.clone()
            } else {
                Vec::new()
            };
            ranks.broadcast(&mut bytes, rank)?;
            Ok(bytes)
        })
        .collect()
}

pub(super) fn lost(source: CommunicatorError) -> TrainError {
    TrainError::RankLost {
        source,
        checkpoint: None,
    }
}
