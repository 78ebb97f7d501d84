//! Reads a text file in blocks: unpacked within a limit, decoded to UTF-8, with `\n` as line end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use encoding_rs::{Decoder, DecoderResult};
use flate2::read::MultiGzDecoder;

use super::options::ReadOptions;
use crate::{DataError, Result};

const BLOCK: usize = 1 << 20;
/// The size up to which a packed file may always unpack.
const UNPACKED: u64 = 1 << 30;
/// The number of times of its packed size up to which a packed file may unpack.
const RATIO: u64 = 100;

/// A text file that can be read several times.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The path or address, for messages.
    pub path: PathBuf,
    /// The temporary file without a name that holds a download.
    pub file: Option<Arc<File>>,
    /// Whether it is a `.gz` by its name. A file that begins with the bytes of gzip is unpacked anyway.
    pub packed: bool,
    /// Bytes that are read at a time.
    pub block: usize,
}

impl Source {
    pub fn new(path: &Path, packed: bool) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            packed,
            block: BLOCK,
        }
    }

    pub fn open(&self, options: &ReadOptions) -> Result<TextReader> {
        let fail = |source| self.fail(source);
        let file = match &self.file {
            Some(file) => {
                let mut file = file.try_clone().map_err(fail)?;
                file.seek(SeekFrom::Start(0)).map_err(fail)?;
                file
            }
            None => File::open(&self.path).map_err(fail)?,
        };
        let size = file.metadata().map_err(fail)?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let starts = file.fill_buf().map_err(fail)?;
        let packed = starts.starts_with(b"\x1f\x8b");
        if self.packed && !packed {
            return Err(DataError::Format {
                path: self.path.clone(),
                problem: "the name ends in .gz, but the content is not gzip; rename or pack it"
                    .into(),
            });
        }
        let allowed = match options.max_unpacked {
            _ if !packed => u64::MAX,
            Some(bytes) => bytes,
            None => UNPACKED.max(size.saturating_mul(RATIO)),
        };
        let reader: Box<dyn Read> = match packed {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        let mut text = TextReader {
            source: Self {
                packed,
                ..self.clone()
            },
            reader,
            allowed,
            left: allowed,
            decoder: None,
            decoded: false,
            pending: Vec::new(),
            carry: 0,
            started: false,
            carriage: false,
            converted: packed,
            lines: 0,
        };
        text.begin(options)?;
        Ok(text)
    }

    fn fail(&self, source: std::io::Error) -> DataError {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let problem = match source.kind() {
            UnexpectedEof if self.packed => {
                "the end of the .gz file is missing; copy or download it again".into()
            }
            InvalidInput | InvalidData if self.packed => {
                format!("not a .gz file, or a damaged one ({source}); copy or download it again")
            }
            _ => {
                return DataError::File {
                    path: self.path.clone(),
                    source,
                };
            }
        };
        DataError::Format {
            path: self.path.clone(),
            problem,
        }
    }
}

/// A text file to be read.
#[derive(Debug)]
pub(super) struct Input {
    pub source: Source,
    /// JSON lines, else delimited text.
    pub json: bool,
}

impl Input {
    pub fn new(path: &Path, packed: bool, json: bool) -> Self {
        Self {
            source: Source::new(path, packed),
            json,
        }
    }
}

/// A text file that is being read.
pub(super) struct TextReader {
    source: Source,
    reader: Box<dyn Read>,
    /// The most bytes of text, and how many of them are left.
    allowed: u64,
    left: u64,
    /// For encodings other than UTF-8.
    decoder: Option<Decoder>,
    /// Whether the decoder was given the end of the file.
    decoded: bool,
    /// Bytes that were read but not yet decoded.
    pending: Vec<u8>,
    /// Bytes of an incomplete character at the end of the last block.
    carry: usize,
    started: bool,
    /// Whether lines end in `\r` alone, as on old Macintosh systems.
    carriage: bool,
    /// Whether the text has other bytes than the file.
    pub converted: bool,
    /// Number of line ends so far.
    lines: usize,
}

impl TextReader {
    /// Finds the encoding: that of the byte order mark, else that of the options.
    fn begin(&mut self, options: &ReadOptions) -> Result<()> {
        let mut pending = Vec::new();
        self.raw(&mut pending, self.source.block.max(4))?;
        let encoding = match encoding_rs::Encoding::for_bom(&pending) {
            Some((encoding, length)) => {
                pending.drain(..length);
                encoding
            }
            None => options.encoding.map_or(encoding_rs::UTF_8, |it| it.0),
        };
        if encoding != encoding_rs::UTF_8 {
            self.decoder = Some(encoding.new_decoder_without_bom_handling());
            self.converted = true;
        }
        self.pending = pending;
        Ok(())
    }

