//! Ranks: the processes that train one model together, and how they exchange numbers.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The connection between the ranks of a data-parallel training run
/// ([`Trainer::communicator`](crate::Trainer::communicator)).
///
/// A rank is a process (or, with [`ThreadCommunicator`], a thread) that computes its part of every batch.
/// All ranks call the same methods in the same order, with slices of the same lengths; a call returns when
/// all ranks that it needs have made theirs. Sums have the same bits on every rank and in every run with
/// the same number of ranks.
pub trait Communicator {
    /// The number of this rank, counted from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// Replaces each number by its sum over all ranks (all-reduce). A vector, because it may change places with
    /// the one that the sums arrive in.
    ///
    /// # Errors
    /// A rank that can no longer be reached.
    fn sum_f32(&self, numbers: &mut Vec<f32>) -> Result<(), CommunicatorError>;

    /// As [`sum_f32`](Self::sum_f32).
    ///
    /// # Errors
    /// A rank that can no longer be reached.
    fn sum_f64(&self, numbers: &mut [f64]) -> Result<(), CommunicatorError>;

    /// Replaces the bytes by those of rank `root`, whatever their number.
    ///
    /// # Errors
    /// A rank that can no longer be reached.
    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CommunicatorError>;
}

/// A rank that can no longer be reached; the text says what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CommunicatorError(pub String);

/// Ranks that are threads of this process: for tests, and to try out a data-parallel run without MPI.
///
/// ```
/// use tinderbox_train::{Communicator, ThreadCommunicator};
///
/// let ranks = ThreadCommunicator::ranks(2);
/// let sums = std::thread::scope(|scope| {
///     let threads = ranks.into_iter().map(|rank| {
///         scope.spawn(move || {
///             let mut numbers = [1.0, 10.0 * rank.rank() as f64];
///             rank.sum_f64(&mut numbers).map(|()| numbers)
///         })
///     });
///     let threads: Vec<_> = threads.collect();
///     threads.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>()
/// });
/// assert_eq!(sums, [Ok([2.0, 10.0]), Ok([2.0, 10.0])]);
/// ```
#[derive(Debug)]
pub struct ThreadCommunicator {
    rank: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ranks: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// A round of exchange: every rank puts its bytes down, and takes those of all when they are complete.
#[derive(Debug)]
struct State {
    put: Vec<Option<Vec<u8>>>,
    /// What all ranks have put down, until each has taken it.
    complete: Option<Arc<Vec<Vec<u8>>>>,
    takers: usize,
    /// A rank that was dropped.
    gone: Option<usize>,
}

impl ThreadCommunicator {
    /// As many connected ranks; each is moved to its own thread.
    pub fn ranks(ranks: usize) -> Vec<Self> {
        let shared = Arc::new(Shared {
            ranks,
            state: Mutex::new(State {
                put: vec![None; ranks],
                complete: None,
                takers: 0,
                gone: None,
            }),
            changed: Condvar::new(),
        });
        let each = |rank| Self {
            rank,
            shared: Arc::clone(&shared),
        };
        (0..ranks).map(each).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of all ranks, in their order.
    fn exchange(&self, bytes: Vec<u8>) -> Result<Arc<Vec<Vec<u8>>>, CommunicatorError> {
        let wait = |state| {
            let waited = self.shared.changed.wait(state);
            waited.unwrap_or_else(PoisonError::into_inner)
        };
        let mut state = self.state();
        // A rank may be in the next round before others have taken the bytes of this one.
        while state.complete.is_some() {
            state = wait(state);
        }
        state.put[self.rank] = Some(bytes);
        if state.put.iter().all(Option::is_some) {
            let all = state.put.iter_mut().filter_map(Option::take).collect();
            state.complete = Some(Arc::new(all));
            state.takers = self.shared.ranks;
            self.shared.changed.notify_all();
        }
        loop {
            if let Some(all) = state.complete.clone() {
                state.takers -= 1;
                if state.takers == 0 {
                    state.complete = None;
                    self.shared.changed.notify_all();
                }
                return Ok(all);
            }
            if let Some(rank) = state.gone {
                return Err(CommunicatorError(format!("rank {rank} has ended")));
            }
            state = wait(state);
        }
    }
}

impl Drop for ThreadCommunicator {
    fn drop(&mut self) {
        let mut state = self.state();
        state.gone.get_or_insert(self.rank);
        self.shared.changed.notify_all();
    }
}

/// Sums over ranks, always from rank 0 on.
macro_rules! sum {
    ($self:ident, $numbers:ident, $number:ty) => {{
        let bytes = $numbers.iter().flat_map(|number| number.to_le_bytes());
        let all = $self.exchange(bytes.collect())?;
        $numbers.fill(0.0);
        for bytes in all.iter() {
            let (numbers, _) = bytes.as_chunks();
            for (sum, bytes) in $numbers.iter_mut().zip(numbers) {
                *sum += <$number>::from_le_bytes(*bytes);
            }
        }
        Ok(())
    }};
}

impl Communicator for ThreadCommunicator {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.ranks
    }

    fn sum_f32(&self, numbers: &mut Vec<f32>) -> Result<(), CommunicatorError> {
        sum!(self, numbers, f32)
    }

    fn sum_f64(&self, numbers: &mut [f64]) -> Result<(), CommunicatorError> {
        sum!(self, numbers, f64)
    }

    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CommunicatorError> {
        let own = if self.rank == root {
            std::mem::take(bytes)
        } else {
            Vec::new()
        };
        let all = self.exchange(own)?;
        bytes.clone_from(&all[root]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_threads<R: Send>(ranks: usize, work: impl Fn(ThreadCommunicator) -> R + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let spawn = |rank| {
                let work = &work;
                scope.spawn(move || work(rank))
            };
            let threads: Vec<_> = ThreadCommunicator::ranks(ranks)
                .into_iter()
                .map(spawn)
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn rounds_follow_each_other_without_mixing() {
        let results = on_threads(4, |rank| {
            let mut all = Vec::new();
            for round in 0..200 {
                let mut numbers = vec![rank.rank() as f32, round as f32, 0.1];
                rank.sum_f32(&mut numbers).unwrap();
                assert_eq!(numbers[..2], [6.0, 4.0 * round as f32]);
                let mut bytes = vec![rank.rank() as u8; rank.rank()];
                rank.broadcast(&mut bytes, round % 4).unwrap();
                assert_eq!(bytes, vec![(round % 4) as u8; round % 4]);
                all.push(numbers[2].to_bits());
            }
            all
        });
        assert!(results.iter().all(|result| *result == results[0]));
    }

    #[test]
    fn a_rank_that_has_ended_is_an_error_for_the_others() {
        let results = on_threads(3, |rank| match rank.rank() {
            1 => None,
            _ => Some(rank.sum_f64(&mut [1.0]).unwrap_err().to_string()),
        });
        let ended = Some("rank 1 has ended".to_owned());
        assert_eq!(results[0], ended);
        assert!(results[2].as_ref().unwrap().ends_with("has ended"));
    }
}
