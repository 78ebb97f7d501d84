use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::TokenRules;
use crate::{DataError, Result};

/// Reads a file of text, also one that is packed with gzip; a byte order mark at its start is left out.
///
/// # Errors
/// A file that cannot be read, that holds no text, or that is not UTF-8: the error names the first
/// byte that is not.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut bytes = std::fs::read(path).map_err(|source| cannot_read(path, source))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let read = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked);
        read.map_err(|source| cannot_read(path, source))?;
        bytes = unpacked;
    }
    let mut text = checked(bytes, 0, path)?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    if text.trim().is_empty() {
        return Err(no_text(path));
    }
    Ok(text)
}

/// Gives a file of text to a function piece by piece, in bounded memory: the text as these rules normalize
/// it, cut where no token goes across.
///
/// A piece is a line, so that the longest line has to fit in memory.
///
/// # Errors
/// Those of [`read_text`], and of the function.
pub(super) fn read_pieces(
    path: &Path,
    rules: TokenRules,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(|source| cannot_read(path, source))?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let (mut offset, mut any) = (0, false);
    // What a normalization does depends on the character before.
    let mut last = None;
    loop {
        let mut line = Vec::new();
        let read = file.read_until(b'\n', &mut line);
        let read = read.map_err(|source| cannot_read(path, source))?;
        if read == 0 {
            break;
        }
        let mut line = checked(line, offset, path)?;
        if offset == 0 && line.starts_with(BYTE_ORDER_MARK) {
            line.remove(0);
        }
        offset += read;
        any |= !line.trim().is_empty();
        let piece = rules.normalize_after(last, &line);
        last = piece.chars().next_back().or(last);
        each(&piece)?;
    }
    match any {
        true => Ok(()),
        false => Err(no_text(path)),
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

fn cannot_read(path: &Path, source: std::io::Error) -> DataError {
    DataError::File {
        path: path.to_owned(),
        source,
    }
}

fn no_text(path: &Path) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        problem: "the file holds no text".into(),
    }
}

/// The bytes as text; `before` bytes of the file stand before them.
fn checked(bytes: Vec<u8>, before: usize, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let (byte, offset) = (error.as_bytes()[place], before + place);
        DataError::Format {
            path: path.to_owned(),
            problem: format!(
                "byte {offset} (0x{byte:02x}) is not valid UTF-8; convert the file, for example with \
                 `iconv -f latin1 -t utf-8`"
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_an_error_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_text(&path).map_err(|error| error.to_string())
        };
        assert_eq!(read("\u{feff}café\n".as_bytes()).unwrap(), "café\n");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packer, "café".as_bytes()).unwrap();
        assert_eq!(read(&packer.finish().unwrap()).unwrap(), "café");
        let error = read(b"caf\xe9 noir").unwrap_err();
        assert!(error.contains("text.txt: byte 3 (0xe9)"), "{error}");
        for empty in [&b""[..], b" \n\n"] {
            let error = read(empty).unwrap_err();
            assert!(error.contains("no text"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }
}
