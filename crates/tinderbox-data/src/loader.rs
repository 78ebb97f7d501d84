use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;

use crate::{DataError, Result};

/// One batch on a device: inputs of shape `[batch, …]` and their targets.
///
/// Targets are `Tensor<2>` of shape `[batch, outputs]` for numbers and `Tensor<1, Int>` of shape
/// `[batch]` for classes.
#[derive(Clone, Debug)]
pub struct Batch<const D: usize = 2, Y = Tensor<2>> {
    /// What the model sees.
    pub inputs: Tensor<D>,
    /// What it is to predict.
    pub targets: Y,
}

/// Where batches come from, one epoch at a time: a [`Loader`] in memory, or a stream from a file.
pub trait Batches: Send {
    /// One batch on a device.
    type Batch;

    /// Examples in an epoch, where that is known before reading.
    fn examples(&self) -> Option<usize>;

    /// Batches in an epoch, where that is known before reading.
    fn batches(&self) -> Option<usize>;

    /// The batches of this epoch, from batch number `skip` on.
    ///
    /// Which examples they hold, and in which order, is a pure function of the seed and the epoch.
    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>>;
}

/// The batches of one epoch.
pub type BatchIterator<'a, B> = Box<dyn Iterator<Item = Result<B>> + Send + 'a>;

/// Examples that can be gathered by index into a batch: rows of a table, images, sentences.
pub trait Examples: Send + Sync + 'static {
    /// A batch in host memory, made on whatever thread.
    type Host: Send + 'static;
    /// The same batch on a device.
    type Batch: 'static;

    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lays the examples with these indices side by side.
    ///
    /// `epoch` is the seed of the epoch, for what is drawn anew in each (crops, flips): the draws
    /// for example `i` must come from `epoch.at(i)`, so that they do not depend on its batch.
    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<Self::Host>;

    /// Moves a batch to a device.
    fn upload(&self, host: Self::Host, device: &Device) -> Self::Batch;

    /// Bytes that gathering this many examples writes, roughly: what decides whether a thread of its
    /// own is worth it. `usize::MAX`, the default, for work that is more than copying.
    fn batch_bytes(&self, batch_size: usize) -> usize {
        let _ = batch_size;
        usize::MAX
    }
}

/// A batch of fewer bytes is gathered faster than another thread is woken.
const WORTH_A_THREAD: usize = 64 * 1024;

/// Batches gathered ahead when the loader decides: one in hand, one in the making.
const AHEAD: usize = 2;

/// What to do with the last batch when the examples are not a multiple of the batch size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// Keep it, shorter than the others: every example is seen exactly once.
    #[default]
    Keep,
    /// Leave it out: every batch is full, and up to `batch_size - 1` examples wait for another epoch.
    Drop,
    /// Fill it up with the first examples of the same epoch's order: every batch is full, every
    /// example is seen, a few are seen twice.
    Wrap,
}

/// Batches of examples in memory, in an order that is a pure function of (seed, epoch).
///
/// ```
/// use tinderbox_data::{LastBatch, Loader, Rows, Values};
/// use tinderbox_core::Seed;
///
/// # fn main() -> tinderbox_data::Result<()> {
/// let features = Values::new((0..20).map(|i| i as f32).collect(), 2)?; // 10 rows of 2
/// let targets = Values::new((0..10).map(|i| i as f32).collect(), 1)?;
/// let loader = Loader::new(Rows::new(features, targets)?, 4)?
///     .shuffle(Seed::new(1))
///     .last_batch(LastBatch::Keep);
/// assert_eq!(loader.num_batches(), 3); // 4 + 4 + 2
/// # Ok(())
/// # }
/// ```
pub struct Loader<E: Examples> {
    examples: Arc<E>,
    /// The examples of this loader, by index; all of them when `None`.
    subset: Option<Arc<[usize]>>,
    batch_size: usize,
    seed: Option<Seed>,
    last_batch: LastBatch,
    /// Batches gathered ahead; the loader decides when `None`.
    prefetch: Option<usize>,
    /// For Burn's trait, which counts epochs by calls and keeps the device with the loader.
    burn_epoch: Arc<AtomicUsize>,
    burn_device: Option<Device>,
}

