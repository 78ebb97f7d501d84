//! One file per checkpoint: a header in JSON, the tensors, and a digest over both.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tinderbox_core::{TEMPORARY_PREFIX, write_atomic_with};

use crate::{History, Mean, Result, TrainError};

const MAGIC: &[u8; 24] = b"tinderbox checkpoint v4\n";
const DIGEST: usize = 32;

/// Everything in a checkpoint except the tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Completed epochs.
    pub epoch: usize,
    /// Completed batches in the epoch after those.
    pub batch: usize,
    /// Completed optimizer steps.
    pub step: usize,
    /// Settings that must not change when a run is resumed: seed, optimizer, schedule, batches per epoch.
    pub identity: serde_json::Value,
    /// Path and shape of every parameter.
    pub parameters: Vec<(String, Vec<usize>)>,
    pub history: History,
    /// Mean losses since the last record, one for each turn.
    pub losses: Vec<Mean>,
    pub metrics: Vec<serde_json::Value>,
    /// Since the last record.
    pub seconds: f64,
    pub schedule: serde_json::Value,
    pub callbacks: Vec<serde_json::Value>,
    /// Best value of the watched metric, its epoch, and epochs without a better one since.
    pub best: Option<BestState>,
    /// Lengths of the blobs that follow: model, optimizer, best model, averaged weights (0 if there
    /// are none) and the state of the task.
    pub blobs: [u64; 5],
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BestState {
    pub value: f64,
    pub epoch: usize,
    pub stale: usize,
}

/// A checkpoint in memory.
pub(crate) struct Checkpoint {
    pub header: Header,
    pub model: Vec<u8>,
    pub optimizer: Vec<u8>,
    pub best: Vec<u8>,
    pub average: Vec<u8>,
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// Writes the file whole or not at all.
    pub fn save(mut self, path: &Path) -> Result<()> {
        let blobs = [
            &self.model,
            &self.optimizer,
            &self.best,
            &self.average,
            &self.state,
        ];
        self.header.blobs = blobs.map(|blob| blob.len() as u64);
        let header = serde_json::to_vec(&self.header).expect("a header has only string keys");
        write_atomic_with(path, |file| {
            let mut digest = Sha256::new();
            let length = (header.len() as u64).to_le_bytes();
            for part in [MAGIC.as_slice(), &length, &header]
                .into_iter()
                .chain(blobs.map(|b| &b[..]))
            {
                digest.update(part);
                file.write_all(part)?;
            }
            file.write_all(&digest.finalize())
        })?;
        Ok(())
    }

    /// Reads a file and checks every byte of it.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| TrainError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(path, &bytes)
    }

    /// The checkpoint with these bytes, which were read from `path`.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|reason| TrainError::DamagedCheckpoint {
            path: path.to_path_buf(),
            reason,
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or("it does not start like a checkpoint of this version")?;
        let Some((body, digest)) = bytes.split_last_chunk::<DIGEST>() else {
            return Err("it is cut off".into());
        };
        if Sha256::digest(body)[..] != digest[..] {
            return Err("its SHA-256 does not match: it was cut off or altered".into());
        }
        // From here on every byte is as it was written; lengths are still checked, not trusted.
        let rest = &rest[..rest.len() - DIGEST];
        let (length, rest) = rest.split_first_chunk::<8>().ok_or("no header")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|e| e.to_string())?;
        let (header, mut rest) = rest
            .split_at_checked(length)
            .ok_or("its header is cut off")?;
        let header: Header = serde_json::from_slice(header).map_err(|e| e.to_string())?;
        let mut blobs = header.blobs.iter().map(|&length| {
            let (blob, after) = rest
                .split_at_checked(length as usize)
                .ok_or("its tensors are cut off")?;
            rest = after;
            Ok::<_, String>(blob.to_vec())
        });
        let mut next = || blobs.next().expect("five lengths make five blobs");
        let [model, optimizer, best, average, state] =
            [next()?, next()?, next()?, next()?, next()?];
        Ok(Self {
            header,
            model,
            optimizer,
            best,
            average,
            state,
        })
    }
}

