//! The traits of sources of batches and of collections of examples.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;

use crate::{LastBatch, Result};

/// One batch on a device: inputs and their targets.
///
/// Both can be of any type. Inputs of tables and images are a `Tensor<D>` of shape `[batch, …]`;
/// token ids are a `Tensor<2, Int>`; several inputs (ids and masks) are a struct. Targets are
/// `Tensor<2>` of shape `[batch, outputs]` for numbers and `Tensor<1, Int>` of shape `[batch]` for
/// classes.
#[derive(Clone, Debug)]
pub struct Batch<I = Tensor<2>, T = Tensor<2>> {
    /// The inputs of the model.
    pub inputs: I,
    /// What the model should predict.
    pub targets: T,
}

/// A source of batches, one epoch at a time: a [`Loader`](crate::Loader) in memory, or a stream from a file.
pub trait Batches: Send {
    /// One batch on a device.
    type Batch;

    /// Number of examples in an epoch, if it is known before reading.
    fn examples(&self) -> Option<usize>;

    /// Number of batches in an epoch, if it is known before reading.
    fn batches(&self) -> Option<usize>;

    /// The batches of this epoch, from batch number `skip` on.
    ///
    /// Their examples and order are a pure function of the seed and the epoch.
    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>>;

    /// The identity of the batches: data, order and batch size. It is stored in the run folder, and a run
    /// is resumed only with batches of the same identity.
    ///
    /// With the default, only the numbers of examples and batches are compared.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn identity(&self) -> Result<BatchesIdentity> {
        Ok(BatchesIdentity::default())
    }

    /// The same batches, of which only the rows of one of several ranks are gathered; `None`, the default,
    /// if batches of this kind cannot be divided.
    ///
    /// Order and batches are the same on every rank and for any number of ranks.
    fn share(
        &self,
        share: Share,
    ) -> Option<Box<dyn Batches<Batch = SharedBatch<Self::Batch>> + '_>> {
        let _ = share;
        None
    }
}

/// One of several equal parts of every batch: that of one rank of a data-parallel training run.
///
/// ```
/// use tinderbox_data::Share;
///
/// let rows = |rank| Share::new(rank, 3).rows(10);
/// assert_eq!([rows(0), rows(1), rows(2)], [0..3, 3..6, 6..10]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    rank: usize,
    ranks: usize,
}

impl Share {
    /// The part of this rank, counted from 0.
    ///
    /// # Panics
    /// If `rank` is not below `ranks`.
    pub fn new(rank: usize, ranks: usize) -> Self {
        assert!(rank < ranks, "rank {rank} of {ranks}");
        Self { rank, ranks }
    }

    /// The number of the rank.
    pub fn rank(self) -> usize {
        self.rank
    }

    /// The number of ranks.
    pub fn ranks(self) -> usize {
        self.ranks
    }

    /// The rows of a batch with this many examples; none if there are fewer examples than ranks and others
    /// have them.
    pub fn rows(self, examples: usize) -> Range<usize> {
        let start = |rank: usize| examples * rank / self.ranks;
        start(self.rank)..start(self.rank + 1)
    }
}

/// Batches that are not divided by themselves, and the part of them that is taken.
pub(crate) struct Divided<'a, L> {
    pub whole: &'a L,
    pub share: Share,
}

/// One rank's part of a batch.
#[derive(Clone, Debug)]
pub struct SharedBatch<B> {
    /// The examples of this rank; `None` if it has none of this batch.
    pub batch: Option<B>,
    /// Their places in the whole batch.
    pub rows: Range<usize>,
    /// Number of examples in the whole batch.
    pub examples: usize,
}

impl<B> SharedBatch<B> {
    /// The part of a batch with this many examples; `batch` makes the batch of some of its rows.
    pub(crate) fn new(
        share: Share,
        examples: usize,
        batch: impl FnOnce(Range<usize>) -> B,
    ) -> Self {
        let rows = share.rows(examples);
        Self {
            batch: (!rows.is_empty()).then(|| batch(rows.clone())),
            rows,
            examples,
        }
    }
}

/// The identity of batches; a field is `None` if it is unknown or has no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchesIdentity {
    /// A description of the data with a digest, which differs if the data differ.
    pub data: Option<String>,
    /// The seed of the order; `None` for examples in their own order.
    pub order_seed: Option<u64>,
    /// Number of examples in the shuffle buffer of a stream.
    pub shuffle_buffer: Option<usize>,
    /// Number of examples in a full batch.
    pub batch_size: Option<usize>,
    /// What to do with a last batch that is not full.
    pub last_batch: Option<LastBatch>,
}

/// The batches of one epoch.
pub type BatchIterator<'a, B> = Box<dyn Iterator<Item = Result<B>> + Send + 'a>;

/// Examples that can be gathered by index into a batch: rows of a table, images, sentences.
pub trait Examples: Send + Sync + 'static {
    /// A batch in host memory.
    type Host: Send + 'static;
    /// The same batch on a device.
    type Batch: 'static;

    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the examples with these indices into a batch.
    ///
    /// `epoch` is the seed of the epoch, for random transforms (crops, flips): the draws
    /// for example `i` must come from `epoch.at(i)`, so that they do not depend on its batch.
    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<Self::Host>;

    /// Moves a batch to a device.
    fn upload(&self, host: Self::Host, device: &Device) -> Self::Batch;

    /// The approximate number of bytes that gathering this many examples writes, which decides whether a
    /// thread is worth it; `usize::MAX`, the default, for work that is more than copying. Batches of 1 MiB
    /// or more are gathered on a thread pool, in which rayon may share the work.
    fn batch_bytes(&self, batch_size: usize) -> usize {
        let _ = batch_size;
        usize::MAX
    }

    /// A digest of all examples and their transforms, which a resumed run compares, so that it does not
    /// continue with other data; `None`, the default, is equal to any data of the same length.
    fn digest(&self) -> Option<u64> {
        None
    }
}