impl<E: Examples> Clone for Loader<E> {
    fn clone(&self) -> Self {
        Self {
            examples: Arc::clone(&self.examples),
            subset: self.subset.clone(),
            batch_size: self.batch_size,
            seed: self.seed,
            last_batch: self.last_batch,
            prefetch: self.prefetch,
            burn_epoch: Arc::new(AtomicUsize::new(0)),
            burn_device: self.burn_device.clone(),
        }
    }
}

impl<E: Examples> Loader<E> {
    /// Batches of `batch_size` examples in their own order, the last one kept short.
    ///
    /// # Errors
    /// No examples, a batch size of 0, or one larger than the number of examples.
    pub fn new(examples: impl Into<Arc<E>>, batch_size: usize) -> Result<Self> {
        let examples = examples.into();
        let count = examples.len();
        if count == 0 {
            return Err(DataError::Empty {
                what: "given to the loader".into(),
            });
        }
        if batch_size == 0 || batch_size > count {
            return Err(DataError::BatchSize {
                batch_size,
                examples: count,
            });
        }
        Ok(Self {
            examples,
            subset: None,
            batch_size,
            seed: None,
            last_batch: LastBatch::Keep,
            prefetch: None,
            burn_epoch: Arc::new(AtomicUsize::new(0)),
            burn_device: None,
        })
    }

    /// Batches for measuring, not for training: in order, every example once, at most `at_most`
    /// examples at a time.
    ///
    /// # Errors
    /// No examples.
    pub fn for_evaluation(examples: impl Into<Arc<E>>, at_most: usize) -> Result<Self> {
        let examples = examples.into();
        let batch_size = at_most.clamp(1, examples.len().max(1));
        Self::new(examples, batch_size)
    }

    /// Shuffles anew in every epoch; the order of epoch `e` is drawn from `seed.at(e)`.
    pub fn shuffle(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What to do with a last batch that is not full.
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.last_batch = policy;
        self
    }

    /// Gathers up to `batches` batches ahead on a thread of its own; 0 gathers in place. Without this
    /// call a thread is used where a batch is large enough to be worth it. Changes nothing in the
    /// batches or their order.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = Some(batches);
        self
    }

    fn ahead(&self) -> usize {
        let large = self.examples.batch_bytes(self.batch_size) >= WORTH_A_THREAD;
        self.prefetch.unwrap_or(if large { AHEAD } else { 0 })
    }

    /// Number of examples.
    pub fn num_examples(&self) -> usize {
        self.subset
            .as_ref()
            .map_or_else(|| self.examples.len(), |subset| subset.len())
    }

    /// Number of batches in an epoch.
    pub fn num_batches(&self) -> usize {
        match self.last_batch {
            LastBatch::Drop => self.num_examples() / self.batch_size,
            LastBatch::Keep | LastBatch::Wrap => self.num_examples().div_ceil(self.batch_size),
        }
    }

    /// Examples in a full batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The examples themselves.
    pub fn data(&self) -> &E {
        &self.examples
    }

    /// The indices of the examples in the order of this epoch.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = match &self.subset {
            Some(subset) => subset.to_vec(),
            None => (0..self.examples.len()).collect(),
        };
        if let Some(seed) = self.seed {
            seed.at(epoch as u64).rng().shuffle(&mut order);
        }
        order
    }

    fn schedule(&self, epoch: usize) -> Schedule {
        let mut order = self.order(epoch);
        let batches = self.num_batches();
        if self.last_batch == LastBatch::Wrap {
            let missing = batches * self.batch_size - order.len();
            order.extend_from_within(..missing);
        }
        Schedule {
            order,
            batch_size: self.batch_size,
            batches,
            draws: self
                .seed
                .unwrap_or(Seed::new(0))
                .child("draws")
                .at(epoch as u64),
        }
    }
}

impl<E: Examples> Batches for Loader<E> {
    type Batch = E::Batch;

    fn examples(&self) -> Option<usize> {
        Some(match self.last_batch {
            LastBatch::Keep => self.num_examples(),
            LastBatch::Drop | LastBatch::Wrap => self.num_batches() * self.batch_size,
        })
    }

    fn batches(&self) -> Option<usize> {
        Some(self.num_batches())
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, E::Batch>> {
        Ok(Box::new(LoaderIterator::new(self, epoch, skip, device)))
    }
}

/// Which examples go into which batch of an epoch.
struct Schedule {
    order: Vec<usize>,
    batch_size: usize,
    batches: usize,
    draws: Seed,
}

impl Schedule {
    fn indices(&self, batch: usize) -> &[usize] {
        let range: Range<usize> =
            batch * self.batch_size..((batch + 1) * self.batch_size).min(self.order.len());
        &self.order[range]
    }
}

/// The batches of one epoch of a [`Loader`].
struct LoaderIterator<'a, E: Examples> {
    loader: &'a Loader<E>,
    device: Device,
    next: usize,
    batches: usize,
    seen: usize,
    source: Source<E>,
}

