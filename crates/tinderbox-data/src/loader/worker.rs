//! A thread that gathers batches ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Examples;
use super::plan::{Plan, Schedule};
use crate::pool::on_own_threads;
use crate::{DataError, Result};

/// A batch of fewer bytes (by [`Examples::batch_bytes`]) is gathered by one thread.
const WORTH_SHARING: usize = 1024 * 1024;

/// A thread that gathers the batches of an epoch and of the epochs after it, so that only the first epoch
/// starts without ready batches. It ends when this is dropped.
///
/// If no batch is ready, the caller gathers one itself.
pub struct Worker<E: Examples> {
    examples: Arc<E>,
    made: Receiver<Made<E::Host>>,
    handle: Option<JoinHandle<()>>,
    /// The epoch whose batches are taken, once its order is known.
    work: Option<Arc<Work>>,
    /// A later batch, which the caller gathered while the thread gathered an earlier one.
    later: Option<(usize, Result<E::Host>)>,
    /// The epoch that it continues with after this one.
    pub next: usize,
}

/// An epoch, whose batches are claimed by the thread and by the caller.
struct Work {
    schedule: Schedule,
    next: AtomicUsize,
}

impl Work {
    /// The number of the next batch that is not claimed yet.
    fn claim(&self) -> Option<usize> {
        let batch = self.next.fetch_add(1, Ordering::Relaxed);
        (batch < self.schedule.batches).then_some(batch)
    }

    fn gather<E: Examples>(&self, examples: &E, batch: usize) -> Result<E::Host> {
        examples.gather(self.schedule.indices(batch), self.schedule.draws)
    }
}

/// The messages of the thread: an epoch, then the batches of it that it gathered, in order.
enum Made<H> {
    Order(Arc<Work>),
    Batch(usize, Result<H>),
}

impl<E: Examples> Worker<E> {
    /// Starts with this batch of this epoch and keeps `ready` batches ready; `None` if no thread can be
    /// created.
    pub fn start(
        examples: Arc<E>,
        plan: Plan,
        epoch: usize,
        batch: usize,
        ready: usize,
    ) -> Option<Self> {
        let (send, made) = sync_channel(ready);
        let shared = Arc::clone(&examples);
        // Much work is shared with rayon, but not in its global pool: see `pool`.
        let alone = examples.batch_bytes(plan.own_rows()) < WORTH_SHARING;
        let gather = move |work: &Work, batch| match alone {
            true => work.gather(&*shared, batch),
            false => on_own_threads(|| work.gather(&*shared, batch)),
        };
        // Returns `None` after a failed batch, after the last epoch, or when the receiver was dropped because
        // an epoch was left early.
        let run = move || {
            let mut first = batch;
            for epoch in epoch.. {
                let work = Arc::new(Work {
                    schedule: plan.schedule(epoch),
                    next: AtomicUsize::new(first),
                });
                put(&send, Made::Order(Arc::clone(&work)))?;
                while let Some(batch) = work.claim() {
                    let host = gather(&work, batch);
                    let failed = host.is_err();
                    put(&send, Made::Batch(batch, host))?;
                    if failed {
                        return None;
                    }
                }
                if !plan.continues() {
                    return None;
                }
                first = 0;
            }
            Some(())
        };
        let named = std::thread::Builder::new().name("loader".into());
        let handle = named
            .spawn(move || {
                run();
            })
            .ok()?;
        Some(Self {
            examples,
            made,
            handle: Some(handle),
            work: None,
            later: None,
            next: epoch,
        })
    }

    /// The batch with this number, which is the next one after that of the previous call; resumes a panic of
    /// the thread.
    pub fn batch(&mut self, number: usize) -> Result<E::Host> {
        if let Some((_, host)) = self.later.take_if(|(later, _)| *later == number) {
            return host;
        }
        loop {
            let made = match self.made.try_recv() {
                Err(TryRecvError::Empty) => match self.gather_next() {
                    Some((batch, host)) if batch == number => return host,
                    Some(later) => {
                        self.later = Some(later);
                        continue;
                    }
                    None => self.made.recv().ok(),
                },
                made => made.ok(),
            };
            match made {
                Some(Made::Order(work)) => self.work = Some(work),
                Some(Made::Batch(batch, host)) => {
                    debug_assert_eq!(batch, number);
                    return host;
                }
                None => return self.ended(),
            }
        }
    }

    /// Gathers the next batch that is not claimed, unless a later batch is stored already.
    fn gather_next(&self) -> Option<(usize, Result<E::Host>)> {
        let work = self.work.as_ref().filter(|_| self.later.is_none())?;
        let batch = work.claim()?;
        Some((batch, work.gather(&*self.examples, batch)))
    }

    fn ended(&mut self) -> Result<E::Host> {
        match self.handle.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => Err(DataError::WorkerEnded),
        }
    }
}

/// How long the thread sleeps between two attempts to send a batch.
const SLEEP: Duration = Duration::from_micros(50);

/// The number of attempts before it blocks.
const ATTEMPTS: usize = 10;

/// Sends a batch as soon as there is room in the channel; `None` if the receiver was dropped.
///
/// It sleeps and tries again before it blocks, because waking a blocked thread costs the training thread
/// 10 us, a fifth of a short step.
fn put<T>(ready: &SyncSender<T>, mut batch: T) -> Option<()> {
    for _ in 0..ATTEMPTS {
        batch = match ready.try_send(batch) {
            Ok(()) => return Some(()),
            Err(TrySendError::Full(batch)) => batch,
            Err(TrySendError::Disconnected(_)) => return None,
        };
        std::thread::sleep(SLEEP);
    }
    ready.send(batch).ok()
}
