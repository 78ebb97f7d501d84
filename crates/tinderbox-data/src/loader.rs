//! Batches of examples in memory.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;
use tinderbox_core::{Digest, Seed};

use crate::{
    BatchIterator, Batches, BatchesIdentity, DataError, Examples, Result, Share, SharedBatch,
};

mod burn_loader;
mod plan;
mod share;
mod worker;

pub use plan::LastBatch;
use plan::{Plan, Schedule, Weights};
use worker::Worker;

/// A batch of fewer bytes is gathered faster than a thread is woken.
const WORTH_A_THREAD: usize = 64 * 1024;

/// Bytes of batches that the loader keeps ready by default, if that is more than [`READY`] batches: short
/// steps need several for the time in which the thread has no core.
const BYTES_READY: usize = 8 * 1024 * 1024;

/// The least number of batches that are kept ready; one more is being gathered.
const READY: usize = 2;

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
    plan: Plan,
    /// Batches to gather ahead; the loader decides if `None`.
    prefetch: Option<usize>,
    /// The thread that gathered the previous epoch and continues with this one.
    before: Mutex<Option<Worker<E>>>,
    /// For Burn's trait, in which calls count epochs and the loader has the device.
    burn_epoch: Arc<AtomicUsize>,
    burn_device: Option<Device>,
}

impl<E: Examples> Clone for Loader<E> {
    fn clone(&self) -> Self {
        Self {
            examples: Arc::clone(&self.examples),
            plan: self.plan.clone(),
            prefetch: self.prefetch,
            before: Mutex::default(),
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
            plan: Plan {
                subset: None,
                examples: count,
                batch_size,
                seed: None,
                weights: None,
                last_batch: LastBatch::Keep,
                share: None,
            },
            prefetch: None,
            before: Mutex::default(),
            burn_epoch: Arc::new(AtomicUsize::new(0)),
            burn_device: None,
        })
    }

    /// Batches for evaluation: in order, every example once, at most `at_most` examples in a batch.
    ///
    /// # Errors
    /// No examples.
    pub fn for_evaluation(examples: impl Into<Arc<E>>, at_most: usize) -> Result<Self> {
        let examples = examples.into();
        let batch_size = at_most.clamp(1, examples.len().max(1));
        Self::new(examples, batch_size)
    }

    /// Shuffles every epoch differently; the order of epoch `e` is drawn from `seed.at(e)`.
    pub fn shuffle(mut self, seed: Seed) -> Self {
        self.plan.seed = Some(seed);
        self.plan.weights = None;
        self.before = Mutex::default();
        self
    }

    /// Draws the examples of every epoch at random with replacement, each with a probability proportional to
    /// its weight, so that rare classes are seen as often as others; an epoch has as many examples as before.
    /// [`Classes::balanced_weights`](crate::Classes::balanced_weights) gives all classes the same chance.
    /// The draws are a pure function of the seed and the epoch. For training data only: weights change what
    /// a metric measures.
    ///
    /// ```
    /// use tinderbox_core::Seed;
    /// use tinderbox_data::{Loader, Rows, Values};
    ///
    /// let numbers = Values::new((0..8).map(|i| i as f32).collect(), 1)?;
    /// let weights = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0];
    /// let loader = Loader::new(Rows::new(numbers.clone(), numbers)?, 4)?
    ///     .weighted(weights, Seed::new(1))?;
    /// assert!(loader.order(0).iter().all(|index| [0, 7].contains(index)));
    /// # Ok::<(), tinderbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// Another number of weights than of examples; a weight that is negative or not finite; only zeros.
    pub fn weighted(mut self, weights: Vec<f64>, seed: Seed) -> Result<Self> {
        self.plan.weights = Some(Weights::new(weights, self.plan.examples)?);
        self.plan.seed = Some(seed);
        self.before = Mutex::default();
        Ok(self)
    }

    /// States what to do with a last batch that is not full.
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.plan.last_batch = policy;
        self.before = Mutex::default();
        self
    }

    /// Keeps up to `batches` batches ready, which a thread gathers; if none is ready, the caller gathers one
    /// itself. 0 gathers without a thread. By default, a thread is used if a batch is large enough. Does not
    /// change the batches or their order.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = Some(batches);
        self.before = Mutex::default();
        self
    }

    /// The number of batches that a thread keeps ready; 0 for no thread.
    fn ready(&self) -> usize {
        let bytes = self.examples.batch_bytes(self.plan.own_rows());
        let ready = self.prefetch.unwrap_or(if bytes < WORTH_A_THREAD {
            0
        } else {
            (BYTES_READY / bytes).max(READY)
        });
        ready.min(self.num_batches())
    }

    /// The thread that gathers this epoch from this batch on; `None` if no thread can be created.
    fn worker(&self, epoch: usize, skip: usize, ready: usize) -> Option<Worker<E>> {
        let before = self.before().take();
        let continues = before.filter(|worker| worker.next == epoch && skip == 0);
        continues.or_else(|| {
            let (examples, plan) = (Arc::clone(&self.examples), self.plan.clone());
            Worker::start(examples, plan, epoch, skip, ready)
        })
    }

    fn before(&self) -> std::sync::MutexGuard<'_, Option<Worker<E>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of examples.
    pub fn num_examples(&self) -> usize {
        self.plan.num_examples()
    }

    /// Number of batches in an epoch.
    pub fn num_batches(&self) -> usize {
        self.plan.num_batches()
    }

    /// The least number of epochs with at least this many batches in total, so that a small table gets as
    /// many optimizer steps as a large one.
    ///
    /// ```
    /// # use tinderbox_data::{Loader, synthetic};
    /// # use tinderbox_core::Seed;
    /// let rows = synthetic::linear(&[2.0], 1.0, 0.1, 240, Seed::new(1))?;
    /// let loader = Loader::new(rows, 32)?; // 8 batches per epoch
    /// assert_eq!(loader.epochs_for_steps(3_000), 375);
    /// # Ok::<(), tinderbox_data::DataError>(())
    /// ```
    pub fn epochs_for_steps(&self, steps: usize) -> usize {
        steps.div_ceil(self.num_batches().max(1)).max(1)
    }

    /// Number of examples in a full batch.
    pub fn batch_size(&self) -> usize {
        self.plan.batch_size
    }

    /// The examples.
    pub fn data(&self) -> &E {
        &self.examples
    }

    /// The indices of the examples in the order of this epoch.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        self.plan.order(epoch)
    }
}

