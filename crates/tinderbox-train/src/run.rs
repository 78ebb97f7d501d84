use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tinderbox_core::{WriteError, write_atomic};

use crate::lock::{self, LOCK_FILE, Lock};
use crate::{History, Report, Result, TrainError, checkpoint, curves};

/// The folder of one training: what people keep.
///
/// | path | holds |
/// | --- | --- |
/// | `config.json` | the settings it was started with |
/// | `history.csv`, `history.jsonl` | the metrics of every epoch |
/// | `curves.svg` | training and validation loss |
/// | `events.out.tfevents.*` | the same for `tensorboard --logdir` |
/// | `checkpoints/` | what a resume needs |
/// | `bundle/` | what a deployment needs |
/// | `report.html` | a page that shows all of it, where a program wrote one |
/// | `run.lock` | the number of the process that has the folder open |
///
/// A `Run` is there to write: as long as it or a clone of it lives, the folder is locked, and no other
/// process gets a `Run` of it. Everybody may read the files meanwhile. A process that was killed leaves
/// no lock behind. (File systems without locks, as some network folders are, do not protect.)
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
    lock: Arc<Lock>,
}

impl Run {
    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// The folder already holds checkpoints (nothing is ever overwritten), is open in another place,
    /// or cannot be written.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self> {
        let run = Self::open(folder)?;
        run.refuse_checkpoints()?;
        Ok(run)
    }

    /// Makes a new numbered folder below `parent`: `parent/001`, `parent/002`, …. No two calls get
    /// the same, whatever the threads and processes.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn next(parent: impl AsRef<Path>) -> Result<Self> {
        let parent = parent.as_ref();
        std::fs::create_dir_all(parent).map_err(|source| WriteError::new(parent, source))?;
        loop {
            let number = numbers(parent).into_iter().max().unwrap_or(0) + 1;
            let folder = parent.join(format!("{number:03}"));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Self::open(folder),
                // Somebody else was faster: take the number after that.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(WriteError::new(folder, source).into()),
            }
        }
    }

    /// The newest numbered folder below `parent`.
    ///
    /// # Errors
    /// There is no run below `parent`, or it is open in another place.
    pub fn latest(parent: impl AsRef<Path>) -> Result<Self> {
        let parent = parent.as_ref();
        let number = numbers(parent).into_iter().max();
        let number = number.ok_or_else(|| TrainError::NoCheckpoint {
            path: parent.to_path_buf(),
        })?;
        Self::open(parent.join(format!("{number:03}")))
    }

    /// The folder of a run that is resumed, made if it is missing.
    ///
    /// # Errors
    /// A folder that is open in another place: in another process, or as another `Run` of this one
    /// that is no clone. A folder that cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let made =
            |made: std::io::Result<()>| made.map_err(|source| WriteError::new(&folder, source));
        made(std::fs::create_dir_all(&folder))?;
        let lock = Arc::new(Lock::take(&folder)?);
        made(std::fs::create_dir_all(folder.join(CHECKPOINTS)))?;
        Ok(Self { folder, lock })
    }

    /// Marks the folder as trained in until the result is dropped.
    ///
    /// # Errors
    /// Another thread trains there; without a resume, a folder with checkpoints, which would be
    /// overwritten.
    pub(crate) fn begin(&self, resumes: bool) -> Result<InTraining> {
        if !self.lock.begin() {
            return Err(lock::in_use(&self.folder, Some(std::process::id())));
        }
        let mark = InTraining(Arc::clone(&self.lock));
        if !resumes {
            self.refuse_checkpoints()?;
        }
        Ok(mark)
    }

    fn refuse_checkpoints(&self) -> Result<()> {
        match checkpoint::list(&self.checkpoints()).is_empty() {
            true => Ok(()),
            false => Err(TrainError::RunExists {
                path: self.folder.clone(),
            }),
        }
    }

    /// Removes what an earlier run left in the folder: checkpoints, history, everything.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn clear(&self) -> Result<()> {
        let remove = || -> std::io::Result<()> {
            for entry in std::fs::read_dir(&self.folder)? {
                let entry = entry?;
                if entry.file_name() == LOCK_FILE {
                    continue;
                }
                match entry.file_type()?.is_dir() {
                    true => std::fs::remove_dir_all(entry.path())?,
                    false => std::fs::remove_file(entry.path())?,
                }
            }
            std::fs::create_dir(self.checkpoints())
        };
        Ok(remove().map_err(|source| WriteError::new(&self.folder, source))?)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS)
    }

    /// Where the trained model is, ready to be deployed.
    pub fn bundle(&self) -> PathBuf {
        self.folder.join("bundle")
    }

    /// Writes the settings of the run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_config(&self, config: &impl Serialize) -> Result<()> {
        let path = self.folder.join("config.json");
        let text = serde_json::to_string_pretty(config);
        let text = text.map_err(|error| WriteError::new(&path, error.into()))?;
        Ok(write_atomic(path, text + "\n")?)
    }

    /// Writes the history as CSV and as JSON lines.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_history(&self, history: &History) -> Result<()> {
        write_atomic(self.folder.join("history.csv"), history.to_csv())?;
        write_atomic(self.folder.join("history.jsonl"), history.to_json_lines())?;
        Ok(())
    }

    /// Writes the page that shows the run; returns its path.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_report(&self, report: &Report) -> Result<PathBuf> {
        let path = self.folder.join("report.html");
        write_atomic(&path, report.to_html())?;
        Ok(path)
    }

    /// Draws the loss curves; nothing is drawn before the first epoch.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_curves(&self, history: &History) -> Result<()> {
        if let Some(svg) = curves::loss_curves(history)? {
            write_atomic(self.folder.join("curves.svg"), svg)?;
        }
        Ok(())
    }
}

