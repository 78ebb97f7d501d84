use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::{Compression, GzBuilder};
use tinderbox_core::write_atomic_with;

use super::download::{Source, download};
use super::{DataFile, Dataset, digest};
use crate::{DataError, Result};

/// The progress of a download.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Name of the data set.
    pub dataset: String,
    /// Name of the file.
    pub file: String,
    /// Bytes received so far, including those of an earlier attempt.
    pub received: u64,
    /// Size of the file in bytes.
    pub total: u64,
}

type Callback = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Gets data sets: those already on this machine, from a mirror, or from their official address.
#[derive(Clone)]
pub struct Fetcher {
    cache: PathBuf,
    shipped: Vec<PathBuf>,
    mirror: Option<String>,
    progress: Option<Callback>,
}

impl Fetcher {
    /// A fetcher that downloads to this folder, from official addresses only.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            shipped: Vec::new(),
            mirror: None,
            progress: None,
        }
    }

    /// A fetcher with the settings of the environment.
    ///
    /// * `TINDERBOX_DATA`: the folder to download to; else `tinderbox` in the system's folder
    ///   for caches (`XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`).
    /// * `TINDERBOX_MIRROR`: a folder or an address with the layout `<data set>/<file>`, tried
    ///   before the official address.
    /// * `TINDERBOX_DATASETS`: the folder of the data sets in the repository, if it is not the `datasets/`
    ///   folder that the library was built with.
    ///
    /// # Errors
    ///
    /// No folder for caches is known and `TINDERBOX_DATA` is not set.
    pub fn from_env() -> Result<Self> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let cache = match set("TINDERBOX_DATA") {
            Some(folder) => PathBuf::from(folder),
            None => cache_folder().ok_or_else(|| DataError::Format {
                path: "TINDERBOX_DATA".into(),
                problem:
                    "there is no home folder to keep data sets in; set this variable to a folder"
                        .into(),
            })?,
        };
        let mut fetcher = Self::new(cache);
        let built_with = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        fetcher.shipped = vec![set("TINDERBOX_DATASETS").map_or(built_with, PathBuf::from)];
        fetcher.mirror = set("TINDERBOX_MIRROR").map(|value| value.to_string_lossy().into_owned());
        Ok(fetcher)
    }

    /// Tries this folder or address, with the layout `<data set>/<file>`, before the official one.
    pub fn mirror(mut self, mirror: impl Into<String>) -> Self {
        self.mirror = Some(mirror.into());
        self
    }

    /// Looks in this folder, with the layout `<data set>/<file>`, before a download.
    pub fn shipped(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shipped.push(folder.into());
        self
    }

    /// Calls this during a download, about once per 128 KiB at most.
    pub fn on_progress(mut self, callback: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(callback));
        self
    }

    /// The folder that already has all files of a data set with the right digests, if there is one.
    pub fn present(&self, dataset: &Dataset) -> Option<PathBuf> {
        let mut folders: Vec<PathBuf> = self
            .shipped
            .iter()
            .map(|folder| folder.join(&dataset.name))
            .collect();
        folders.push(self.cache.join(&dataset.name));
        folders.extend(
            self.mirror_folder()
                .map(|folder| folder.join(&dataset.name)),
        );
        folders.into_iter().find(|folder| {
            dataset
                .required()
                .all(|file| matches!(check(&folder.join(&file.path), file), Ok(Found::Right)))
        })
    }

    /// Gets all files of a data set and returns their folder; see [`fetch`](super::fetch).
    ///
    /// Files that are already there with the right digest are not downloaded again.
    ///
    /// # Errors
    /// Those of [`fetch`](super::fetch).
    pub fn fetch(&self, dataset: &Dataset) -> Result<PathBuf> {
        if let Some(folder) = self.present(dataset) {
            return Ok(folder);
        }
        let folder = self.cache.join(&dataset.name);
        fs::create_dir_all(&folder).map_err(|source| DataError::File {
            path: folder.clone(),
            source,
        })?;
        for file in &dataset.files {
            match self.file(dataset, file, &folder) {
                Err(DataError::MirrorOnly { .. }) if file.optional => {}
                result => result?,
            }
        }
        Ok(folder)
    }

    fn file(&self, dataset: &Dataset, file: &DataFile, folder: &Path) -> Result<()> {
        let target = folder.join(&file.path);
        if let Found::Right = check(&target, file)? {
            return Ok(());
        }
        if let Some(mirror) = self.mirror_folder() {
            let source = mirror.join(&dataset.name).join(&file.path);
            match check(&source, file)? {
                Found::Right => return copy(&source, &target),
                Found::Wrong(found) => {
                    return Err(DataError::Digest {
                        path: source,
                        expected: file.sha256.clone(),
                        found,
                        bytes: file.bytes,
                        advice: "put the right file there, or unset TINDERBOX_MIRROR to download it",
                    });
                }
                Found::Nothing => {}
            }
        }
        let mut failed = None;
        for source in self.sources(dataset, file) {
            let mut report = |received| {
                if let Some(callback) = &self.progress {
                    callback(&Progress {
                        dataset: dataset.name.clone(),
                        file: file.path.clone(),
                        received,
                        total: source.bytes,
                    });
                }
            };
            let result = match source.packed_on_arrival {
                false => download(&source, &target, &mut report),
                true => {
                    let raw = folder.join(format!("{}.raw", file.path));
                    let packed =
                        download(&source, &raw, &mut report).and_then(|()| pack(&raw, &target));
                    match packed {
                        // Another process that fetches the same file was first.
                        Err(_) if matches!(check(&target, file), Ok(Found::Right)) => Ok(()),
                        packed => packed,
                    }
                }
            };
            match result {
                Ok(()) => return Ok(()),
                // If both the mirror and the official address fail, the first error is returned.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| DataError::MirrorOnly {
            data_set: dataset.name.clone(),
            file: file.path.clone(),
            differs: dataset
                .differs
                .clone()
                .unwrap_or_else(|| "it ships with the repository".into()),
            homepage: dataset.homepage.clone(),
        }))
    }

    /// The addresses to try, in this order.
    fn sources(&self, dataset: &Dataset, file: &DataFile) -> Vec<Source> {
        let exact = |url: String| Source {
            url,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            packed_on_arrival: false,
        };
        let mut sources = Vec::new();
        if let Some(mirror) = self.mirror_address() {
            let mirror = mirror.trim_end_matches('/');
            sources.push(exact(format!("{mirror}/{}/{}", dataset.name, file.path)));
        }
        sources.extend(file.url.clone().map(exact));
        if let (Some(url), Some(bytes), Some(sha256)) =
            (&file.raw_url, file.raw_bytes, &file.raw_sha256)
        {
            sources.push(Source {
                url: url.clone(),
                bytes,
                sha256: sha256.clone(),
                packed_on_arrival: true,
            });
        }
        sources
    }

    fn mirror_address(&self) -> Option<&str> {
        let mirror = self.mirror.as_deref()?;
        (mirror.starts_with("http://") || mirror.starts_with("https://")).then_some(mirror)
    }

    fn mirror_folder(&self) -> Option<&Path> {
        match self.mirror_address() {
            Some(_) => None,
            None => self.mirror.as_deref().map(Path::new),
        }
    }
}

