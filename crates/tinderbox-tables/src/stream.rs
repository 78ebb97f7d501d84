//! Batches of tables that are larger than memory.

mod identity;

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use burn::tensor::{Device, Tensor};
use polars::prelude::LazyFrame;
use tinderbox_core::{Rng, Seed};

use crate::features::select;
use crate::frames::{FrameParts, count, polars};
use crate::{
    Batch, BatchIterator, Batches, BatchesIdentity, Classes, DataError, Features, Frame, LastBatch,
    Result, Target, Targets, Values,
};
use tinderbox_data::Slot;
use tinderbox_data::on_own_threads;

/// Rows that polars hands over at a time.
const PART: usize = 1 << 14;

/// Targets that a stream can give: [`Values`] or [`Classes`].
pub trait StreamTarget: Target {
    /// The targets of a batch, if they are of this kind.
    fn from_targets(targets: Targets) -> Option<Self>;
    /// What they are called in messages.
    const NAME: &'static str;
}

impl StreamTarget for Values {
    fn from_targets(targets: Targets) -> Option<Self> {
        match targets {
            Targets::Values(values) => Some(values),
            _ => None,
        }
    }
    const NAME: &'static str = "numbers";
}

impl StreamTarget for Classes {
    fn from_targets(targets: Targets) -> Option<Self> {
        match targets {
            Targets::Classes(classes) => Some(classes),
            _ => None,
        }
    }
    const NAME: &'static str = "classes";
}

/// Batches read from a frame part by part: what is in memory does not grow with the file.
///
/// Polars reads and fitted [`Features`] transform on threads of their own, a few batches ahead. A
/// one-hot category is one number until its row is in a batch.
/// Shuffling goes through a buffer: every row that comes in takes the place of a random one, which
/// goes out; the order is a pure function of (seed, epoch), whatever the number of threads.
///
/// ```no_run
/// use tinderbox_core::Seed;
/// use tinderbox_data::Values;
/// use tinderbox_tables::{FeatureSpec, StreamLoader, read};
///
/// # fn main() -> tinderbox_data::Result<()> {
/// let frame = read("flights.parquet")?;
/// let features = FeatureSpec::infer(&frame, "delay")?.fit(&frame)?;
/// let loader = StreamLoader::<Values>::new(frame, features, 1024)?.shuffle(Seed::new(1), 65_536);
/// # Ok(())
/// # }
/// ```
pub struct StreamLoader<T = Values> {
    frame: LazyFrame,
    features: Arc<Features>,
    examples: usize,
    batch_size: usize,
    shuffle: Option<(Seed, usize)>,
    last_batch: LastBatch,
    prefetch: usize,
    target: PhantomData<fn() -> T>,
}

impl<T: StreamTarget> StreamLoader<T> {
    /// Batches of `batch_size` rows in the order of the frame, the last one kept short.
    ///
    /// The rows are counted first, which takes a pass over one column.
    ///
    /// # Errors
    ///
    /// A column that the features need and the frame does not have, features that were fitted
    /// without a target of this kind, no rows, a batch size of 0 or above the number of rows.
    pub fn new(
        frame: LazyFrame,
        features: impl Into<Arc<Features>>,
        batch_size: usize,
    ) -> Result<Self> {
        let features = features.into();
        let schema = Frame::columns(&frame)?;
        let empty = features.finish_targets(Default::default())?;
        let found = empty.name();
        if T::from_targets(empty).is_none() {
            return Err(DataError::TargetKind {
                found,
                wanted: T::NAME,
                advice: "fit the features with a target of this kind",
            });
        }
        for name in features.inputs().into_iter().chain(features.target_names()) {
            if !schema.contains(name) {
                let names = schema.iter_names().map(|name| name.as_str());
                return Err(DataError::unknown("column", name, names));
            }
        }
        let examples = count(&frame, features.inputs()[0])?;
        if examples == 0 {
            return Err(DataError::Empty {
                what: "given to the loader".into(),
            });
        }
        if batch_size == 0 || batch_size > examples {
            return Err(DataError::BatchSize {
                batch_size,
                examples,
            });
        }
        Ok(Self {
            frame,
            features,
            examples,
            batch_size,
            shuffle: None,
            last_batch: LastBatch::Keep,
            prefetch: 2,
            target: PhantomData,
        })
    }

