use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
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
/// the new ones, and a file that was there keeps its permissions. A link is followed: the file that
/// it stands for is written, and the link stays. What is no regular file (a device, a pipe,
/// `/dev/stdout`) is written to directly, which no rename can do.
///
/// # Errors
/// A folder or file that cannot be written, a folder in the place of the file; with the path.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    write_atomic_with(path, |file| file.write_all(bytes.as_ref()))
}

/// Like [`write_atomic`], for contents that are written piece by piece.
///
/// # Errors
/// What `write` says, and those of [`write_atomic`].
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let attempt = || match Place::of(path)? {
        Place::Output => {
            let mut output = io::stdout().lock();
            write(&mut output)?;
            output.flush()
        }
        Place::Stream => {
            let mut stream = BufWriter::new(OpenOptions::new().append(true).open(path)?);
            write(&mut stream)?;
            stream.flush()
        }
        Place::File { path, before } => replace(&path, before.as_ref(), write),
    };
    attempt().map_err(|source| WriteError::new(path, source))
}

/// Writes a temporary file, and puts it where the other one was.
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
    // A temporary file is private; the finished one gets the permissions of an ordinary file, less
    // what the process takes away (umask).
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

/// The file that a path names behind all links; the path itself if it is not a link.
///
/// # Errors
/// A folder, links that lead in a circle.
pub fn behind_links(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref();
    Ok(match Place::of(path)? {
        Place::File { path, .. } => path,
        Place::Output | Place::Stream => path.to_path_buf(),
    })
}

/// What a path stands for.
enum Place {
    /// The standard output of this process.
    Output,
    /// A device, a pipe, an open file of this process.
    Stream,
    /// A regular file, or none yet, behind all links.
    File {
        path: PathBuf,
        before: Option<Metadata>,
    },
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let before = match std::fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if before.as_ref().is_some_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // As many links as Linux follows.
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

/// The number of the open file of this process that a path names (`/dev/stdout`, `/dev/fd/3`).
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
    fn a_folder_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomic(folder.path(), "new").unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::IsADirectory);
        assert!(folder.path().is_dir());
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        use std::process::Command;

        use super::*;

        #[test]
        fn links_are_followed_and_stay() {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            std::fs::create_dir(at("deep")).unwrap();
            std::fs::write(at("deep/target"), "old").unwrap();
            symlink("deep/target", at("first")).unwrap();
            symlink(at("first"), at("second")).unwrap();
            symlink("made/later", at("dangling")).unwrap();
            symlink("round", at("round")).unwrap();

            assert_eq!(behind_links(at("second")).unwrap(), at("deep/target"));
            assert_eq!(behind_links(at("dangling")).unwrap(), at("made/later"));
            assert_eq!(behind_links(at("none")).unwrap(), at("none"));
            assert!(behind_links(at("round")).is_err());
            write_atomic(at("second"), "new").unwrap();
            write_atomic(at("dangling"), "new").unwrap();
            for name in ["first", "second", "dangling"] {
                assert!(at(name).is_symlink(), "{name}");
            }
            for name in ["deep/target", "made/later"] {
                assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "new", "{name}");
            }
            assert_eq!(std::fs::read_dir(at("deep")).unwrap().count(), 1);
            assert!(write_atomic(at("round"), "new").is_err());
            assert!(at("round").is_symlink());
        }

        #[test]
        fn devices_and_pipes_are_written_to_and_stay() {
            let folder = tempfile::tempdir().unwrap();
            let pipe = folder.path().join("pipe");
            let link = folder.path().join("link");
            let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            symlink(&pipe, &link).unwrap();
            for path in [&pipe, &link] {
                let reader = std::thread::spawn({
                    let pipe = pipe.clone();
                    move || std::fs::read_to_string(pipe).unwrap()
                });
                write_atomic(path, "through").unwrap();
                assert_eq!(reader.join().unwrap(), "through");
            }
            let kind = std::fs::symlink_metadata(&pipe).unwrap().file_type();
            assert!(kind.is_fifo());

            write_atomic("/dev/null", "gone").unwrap();
            let kind = std::fs::symlink_metadata("/dev/null").unwrap().file_type();
            assert!(kind.is_char_device());
            let error = write_atomic("/dev/full", "x").unwrap_err().to_string();
            assert!(error.contains("free some space"), "{error}");
        }

        #[test]
        fn open_files_of_the_process_are_written_to() {
            use std::os::fd::AsRawFd;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("open");
            let file = std::fs::File::create(&path).unwrap();
            let name = format!("/dev/fd/{}", file.as_raw_fd());
            write_atomic(&name, "one").unwrap();
            write_atomic(&name, "two").unwrap();
            // The file itself, not another one that took its place.
            assert_eq!(file.metadata().unwrap().len(), 6);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "onetwo");
            let output = |path: &str| matches!(Place::of(Path::new(path)), Ok(Place::Output));
            assert!(output("/dev/stdout") && output("/dev/fd/1"));
            assert!(!output("/dev/stderr") && !output("/dev/null"));
        }

        #[test]
        fn a_file_keeps_its_permissions() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("private");
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            write_atomic(&path, "old").unwrap();
            let ordinary = folder.path().join("ordinary");
            std::fs::write(&ordinary, "").unwrap();
            assert_eq!(mode(&path), mode(&ordinary));
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            write_atomic(&path, "new").unwrap();
            assert_eq!(mode(&path), 0o600);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        }

        #[test]
        fn what_may_not_be_written_is_an_error_that_says_where_to_write() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            std::fs::write(&path, "old").unwrap();
            let set = |path: &Path, mode| {
                std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
            };
            // A protected file in an open folder, then an open file in a protected folder.
            for (file, parent) in [(0o444, 0o755), (0o644, 0o555)] {
                set(&path, file);
                set(folder.path(), parent);
                // An administrator may write everywhere.
                let allowed = match file {
                    0o444 => OpenOptions::new().write(true).open(&path).is_ok(),
                    _ => std::fs::File::create(folder.path().join("probe")).is_ok(),
                };
                match write_atomic(&path, "new") {
                    Ok(()) => assert!(allowed),
                    Err(error) => {
                        assert!(!allowed);
                        assert!(error.to_string().contains("may write to"), "{error}");
                        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
                    }
                }
                set(folder.path(), 0o755);
            }
        }
    }
}
