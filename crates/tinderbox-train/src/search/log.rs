//! The file of a search: a line of JSON that describes the search, then one for every run of a trial.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tinderbox_core::WriteError;

use super::space::wrong;
use super::{Search, Settings, Space};
use crate::{Result, TrainError};

/// What the score of a run depends on, apart from its settings, its budget and its number.
#[derive(PartialEq, Serialize, Deserialize)]
struct Header {
    space: Space,
    seed: u64,
    first: Vec<Settings>,
    data: String,
}

impl Header {
    fn of(search: &Search, space: &Space) -> Self {
        Self {
            space: space.clone(),
            seed: search.seed.value(),
            first: search.first.clone(),
            data: search.data.clone(),
        }
    }

    /// The names of what differs.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let equal = [
            ("the space", self.space == other.space),
            ("the seed", self.seed == other.seed),
            ("the first settings", self.first == other.first),
            ("the data", self.data == other.data),
        ];
        let differ = equal.into_iter().filter(|(_, equal)| !equal);
        differ.map(|(name, _)| name).collect()
    }
}

/// A run of a trial: which settings, with what budget, for which time.
pub(super) type Key = (usize, usize, usize);

/// The result of a run of a trial.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Done {
    pub number: usize,
    pub budget: usize,
    pub run: usize,
    pub score: Option<f64>,
    pub error: Option<String>,
    pub seconds: f64,
}

/// The runs that have ended: those of an earlier process, and the file to which this one appends.
pub(super) struct Log {
    path: PathBuf,
    file: Mutex<File>,
    known: HashMap<Key, Done>,
}

impl Log {
    /// Opens the file of a search, if it has one.
    ///
    /// # Errors
    /// A file that exists although nothing is resumed, one of another search or with a damaged line,
    /// or one that cannot be read or written.
    pub fn open(search: &Search, space: &Space) -> Result<Option<Self>> {
        let Some(path) = search.file.clone() else {
            return Ok(None);
        };
        if path.exists() && !search.resume {
            return Err(TrainError::RunExists { path });
        }
        let failed = |source| WriteError::new(&path, source);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|source| TrainError::Read {
                path: path.clone(),
                source,
            })?;
        // A process that was killed may have left half a line at the end: that run is not done.
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let header = Header::of(search, space);
        let known = read(&path, &bytes[..whole], &header)?;
        let end = |file: &mut File| -> std::io::Result<()> {
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::Start(whole as u64))?;
            if whole == 0 {
                append(file, &header)?;
            }
            Ok(())
        };
        end(&mut file).map_err(failed)?;
        Ok(Some(Self {
            file: Mutex::new(file),
            path,
            known,
        }))
    }

    /// A run that had ended before.
    pub fn get(&self, key: Key) -> Option<&Done> {
        self.known.get(&key)
    }

    /// Writes a run that has ended; it is kept even if the process is killed right after.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&self, done: &Done) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        append(&mut file, done).map_err(|source| WriteError::new(&self.path, source).into())
    }
}

/// One write per line, so that a reader sees complete lines.
fn append(file: &mut File, line: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

fn read(path: &Path, bytes: &[u8], header: &Header) -> Result<HashMap<Key, Done>> {
    let damaged = |line: usize, error: serde_json::Error| {
        let what = format!("{}, line {line}", path.display());
        wrong(&what, &format!("it is damaged ({error}); remove it"))
    };
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').zip(1..);
    let Some((first, _)) = lines.next() else {
        return Ok(HashMap::new());
    };
    let found: Header = serde_json::from_slice(first).map_err(|error| damaged(1, error))?;
    let differ = found.differences(header);
    if !differ.is_empty() {
        return Err(wrong(
            &format!("resume from {}", path.display()),
            &format!(
                "it belongs to another search, which differs in {}; use the settings and data of that one, or another folder",
                differ.join(" and ")
            ),
        ));
    }
    let done = lines.map(|(line, number)| {
        let done: Done = serde_json::from_slice(line).map_err(|error| damaged(number, error))?;
        Ok(((done.number, done.budget, done.run), done))
    });
    done.collect()
}
