//! From the parts of a frame to batches, on a thread of its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use polars::prelude::DataFrame;
use tinderbox_core::Rng;
use tinderbox_data::{Share, Slot, on_own_threads};

use crate::frames::FrameParts;
use crate::{DataError, Features, LastBatch, Result};

/// Rows in host memory: features and targets. The features are narrow until the block is sent as a batch.
#[derive(Default)]
pub(super) struct Block {
    pub rows: usize,
    /// Rows of the whole batch, of which these may be a part.
    pub examples: usize,
    /// The place of the first one in the batch.
    pub start: usize,
    pub features: Vec<f32>,
    pub values: Vec<f32>,
    pub labels: Vec<i32>,
}

/// The number of values of each kind in a row.
#[derive(Clone, Copy)]
struct Widths {
    features: usize,
    values: usize,
    labels: usize,
}

impl Block {
    fn push(&mut self, from: &Self, row: usize, widths: Widths) {
        self.features
            .extend_from_slice(&from.features[row * widths.features..][..widths.features]);
        self.values
            .extend_from_slice(&from.values[row * widths.values..][..widths.values]);
        self.labels
            .extend_from_slice(&from.labels[row * widths.labels..][..widths.labels]);
        self.rows += 1;
    }

    /// Adds the rows of another block.
    pub fn append(&mut self, other: Self) {
        self.rows += other.rows;
        self.features.extend(other.features);
        self.values.extend(other.values);
        self.labels.extend(other.labels);
    }

    /// Leaves only these rows.
    fn keep(&mut self, rows: Range<usize>, widths: Widths) {
        fn part<T: Copy>(all: &mut Vec<T>, rows: &Range<usize>, width: usize) {
            *all = all[rows.start * width..rows.end * width].to_vec();
        }
        part(&mut self.features, &rows, widths.features);
        part(&mut self.values, &rows, widths.values);
        part(&mut self.labels, &rows, widths.labels);
        self.rows = rows.len();
    }

    fn replace(&mut self, slot: usize, from: &Self, row: usize, widths: Widths) {
        let copy = |to: &mut [f32], from: &[f32], width: usize| {
            to[slot * width..][..width].copy_from_slice(&from[row * width..][..width]);
        };
        copy(&mut self.features, &from.features, widths.features);
        copy(&mut self.values, &from.values, widths.values);
        self.labels[slot * widths.labels..][..widths.labels]
            .copy_from_slice(&from.labels[row * widths.labels..][..widths.labels]);
    }
}

/// Why the work ends before the last row.
enum End {
    /// The receiver was dropped.
    Unwanted,
    Failed(DataError),
}

/// Turns the parts of a frame into batches.
pub(super) struct Batcher {
    pub features: Arc<Features>,
    /// The slots of a narrow row.
    pub slots: Arc<[Slot]>,
    pub shuffle: Option<(Rng, usize)>,
    pub batch_size: usize,
    /// Number of batches, where the last one is filled up ([`LastBatch::Wrap`]).
    pub batches: usize,
    pub last_batch: LastBatch,
    pub skip: usize,
    /// The rows of every batch that are sent; all of them if `None`.
    pub share: Option<Share>,
    /// The first row in the whole table, for errors.
    pub first_row: usize,
    pub sender: SyncSender<Result<Block>>,
}

impl Batcher {
    pub fn run(mut self, parts: FrameParts) {
        if let Err(End::Failed(error)) = self.work(parts) {
            // If the receiver was dropped, the error is not needed.
            let _ = self.sender.send(Err(error));
        }
    }

    fn work(&mut self, parts: FrameParts) -> Result<(), End> {
        let mut widths = Widths {
            features: self.slots.len(),
            values: 0,
            labels: 0,
        };
        match self.features.classes() {
            Some(_) => widths.labels = 1,
            None => widths.values = self.features.target_names().len(),
        }
        let mut out = Outlet {
            batch: Block::default(),
            first: Block::default(),
            made: 0,
        };
        let mut buffer = Block::default();
        let mut first_row = self.first_row;
        for part in parts {
            let part = part.map_err(End::Failed)?;
            let block = on_own_threads(|| self.block(&part, first_row)).map_err(End::Failed)?;
            first_row += part.height();
            for row in 0..block.rows {
                match &mut self.shuffle {
                    None => out.push(&block, row, widths, self)?,
                    Some((_, size)) if buffer.rows < *size => buffer.push(&block, row, widths),
                    Some((rng, _)) => {
                        let slot = rng.below(buffer.rows as u64) as usize;
                        out.push(&buffer, slot, widths, self)?;
                        buffer.replace(slot, &block, row, widths);
                    }
                }
            }
        }
        if let Some((rng, _)) = &mut self.shuffle {
            for row in rng.permutation(buffer.rows) {
                out.push(&buffer, row, widths, self)?;
            }
        }
        out.finish(widths, self)
    }

    fn block(&self, part: &DataFrame, first_row: usize) -> Result<Block> {
        let mut features = Vec::new();
        self.features.append(part, first_row, &mut features)?;
        let (values, labels) = self.features.targets_of(part, first_row)?;
        Ok(Block {
            rows: part.height(),
            examples: part.height(),
            start: 0,
            features,
            values,
            labels,
        })
    }
}

/// The batch that is being filled.
struct Outlet {
    batch: Block,
    /// The first rows of the epoch, for [`LastBatch::Wrap`].
    first: Block,
    /// Number of batches so far.
    made: usize,
}

impl Outlet {
    fn push(
        &mut self,
        from: &Block,
        row: usize,
        widths: Widths,
        batcher: &Batcher,
    ) -> Result<(), End> {
        if batcher.last_batch == LastBatch::Wrap && self.first.rows < batcher.batch_size {
            self.first.push(from, row, widths);
        }
        self.batch.push(from, row, widths);
        match self.batch.rows == batcher.batch_size {
            true => self.send(widths, batcher),
            false => Ok(()),
        }
    }

    fn send(&mut self, widths: Widths, batcher: &Batcher) -> Result<(), End> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.examples = batch.rows;
        self.made += 1;
        if self.made <= batcher.skip {
            return Ok(());
        }
        if let Some(share) = batcher.share {
            batch.keep(share.rows(batch.examples), widths);
        }
        if batcher.slots.iter().any(|slot| *slot != Slot::Number) {
            batch.features = Slot::widen(&batcher.slots, &batch.features);
        }
        batcher.sender.send(Ok(batch)).map_err(|_| End::Unwanted)
    }

    fn finish(mut self, widths: Widths, batcher: &Batcher) -> Result<(), End> {
        let fills = batcher.last_batch == LastBatch::Wrap && self.made < batcher.batches;
        if self.batch.rows == 0 && !fills {
            return Ok(());
        }
        match batcher.last_batch {
            LastBatch::Drop => return Ok(()),
            LastBatch::Keep => {}
            LastBatch::Wrap => {
                for row in 0..batcher.batch_size - self.batch.rows {
                    self.batch.push(&self.first, row, widths);
                }
            }
        }
        self.send(widths, batcher)
    }
}
