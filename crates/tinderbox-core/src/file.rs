use std::fs::OpenOptions;
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
/// the new ones. A file that is replaced keeps its permissions, and a symbolic link stays a link: the
/// file it points to is written. What is no regular file (a device, a named pipe, `/dev/stdout`) is
/// written to directly.
///
/// # Errors
/// A folder or file that cannot be written, with its path.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    write_atomic_with(path, |file| file.write_all(bytes.as_ref()))
}

/// Like [`write_atomic`], for contents that are written piece by piece.
///
/// # Errors
/// What `write` returns, and a folder or file that cannot be written, with its path.
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let attempt = || match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() || is_stream(path) => write_to_stream(path, write),
        Ok(found) => replace(&without_links(path)?, Some(found.permissions()), write),
        // Nothing is there, or a link to what is not there yet.
        Err(_) => replace(&without_links(path)?, None, write),
    };
    attempt().map_err(|source| WriteError::new(path, source))
}

fn replace(
    path: &Path,
    permissions: Option<std::fs::Permissions>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
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
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a path names an open stream of a process, which may be a regular file for the moment.
fn is_stream(path: &Path) -> bool {
    cfg!(unix) && (path.starts_with("/dev") || path.starts_with("/proc"))
}

fn write_to_stream(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // Opened by its path, a redirected standard output would be written from its beginning.
    let stream: Box<dyn Write> = match path.to_str() {
        Some("/dev/stdout") => Box::new(io::stdout().lock()),
        Some("/dev/stderr") => Box::new(io::stderr().lock()),
        _ => Box::new(OpenOptions::new().write(true).open(path)?),
    };
    let mut buffer = BufWriter::new(stream);
    write(&mut buffer)?;
    buffer.flush()
}

/// The file that a symbolic link points to in the end, whether it exists or not.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
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

    #[test]
    #[cfg(unix)]
    fn links_stay_links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write_atomic(at("real"), "old").unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(at("real"), private).unwrap();
        symlink("real", at("link")).unwrap();
        symlink(at("link"), at("link to link")).unwrap();
        write_atomic(at("link to link"), "new").unwrap();
        assert_eq!(std::fs::read_to_string(at("real")).unwrap(), "new");
        for link in ["link", "link to link"] {
            assert!(at(link).is_symlink());
        }
        let mode = std::fs::metadata(at("real")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        symlink("not yet/there", at("dangling")).unwrap();
        write_atomic(at("dangling"), "made").unwrap();
        assert!(at("dangling").is_symlink());
        let made = std::fs::read_to_string(at("not yet/there")).unwrap();
        assert_eq!(made, "made");

        symlink("circle", at("circle")).unwrap();
        let error = write_atomic(at("circle"), "x").unwrap_err().to_string();
        assert!(
            error.contains("circle") && error.contains("links"),
            "{error}"
        );
        let error = write_atomic(folder.path(), "x").unwrap_err().to_string();
        assert!(error.contains("directory"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_regular_file_is_written_to() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write_atomic(&pipe, "through the pipe").unwrap();
        assert_eq!(reader.join().unwrap(), "through the pipe");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());

        write_atomic("/dev/null", "nothing").unwrap();
        let null = std::fs::metadata("/dev/null").unwrap().file_type();
        assert!(null.is_char_device());
        assert!(write_atomic("/dev/full", vec![b'x'; 1 << 16]).is_err());
    }
}