/// The checkpoints of a folder, oldest first.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "ckpt")
        })
        .collect();
    found.sort();
    found
}

/// Removes what a killed process was in the middle of writing.
pub(crate) fn remove_litter(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(TEMPORARY_PREFIX)
        {
            // A leftover file does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The file of the checkpoint after this step; names sort by step.
pub(crate) fn file(folder: &Path, step: usize) -> PathBuf {
    folder.join(format!("step-{step:09}.ckpt"))
}

/// Which checkpoint to resume from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// None: start a new run.
    #[default]
    No,
    /// The newest of the run folder; an error if it is damaged.
    Latest,
    /// The newest of the run folder that is not damaged.
    LastGood,
    /// This file.
    From(PathBuf),
}

impl std::str::FromStr for Resume {
    type Err = std::convert::Infallible;

    /// `latest`, `last-good`, or the path of a checkpoint.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "latest" => Self::Latest,
            "last-good" => Self::LastGood,
            path => Self::From(path.into()),
        })
    }
}

impl Resume {
    /// Finds and reads the checkpoint.
    pub(crate) fn load(&self, folder: &Path) -> Result<Option<(PathBuf, Checkpoint)>> {
        let none = || TrainError::NoCheckpoint {
            path: folder.to_path_buf(),
        };
        let path = match self {
            Self::No => return Ok(None),
            Self::From(path) => path.clone(),
            Self::Latest => list(folder).pop().ok_or_else(none)?,
            Self::LastGood => {
                let mut refused = None;
                for path in list(folder).into_iter().rev() {
                    match Checkpoint::load(&path) {
                        Ok(checkpoint) => return Ok(Some((path, checkpoint))),
                        Err(error) => refused = refused.or(Some(error)),
                    }
                }
                return Err(refused.unwrap_or_else(none));
            }
        };
        let checkpoint = Checkpoint::load(&path)?;
        Ok(Some((path, checkpoint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        Checkpoint {
            header: Header {
                epoch: 2,
                batch: 3,
                step: 23,
                identity: serde_json::json!({"seed": 1}),
                parameters: vec![("linear.weight".into(), vec![2, 1])],
                history: History::default(),
                losses: vec![Mean::default()],
                metrics: Vec::new(),
                seconds: 0.5,
                schedule: serde_json::Value::Null,
                callbacks: Vec::new(),
                best: None,
                blobs: [0; 5],
            },
            model: vec![1; 100],
            optimizer: vec![2; 50],
            best: Vec::new(),
            average: Vec::new(),
            state: Vec::new(),
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 23);
        sample().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = Checkpoint::load(&path).unwrap();
        assert_eq!(
            (read.header.step, read.model.len(), read.optimizer.len()),
            (23, 100, 50)
        );
        for length in 0..whole.len() {
            assert!(
                Checkpoint::read(&whole[..length]).is_err(),
                "cut at {length}"
            );
        }
        for index in 0..whole.len() {
            let mut altered = whole.clone();
            altered[index] ^= 1;
            assert!(Checkpoint::read(&altered).is_err(), "bit of byte {index}");
        }
    }

    #[test]
    fn the_last_good_one_is_found_behind_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        for step in [10, 20] {
            sample().save(&file(folder.path(), step)).unwrap();
        }
        std::fs::write(file(folder.path(), 30), "tinderbox checkpoint v4\nhalf").unwrap();
        let error = Resume::Latest
            .load(folder.path())
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("step-000000030.ckpt is damaged"), "{error}");
        assert!(error.contains("--resume=last-good"), "{error}");
        let (path, _) = Resume::LastGood.load(folder.path()).unwrap().unwrap();
        assert_eq!(path, file(folder.path(), 20));
        let empty = tempfile::tempdir().unwrap();
        let error = Resume::Latest.load(empty.path()).err().unwrap().to_string();
        assert!(error.contains("no checkpoint to resume from"), "{error}");
    }
}
