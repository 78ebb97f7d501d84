use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::digest;
use crate::{DataError, Result};

/// An address, and what must arrive from it.
pub(super) struct Source {
    pub url: String,
    pub bytes: u64,
    pub sha256: String,
    /// Whether the file is to be packed as `.gz` afterwards.
    pub packed_on_arrival: bool,
}

/// The most attempts after a broken connection, as long as each one receives something.
const ATTEMPTS: usize = 4;

/// Downloads to `target.part`, from which a later attempt resumes, and renames it to `target`.
///
/// The target exists only complete and with the right digest. A link is followed: the file that it names
/// is written, and the link stays. If two processes download the same file, the second waits for the first
/// and finds the complete file.
pub(super) fn download(
    source: &Source,
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let target = &tinderbox_core::behind_links(target).map_err(|error| DataError::File {
        path: target.to_owned(),
        source: error,
    })?;
    let part = with_suffix(target, ".part");
    if let Some(folder) = target.parent() {
        // A link may name a folder that does not exist yet.
        fs::create_dir_all(folder).map_err(|error| DataError::File {
            path: folder.to_owned(),
            source: error,
        })?;
    }
    let fail = |error| DataError::File {
        path: part.clone(),
        source: error,
    };
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(&part)
        .map_err(fail)?;
    file.lock().map_err(fail)?;
    if digest::of_file(target).is_ok_and(|found| found == source.sha256) {
        return Ok(());
    }
    let resumed = file.metadata().map_err(fail)?.len() > 0;
    match attempts(source, &part, &mut file, progress) {
        Err(DataError::Digest { .. }) if resumed => {
            // The first part may be of another version of the file: download all of it again.
            file.set_len(0).map_err(fail)?;
            attempts(source, &part, &mut file, progress)?;
        }
        result => result?,
    }
    file.sync_all().map_err(fail)?;
    fs::rename(&part, target).map_err(|error| DataError::File {
        path: target.clone(),
        source: error,
    })
}

fn attempts(
    source: &Source,
    part: &Path,
    file: &mut File,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let fail = |error| DataError::File {
        path: part.to_owned(),
        source: error,
    };
    let mut attempt = 1;
    loop {
        let before = file.metadata().map_err(fail)?.len();
        if before < source.bytes {
            let result = transfer(source, file, before, progress);
            let after = file.metadata().map_err(fail)?.len();
            match result {
                Err(Stop::Disk(error)) => return Err(fail(error)),
                Err(Stop::Refused(problem)) => return Err(cannot(source, problem)),
                Err(Stop::Cut(problem)) => {
                    if attempt == ATTEMPTS || after <= before {
                        return Err(cannot(source, problem));
                    }
                    attempt += 1;
                    continue;
                }
                Ok(()) => {}
            }
        }
        break;
    }
    let found = digest::of_file(part).map_err(fail)?;
    if found != source.sha256 {
        // The next attempt must not resume from wrong bytes.
        file.set_len(0).map_err(fail)?;
        return Err(DataError::Digest {
            path: source.url.clone().into(),
            expected: source.sha256.clone(),
            found,
            bytes: source.bytes,
            advice: "the address serves another file, or it was changed in transit; it was not kept",
        });
    }
    Ok(())
}

/// Why a transfer stopped.
enum Stop {
    /// The server refused.
    Refused(String),
    /// The connection broke or ended too early.
    Cut(String),
    /// The file could not be written.
    Disk(io::Error),
}

fn transfer(
    source: &Source,
    file: &mut File,
    from: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Stop> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .user_agent(concat!("tinderbox/", env!("CARGO_PKG_VERSION")))
        // With compression, ranges and digests would be those of other bytes.
        .accept_encoding("identity")
        .build()
        .into();
    let mut request = agent.get(&source.url);
    if from > 0 {
        request = request.header("Range", format!("bytes={from}-"));
    }
    let response = request.call().map_err(|error| match error {
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects => Stop::Refused(error.to_string()),
        _ => Stop::Cut(error.to_string()),
    })?;
    let start = match response.status().as_u16() {
        200 => 0,
        206 => {
            let range = response
                .headers()
                .get("content-range")
                .and_then(|range| range.to_str().ok());
            match range.and_then(|range| {
                range
                    .strip_prefix("bytes ")?
                    .split('-')
                    .next()?
                    .parse()
                    .ok()
            }) {
                Some(start) if start <= from => start,
                _ => {
                    return Err(Stop::Refused(
                        "the server sent another part than the requested one".into(),
                    ));
                }
            }
        }
        // The partial file is longer than the file on the server: the next attempt starts again.
        416 => {
            file.set_len(0).map_err(Stop::Disk)?;
            return Err(Stop::Refused(
                "the server has no such part of the file (status 416)".into(),
            ));
        }
        status => {
            return Err(Stop::Refused(format!(
                "the server answered with status {status}"
            )));
        }
    };
    file.set_len(start).map_err(Stop::Disk)?;
    file.seek(SeekFrom::Start(start)).map_err(Stop::Disk)?;
    let mut received = start;
    progress(received);
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stop::Cut(error.to_string())),
        };
        file.write_all(&buffer[..count]).map_err(Stop::Disk)?;
        received += count as u64;
        progress(received);
        if received > source.bytes {
            file.set_len(0).map_err(Stop::Disk)?;
            return Err(Stop::Refused(format!(
                "the server sends more than the {} bytes of the catalog, so it is another file",
                source.bytes
            )));
        }
    }
    if received < source.bytes {
        return Err(Stop::Cut(format!(
            "the connection ended after {received} of {} bytes",
            source.bytes
        )));
    }
    Ok(())
}

fn cannot(source: &Source, problem: String) -> DataError {
    DataError::Download {
        url: source.url.clone(),
        problem,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
