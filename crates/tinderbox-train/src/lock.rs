use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tinderbox_core::WriteError;

use crate::{Result, TrainError};

/// The file in a run folder that is locked by the process that writes there.
pub(crate) const LOCK_FILE: &str = "run.lock";

/// The right to write into a run folder, until it is dropped or the process ends in whatever way:
/// the operating system releases the lock of a process that was killed. The file itself stays.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing it ends the lock.
    _file: File,
    training: AtomicBool,
}

impl Lock {
    /// Takes the lock and writes the id of this process into the file.
    ///
    /// # Errors
    /// Another [`Lock`] of this folder, here or in another process; a file that cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let failed = |source| WriteError::new(&path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(in_use(folder, holder(&mut file)));
            }
            // Some file systems have no locks; training still works there.
            Err(TryLockError::Error(_)) => {}
        }
        let write = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        write.map_err(failed)?;
        Ok(Self {
            _file: file,
            training: AtomicBool::new(false),
        })
    }

    /// Marks the folder as in use by this process; `false` if it already is.
    pub fn begin(&self) -> bool {
        !self.training.swap(true, Ordering::SeqCst)
    }

    /// Removes the mark.
    pub fn end(&self) {
        self.training.store(false, Ordering::SeqCst);
    }
}

/// The process that holds the lock, if it can be read.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(crate) fn in_use(folder: &Path, process: Option<u32>) -> TrainError {
    TrainError::RunInUse {
        path: folder.to_path_buf(),
        process,
    }
}
