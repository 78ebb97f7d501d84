use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Examples;
use super::plan::{Plan, Schedule};
use crate::pool::on_own_threads;
use crate::{DataError, Result};

/// Bytes of a batch below which it is gathered by one thread, by what [`Examples::batch_bytes`] means.
const WORTH_SHARING: usize = 1024 * 1024;

/// A thread that gathers the batches of an epoch, and of the epochs after it, so that only the first
/// one starts with nothing at hand. It ends when it is dropped.
///
/// Who asks for a batch when none is ready lends a hand instead of waiting: it gathers one itself.
pub struct Worker<E: Examples> {
    examples: Arc<E>,
    made: Receiver<Made<E::Host>>,
    handle: Option<JoinHandle<()>>,
    /// Of the epoch that batches are taken from, once the thread has drawn its order.
    work: Option<Arc<Work>>,
    /// A later batch, gathered while an earlier one was in the making.
    aside: Option<(usize, Result<E::Host>)>,
    /// The epoch that it goes on with when the batches of this one are taken.
    pub next: usize,
}

/// An epoch, whose batches are gathered by whoever comes first.
struct Work {
    schedule: Schedule,
    next: AtomicUsize,
}

impl Work {
    /// The number of a batch that nobody else gathers.
    fn claim(&self) -> Option<usize> {
        let batch = self.next.fetch_add(1, Ordering::Relaxed);
        (batch < self.schedule.batches).then_some(batch)
    }

    fn gather<E: Examples>(&self, examples: &E, batch: usize) -> Result<E::Host> {
        examples.gather(self.schedule.indices(batch), self.schedule.draws)
    }
}

/// What the thread makes: the order of an epoch, then those of its batches that it gathered, in order.
enum Made<H> {
    Order(Arc<Work>),
    Batch(usize, Result<H>),
}

impl<E: Examples> Worker<E> {
    /// Starts in this epoch at this batch and keeps so many batches ready; `None` from a system that
    /// gives no more threads.
    pub fn start(
        examples: Arc<E>,
        plan: Plan,
        epoch: usize,
        batch: usize,
        ready: usize,
    ) -> Option<Self> {
        let (send, made) = sync_channel(ready);
        let shared = Arc::clone(&examples);
        // Much work may be shared among cores: not with those of rayon's global pool, see `pool`.
        let alone = examples.batch_bytes(plan.batch_size) < WORTH_SHARING;
        let gather = move |work: &Work, batch| match alone {
            true => work.gather(&*shared, batch),
            false => on_own_threads(|| work.gather(&*shared, batch)),
        };
        // `None` at its end: after a batch that failed, an epoch without another one after it, or when
        // nobody is there to take what it makes, for an epoch was left early.
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
                if !plan.goes_on() {
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
            aside: None,
            next: epoch,
        })
    }

    /// The batch of this number, which is the one after that of the call before; passes on a panic of
    /// the thread.
    pub fn batch(&mut self, number: usize) -> Result<E::Host> {
        if let Some((_, host)) = self.aside.take_if(|(aside, _)| *aside == number) {
            return host;
        }
        loop {
            let made = match self.made.try_recv() {
                Err(TryRecvError::Empty) => match self.lend_a_hand() {
                    Some((batch, host)) if batch == number => return host,
                    Some(later) => {
                        self.aside = Some(later);
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

    /// Gathers a batch of this epoch that nobody has begun, unless one is set aside already.
    fn lend_a_hand(&self) -> Option<(usize, Result<E::Host>)> {
        let work = self.work.as_ref().filter(|_| self.aside.is_none())?;
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

/// How long it waits for room before it looks again, and how often.
const NAP: Duration = Duration::from_micros(50);
const NAPS: usize = 10;

/// Puts a batch with those that are ready, as soon as there is room; `None` when nobody is there to
/// take it.
///
/// Looks again after a nap: being woken when a batch is taken would cost the training 10 us, a fifth
/// of a short step. Beside steps that are longer than the naps that is nothing.
fn put<T>(ready: &SyncSender<T>, mut batch: T) -> Option<()> {
    for _ in 0..NAPS {
        batch = match ready.try_send(batch) {
            Ok(()) => return Some(()),
            Err(TrySendError::Full(batch)) => batch,
            Err(TrySendError::Disconnected(_)) => return None,
        };
        std::thread::sleep(NAP);
    }
    ready.send(batch).ok()
}
