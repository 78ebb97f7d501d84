#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The prefix of temporary files; a killed process may leave one behind.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// A file that could not be written; the file that was there before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; {}", path.display(), hint(source))]
#[non_exhaustive]
pub struct WriteError {
    /// The file to write.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

impl WriteError {
    /// An error of writing this file.
    pub fn new(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            path: path.into(),
            source,
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another folder; nothing that was saved before is lost"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to"
        }
        _ => "nothing that was saved before is lost",
    }
}

/// Writes a file completely or not at all: to a temporary file in the same folder, which is then renamed.
///
/// Missing folders are created. After a crash at any moment the path holds either the old bytes or
/// the new ones, and a file that was there keeps its permissions. Links are followed: the file that
/// a link points to is written, and the link stays. Anything but a regular file (a device, a pipe,
/// `/dev/stdout`) is written to directly, since it cannot be replaced.
///
/// # Errors
/// A folder or file that cannot be written, or a path that is a folder; the error has the path.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    write_atomic_with(path, |file| file.write_all(bytes.as_ref()))
}

/// Like [`write_atomic`], for contents that are written piece by piece.
///
/// # Errors
/// Those of `write` and of [`write_atomic`].
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let attempt = || match Target::of(path)? {
        Target::Output => {
            let mut output = io::stdout().lock();
            write(&mut output)?;
            output.flush()
        }
        Target::Stream => {
            let mut stream = BufWriter::new(OpenOptions::new().append(true).open(path)?);
            write(&mut stream)?;
            stream.flush()
        }
        Target::File { path, before } => replace(&path, before.as_ref(), write),
    };
    attempt().map_err(|source| WriteError::new(path, source))
}

/// Writes a temporary file and renames it.
fn replace(
    path: &Path,
    before: Option<&Metadata>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if before.is_some() {
        // A rename would replace a file that its owner has protected.
        OpenOptions::new().write(true).open(path)?;
    }
    let folder = folder_of(path);
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // Temporary files are private by default; this one gets the permissions of an ordinary file,
    // less the process's umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    let mut buffer = BufWriter::new(file);
    write(&mut buffer)?;
    let file = buffer.into_inner().map_err(|error| error.into_error())?;
    if let Some(before) = before {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The file that a path names after all links are followed; the path itself if it is not a link.
///
/// # Errors
/// A folder, links that lead in a circle.
pub fn behind_links(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref();
    Ok(match Target::of(path)? {
        Target::File { path, .. } => path,
        Target::Output | Target::Stream => path.to_path_buf(),
    })
}

/// The kind of a path.
enum Target {
    /// The standard output of this process.
    Output,
    /// A device, a pipe, an open file of this process.
    Stream,
    /// A regular file, or none yet, with links resolved.
    File {
        path: PathBuf,
        before: Option<Metadata>,
    },
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        let before = match std::fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if before.as_ref().is_some_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Linux follows at most 40 links.
        let mut target = path.to_path_buf();
        for _ in 0..40 {
            if let Some(descriptor) = descriptor(&target) {
                return Ok(if descriptor == OsStr::new("1") {
                    Self::Output
                } else {
                    Self::Stream
                });
            }
            match std::fs::read_link(&target) {
                Ok(next) => target = folder_of(&target).join(next),
                Err(_) if before.as_ref().is_some_and(|found| !found.is_file()) => {
                    return Ok(Self::Stream);
                }
                Err(_) => {
                    return Ok(Self::File {
                        path: target,
                        before,
                    });
                }
            }
        }
        Err(io::Error::other("its links lead in a circle"))
    }
}

/// The number of the open file of this process that a path refers to (`/dev/stdout`, `/dev/fd/3`).
fn descriptor(path: &Path) -> Option<&OsStr> {
    match path.to_str()? {
        "/dev/stdout" => return Some(OsStr::new("1")),
        "/dev/stderr" => return Some(OsStr::new("2")),
        _ => {}
    }
    let folders = ["/dev/fd", "/proc/self/fd"].map(Path::new);
    folders
        .contains(&path.parent()?)
        .then(|| path.file_name())?
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
