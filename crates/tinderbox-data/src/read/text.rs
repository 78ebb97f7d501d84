use std::fs::File;
use std::io::{BufRead, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use polars::prelude::{
    CsvParseOptions, CsvReadOptions, IntoLazy, LazyCsvReader, LazyFileListReader, LazyFrame,
    NullValues, PlRefPath, PlSmallStr, PolarsResult, ScanSources, Schema, SerReader,
};

use super::guess::{infer_separator, plain};
use super::table::Table;
use super::{Encoding, ReadOptions, Separator, polars_at};
use crate::frames::guarded;
use crate::{DataError, Result};

/// Text of up to this size is read and checked whole; of a larger file, this much.
pub(super) const CHECKED: u64 = 64 << 20;

pub(super) struct Loaded {
    pub bytes: Vec<u8>,
    /// Whether this is the whole file.
    pub whole: bool,
}

/// The whole file, unpacked.
pub(super) fn load(path: &Path, packed: bool) -> Result<Loaded> {
    load_up_to(path, packed, u64::MAX)
}

pub(super) fn load_up_to(path: &Path, packed: bool, limit: u64) -> Result<Loaded> {
    let fail = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::UnexpectedEof if packed => DataError::Format {
            path: path.to_owned(),
            problem: "the end of the .gz file is missing; copy or download it again".into(),
        },
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData if packed => {
            DataError::Format {
                path: path.to_owned(),
                problem: format!(
                    "not a .gz file, or a damaged one ({source}); copy or download it again"
                ),
            }
        }
        _ => DataError::File {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    let mut file = std::io::BufReader::new(file);
    if packed && !file.fill_buf().map_err(fail)?.starts_with(b"\x1f\x8b") {
        return Err(DataError::Format {
            path: path.to_owned(),
            problem: "not a .gz file, whatever its name says; rename or pack it".into(),
        });
    }
    let reader: &mut dyn Read = if packed {
        &mut MultiGzDecoder::new(file)
    } else {
        &mut { file }
    };
    let read = reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    let whole = read as u64 <= limit;
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(Loaded { bytes, whole })
}

/// Bytes that polars scans as if they were a file.
pub(super) fn in_memory(bytes: Vec<u8>) -> ScanSources {
    ScanSources::Buffers(Arc::new([bytes.into()]))
}

/// A table that polars parses now: what it finds wrong is told with the name of the file, and later
/// passes over the frame find it parsed.
pub(super) fn parsed(
    path: &Path,
    scan: impl FnOnce() -> PolarsResult<LazyFrame>,
) -> Result<LazyFrame> {
    let table = guarded(|| scan()?.collect()).map_err(|source| polars_at(path, source))?;
    Ok(table.lazy())
}

/// A separated text table as a frame.
///
/// Polars parses it; what is checked and inferred before is what polars guesses from the first
/// rows or reports by byte offset: the separator, the header, the column types from every row,
/// ragged lines, broken quotes, the encoding.
pub(super) fn read(path: &Path, packed: bool, options: &ReadOptions) -> Result<LazyFrame> {
    read_checking(path, packed, options, CHECKED)
}

fn read_checking(
    path: &Path,
    packed: bool,
    options: &ReadOptions,
    limit: u64,
) -> Result<LazyFrame> {
    let mut text = load_up_to(path, packed, limit)?;
    let rewritten =
        options.separator == Some(Separator::Whitespace) || options.encoding == Encoding::Latin1;
    if !text.whole && rewritten {
        text = load(path, packed)?;
    }
    check_letters(path, &mut text, options)?;
    let separator = match options.separator {
        Some(separator) => separator,
        None => infer_separator(path, &text.bytes, options),
    };
    let table = Table::scan(path, &text, separator, options)?;
    let rewrite = text.whole && (table.loose || separator == Separator::Whitespace);
    let (byte, bytes) = match (separator, rewrite) {
        (Separator::Byte(byte), false) => (byte, text.bytes),
        (Separator::Byte(byte), true) => (byte, plain(&text.bytes, separator, byte)),
        // A tab is what white space cannot contain after it has been split.
        (Separator::Whitespace, _) => (b'\t', plain(&text.bytes, separator, b'\t')),
    };
    let whole = text.whole || separator == Separator::Whitespace;
    let schema: Schema = table
        .names
        .iter()
        .zip(&table.types)
        .map(|(name, kind)| (PlSmallStr::from(name.as_str()), kind.data_type()))
        .collect();
    let schema = Some(Arc::new(schema));
    let nulls = (options.null_values.iter().zip(&table.nulls))
        .filter(|(_, seen)| !whole || **seen)
        .map(|(null, _)| null.as_str().into())
        .collect();
    let nulls = Some(NullValues::AllColumns(nulls));
    let frame = guarded(|| {
        if whole {
            let parsing = CsvParseOptions::default()
                .with_separator(byte)
                .with_null_values(nulls)
                .with_decimal_comma(options.decimal_comma);
            let reader = CsvReadOptions::default()
                .with_schema(schema)
                .with_has_header(table.has_header)
                .with_parse_options(parsing)
                .into_reader_with_file_handle(Cursor::new(bytes));
            return Ok(reader.finish()?.lazy());
        }
        LazyCsvReader::new(PlRefPath::try_from_path(path)?)
            .with_glob(false)
            .with_schema(schema)
            .with_has_header(table.has_header)
            .with_separator(byte)
            .with_null_values(nulls)
            .with_decimal_comma(options.decimal_comma)
            .finish()
    });
    frame.map_err(|source| polars_at(path, source))
}

/// Refuses what is no text, and makes UTF-8 of it.
fn check_letters(path: &Path, text: &mut Loaded, options: &ReadOptions) -> Result<()> {
    let wrong = |problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    let bytes = &mut text.bytes;
    if bytes.trim_ascii().is_empty() {
        return Err(wrong("the file is empty".into()));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(wrong(
            "the text is UTF-16; convert it, for example by `iconv -f UTF-16 -t UTF-8`".into(),
        ));
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(wrong(format!(
            "this is no text: there is a zero byte at position {at}; Parquet and Arrow files need their own extension"
        )));
    }
    if options.encoding == Encoding::Latin1 {
        *bytes = bytes
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .into_bytes();
    } else if let Err(error) = std::str::from_utf8(bytes) {
        // The end of a part of a file may cut a letter in two.
        if text.whole || error.error_len().is_some() {
            let line = 1 + bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            return Err(DataError::Line {
                path: path.to_owned(),
                line,
                problem: format!(
                    "byte {:#04x} is not UTF-8; if the file is Latin-1, say so with the encoding option, else convert it with iconv",
                    bytes[error.valid_up_to()]
                ),
            });
        }
    }
    if !bytes.contains(&b'\n') {
        // Line ends of the Macintosh of old.
        for byte in bytes.iter_mut().filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::DataFrame;
    use std::io::Write;

    /// Reads with so low a limit that polars scans the file itself.
    fn scan(name: &str, text: &str, options: &ReadOptions) -> Result<DataFrame> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let packed = name.ends_with(".gz");
        if packed {
            let file = File::create(&path).unwrap();
            let mut packer = flate2::write::GzEncoder::new(file, Default::default());
            packer.write_all(text.as_bytes()).unwrap();
            packer.finish().unwrap();
        } else {
            std::fs::write(&path, text).unwrap();
        }
        let frame = read_checking(&path, packed, options, 100)?;
        frame.collect().map_err(|source| polars_at(&path, source))
    }

    fn large(line_end: &str) -> String {
        let mut text = format!("a,b{line_end}");
        for row in 0..500 {
            text += &format!("{row},\"x, {row}\"{line_end}");
        }
        text
    }

    #[test]
    fn what_is_too_large_to_check_is_scanned() {
        for name in ["t.csv", "t.csv.gz"] {
            for text in [
                large("\n"),
                large("\r\n"),
                format!("\u{feff}{}", large("\n")),
            ] {
                let table = scan(name, &text, &ReadOptions::default()).unwrap();
                assert_eq!(table.shape(), (500, 2), "{name}");
                let a: i64 = table["a"].i64().unwrap().iter().flatten().sum();
                assert_eq!(a, 124_750);
                assert_eq!(table["b"].str().unwrap().get(499), Some("x, 499"));
            }
        }
        let white = large("\n").replace(',', " ").replace('"', "");
        let white = white
            .lines()
            .map(|line| line.replacen("x  ", "", 1) + "\n")
            .collect::<String>();
        let options = ReadOptions::default().separator(Separator::Whitespace);
        assert_eq!(scan("t.dat", &white, &options).unwrap().shape(), (500, 2));
    }

    #[test]
    fn mistakes_beyond_the_checked_part_name_the_file_at_least() {
        for wrong in ["7,8,9\n", "word,8\n"] {
            let error = scan("t.csv", &(large("\n") + wrong), &ReadOptions::default());
            let error = error.unwrap_err().to_string();
            assert!(error.contains("t.csv"), "{error}");
        }
    }
}
