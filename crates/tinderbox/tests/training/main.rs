//! The training runs of the facade, end to end.
#![recursion_limit = "256"]

#[cfg(feature = "tables")]
mod defaults;
#[cfg(feature = "tables")]
mod honest;
mod images;
#[cfg(feature = "tables")]
mod tables;
mod texts;
#[cfg(feature = "tables")]
mod weights;

use tinderbox::train::{Callback, EpochRecord, Flow, StepError, StopFlag};

/// Sets the flag after this epoch, as Ctrl-C would.
struct StopAfter(usize, StopFlag);

impl<M> Callback<M> for StopAfter {
    fn on_epoch_end(&mut self, record: &EpochRecord, _model: &M) -> Result<Flow, StepError> {
        if record.epoch == self.0 {
            self.1.stop();
        }
        Ok(Flow::Continue)
    }
}
