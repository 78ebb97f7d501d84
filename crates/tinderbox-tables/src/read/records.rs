//! The records of delimited text, with their fields and lines.

use std::path::{Path, PathBuf};

use super::options::{ReadOptions, Separator};
use super::source::TextReader;
use crate::{DataError, Result};

/// The most bytes of a record; in a longer one a quote is probably missing.
const RECORD: usize = 64 << 20;

/// The place of a field, without quotes or without blanks around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field {
    start: usize,
    end: usize,
    pub quoted: bool,
}

/// The records of delimited text (RFC 4180, with any separator), without blank lines and comments.
///
/// The file is read as a stream: in memory is a block of it, or its longest record.
pub(super) struct Records {
    path: PathBuf,
    /// `None` if the whole text is in memory.
    reader: Option<TextReader>,
    buffer: Vec<u8>,
    separator: Separator,
    comment: Option<Vec<u8>>,
    /// Lines to skip.
    skip: usize,
    at: usize,
    next_line: usize,
    /// The line where the last record begins, counted from 1.
    pub line: usize,
    fields: Vec<Field>,
    /// Whether there was something that the parser of polars does not accept: blank lines, blanks around
    /// fields, quotes inside fields, skipped lines.
    pub loose: bool,
    /// Whether the text has other bytes than the file.
    pub converted: bool,
    /// The most bytes of text to keep in memory; `None` if there were more.
    keep: Option<usize>,
}

/// The result of an attempt to read a record.
enum Step {
    Record,
    End,
    /// The record is not complete in memory.
    More,
    Broken(usize, &'static str),
}

impl Records {
    /// The records of a file, of which up to `keep` bytes stay in memory.
    pub fn new(
        path: &Path,
        reader: TextReader,
        keep: usize,
        options: &ReadOptions,
    ) -> Result<Self> {
        let mut records = Self {
            reader: Some(reader),
            keep: Some(keep),
            ..Self::of(path, Vec::new(), options)
        };
        records.fill()?;
        Ok(records)
    }

    /// The records of text in memory.
    pub fn of(path: &Path, buffer: Vec<u8>, options: &ReadOptions) -> Self {
        Self {
            path: path.to_owned(),
            reader: None,
            buffer,
            separator: options.separator.unwrap_or(Separator::Byte(b',')),
            comment: options.comment.clone().map(String::into_bytes),
            skip: options.skip_rows,
            at: 0,
            next_line: 1,
            line: 1,
            fields: Vec::new(),
            loose: options.skip_rows > 0,
            converted: false,
            keep: None,
        }
    }

    /// The complete lines of the first block, before any record is read.
    pub fn head(&self) -> &[u8] {
        let head = self.buffer.as_slice();
        match self.reader.is_some() {
            true => &head[..memchr::memrchr(b'\n', head).unwrap_or(head.len())],
            false => head,
        }
    }

    pub fn separate(&mut self, separator: Separator) {
        self.separator = separator;
    }

