use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Examples;
use super::plan::Plan;
use crate::{DataError, Result};

/// A thread that gathers the batches of an epoch, and of the epochs after it, so that only the first
/// one starts with nothing at hand. It ends when it is dropped.
pub struct Worker<H> {
    batches: Receiver<Result<H>>,
    handle: Option<JoinHandle<()>>,
    /// The epoch that it goes on with when the batches of this one are taken.
    pub next: usize,
}

impl<H: Send + 'static> Worker<H> {
    /// Starts in this epoch at this batch and keeps so many batches ready; `None` from a system that
    /// gives no more threads.
    pub fn start<E: Examples<Host = H>>(
        examples: Arc<E>,
        plan: Plan,
        epoch: usize,
        batch: usize,
        ready: usize,
    ) -> Option<Self> {
        let (send, batches) = sync_channel(ready);
        let work = move || {
            let mut first = batch;
            for epoch in epoch.. {
                let schedule = plan.schedule(epoch);
                for batch in first..schedule.batches {
                    let host = examples.gather(schedule.indices(batch), schedule.draws);
                    let failed = host.is_err();
                    // Nobody takes it any more when an epoch was left early.
                    if put(&send, host).is_none() || failed {
                        return;
                    }
                }
                if !plan.goes_on() {
                    return;
                }
                first = 0;
            }
        };
        let named = std::thread::Builder::new().name("loader".into());
        let handle = named.spawn(work).ok()?;
        Some(Self {
            batches,
            handle: Some(handle),
            next: epoch,
        })
    }

    /// The next batch, waited for; passes on a panic of the thread.
    pub fn batch(&mut self) -> Result<H> {
        if let Ok(batch) = self.batches.recv() {
            return batch;
        }
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