const CHECKPOINTS: &str = "checkpoints";

/// A run folder in which a trainer is at work.
pub(crate) struct InTraining(Arc<Lock>);

impl Drop for InTraining {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn numbers(parent: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_folders_count_up() {
        let parent = tempfile::tempdir().unwrap();
        assert!(Run::latest(parent.path()).is_err());
        let first = Run::next(parent.path()).unwrap();
        let second = Run::next(parent.path()).unwrap();
        assert_eq!(first.folder(), parent.path().join("001"));
        assert_eq!(second.folder(), parent.path().join("002"));
        let newest = second.folder().to_path_buf();
        drop(second);
        assert_eq!(Run::latest(parent.path()).unwrap().folder(), newest);
    }

    #[test]
    fn threads_that_start_together_get_a_number_each() {
        let parent = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        let next = || {
            start.wait();
            Run::next(parent.path()).unwrap().folder().to_path_buf()
        };
        for round in 1..=10 {
            let mut folders: Vec<PathBuf> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(next)).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            folders.sort();
            folders.dedup();
            assert_eq!(folders.len(), 8, "round {round}");
        }
        assert!(parent.path().join("080").is_dir());
    }

    #[test]
    fn a_folder_is_open_once_and_its_clones_share_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("run");
        let run = Run::create(&folder).unwrap();
        let clone = run.clone();
        drop(run);
        for error in [Run::create(&folder), Run::open(&folder)] {
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(&folder.display().to_string()), "{error}");
            assert!(error.contains("is in use by this process"), "{error}");
        }
        // Whoever reads needs no `Run`.
        clone.write_history(&History::default()).unwrap();
        assert!(folder.join("history.csv").is_file());
        drop(clone);
        let lock = std::fs::read_to_string(folder.join("run.lock")).unwrap();
        assert_eq!(lock, format!("{}\n", std::process::id()));
        // A process that was killed leaves the file, and no lock.
        std::fs::write(folder.join("run.lock"), "4711\n").unwrap();
        drop(Run::open(&folder).unwrap());
    }

    #[test]
    fn a_cleared_run_is_a_new_one() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("run");
        let run = Run::create(&folder).unwrap();
        std::fs::write(run.checkpoints().join("step-000000001.ckpt"), "x").unwrap();
        run.write_history(&History::default()).unwrap();
        run.clear().unwrap();
        assert!(Run::open(&folder).is_err(), "it is still locked");
        let mut left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["checkpoints", "run.lock"]);
        drop(run);
        Run::create(&folder).unwrap();
    }

    #[test]
    fn one_trainer_at_a_time_and_none_over_checkpoints() {
        let parent = tempfile::tempdir().unwrap();
        let run = Run::create(parent.path().join("run")).unwrap();
        let first = run.begin(false).unwrap();
        let error = run.clone().begin(true).err().unwrap().to_string();
        assert!(error.contains("in use"), "{error}");
        drop(first);
        std::fs::write(run.checkpoints().join("step-000000001.ckpt"), "x").unwrap();
        assert!(matches!(
            run.begin(false),
            Err(TrainError::RunExists { .. })
        ));
        assert!(run.begin(true).is_ok());
    }

    #[test]
    fn a_run_is_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let run = Run::create(parent.path().join("run")).unwrap();
        std::fs::write(run.checkpoints().join("step-000000001.ckpt"), "x").unwrap();
        let folder = run.folder().to_path_buf();
        drop(run);
        let error = Run::create(folder).unwrap_err().to_string();
        assert!(
            error.contains("already holds a run") && error.contains("--resume"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_with_its_name() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Run::create(file.join("run")).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write ") && error.contains("file/run"),
            "{error}"
        );
    }
}
