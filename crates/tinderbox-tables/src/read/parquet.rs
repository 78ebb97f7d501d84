//! Checks of a Parquet file that polars 0.55 does not do before it allocates memory.
//!
//! The header of a page holds the number of its values and its unpacked size. Polars allocates whatever a
//! damaged header requires, and an allocation that fails ends the process without an error. Hence the
//! headers of all pages are checked first: about 100 bytes for each page of usually a megabyte.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use polars::prelude::{ParquetReader, PolarsResult, SerReader};

use crate::frames::{guarded, polars_at};
use crate::{DataError, Result};

/// The most bytes of a value in memory: those of a string view.
const VALUE: u64 = 16;

pub(super) fn check(path: &Path) -> Result<()> {
    match guarded(|| damage(path)) {
        Ok(None) => Ok(()),
        Ok(Some(problem)) => Err(DataError::Format {
            path: path.to_owned(),
            problem,
        }),
        Err(source) => Err(polars_at(path, source)),
    }
}

/// A description of a wrong size in the file, if there is one.
fn damage(path: &Path) -> PolarsResult<Option<String>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut footer = ParquetReader::new(file.try_clone()?);
    let metadata = footer.get_metadata()?;
    let mut bytes = BufReader::with_capacity(512, file);
    for group in &metadata.row_groups {
        for chunk in group.parquet_columns() {
            let range = chunk.byte_range();
            let values = u64::try_from(chunk.num_values()).unwrap_or(u64::MAX);
            let sound = range.end <= length
                && fits(values.saturating_mul(VALUE))
                && fits((group.num_rows() as u64).saturating_mul(VALUE));
            if !sound || !pages_fit(&mut bytes, range, values) {
                return Ok(Some(format!(
                    "the pages of column \"{}\" are damaged: their sizes are impossible; copy or download the file again",
                    chunk.descriptor().path_in_schema.join(".")
                )));
            }
        }
    }
    Ok(None)
}

/// Whether this much memory can be allocated. Nothing is written to it, so this is cheap.
pub(super) fn fits(bytes: u64) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else {
        return false;
    };
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

/// Whether every page of a column chunk has sizes that its chunk has room for.
fn pages_fit(bytes: &mut (impl Read + Seek), range: std::ops::Range<u64>, values: u64) -> bool {
    let (mut at, mut seen) = (range.start, 0);
    while seen < values {
        let Ok(page) = page(bytes, at) else {
            return false;
        };
        at += page.header + page.packed;
        seen += page.values;
        // The values of a dictionary are in its bytes; a data page may repeat a value many times.
        let sound = at <= range.end
            && seen <= values
            && page.entries <= page.unpacked
            && fits(page.unpacked)
            && page.header > 0;
        if !sound {
            return false;
        }
    }
    true
}

/// The header of a page.
#[derive(Default)]
struct Page {
    /// Bytes of the header, of the page in the file, and of the page unpacked.
    header: u64,
    packed: u64,
    unpacked: u64,
    /// Values of a data page.
    values: u64,
    /// Values of a dictionary page.
    entries: u64,
}

/// Reads `PageHeader` of parquet.thrift.
fn page(bytes: &mut (impl Read + Seek), at: u64) -> io::Result<Page> {
    bytes.seek(SeekFrom::Start(at))?;
    let mut thrift = Thrift { bytes, read: 0 };
    let mut page = Page::default();
    let mut outer = 0;
    while let Some((field, kind)) = thrift.field(outer)? {
        outer = field;
        match (field, kind) {
            (2, INTEGER) => page.unpacked = thrift.size()?,
            (3, INTEGER) => page.packed = thrift.size()?,
            // Data page, dictionary page, data page of the second version: the first field of each
            // is the number of values.
            (5 | 7 | 8, STRUCT) => {
                let mut inner = 0;
                while let Some((part, kind)) = thrift.field(inner)? {
                    inner = part;
                    match (field, part, kind) {
                        (7, 1, INTEGER) => page.entries = thrift.size()?,
                        (_, 1, INTEGER) => page.values = thrift.size()?,
                        _ => thrift.skip(kind, 0)?,
                    }
                }
            }
            _ => thrift.skip(kind, 0)?,
        }
    }
    page.header = thrift.read;
    Ok(page)
}

const INTEGER: u8 = 5;
const STRUCT: u8 = 12;

/// The part of Thrift's compact protocol that a page header needs.
struct Thrift<'a, R> {
    bytes: &'a mut R,
    read: u64,
}

impl<R: Read> Thrift<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn integer(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A non-negative integer of 32 bits.
    fn size(&mut self) -> io::Result<u64> {
        let value = i32::try_from(self.integer()?).ok();
        let value = value.and_then(|value| u64::try_from(value).ok());
        value.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Number and type of the next field of a struct, after the field `last`; none at its end.
    fn field(&mut self, last: i64) -> io::Result<Option<(i64, u8)>> {
        let head = self.byte()?;
        Ok(match (head >> 4, head & 15) {
            (_, 0) => None,
            (0, kind) => Some((self.integer()?, kind)),
            (step, kind) => Some((last + i64::from(step), kind)),
        })
    }

    fn skip(&mut self, kind: u8, depth: usize) -> io::Result<()> {
        if depth > 8 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match kind {
            // True and false as fields are their type.
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.pass(8)?,
            8 => {
                let length = self.varint()?;
                self.pass(length)?;
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => count.into(),
                };
                for _ in 0..count {
                    match head & 15 {
                        1 | 2 => drop(self.byte()?),
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((field, kind)) = self.field(last)? {
                    last = field;
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }

    fn pass(&mut self, count: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.bytes.by_ref().take(count), &mut io::sink())?;
        self.read += passed;
        match passed == count {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
