use std::path::{Path, PathBuf};

use serde::Serialize;
use tinderbox_core::{WriteError, write_atomic};

use crate::{History, Report, Result, TrainError, checkpoint, curves};

/// The folder of one training: what people keep.
///
/// | path | holds |
/// | --- | --- |
/// | `config.json` | the settings it was started with |
/// | `history.csv`, `history.jsonl` | the figures of every epoch |
/// | `curves.svg` | training and validation loss |
/// | `events.out.tfevents.*` | the same for `tensorboard --logdir` |
/// | `checkpoints/` | what a resume needs |
/// | `bundle/` | what a deployment needs |
/// | `report.html` | a page that shows all of it, where a program wrote one |
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// The folder already holds checkpoints (nothing is ever overwritten), or cannot be written.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self> {
        let run = Self::open(folder)?;
        if !checkpoint::list(&run.checkpoints()).is_empty() {
            return Err(TrainError::RunExists { path: run.folder });
        }
        Ok(run)
    }

    /// Makes a new numbered folder below `parent`: `parent/001`, `parent/002`, ….
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn next(parent: impl AsRef<Path>) -> Result<Self> {
        let parent = parent.as_ref();
        let number = numbers(parent).into_iter().max().unwrap_or(0) + 1;
        Self::create(parent.join(format!("{number:03}")))
    }

    /// The newest numbered folder below `parent`.
    ///
    /// # Errors
    /// There is no run below `parent`.
    pub fn latest(parent: impl AsRef<Path>) -> Result<Self> {
        let parent = parent.as_ref();
        let number = numbers(parent).into_iter().max();
        let number = number.ok_or_else(|| TrainError::NoCheckpoint {
            path: parent.to_path_buf(),
        })?;
        Self::open(parent.join(format!("{number:03}")))
    }

    /// The folder of a run that goes on, made if it is missing.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let run = Self { folder };
        let made = std::fs::create_dir_all(run.checkpoints());
        made.map_err(|source| WriteError::new(&run.folder, source))?;
        Ok(run)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
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
        assert_eq!(
            Run::latest(parent.path()).unwrap().folder(),
            second.folder()
        );
    }

    #[test]
    fn a_run_is_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let run = Run::create(parent.path().join("run")).unwrap();
        std::fs::write(run.checkpoints().join("step-000000001.ckpt"), "x").unwrap();
        let error = Run::create(run.folder()).unwrap_err().to_string();
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
