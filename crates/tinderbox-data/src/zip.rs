use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;

use crate::{DataError, Result};

/// A file of this name in a zip archive (PKWARE's APPNOTE 6.3.10: stored or deflated, below 4 GiB).
///
/// # Errors
/// An archive that cannot be read or is damaged, or that has no file of this name.
pub fn read_zip(path: impl AsRef<Path>, name: &str) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let archive = std::fs::read(path).map_err(|source| DataError::File {
        path: path.to_owned(),
        source,
    })?;
    unpack(&archive, name).map_err(|problem| DataError::Format {
        path: path.to_owned(),
        problem,
    })
}

/// The files of a zip archive whose names are asked for.
///
/// # Errors
/// An archive that cannot be read or is damaged.
pub(crate) fn read_zip_all(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Vec<u8>)>> {
    let archive = std::fs::read(path).map_err(|source| DataError::File {
        path: path.to_owned(),
        source,
    })?;
    let read = || -> std::result::Result<_, String> {
        let all = entries(&archive)?
            .into_iter()
            .filter(|(name, _)| wanted(name));
        all.map(|(name, entry)| Ok((name, file(&archive, entry)?)))
            .collect()
    };
    read().map_err(|problem| DataError::Format {
        path: path.to_owned(),
        problem,
    })
}

const DAMAGED: &str = "the zip archive is damaged; fetch it again";

/// The end of the list of files, and its length without a comment.
const END: ([u8; 4], usize) = (*b"PK\x05\x06", 22);
/// An entry of the list, and its length without names.
const ENTRY: ([u8; 4], usize) = (*b"PK\x01\x02", 46);
/// The header before the bytes of a file.
const HEADER: ([u8; 4], usize) = (*b"PK\x03\x04", 30);

fn unpack(archive: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let entries = entries(archive)?;
    match entries.iter().find(|(own, _)| own == name) {
        Some((_, entry)) => file(archive, entry),
        None => {
            let names: Vec<String> = entries.into_iter().map(|(name, _)| name).collect();
            Err(format!(
                "the archive has no {name}; it holds {}",
                names.join(", ")
            ))
        }
    }
}

/// Names and entries of all files.
fn entries(archive: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let last = archive.len().checked_sub(END.1).ok_or(DAMAGED)?;
    // A comment of up to 64 KiB may follow it.
    let end = (last.saturating_sub(usize::from(u16::MAX))..=last)
        .rev()
        .find(|&at| archive[at..].starts_with(&END.0))
        .ok_or("this is no zip archive")?;
    let count = u16_at(archive, end + 10)?;
    let mut at = u32_at(archive, end + 16)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let entry = archive.get(at..at + ENTRY.1).ok_or(DAMAGED)?;
        if !entry.starts_with(&ENTRY.0) {
            return Err(DAMAGED.into());
        }
        let lengths = [28, 30, 32].map(|field| u16_at(entry, field).unwrap_or(0));
        let own = archive.get(at + ENTRY.1..at + ENTRY.1 + lengths[0]);
        let own = String::from_utf8_lossy(own.ok_or(DAMAGED)?).into_owned();
        all.push((own, entry));
        at += ENTRY.1 + lengths.iter().sum::<usize>();
    }
    Ok(all)
}

fn file(archive: &[u8], entry: &[u8]) -> Result<Vec<u8>, String> {
    let method = u16_at(entry, 10)?;
    let (checksum, packed, size) = (u32_at(entry, 16)?, u32_at(entry, 20)?, u32_at(entry, 24)?);
    let header = u32_at(entry, 42)?;
    let lengths = u16_at(archive, header + 26)? + u16_at(archive, header + 28)?;
    let start = header + HEADER.1 + lengths;
    let bytes = archive.get(start..start + packed).ok_or(DAMAGED)?;
    let mut unpacked = Vec::new();
    match method {
        0 => unpacked.extend_from_slice(bytes),
        8 => {
            // One byte more than there should be is enough to see that there is more.
            let mut limited = DeflateDecoder::new(bytes).take(size as u64 + 1);
            limited.read_to_end(&mut unpacked).map_err(|_| DAMAGED)?;
        }
        _ => {
            return Err(format!(
                "the file is packed with method {method}; only deflate is known"
            ));
        }
    }
    let mut crc = flate2::Crc::new();
    crc.update(&unpacked);
    match unpacked.len() == size && crc.sum() as usize == checksum {
        true => Ok(unpacked),
        false => Err(DAMAGED.into()),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize, String> {
    let field = bytes.get(at..at + 2).ok_or(DAMAGED)?;
    Ok(usize::from(field[0]) | usize::from(field[1]) << 8)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, String> {
    Ok(u16_at(bytes, at)? | u16_at(bytes, at + 2)? << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// An archive of two files, deflated and stored.
    fn archive() -> Vec<u8> {
        let mut archive = Vec::new();
        let mut list = Vec::new();
        let texts = [("a.txt", "aaaaaaaaaaaaaaaaaaaab"), ("folder/b.txt", "b")];
        for (method, (name, text)) in [8u16, 0].into_iter().zip(texts) {
            let mut packed = text.as_bytes().to_vec();
            if method == 8 {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(text.as_bytes()).unwrap();
                packed = encoder.finish().unwrap();
            }
            let mut crc = flate2::Crc::new();
            crc.update(text.as_bytes());
            let start = archive.len() as u32;
            let mut common = [20, 0, method, 0, 0].map(u16::to_le_bytes).concat();
            let sizes = [crc.sum(), packed.len() as u32, text.len() as u32];
            common.extend(sizes.map(u32::to_le_bytes).concat());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0; 2]);
            archive.extend(HEADER.0);
            archive.extend(&common);
            archive.extend(name.as_bytes());
            archive.extend(packed);
            list.extend(ENTRY.0);
            list.extend([20, 0]);
            list.extend(common);
            list.extend([0; 10]);
            list.extend(start.to_le_bytes());
            list.extend(name.as_bytes());
        }
        let start = archive.len() as u32;
        archive.extend(&list);
        archive.extend(END.0);
        archive.extend([0u16, 0, 2, 2].map(u16::to_le_bytes).concat());
        archive.extend((list.len() as u32).to_le_bytes());
        archive.extend(start.to_le_bytes());
        archive.extend([0; 2]);
        archive
    }

    #[test]
    fn files_are_found_by_name() {
        let archive = archive();
        assert_eq!(unpack(&archive, "a.txt").unwrap(), b"aaaaaaaaaaaaaaaaaaaab");
        assert_eq!(unpack(&archive, "folder/b.txt").unwrap(), b"b");
        let error = unpack(&archive, "c.txt").unwrap_err();
        assert_eq!(
            error,
            "the archive has no c.txt; it holds a.txt, folder/b.txt"
        );
    }

    #[test]
    fn no_damage_ends_the_program_or_gives_other_bytes() {
        let whole = archive();
        for place in 0..whole.len() {
            for bit in [0, 3, 7] {
                let mut damaged = whole.clone();
                damaged[place] ^= 1 << bit;
                if let Ok(bytes) = unpack(&damaged, "a.txt") {
                    assert_eq!(bytes, b"aaaaaaaaaaaaaaaaaaaab", "byte {place}");
                }
            }
            assert!(unpack(&whole[..place], "a.txt").is_err());
        }
    }
}
