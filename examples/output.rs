//! How programs print and exit.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::num::NonZero;

use anyhow::Result;
use tinderbox::image::ImageError;
#[cfg(feature = "tables")]
use tinderbox::tabular::TabularError;
#[cfg(feature = "tokenizers")]
use tinderbox::text::FineTuneError;
use tinderbox::train::{StopFlag, TrainError};

/// Prints a line, like `println!`, to an output that may have been closed.
///
/// `println!` panics when the reader of a pipe has exited (`models | head -1`); here nothing more is
/// printed, and the program continues.
#[macro_export]
macro_rules! say {
    () => { $crate::output::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a text as it is; see [`say!`](crate::say). Of several ranks only the first one prints.
pub fn print(text: Arguments) {
    if !crate::ranks::is_first() {
        return;
    }
    if let Err(error) = std::io::stdout().write_fmt(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        // An error that cannot be printed either is dropped.
        let _ = writeln!(std::io::stderr(), "cannot write the output: {error}");
    }
}

/// A number of the command line that must be at least 1.
pub fn positive<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<NonZero<u64>>().ok();
    let number = number.and_then(|number| T::try_from(number.get()).ok());
    number.ok_or_else(|| "give a whole number of at least 1".into())
}

/// An error that may mean that the user interrupted the program.
pub trait MaybeInterrupted: std::error::Error + Send + Sync + 'static {
    /// The error of the trainer or the search in it.
    fn of_training(&self) -> Option<&TrainError>;
}

impl MaybeInterrupted for TrainError {
    fn of_training(&self) -> Option<&TrainError> {
        Some(self)
    }
}

impl MaybeInterrupted for ImageError {
    fn of_training(&self) -> Option<&TrainError> {
        match self {
            Self::Train(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "tables")]
impl MaybeInterrupted for TabularError {
    fn of_training(&self) -> Option<&TrainError> {
        match self {
            Self::Train(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "tokenizers")]
impl MaybeInterrupted for FineTuneError {
    fn of_training(&self) -> Option<&TrainError> {
        match self {
            Self::Train(error) => Some(error),
            _ => None,
        }
    }
}

/// The result of a training run or a search; one that was interrupted ends the program here, with the
/// exit code 130 after Ctrl-C and 143 after SIGTERM.
///
/// Nothing is scored, compared or saved as a bundle then. How to resume a training run is printed by
/// [`Progress`](tinderbox::prelude::Progress), how to resume a search, and that a run without a folder cannot
/// be resumed, is printed here. After a data-parallel run only the program of rank 0 continues.
pub fn unless_interrupted<T, E: MaybeInterrupted>(result: Result<T, E>) -> Result<T> {
    let stop = StopFlag::on_ctrl_c()?;
    match result.as_ref().err().and_then(E::of_training) {
        Some(TrainError::Interrupted {
            checkpoint: Some(_),
            ..
        }) => {}
        Some(error @ (TrainError::Interrupted { .. } | TrainError::SearchInterrupted { .. })) => {
            crate::say!("{error}")
        }
        _ => {
            stop.release();
            if result.is_ok() {
                crate::ranks::finish();
            }
            return Ok(result?);
        }
    }
    std::process::exit(stop.exit_code().unwrap_or(130))
}

/// Ends the program, with the exit code of the signal, if Ctrl-C or SIGTERM came; `advice` tells the user what
/// to do.
pub fn end_if_stopped(stop: &StopFlag, advice: &str) {
    if stop.is_set() {
        crate::say!("interrupted; {advice}");
        std::process::exit(stop.exit_code().unwrap_or(130));
    }
}