enum Found {
    Nothing,
    Right,
    Wrong(String),
}

/// Checks a file that is already there. A `.gz` may have other packed bytes than in the catalog if it was
/// packed here: then its content is compared.
fn check(path: &Path, file: &DataFile) -> Result<Found> {
    let fail = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(fail(error)),
        Ok(_) => {}
    }
    let found = digest::of_file(path).map_err(fail)?;
    if found == file.sha256 {
        return Ok(Found::Right);
    }
    let raw = file.raw_sha256.as_ref().zip(file.raw_bytes);
    if let (Some((raw, bytes)), true) = (raw, file.path.ends_with(".gz")) {
        // A file that does not unpack is a wrong one.
        if digest::of_unpacked(path, bytes).is_ok_and(|found| found == *raw) {
            return Ok(Found::Right);
        }
    }
    Ok(Found::Wrong(found))
}

fn copy(source: &Path, target: &Path) -> Result<()> {
    let mut from = File::open(source).map_err(|error| DataError::File {
        path: source.to_owned(),
        source: error,
    })?;
    write_atomic_with(target, |to| io::copy(&mut from, to).map(drop))?;
    Ok(())
}

/// Packs a verified file, without name and time, so that the same bytes give the same file.
fn pack(raw: &Path, target: &Path) -> Result<()> {
    let mut from = File::open(raw).map_err(|error| DataError::File {
        path: raw.to_owned(),
        source: error,
    })?;
    write_atomic_with(target, |to| {
        let mut packer = GzBuilder::new().write(to, Compression::default());
        io::copy(&mut from, &mut packer)?;
        packer.finish().map(drop)
    })?;
    // A file that cannot be removed does no harm.
    let _ = fs::remove_file(raw);
    Ok(())
}

fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = if cfg!(windows) {
        set("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        set("HOME")?.join("Library/Caches")
    } else {
        set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?
    };
    Some(folder.join("tinderbox"))
}
