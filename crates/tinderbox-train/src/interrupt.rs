use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::Result;

/// A flag that asks a training to stop after the step under way.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that nobody has set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flag that Ctrl-C (SIGINT, SIGTERM) sets. A second Ctrl-C ends the program at once, as
    /// it would have without us.
    ///
    /// # Errors
    /// A handler that another part of the program has set already.
    pub fn on_ctrl_c() -> Result<Self> {
        static FLAG: OnceLock<StopFlag> = OnceLock::new();
        if let Some(flag) = FLAG.get() {
            return Ok(flag.clone());
        }
        let flag = Self::new();
        let seen = flag.clone();
        ctrlc::set_handler(move || {
            if seen.0.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })?;
        Ok(FLAG.get_or_init(|| flag).clone())
    }

    /// Asks the training to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
