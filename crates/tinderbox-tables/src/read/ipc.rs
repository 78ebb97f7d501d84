//! Checks of an Arrow IPC file that polars 0.55 does not do before it allocates memory.
//!
//! A compressed buffer begins with its unpacked size. Polars allocates whatever a damaged size requires, and
//! an allocation that fails ends the process without an error. Hence the places and sizes of all buffers
//! are checked first. Two columns of one name would make polars panic.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::parquet::fits;
use crate::{DataError, Result};

/// A byte of zstd gives at most 128 KiB for a block of 4 bytes; LZ4 gives less.
const EXPANSION: u64 = 32 * 1024;

pub(super) fn check(path: &Path) -> Result<()> {
    let problem = match File::open(path).and_then(|mut file| damage(&mut file)) {
        Ok(None) => return Ok(()),
        Ok(Some(problem)) => problem,
        Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(DataError::File {
                path: path.to_owned(),
                source,
            });
        }
        Err(_) => "a part of it would lie beyond its end; copy or download the file again".into(),
    };
    Err(DataError::Format {
        path: path.to_owned(),
        problem,
    })
}

/// A description of a wrong place or size in the file, if there is one.
fn damage(file: &mut File) -> io::Result<Option<String>> {
    let length = file.metadata()?.len();
    // At the end: the footer, its length in 4 bytes, ARROW1.
    let size = u32::from_le_bytes(
        bytes(file, length.saturating_sub(10), 4)?[..4]
            .try_into()
            .unwrap_or_default(),
    );
    let Some(start) = length.checked_sub(10 + u64::from(size)) else {
        return Ok(Some(damaged("footer")));
    };
    let footer = bytes(file, start, size.into())?;
    // Footer.fbs: version, schema, dictionaries, record batches.
    let Some(root) = Table::root(&footer) else {
        return Ok(Some(damaged("footer")));
    };
    let mut names = HashSet::new();
    for field in root.table(1).iter().flat_map(|schema| schema.tables(1)) {
        if let Some(name) = field.text(0)
            && !names.insert(name)
        {
            let name = String::from_utf8_lossy(name);
            return Ok(Some(format!(
                "there are two columns \"{name}\"; rename one"
            )));
        }
    }
    for (kind, at) in [(2, "dictionary"), (3, "batch of rows")] {
        for block in root.structs(kind, 24) {
            if !block_fits(file, length, block, kind == 2)? {
                return Ok(Some(damaged(at)));
            }
        }
    }
    Ok(None)
}

fn damaged(what: &str) -> String {
    format!("a {what} is damaged: its sizes are impossible; copy or download the file again")
}

/// Whether a message and its buffers are inside the file, with possible unpacked sizes.
fn block_fits(file: &mut File, length: u64, block: &[u8], dictionary: bool) -> io::Result<bool> {
    let (Some(offset), Some(head), Some(body)) = (size(block, 0), int(block, 8), size(block, 16))
    else {
        return Ok(false);
    };
    let head = u64::from(head);
    let start = offset.saturating_add(head);
    if start.saturating_add(body) > length {
        return Ok(false);
    }
    // The length of the message; since 2019 a marker comes before it.
    let mut at = offset;
    let mut prefix = bytes(file, at, 4)?;
    if prefix == [0xff; 4] {
        at += 4;
        prefix = bytes(file, at, 4)?;
    }
    let count = int(&prefix, 0).unwrap_or_default().into();
    if count > length {
        return Ok(false);
    }
    let message = bytes(file, at + 4, count)?;
    // Message.fbs: version, type of the header, header, …; a dictionary has its batch at 1.
    let batch = Table::root(&message).and_then(|root| root.table(2));
    let batch = match dictionary {
        true => batch.and_then(|header| header.table(1)),
        false => batch,
    };
    // Polars reports other damage.
    let Some(batch) = batch else {
        return Ok(true);
    };
    // RecordBatch: length, nodes, buffers, compression.
    let packed = batch.table(3).is_some();
    for buffer in batch.structs(2, 16) {
        let (Some(at), Some(count)) = (size(buffer, 0), size(buffer, 8)) else {
            return Ok(false);
        };
        if at.saturating_add(count) > body {
            return Ok(false);
        }
        if packed && count >= 8 {
            let unpacked = bytes(file, start + at, 8)?;
            // -1: this buffer is not compressed.
            let unpacked = i64::from_le_bytes(unpacked.try_into().unwrap_or_default());
            let most = (count - 8).saturating_mul(EXPANSION);
            let sound = u64::try_from(unpacked).is_ok_and(|size| size <= most && fits(size));
            if unpacked != -1 && !sound {
                return Ok(false);
            }
        } else if packed && count > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn bytes(file: &mut File, at: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut found = Vec::new();
    file.by_ref().take(count).read_to_end(&mut found)?;
    match found.len() as u64 == count {
        true => Ok(found),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn int(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// A non-negative number of 64 bits.
fn size(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    u64::try_from(i64::from_le_bytes(eight.try_into().ok()?)).ok()
}

/// A table of a flatbuffer, as far as sizes need it; fields outside the buffer are absent.
#[derive(Clone, Copy)]
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    fn root(bytes: &'a [u8]) -> Option<Self> {
        let at = int(bytes, 0)? as usize;
        Some(Self { bytes, at })
    }

    /// The position of a field.
    fn field(&self, index: usize) -> Option<usize> {
        let back = int(self.bytes, self.at)? as i32;
        let fields = usize::try_from(self.at as i64 - i64::from(back)).ok()?;
        let two = |at: usize| {
            let two = self.bytes.get(at..at.checked_add(2)?)?;
            Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
        };
        let slot = 4 + 2 * index;
        if slot + 2 > two(fields)? {
            return None;
        }
        match two(fields.checked_add(slot)?)? {
            0 => None,
            offset => self.at.checked_add(offset),
        }
    }

    /// The position that a field points to.
    fn follow(&self, index: usize) -> Option<usize> {
        let field = self.field(index)?;
        field.checked_add(int(self.bytes, field)? as usize)
    }

    fn table(&self, index: usize) -> Option<Self> {
        let (bytes, at) = (self.bytes, self.follow(index)?);
        Some(Self { bytes, at })
    }

    /// Number of elements of a vector, and the bytes from its first on.
    fn vector(&self, index: usize) -> Option<(usize, usize)> {
        let at = self.follow(index)?;
        Some((int(self.bytes, at)? as usize, at + 4))
    }

    fn text(&self, index: usize) -> Option<&'a [u8]> {
        let (count, at) = self.vector(index)?;
        self.bytes.get(at..at.checked_add(count)?)
    }

    /// The elements of a vector of structs of this many bytes.
    fn structs(&self, index: usize, stride: usize) -> Vec<&'a [u8]> {
        let (count, at) = self.vector(index).unwrap_or_default();
        let all = self.bytes.get(at..).unwrap_or_default();
        all.chunks_exact(stride).take(count).collect()
    }

    /// The elements of a vector of tables.
    fn tables(&self, index: usize) -> Vec<Self> {
        let (count, start) = self.vector(index).unwrap_or_default();
        let place = |element: usize| {
            let at = start.checked_add(element.checked_mul(4)?)?;
            let at = at.checked_add(int(self.bytes, at)? as usize)?;
            Some(Self {
                bytes: self.bytes,
                at,
            })
        };
        // A wrong count ends with the bytes.
        (0..count).map_while(place).collect()
    }
}
