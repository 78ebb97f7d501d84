//! Batches of tables that are larger than memory.

mod batcher;
mod identity;
mod interleave;

use std::marker::PhantomData;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use polars::prelude::LazyFrame;
use tinderbox_core::Seed;

use crate::features::select;
use crate::frames::count;
use crate::{
    Batch, BatchIterator, Batches, BatchesIdentity, Classes, DataError, Features, Frame, LastBatch,
    Result, Share, SharedBatch, Target, Targets, Values,
};
use batcher::Block;
use interleave::{Interleave, Stream};

/// Rows of a part that polars reads.
const PART: usize = 1 << 14;

/// Targets that a stream can give: [`Values`] or [`Classes`].
pub trait StreamTarget: Target {
    /// The targets, if they are of this kind.
    fn from_targets(targets: Targets) -> Option<Self>;
    /// Their name in messages.
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

/// Batches that are read from a frame part by part, so that memory does not grow with the file.
///
/// Polars reads and fitted [`Features`] transform on threads of their own, a few batches ahead. A
/// one-hot category is one number until its row is in a batch.
///
/// Rows are shuffled with a buffer: each new row replaces a random row of the buffer, which is the next one
/// of the epoch. The order is a pure function of (seed, epoch), and does not depend on the number of
/// threads.
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
    /// The parts of the table that are read at the same time.
    parts: usize,
    target: PhantomData<fn() -> T>,
}

impl<T: StreamTarget> StreamLoader<T> {
    /// Batches of `batch_size` rows in the order of the frame, the last one kept short.
    ///
    /// The rows are counted first, in a pass over one column.
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
            parts: 1,
            target: PhantomData,
        })
    }

    /// Shuffles every epoch differently with a buffer of this many rows; the draws of epoch `e` come from
    /// `seed.at(e)`. With a buffer as large as the table every order is possible.
    pub fn shuffle(mut self, seed: Seed, buffer: usize) -> Self {
        self.shuffle = Some((seed, buffer.max(1)));
        self
    }

    /// States what to do with a last batch that is not full.
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.last_batch = policy;
        self
    }

    /// Reads `parts` equal parts of the table at the same time: every batch has as many rows of each, and each
    /// part is shuffled with its share of the buffer. Batches are then mixed from the whole table, and of several
    /// ranks ([`Batches::share`]) each reads its own parts only: the row groups of a Parquet file that they are in.
    /// Of a text file other lines may be read as well. A run with N ranks is best with a multiple of N.
    ///
    /// # Errors
    /// A number of parts that does not divide the batch size.
    pub fn interleave(mut self, parts: usize) -> Result<Self> {
        if parts == 0 || !self.batch_size.is_multiple_of(parts) {
            return Err(DataError::Parts {
                parts,
                batch_size: self.batch_size,
            });
        }
        self.parts = parts;
        Ok(self)
    }

    /// Keeps up to this many batches ready; 2 by default, 1 at least. Does not change the batches or
    /// their order.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches.max(1);
        self
    }

    /// The fitted features.
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

    /// The data are identified by names and sizes of the files, the number of rows, and a digest of the
    /// columns, the rows and the features. Of a table of more than 100,000 rows the digest covers about
    /// 4,000 rows in blocks spread over the table, because reading all would take as long as an epoch.
    fn identity(&self) -> Result<BatchesIdentity> {
        let digest = identity::digest(&self.rows(), self.examples, &self.features)?;
        Ok(BatchesIdentity {
            data: Some(format!(
                "{}, {} rows with the digest {digest:016x}{}",
                identity::files(&self.frame),
                self.examples,
                match self.parts {
                    1 => String::new(),
                    parts => format!(", in {parts} parts"),
                }
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
        let blocks = self.stream(epoch, skip, None)?;
        let device = device.clone();
        Ok(Box::new(
            blocks.map(move |block| self.batch(block?, &device)),
        ))
    }

    fn share(
        &self,
        share: Share,
    ) -> Option<Box<dyn Batches<Batch = SharedBatch<Self::Batch>> + '_>> {
        Some(Box::new(StreamShare {
            loader: self,
            share,
        }))
    }
}

/// One rank's part of the batches of a stream.
///
/// It reads the parts of the table that its rows are in: with a single part all rows, because the shuffle buffer
/// makes the order from all of them.
struct StreamShare<'s, T> {
    loader: &'s StreamLoader<T>,
    share: Share,
}

impl<T: StreamTarget> Batches for StreamShare<'_, T> {
    type Batch = SharedBatch<Batch<Tensor<2>, T::Tensor>>;

    fn examples(&self) -> Option<usize> {
        self.loader.examples()
    }

    fn batches(&self) -> Option<usize> {
        self.loader.batches()
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>> {
        let blocks = self.loader.stream(epoch, skip, Some(self.share))?;
        let device = device.clone();
        Ok(Box::new(blocks.map(move |block| {
            let block = block?;
            let (rows, examples) = (block.start..block.start + block.rows, block.examples);
            let batch = match block.rows {
                0 => None,
                _ => Some(self.loader.batch(block, &device)?),
            };
            Ok(SharedBatch {
                batch,
                rows,
                examples,
            })
        })))
    }
}

impl<T: StreamTarget> StreamLoader<T> {
    /// The rows of the batches of an epoch in host memory.
    fn stream(&self, epoch: usize, skip: usize, share: Option<Share>) -> Result<Stream> {
        let plan = Interleave {
            examples: self.examples,
            batch_size: self.batch_size,
            parts: self.parts,
            last_batch: self.last_batch,
        };
        let shuffle = self.shuffle.map(|(seed, rows)| {
            let seed = seed.child("stream").at(epoch as u64);
            (seed, rows.div_ceil(self.parts))
        });
        Stream::new(
            plan,
            &self.rows(),
            &self.features,
            shuffle,
            (skip, self.prefetch),
            share.unwrap_or(Share::new(0, 1)),
        )
    }

    fn batch(&self, block: Block, device: &Device) -> Result<Batch<Tensor<2>, T::Tensor>> {
        let inputs: Tensor<2> =
            Values::new(block.features, self.features.width())?.into_tensor(device);
        let targets = self.features.finish_targets((block.values, block.labels))?;
        // `new` has checked the kind.
        let targets = T::from_targets(targets).ok_or(DataError::WorkerEnded)?;
        Ok(Batch {
            inputs,
            targets: targets.into_tensor(device),
        })
    }
}
