//! The IDX format of MNIST.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::Images;
use crate::{Classes, DataError, Result};

/// The contents of an IDX file: bytes in a row-major array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sides of the array, outermost first.
    pub shape: Vec<usize>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Reads a file of the IDX format of bytes, plain or `.gz` (LeCun's MNIST page): two zeros, the
/// type 8, the number of sides, each side as a big-endian 32-bit number, then the bytes.
///
/// # Errors
/// A file that cannot be read, another magic number, another type of numbers, fewer or more bytes than in
/// the header.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Idx> {
    let path = path.as_ref();
    let fault = |problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    let mut file = open(path)?;
    let mut start = Vec::new();
    take(path, &mut file, 4, &mut start)?;
    let &[zero, also_zero, kind, sides] = &start[..] else {
        return Err(fault(format!(
            "{} bytes are not an IDX file; download it again",
            start.len()
        )));
    };
    if [zero, also_zero] != [0, 0] || sides == 0 {
        return Err(fault(format!(
            "the magic number is {zero:02x} {also_zero:02x} {kind:02x} {sides:02x}, but an IDX \
             file of bytes starts with 00 00 08; is it another kind of file?"
        )));
    }
    if kind != 8 {
        return Err(fault(format!(
            "the numbers are of type {kind:#04x}, but only bytes (0x08) are read; convert the file"
        )));
    }
    let mut header = Vec::new();
    take(path, &mut file, 4 * u64::from(sides), &mut header)?;
    if header.len() < 4 * usize::from(sides) {
        return Err(fault("the header is cut off; download it again".into()));
    }
    let shape: Vec<usize> = header
        .chunks_exact(4)
        .map(|side| u32::from_be_bytes([side[0], side[1], side[2], side[3]]) as usize)
        .collect();
    let expected = shape
        .iter()
        .try_fold(1usize, |size, &side| size.checked_mul(side));
    let expected = expected.filter(|size| isize::try_from(*size).is_ok());
    let Some(expected) = expected else {
        return Err(fault(format!(
            "the header has the shape {shape:?}, which is more bytes than fit into memory; download it again"
        )));
    };
    // At most one byte more than expected, however much a packed file unpacks to.
    let mut bytes = Vec::new();
    take(path, &mut file, expected as u64 + 1, &mut bytes)?;
    if bytes.len() != expected {
        let found = match bytes.len() > expected {
            true => "more".to_owned(),
            false => bytes.len().to_string(),
        };
        return Err(fault(format!(
            "the header has the shape {shape:?}, which is {expected} bytes, but there are {found}; download it again"
        )));
    }
    Ok(Idx { shape, bytes })
}

/// Reads a pair of IDX files, images and their labels, as MNIST and Fashion-MNIST come.
///
/// # Errors
/// Those of [`read_idx`]; an image file that has no images; another number of labels than of
/// images; labels out of range.
pub fn read_idx_images(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
    classes: Vec<String>,
) -> Result<Images> {
    let fault = |path: &Path, problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    let pixels = read_idx(&images)?;
    let &[count, height, width] = &pixels.shape[..] else {
        return Err(fault(
            images.as_ref(),
            format!(
                "an array of {} sides, but images have 3 (number, height, width); did you \
                 exchange images and labels?",
                pixels.shape.len()
            ),
        ));
    };
    let found = read_idx(&labels)?;
    if found.shape != [count] {
        return Err(fault(
            labels.as_ref(),
            format!(
                "labels of shape {:?} for {count} images; take the two files of the same split",
                found.shape
            ),
        ));
    }
    let classes = Classes::new(found.bytes.into_iter().map(i32::from).collect(), classes)?;
    Images::new(pixels.bytes, [1, height, width], classes)
}

/// A file, unpacked if its name ends in `.gz`.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(|source| DataError::File {
        path: path.to_owned(),
        source,
    })?;
    let file = BufReader::new(file);
    Ok(match is_packed(path) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    })
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Reads up to `limit` bytes.
fn take(path: &Path, file: &mut dyn Read, limit: u64, bytes: &mut Vec<u8>) -> Result<()> {
    let read = file.take(limit).read_to_end(bytes);
    read.map(drop).map_err(|error| match is_packed(path) {
        true => DataError::Format {
            path: path.to_owned(),
            problem: format!("it does not unpack ({error}); download it again"),
        },
        false => DataError::File {
            path: path.to_owned(),
            source: error,
        },
    })
}

/// All bytes of a file, unpacked if its name ends in `.gz`; an error if they are more than `limit`.
pub(super) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    take(path, &mut open(path)?, limit + 1, &mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(DataError::Format {
            path: path.to_owned(),
            problem: format!(
                "it holds more than {limit} bytes, the most that is read; is it another kind of file?"
            ),
        });
    }
    Ok(bytes)
}