    /// The whole text, if it was kept; to be called after the last record.
    pub fn into_whole(self) -> Option<Vec<u8>> {
        self.keep.map(|_| self.buffer)
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn fields(&self) -> impl Iterator<Item = (&[u8], bool)> {
        (self.fields.iter()).map(|field| (&self.buffer[field.start..field.end], field.quoted))
    }

    /// The fields as text, with doubled quotes undone.
    #[cfg(test)]
    pub fn texts(&self) -> Vec<String> {
        self.fields()
            .map(|(bytes, quoted)| unquoted(bytes, quoted))
            .collect()
    }

    fn fill(&mut self) -> Result<()> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        if self.keep.is_none() {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let open = self.buffer.len() - self.at;
        if open > RECORD {
            return Err(DataError::Line {
                path: self.path.clone(),
                line: self.next_line,
                problem: format!(
                    "a row of more than {} MiB begins here; a quote that never closes?",
                    RECORD >> 20
                ),
            });
        }
        let more = reader.fill(&mut self.buffer, open)?;
        self.converted = reader.converted;
        if !more {
            self.reader = None;
        }
        if self.keep.is_some_and(|most| self.buffer.len() > most) {
            self.keep = None;
        }
        Ok(())
    }

    /// Reads the next record; false at the end.
    pub fn next(&mut self) -> Result<bool> {
        loop {
            match self.step() {
                Step::Record => return Ok(true),
                Step::End => return Ok(false),
                Step::More => self.fill()?,
                Step::Broken(line, problem) => {
                    return Err(DataError::Line {
                        path: self.path.clone(),
                        line,
                        problem: problem.into(),
                    });
                }
            }
        }
    }

    fn step(&mut self) -> Step {
        self.fields.clear();
        let ended = self.reader.is_none();
        loop {
            let rest = &self.buffer[self.at..];
            if rest.is_empty() {
                return if ended { Step::End } else { Step::More };
            }
            let comment = self.comment.as_deref();
            if comment.is_some_and(|it| !ended && rest.len() < it.len()) {
                return Step::More;
            }
            if self.skip > 0 || comment.is_some_and(|it| rest.starts_with(it)) {
                let length = match memchr::memchr(b'\n', rest) {
                    Some(length) => length + 1,
                    None if ended => rest.len(),
                    None => return Step::More,
                };
                self.at += length;
                self.next_line += 1;
                self.skip = self.skip.saturating_sub(1);
                self.loose = true;
                continue;
            }
            let blank = rest
                .iter()
                .take_while(|byte| b" \t\r".contains(byte))
                .count();
            if blank == rest.len() && !ended {
                return Step::More;
            }
            // A line of separators is a record of empty fields, also when the separator is a tab.
            let separators = match self.separator {
                Separator::Byte(byte) => rest[..blank].contains(&byte),
                Separator::Whitespace => false,
            };
            if separators || !matches!(rest.get(blank), Some(b'\n') | None) {
                break;
            }
            self.at = (self.at + blank + 1).min(self.buffer.len());
            self.next_line += 1;
            self.loose = true;
        }
        match self.separator {
            Separator::Byte(separator) => self.separated(separator, ended),
            Separator::Whitespace => self.blank_separated(ended),
        }
    }

    fn separated(&mut self, separator: u8, ended: bool) -> Step {
        let bytes = &self.buffer[..];
        let (mut at, mut lines, mut loose) = (self.at, 0, false);
        let end = loop {
            // Blanks before a quoted field do not belong to it.
            let blanks = bytes[at.min(bytes.len())..]
                .iter()
                .take_while(|byte| **byte == b' ')
                .count();
            if separator != b' ' && bytes.get(at + blanks) == Some(&b'"') {
                loose |= blanks > 0;
                at += blanks;
                let start = at + 1;
                let mut close = start;
                loop {
                    let Some(found) = memchr::memchr(b'"', &bytes[close..]) else {
                        if !ended {
                            return Step::More;
                        }
                        return Step::Broken(self.next_line, "a quote opens here and never closes");
                    };
                    close += found;
                    match bytes.get(close + 1) {
                        None if !ended => return Step::More,
                        Some(b'"') => close += 2,
                        _ => break,
                    }
                }
                lines += memchr::memchr_iter(b'\n', &bytes[start..close]).count();
                self.fields.push(Field {
                    start,
                    end: close,
                    quoted: true,
                });
                let mut after = close + 1;
                while bytes
                    .get(after)
                    .is_some_and(|byte| matches!(byte, b' ' | b'\r'))
                {
                    loose |= bytes[after] == b' ';
                    after += 1;
                }
                at = after + 1;
                match bytes.get(after) {
                    None if !ended => return Step::More,
                    None => break after,
                    Some(b'\n') => break at,
                    Some(byte) if *byte == separator => continue,
                    Some(_) => {
                        return Step::Broken(
                            self.next_line + lines,
                            "text follows a closing quote; write a quote inside a quoted field twice",
                        );
                    }
                }
            }
            let rest = &bytes[at.min(bytes.len())..];
            let found = rest
                .iter()
                .position(|&byte| byte == separator || byte == b'\n');
            let length = match found {
                Some(length) => length,
                None if ended => rest.len(),
                None => return Step::More,
            };
            let mut field = &rest[..length];
            let after = rest.get(length).copied();
            if after != Some(separator) {
                field = field.strip_suffix(b"\r").unwrap_or(field);
            }
            let front = field.trim_ascii_start();
            let trimmed = front.trim_ascii_end();
            loose |= trimmed.len() != field.len() || trimmed.contains(&b'"');
            let start = at + field.len() - front.len();
            self.fields.push(Field {
                start,
                end: start + trimmed.len(),
                quoted: false,
            });
            at += length + 1;
            match after {
                Some(byte) if byte == separator => {}
                Some(_) => break at,
                None => break at - 1,
            }
        };
        self.line = self.next_line;
        self.next_line += lines + 1;
        self.at = end;
        self.loose |= loose;
        Step::Record
    }

    fn blank_separated(&mut self, ended: bool) -> Step {
        let rest = &self.buffer[self.at..];
        let length = match memchr::memchr(b'\n', rest) {
            Some(length) => length,
            None if ended => rest.len(),
            None => return Step::More,
        };
        let mut start = self.at;
        for field in rest[..length].split(|byte| b" \t\r".contains(byte)) {
            if !field.is_empty() {
                self.fields.push(Field {
                    start,
                    end: start + field.len(),
                    quoted: false,
                });
            }
            start += field.len() + 1;
        }
        self.line = self.next_line;
        self.next_line += 1;
        self.at = (self.at + length + 1).min(self.buffer.len());
        Step::Record
    }
}

/// The text of a field, with doubled quotes undone.
pub(super) fn unquoted(bytes: &[u8], quoted: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    match quoted {
        true => text.replace("\"\"", "\""),
        false => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, separator: Separator) -> Result<Vec<(usize, Vec<String>)>> {
        let options = ReadOptions::default().separator(separator);
        let mut records = Records::of(Path::new("t"), text.into(), &options);
        let mut found = Vec::new();
        while records.next()? {
            found.push((records.line, records.texts()));
        }
        Ok(found)
    }

    #[test]
    fn records_of_every_shape() {
        let text = "a,\"b \"\"x\"\"\",c\r\n\r\n1, 2 ,\n\"two\nlines\",,3\n,,";
        let expected = [
            (1, vec!["a", "b \"x\"", "c"]),
            (3, vec!["1", "2", ""]),
            (4, vec!["two\nlines", "", "3"]),
            (6, vec!["", "", ""]),
        ];
        let found = all(text, Separator::Byte(b',')).unwrap();
        assert_eq!(found.len(), expected.len());
        for ((line, fields), (expected_line, expected_fields)) in found.iter().zip(expected) {
            assert_eq!(
                (*line, &fields[..]),
                (expected_line, &expected_fields.map_text()[..])
            );
        }
        let found = all("  1\t 2\n\n3 4  \r\n", Separator::Whitespace).unwrap();
        assert_eq!(
            found,
            [
                (1, vec!["1".into(), "2".into()]),
                (3, vec!["3".into(), "4".into()])
            ]
        );
        assert_eq!(all("\t\t\n", Separator::Byte(b'\t')).unwrap()[0].1.len(), 3);
    }

    trait MapText {
        fn map_text(&self) -> Vec<String>;
    }

    impl MapText for Vec<&str> {
        fn map_text(&self) -> Vec<String> {
            self.iter().map(|text| text.to_string()).collect()
        }
    }

    #[test]
    fn broken_quotes_name_their_line() {
        let open = all("a,b\n1,\"x\ny", Separator::Byte(b',')).unwrap_err();
        assert!(open.to_string().contains("line 2"), "{open}");
        let after = all("a,b\n1,\"x\"y\n", Separator::Byte(b',')).unwrap_err();
        assert!(after.to_string().contains("line 2"), "{after}");
    }
}
