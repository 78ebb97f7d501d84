//! The binary version of CIFAR-10.

use std::path::Path;

use super::Images;
use super::idx::read_bytes;
use super::labels::cifar10_classes;
use crate::{Classes, DataError, Result};

/// Bytes of a record: the label, then 32 x 32 red, green and blue bytes.
const RECORD: usize = 1 + 3 * 32 * 32;

/// The most bytes of a batch: a hundred times those of the original.
const LARGEST: u64 = 100 * 10_000 * RECORD as u64;

/// Reads binary batches of CIFAR-10 (`data_batch_1.bin`, …; plain or `.gz`), one after the other.
///
/// # Errors
/// No file, a file that cannot be read, more than 1,000,000 images in a file, a size that is not a multiple of
/// the record size, a label above 9.
pub fn read_cifar10<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Result<Images> {
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for path in files {
        let path = path.as_ref();
        let bytes = read_bytes(path, LARGEST)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: format!(
                    "{} bytes are not a whole number of records of {RECORD} bytes; use the binary \
                     version of CIFAR-10, or download it again",
                    bytes.len()
                ),
            });
        }
        for record in bytes.chunks_exact(RECORD) {
            labels.push(i32::from(record[0]));
            pixels.extend_from_slice(&record[1..]);
        }
    }
    if labels.is_empty() {
        return Err(DataError::Empty {
            what: "of CIFAR-10 batches".into(),
        });
    }
    Images::new(
        pixels,
        [3, 32, 32],
        Classes::new(labels, cifar10_classes())?,
    )
}