enum Source<E: Examples> {
    Here(Arc<Schedule>),
    Thread {
        batches: Receiver<Result<E::Host>>,
        worker: Option<JoinHandle<()>>,
        sizes: Arc<Schedule>,
    },
    Failed,
}

impl<'a, E: Examples> LoaderIterator<'a, E> {
    fn new(loader: &'a Loader<E>, epoch: usize, skip: usize, device: &Device) -> Self {
        let schedule = Arc::new(loader.schedule(epoch));
        let batches = schedule.batches;
        let ahead = loader.ahead();
        let source = if ahead == 0 {
            Source::Here(schedule)
        } else {
            let (send, receive) = sync_channel(ahead);
            let examples = Arc::clone(&loader.examples);
            let plan = Arc::clone(&schedule);
            let worker = std::thread::spawn(move || {
                for batch in skip..plan.batches {
                    let host = examples.gather(plan.indices(batch), plan.draws);
                    let failed = host.is_err();
                    // The receiver is gone when the epoch was left early: nothing more to do.
                    if send.send(host).is_err() || failed {
                        return;
                    }
                }
            });
            Source::Thread {
                batches: receive,
                worker: Some(worker),
                sizes: schedule,
            }
        };
        Self {
            loader,
            device: device.clone(),
            next: skip,
            batches,
            seen: 0,
            source,
        }
    }
}

impl<E: Examples> Iterator for LoaderIterator<'_, E> {
    type Item = Result<E::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.batches {
            return None;
        }
        let (host, size) = match &mut self.source {
            Source::Here(schedule) => {
                let indices = schedule.indices(self.next);
                (
                    self.loader.examples.gather(indices, schedule.draws),
                    indices.len(),
                )
            }
            Source::Thread {
                batches,
                worker,
                sizes,
            } => {
                let host = batches.recv().unwrap_or_else(|_| {
                    // The worker ended without a word: it panicked, and the panic is ours to pass on.
                    match worker.take().map(JoinHandle::join) {
                        Some(Err(panic)) => std::panic::resume_unwind(panic),
                        _ => Err(DataError::WorkerEnded),
                    }
                });
                (host, sizes.indices(self.next).len())
            }
            Source::Failed => return None,
        };
        self.next += 1;
        self.seen += size;
        if host.is_err() {
            self.source = Source::Failed;
        }
        Some(host.map(|host| self.loader.examples.upload(host, &self.device)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches - self.next;
        (0, Some(left))
    }
}

impl<E: Examples> DataLoaderIterator<E::Batch> for BurnIterator<'_, E> {
    fn progress(&self) -> Progress {
        Progress::new(
            self.0.seen,
            self.0.loader.num_examples(),
            Some("items".into()),
        )
    }
}

/// [`LoaderIterator`] with the error type of Burn's trait.
struct BurnIterator<'a, E: Examples>(LoaderIterator<'a, E>);

impl<E: Examples> Iterator for BurnIterator<'_, E> {
    type Item = Result<E::Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|batch| batch.map_err(DatasetError::new))
    }
}

/// Burn's own trait, so that stock Burn training takes this loader as it is. Each call of `iter`
/// is the next epoch.
impl<E: Examples> DataLoader<E::Batch> for Loader<E> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<E::Batch> + 'a> {
        let epoch = self.burn_epoch.fetch_add(1, Ordering::Relaxed);
        let device = self.burn_device.clone().unwrap_or_default();
        Box::new(BurnIterator(LoaderIterator::new(self, epoch, 0, &device)))
    }

    fn num_items(&self) -> usize {
        self.num_examples()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<E::Batch>> {
        let mut loader = self.clone();
        loader.burn_device = Some(device.clone());
        Arc::new(loader)
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<E::Batch>> {
        let all: Vec<usize> = match &self.subset {
            Some(subset) => subset.to_vec(),
            None => (0..self.examples.len()).collect(),
        };
        let end = end.min(all.len());
        let mut loader = self.clone();
        loader.subset = Some(all[start.min(end)..end].into());
        Arc::new(loader)
    }
}