    /// Appends up to `want` bytes of the file.
    fn raw(&mut self, out: &mut Vec<u8>, want: usize) -> Result<usize> {
        let want = (want as u64).min(self.left.saturating_add(1));
        let read = (&mut self.reader)
            .take(want)
            .read_to_end(out)
            .map_err(|source| self.source.fail(source))?;
        if read as u64 > self.left {
            return Err(DataError::Format {
                path: self.source.path.clone(),
                problem: format!(
                    "the file unpacks to more than {} bytes; if that is right, state a larger limit as max_unpacked (--max-unpacked), or unpack it first",
                    self.allowed
                ),
            });
        }
        self.left -= read as u64;
        Ok(read)
    }

    /// Appends a block of text, or `want` bytes if that is more; false at the end.
    pub fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<bool> {
        let want = want.max(self.source.block);
        let start = out.len();
        let more = match self.decoder.take() {
            None => self.fill_plain(out, want)?,
            Some(mut decoder) => {
                let more = self.fill_decoded(&mut decoder, out, want)?;
                self.decoder = Some(decoder);
                more
            }
        };
        let new = &mut out[start..];
        if !self.started {
            self.started = true;
            self.carriage = new.contains(&b'\r') && !new.contains(&b'\n');
            self.converted |= self.carriage;
        }
        if let Some(at) = memchr::memchr(0, new) {
            return Err(DataError::Line {
                path: self.source.path.clone(),
                line: 1 + self.lines + memchr::memchr_iter(b'\n', &new[..at]).count(),
                problem: "this is not text, as there is a zero byte; Parquet and Arrow files need their own extension, and UTF-16 without a byte order mark the option encoding (--encoding utf-16le)".into(),
            });
        }
        if self.carriage {
            for byte in new.iter_mut().filter(|byte| **byte == b'\r') {
                *byte = b'\n';
            }
        }
        self.lines += memchr::memchr_iter(b'\n', new).count();
        Ok(more)
    }

    fn fill_plain(&mut self, out: &mut Vec<u8>, want: usize) -> Result<bool> {
        let start = out.len();
        out.append(&mut self.pending);
        if out.len() - start < want {
            self.raw(out, want - (out.len() - start))?;
        }
        let more = out.len() > start;
        let unchecked = start - self.carry;
        self.carry = 0;
        if let Err(error) = std::str::from_utf8(&out[unchecked..]) {
            if error.error_len().is_some() || !more {
                let at = unchecked + error.valid_up_to();
                return Err(self.not_a_character(&out[start..at.max(start)], &out[at..]));
            }
            self.carry = out.len() - unchecked - error.valid_up_to();
        }
        Ok(more)
    }

    fn fill_decoded(
        &mut self,
        decoder: &mut Decoder,
        out: &mut Vec<u8>,
        want: usize,
    ) -> Result<bool> {
        let start = out.len();
        while !self.decoded && out.len() - start < want {
            if self.pending.is_empty() {
                let mut pending = std::mem::take(&mut self.pending);
                self.raw(&mut pending, 1 << 16)?;
                self.pending = pending;
            }
            let last = self.pending.is_empty();
            let room = decoder.max_utf8_buffer_length_without_replacement(self.pending.len());
            let mut part = vec![0; room.unwrap_or(4 * self.pending.len() + 64)];
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(&self.pending, &mut part, last);
            out.extend_from_slice(&part[..written]);
            match result {
                DecoderResult::InputEmpty => self.pending.clear(),
                DecoderResult::OutputFull => drop(self.pending.drain(..read)),
                DecoderResult::Malformed(length, after) => {
                    let at = read.saturating_sub(usize::from(length) + usize::from(after));
                    let wrong = self.pending.get(at..).unwrap_or(&[]).to_vec();
                    self.decoder = Some(decoder.encoding().new_decoder());
                    return Err(self.not_a_character(&out[start..], &wrong));
                }
            }
            self.decoded = last;
        }
        Ok(out.len() > start)
    }

    /// The error for bytes that are not a character, after text that could be read.
    fn not_a_character(&self, good: &[u8], wrong: &[u8]) -> DataError {
        let name = (self.decoder.as_ref()).map_or("UTF-8", |decoder| decoder.encoding().name());
        let byte = match wrong.first() {
            Some(byte) => format!("byte {byte:#04x}"),
            None => "the end of the file".into(),
        };
        DataError::Line {
            path: self.source.path.clone(),
            line: 1 + self.lines + memchr::memchr_iter(b'\n', good).count(),
            problem: format!(
                "{byte} is not {name}; state the encoding of the file (--encoding latin1 for Latin-1 and windows-1252), or convert it with iconv"
            ),
        }
    }
}