impl<E: Examples> Batches for Loader<E> {
    type Batch = E::Batch;

    fn examples(&self) -> Option<usize> {
        Some(match self.plan.last_batch {
            LastBatch::Keep => self.num_examples(),
            LastBatch::Drop | LastBatch::Wrap => self.num_batches() * self.plan.batch_size,
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

    fn share(&self, share: Share) -> Option<Box<dyn Batches<Batch = SharedBatch<E::Batch>> + '_>> {
        Some(Box::new(share::LoaderShare::new(self, share)))
    }

    fn identity(&self) -> Result<BatchesIdentity> {
        let digest = self.examples.digest().map(|digest| {
            let subset = self.plan.subset.iter().flat_map(|subset| subset.iter());
            let digest = Digest::new().word(digest);
            let digest = subset.fold(digest, |digest, &index| digest.word(index as u64));
            let weighted = self.plan.weights.as_ref().map_or(String::new(), |weights| {
                format!(" and weights with the digest {:016x}", weights.digest())
            });
            format!(
                "{} examples with the digest {:016x}{weighted}",
                self.num_examples(),
                digest.value()
            )
        });
        Ok(BatchesIdentity {
            data: digest,
            order_seed: self.plan.seed.map(Seed::value),
            shuffle_buffer: None,
            batch_size: Some(self.plan.batch_size),
            last_batch: Some(self.plan.last_batch),
        })
    }
}

/// The batches of one epoch of a [`Loader`].
struct LoaderIterator<'a, E: Examples> {
    loader: &'a Loader<E>,
    device: Device,
    epoch: usize,
    batches: usize,
    next: usize,
    source: Source<E>,
}

enum Source<E: Examples> {
    Here(Schedule),
    Thread(Worker<E>),
    Failed,
}

impl<'a, E: Examples> LoaderIterator<'a, E> {
    fn new(loader: &'a Loader<E>, epoch: usize, skip: usize, device: &Device) -> Self {
        let batches = loader.num_batches();
        let worker = match loader.ready() {
            ready if ready > 0 && skip < batches => loader.worker(epoch, skip, ready),
            _ => None,
        };
        let source = match worker {
            Some(worker) => Source::Thread(worker),
            None => Source::Here(loader.plan.schedule(epoch)),
        };
        Self {
            loader,
            device: device.clone(),
            epoch,
            batches,
            next: skip,
            source,
        }
    }
}

impl<E: Examples> Drop for LoaderIterator<'_, E> {
    fn drop(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Failed);
        if let Source::Thread(mut worker) = source
            && self.next >= self.batches
            && self.loader.plan.continues()
        {
            worker.next = self.epoch + 1;
            *self.loader.before() = Some(worker);
        }
    }
}

impl<E: Examples> Iterator for LoaderIterator<'_, E> {
    type Item = Result<E::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.batches {
            return None;
        }
        let host = match &mut self.source {
            Source::Here(schedule) => {
                let indices = schedule.indices(self.next);
                self.loader.examples.gather(indices, schedule.draws)
            }
            Source::Thread(worker) => worker.batch(self.next),
            Source::Failed => return None,
        };
        self.next += 1;
        if host.is_err() {
            self.source = Source::Failed;
        }
        Some(host.map(|host| self.loader.examples.upload(host, &self.device)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches.saturating_sub(self.next);
        (0, Some(left))
    }
}
