//! How programs print and end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use anyhow::Result;
use tinderbox::train::{StopFlag, TrainError};

/// Prints a line, like `println!`, to an output that may have been closed.
///
/// `println!` panics when the reader of a pipe has gone (`models | head -1`); here nothing more is
/// printed, and the program goes on or ends as if it had been.
#[macro_export]
macro_rules! say {
    () => { $crate::output::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a text as it is; see [`say!`](crate::say).
pub fn print(text: Arguments) {
    if let Err(error) = std::io::stdout().write_fmt(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        // Where the error itself cannot be printed, there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "cannot write the output: {error}");
    }
}

/// What a training or a search gave; one that was interrupted ends the program here, with the exit code
/// 130 after Ctrl-C and 143 after SIGTERM.
///
/// Nothing is scored, compared or saved as a bundle then. How to resume has been said by
/// [`Progress`](tinderbox::prelude::Progress), for a search it is said here.
pub fn unless_interrupted<T>(result: tinderbox::train::Result<T>) -> Result<T> {
    let stop = StopFlag::on_ctrl_c()?;
    match result {
        Err(error @ (TrainError::Interrupted { .. } | TrainError::SearchInterrupted { .. })) => {
            if let TrainError::SearchInterrupted { .. } = error {
                crate::say!("{error}");
            }
            std::process::exit(stop.exit_code().unwrap_or(130))
        }
        result => {
            stop.release();
            Ok(result?)
        }
    }
}
