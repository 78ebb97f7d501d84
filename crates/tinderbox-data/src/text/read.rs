use std::path::Path;

use crate::{DataError, Result};

/// Reads a file of text; a byte order mark at its start is left out.
///
/// # Errors
/// A file that cannot be read, that holds no text, or that is not UTF-8: the error names the first
/// byte that is not.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let format = |problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    let bytes = std::fs::read(path).map_err(|source| DataError::File {
        path: path.to_owned(),
        source,
    })?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[offset];
        format(format!(
            "byte {offset} (0x{byte:02x}) is not valid UTF-8; convert the file, for example with \
             `iconv -f latin1 -t utf-8`"
        ))
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    if text.trim().is_empty() {
        return Err(format("the file holds no text".into()));
    }
    Ok(text)
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