    /// Shuffles anew in every epoch through a buffer of this many rows; the draws of epoch `e` come
    /// from `seed.at(e)`. With a buffer as large as the table every order is possible.
    pub fn shuffle(mut self, seed: Seed, buffer: usize) -> Self {
        self.shuffle = Some((seed, buffer.max(1)));
        self
    }

    /// What to do with a last batch that is not full.
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.last_batch = policy;
        self
    }

    /// Keeps up to this many finished batches waiting; 2 by default, 1 at least. Changes nothing in
    /// the batches or their order.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches.max(1);
        self
    }

    /// The features that the rows go through.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The columns that are read.
    fn rows(&self) -> LazyFrame {
        let columns = self.features.inputs().into_iter();
        let columns = columns.chain(self.features.target_names());
        let columns: Vec<String> = columns.map(String::from).collect();
        select(self.frame.clone(), &columns)
    }
}

impl<T: StreamTarget> Batches for StreamLoader<T> {
    type Batch = Batch<Tensor<2>, T::Tensor>;

    fn examples(&self) -> Option<usize> {
        Some(match self.last_batch {
            LastBatch::Keep => self.examples,
            LastBatch::Drop => self.examples / self.batch_size * self.batch_size,
            LastBatch::Wrap => self.examples.div_ceil(self.batch_size) * self.batch_size,
        })
    }

    fn batches(&self) -> Option<usize> {
        Some(match self.last_batch {
            LastBatch::Drop => self.examples / self.batch_size,
            LastBatch::Keep | LastBatch::Wrap => self.examples.div_ceil(self.batch_size),
        })
    }

