use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::{Fitted, Result, StopReason, TrainError};

/// A flag that stops a training run or a search after the current step.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    /// 0, the number of the received signal, or [`STOPPED`].
    asked: Arc<AtomicUsize>,
    /// Whether a signal ends the process at once.
    at_once: Arc<AtomicBool>,
}

/// Requested by the program itself.
const STOPPED: usize = usize::MAX;

impl StopFlag {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flag that Ctrl-C (SIGINT) and SIGTERM set, the same one at every call.
    ///
    /// A second signal ends the process at once, with the exit code 130 for Ctrl-C and 143 for
    /// SIGTERM; so does the first one after [`release`](Self::release), until the next call.
    ///
    /// # Errors
    /// The operating system refuses the handler.
    pub fn on_ctrl_c() -> Result<Self> {
        static FLAG: Mutex<Option<StopFlag>> = Mutex::new(None);
        let mut known = FLAG.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flag) = &*known {
            flag.at_once.store(flag.is_set(), Ordering::SeqCst);
            return Ok(flag.clone());
        }
        let new = Self::new();
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the second signal finds what the first one set.
            let at_once = || Arc::clone(&new.at_once);
            flag::register_conditional_shutdown(signal, code(signal), at_once())
                .and_then(|_| flag::register_usize(signal, Arc::clone(&new.asked), signal as usize))
                .and_then(|_| flag::register(signal, at_once()))
                .map_err(TrainError::SignalHandler)?;
        }
        *known = Some(new.clone());
        Ok(new)
    }

    /// Requests the training run to stop.
    pub fn stop(&self) {
        self.asked.store(STOPPED, Ordering::SeqCst);
    }

    /// Whether a stop was requested.
    pub fn is_set(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// Lets signals end the process at once again, as they do without a flag: when training is over
    /// and nothing checks the flag any more.
    pub fn release(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }

    /// The exit code of a program that was stopped by a signal, as shells expect it: 130 after Ctrl-C,
    /// 143 after SIGTERM; `None` if there was no signal.
    pub fn exit_code(&self) -> Option<i32> {
        match self.asked.load(Ordering::SeqCst) {
            0 | STOPPED => None,
            signal => Some(code(signal as i32)),
        }
    }
}

fn code(signal: i32) -> i32 {
    128 + signal
}

impl<M> Fitted<M> {
    /// Returns this result if training finished; call it before the model is evaluated or saved.
    ///
    /// # Errors
    /// [`TrainError::Interrupted`] if it was stopped early; its checkpoint holds the progress so far.
    pub fn finished(self) -> Result<Self> {
        match self.stop_reason {
            StopReason::Interrupted(checkpoint) => Err(TrainError::Interrupted {
                epoch: self.history.epochs.len() + 1,
                checkpoint,
            }),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_stops_itself_has_no_exit_code_of_a_signal() {
        let flag = StopFlag::new();
        assert_eq!((flag.is_set(), flag.exit_code()), (false, None));
        let same = flag.clone();
        same.stop();
        assert_eq!((flag.is_set(), flag.exit_code()), (true, None));
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            flag.asked.store(signal as usize, Ordering::SeqCst);
            assert_eq!((same.is_set(), same.exit_code()), (true, Some(code)));
        }
    }
}
