use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How the names of temporary files begin; a killed process may leave one behind.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// A file that could not be written; the file that was there before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; {}", path.display(), hint(source))]
#[non_exhaustive]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl WriteError {
    /// The error of writing this file.
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

/// Writes a file whole or not at all: to a temporary file beside it, then by rename.
///
/// Missing folders are made. After a crash at any moment the path holds either the old bytes or
/// the new ones.
///
/// # Errors
/// A folder or file that cannot be written, with its path.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    write_atomic_with(path, |file| file.write_all(bytes.as_ref()))
}

/// Like [`write_atomic`], for contents that are written piece by piece.
///
/// # Errors
/// What `write` says, and a folder or file that cannot be written, with its path.
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let attempt = || -> io::Result<()> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        // A temporary file is private; the finished one gets the permissions of an ordinary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let file = builder.tempfile_in(folder)?;
        let mut buffer = BufWriter::new(file);
        write(&mut buffer)?;
        let file = buffer.into_inner().map_err(|error| error.into_error())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|source| WriteError::new(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file.txt");
        write_atomic(&path, "old").unwrap();
        let error = write_atomic_with(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().contains("file.txt"), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1);
    }
}