    /// Of the data it has names and sizes of the files, the number of rows, and a digest of the
    /// columns, of the rows, and of the features that they go through; of a table above 100,000 rows
    /// only the first and the last, because to read them all would take as long as an epoch.
    fn identity(&self) -> Result<BatchesIdentity> {
        let digest = identity::digest(&self.rows(), self.examples, &self.features)?;
        Ok(BatchesIdentity {
            data: Some(format!(
                "{}, {} rows with the digest {digest:016x}",
                identity::files(&self.frame),
                self.examples
            )),
            order_seed: self.shuffle.map(|(seed, _)| seed.value()),
            shuffle_buffer: self.shuffle.map(|(_, rows)| rows),
            batch_size: Some(self.batch_size),
            last_batch: Some(self.last_batch),
        })
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>> {
        let parts = FrameParts::new(self.rows(), PART)?;
        let (sender, receiver) = sync_channel(self.prefetch);
        let sorter = Sorter {
            features: Arc::clone(&self.features),
            slots: Arc::clone(self.features.slots()),
            shuffle: self
                .shuffle
                .map(|(seed, rows)| (seed.child("stream").at(epoch as u64).rng(), rows)),
            batch_size: self.batch_size,
            last_batch: self.last_batch,
            skip,
            sender,
        };
        let worker = std::thread::Builder::new()
            .name("tinderbox-stream".into())
            .spawn(move || sorter.run(parts))
            .map_err(|error| polars(error.into()))?;
        Ok(Box::new(StreamIterator::<T> {
            receiver: Some(receiver),
            worker: Some(worker),
            features: &self.features,
            device: device.clone(),
            target: PhantomData,
        }))
    }
}

/// Rows in host memory, features and targets one after the other. The features are narrow until the
/// block is sent as a batch.
#[derive(Default)]
struct Block {
    rows: usize,
    features: Vec<f32>,
    values: Vec<f32>,
    labels: Vec<i32>,
}

/// Numbers a row of each kind.
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

/// Why the work ends before the rows do.
enum End {
    /// Nobody wants more batches.
    Unwanted,
    Failed(DataError),
}

/// Turns parts of a frame into batches, on a thread of its own.
struct Sorter {
    features: Arc<Features>,
    /// What a narrow row is made of.
    slots: Arc<[Slot]>,
    shuffle: Option<(Rng, usize)>,
    batch_size: usize,
    last_batch: LastBatch,
    skip: usize,
    sender: SyncSender<Result<Block>>,
}

impl Sorter {
    fn run(mut self, parts: FrameParts) {
        if let Err(End::Failed(error)) = self.work(parts) {
            // Nobody listens any more: then nobody needs the error.
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
        let mut first_row = 0;
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

    fn block(&self, part: &polars::prelude::DataFrame, first_row: usize) -> Result<Block> {
        let mut features = Vec::new();
        self.features.append(part, first_row, &mut features)?;
        let (values, labels) = self.features.targets_of(part, first_row)?;
        Ok(Block {
            rows: part.height(),
            features,
            values,
            labels,
        })
    }
}

/// The batch in the making.
struct Outlet {
    batch: Block,
    /// The first rows of the epoch, for [`LastBatch::Wrap`].
    first: Block,
    made: usize,
}

impl Outlet {
    fn push(
        &mut self,
        from: &Block,
        row: usize,
        widths: Widths,
        sorter: &Sorter,
    ) -> Result<(), End> {
        if sorter.last_batch == LastBatch::Wrap && self.first.rows < sorter.batch_size {
            self.first.push(from, row, widths);
        }
        self.batch.push(from, row, widths);
        match self.batch.rows == sorter.batch_size {
            true => self.send(sorter),
            false => Ok(()),
        }
    }

    fn send(&mut self, sorter: &Sorter) -> Result<(), End> {
        let mut batch = std::mem::take(&mut self.batch);
        self.made += 1;
        if self.made <= sorter.skip {
            return Ok(());
        }
        if sorter.slots.iter().any(|slot| *slot != Slot::Number) {
            batch.features = Slot::widen(&sorter.slots, &batch.features);
        }
        sorter.sender.send(Ok(batch)).map_err(|_| End::Unwanted)
    }

    fn finish(mut self, widths: Widths, sorter: &Sorter) -> Result<(), End> {
        if self.batch.rows == 0 {
            return Ok(());
        }
        match sorter.last_batch {
            LastBatch::Drop => return Ok(()),
            LastBatch::Keep => {}
            LastBatch::Wrap => {
                for row in 0..sorter.batch_size - self.batch.rows {
                    self.batch.push(&self.first, row, widths);
                }
            }
        }
        self.send(sorter)
    }
}

/// The batches of one epoch of a [`StreamLoader`].
struct StreamIterator<'a, T> {
    receiver: Option<Receiver<Result<Block>>>,
    worker: Option<JoinHandle<()>>,
    features: &'a Features,
    device: Device,
    target: PhantomData<fn() -> T>,
}

impl<T: StreamTarget> StreamIterator<'_, T> {
    fn batch(&self, block: Block) -> Result<Batch<Tensor<2>, T::Tensor>> {
        let inputs: Tensor<2> =
            Values::new(block.features, self.features.width())?.into_tensor(&self.device);
        let targets = self.features.finish_targets((block.values, block.labels))?;
        // The kind was checked when the loader was made.
        let targets = T::from_targets(targets).ok_or(DataError::WorkerEnded)?;
        Ok(Batch {
            inputs,
            targets: targets.into_tensor(&self.device),
        })
    }
}

impl<T: StreamTarget> Iterator for StreamIterator<'_, T> {
    type Item = Result<Batch<Tensor<2>, T::Tensor>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.as_ref()?.recv() {
            Ok(Ok(block)) => Some(self.batch(block)),
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

impl<T> Drop for StreamIterator<'_, T> {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker has nobody left to be told to.
            let _ = worker.join();
        }
    }
}
