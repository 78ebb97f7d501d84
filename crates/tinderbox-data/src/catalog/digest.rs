use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// Whether a text is 64 hexadecimal digits in lower case.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    of_reader(File::open(path)?)
}

/// The SHA-256 of the unpacked content of a `.gz` file, in hexadecimal; of more than `limit` bytes, only
/// `limit + 1` are read.
pub(super) fn of_unpacked(path: &Path, limit: u64) -> io::Result<String> {
    let unpacked = MultiGzDecoder::new(io::BufReader::new(File::open(path)?));
    of_reader(unpacked.take(limit.saturating_add(1)))
}

fn of_reader(mut reader: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_digest_of_abc() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_reader(&b"abc"[..]).unwrap(), expected);
        assert!(is_sha256(expected));

        // Of what is packed no more is read than there must be.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.gz");
        let file = File::create(&path).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        io::Write::write_all(&mut packer, b"abcabcabc").unwrap();
        packer.finish().unwrap();
        assert_eq!(of_unpacked(&path, 2).unwrap(), expected);
        assert_ne!(of_unpacked(&path, 3).unwrap(), expected);
        assert!(!is_sha256(&expected.to_uppercase()));
    }
}
