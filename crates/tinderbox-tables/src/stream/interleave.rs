//! The batches of one epoch from several parts of a table that are read at the same time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use polars::prelude::{IdxSize, LazyFrame};
use tinderbox_core::Seed;
use tinderbox_data::Share;

use super::PART;
use super::batcher::{Batcher, Block};
use crate::frames::{FrameParts, polars};
use crate::{DataError, Features, LastBatch, Result};

/// Which rows are in which part, and in which batch.
#[derive(Clone, Copy)]
pub(super) struct Interleave {
    pub examples: usize,
    pub batch_size: usize,
    /// A divisor of the batch size.
    pub parts: usize,
    pub last_batch: LastBatch,
}

impl Interleave {
    /// The place of a part in the table: as if the rows were dealt to the parts one by one, and each part then
    /// laid down in one piece.
    fn rows(self, part: usize) -> Range<usize> {
        let start = |part: usize| {
            let (each, more) = (self.examples / self.parts, self.examples % self.parts);
            part * each + part.min(more)
        };
        start(part)..start(part + 1)
    }

    fn batches(self) -> usize {
        match self.last_batch {
            LastBatch::Drop => self.examples / self.batch_size,
            LastBatch::Keep | LastBatch::Wrap => self.examples.div_ceil(self.batch_size),
        }
    }

    /// Rows of a batch that are in this part.
    fn in_batch(self, batch: usize, part: usize) -> usize {
        let most = self.batch_size / self.parts;
        match self.last_batch {
            LastBatch::Keep => self.rows(part).len().saturating_sub(batch * most).min(most),
            LastBatch::Drop | LastBatch::Wrap => most,
        }
    }

    /// The parts that a rank reads, and its share of each: several parts as a whole, or a share of one.
    fn of_rank(self, share: Share) -> (Range<usize>, Option<Share>) {
        let (rank, ranks) = (share.rank(), share.ranks());
        if ranks <= self.parts {
            return (share.rows(self.parts), None);
        }
        let part = rank * self.parts / ranks;
        let first = |part: usize| (part * ranks).div_ceil(self.parts);
        let share = Share::new(rank - first(part), first(part + 1) - first(part));
        (part..part + 1, Some(share))
    }
}

/// The batches of one epoch in host memory, or the part of them that belongs to a rank.
pub(super) struct Stream {
    plan: Interleave,
    own: Range<usize>,
    share: Option<Share>,
    workers: Vec<Worker>,
    /// The next batch.
    batch: usize,
}

impl Stream {
    /// Starts to read; `shuffle` is a seed and the rows of the buffer of each part.
    pub fn new(
        plan: Interleave,
        rows: &LazyFrame,
        features: &Arc<Features>,
        shuffle: Option<(Seed, usize)>,
        (skip, prefetch): (usize, usize),
        share: Share,
    ) -> Result<Self> {
        let (own, share) = plan.of_rank(share);
        let start = |part: usize| {
            let place = plan.rows(part);
            let frame = match plan.parts {
                1 => rows.clone(),
                _ => rows
                    .clone()
                    .slice(place.start as i64, place.len() as IdxSize),
            };
            let frame = FrameParts::new(frame, PART)?;
            let (sender, receiver) = sync_channel(prefetch);
            let batcher = Batcher {
                features: Arc::clone(features),
                slots: Arc::clone(features.slots()),
                shuffle: shuffle.map(|(seed, rows)| match plan.parts {
                    1 => (seed.rng(), rows),
                    _ => (seed.child("part").at(part as u64).rng(), rows),
                }),
                batch_size: plan.batch_size / plan.parts,
                batches: plan.batches(),
                last_batch: plan.last_batch,
                skip,
                share,
                first_row: place.start,
                sender,
            };
            let worker = std::thread::Builder::new()
                .name("tinderbox-stream".into())
                .spawn(move || batcher.run(frame))
                .map_err(|error| polars(error.into()))?;
            Ok(Worker {
                receiver: Some(receiver),
                worker: Some(worker),
            })
        };
        Ok(Self {
            workers: own.clone().map(start).collect::<Result<_>>()?,
            plan,
            own,
            share,
            batch: skip,
        })
    }

    /// The next batch; `None` after the last one.
    fn read(&mut self) -> Result<Option<Block>> {
        if self.batch >= self.plan.batches() {
            return Ok(None);
        }
        let sizes = (0..self.plan.parts).map(|part| self.plan.in_batch(self.batch, part));
        let sizes: Vec<usize> = sizes.collect();
        let mut all: Option<Block> = None;
        for (worker, part) in self.workers.iter_mut().zip(self.own.clone()) {
            if sizes[part] == 0 {
                continue;
            }
            let Some(block) = worker.next().transpose()? else {
                return Ok(None);
            };
            match &mut all {
                None => all = Some(block),
                Some(all) => all.append(block),
            }
        }
        let mut all = all.unwrap_or_default();
        all.examples = sizes.iter().sum();
        all.start = sizes[..self.own.start].iter().sum();
        if let Some(share) = self.share {
            all.start += share.rows(sizes[self.own.start]).start;
        }
        self.batch += 1;
        Ok(Some(all))
    }
}

impl Iterator for Stream {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.batch = usize::MAX;
        }
        read
    }
}

/// The thread that makes the blocks of one part.
struct Worker {
    receiver: Option<Receiver<Result<Block>>>,
    worker: Option<JoinHandle<()>>,
}

impl Iterator for Worker {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.as_ref()?.recv() {
            Ok(Ok(block)) => Some(Ok(block)),
            Ok(Err(error)) => {
                self.receiver = None;
                Some(Err(error))
            }
            Err(_) => {
                self.receiver = None;
                match self.worker.take()?.join() {
                    Ok(()) => None,
                    Err(_) => Some(Err(DataError::WorkerEnded)),
                }
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker cannot be reported any more.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_have_all_rows_of_a_batch_once() {
        for (examples, last_batch) in [
            (23, LastBatch::Keep),
            (25, LastBatch::Wrap),
            (31, LastBatch::Drop),
        ] {
            let plan = Interleave {
                examples,
                batch_size: 8,
                parts: 4,
                last_batch,
            };
            let parts = (0..4).map(|part| plan.rows(part));
            assert_eq!(
                parts.clone().map(|rows| rows.len()).sum::<usize>(),
                examples
            );
            let batches = (0..plan.batches())
                .map(|batch| (0..4).map(|part| plan.in_batch(batch, part)).sum::<usize>());
            let expected = match last_batch {
                LastBatch::Keep => vec![8, 8, 7],
                LastBatch::Drop => vec![8, 8, 8],
                LastBatch::Wrap => vec![8; 4],
            };
            assert_eq!(batches.collect::<Vec<_>>(), expected);
            for ranks in 1..10 {
                let mut seen = vec![0; 4];
                for rank in 0..ranks {
                    let (own, share) = plan.of_rank(Share::new(rank, ranks));
                    for part in own {
                        seen[part] += share.map_or(12, |share| share.rows(12).len());
                    }
                }
                assert_eq!(seen, [12; 4], "{ranks} ranks");
            }
        }
    }
}
