use super::Separator;

/// One field of a text table: its bytes without the quotes, or trimmed of blanks around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub bytes: &'a [u8],
    pub quoted: bool,
}

impl Field<'_> {
    /// The text, with doubled quotes undone.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.bytes);
        match self.quoted {
            true => text.replace("\"\"", "\""),
            false => text.into_owned(),
        }
    }
}

/// Why a record cannot be read, and the line where it begins.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    pub line: usize,
    pub problem: &'static str,
}

/// The records of a text table (RFC 4180, with any separator), blank lines skipped.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    separator: Separator,
    at: usize,
    next_line: usize,
    /// Line where the last record began, counted from 1.
    pub line: usize,
    /// Whether something was seen that stricter parsers stumble over: blank lines, blanks around
    /// fields, quotes inside fields.
    pub loose: bool,
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8], separator: Separator) -> Self {
        Self {
            bytes,
            separator,
            at: 0,
            next_line: 1,
            line: 1,
            loose: false,
        }
    }

    /// Puts the fields of the next record into `fields`; false at the end.
    pub fn next(&mut self, fields: &mut Vec<Field<'a>>) -> Result<bool, Broken> {
        fields.clear();
        loop {
            if self.at >= self.bytes.len() {
                return Ok(false);
            }
            let rest = &self.bytes[self.at..];
            let blank = rest
                .iter()
                .take_while(|byte| b" \t\r".contains(byte))
                .count();
            // A line of separators is a record of empty fields, also when the separator is a tab.
            let separators = match self.separator {
                Separator::Byte(byte) => rest[..blank].contains(&byte),
                Separator::Whitespace => false,
            };
            if separators || !matches!(rest.get(blank), Some(b'\n') | None) {
                break;
            }
            self.at += blank + 1;
            self.next_line += 1;
            self.loose = true;
        }
        self.line = self.next_line;
        match self.separator {
            Separator::Byte(separator) => self.separated(separator, fields)?,
            Separator::Whitespace => self.blank_separated(fields),
        }
        Ok(true)
    }

    fn separated(&mut self, separator: u8, fields: &mut Vec<Field<'a>>) -> Result<(), Broken> {
        let bytes = self.bytes;
        loop {
            if bytes.get(self.at) == Some(&b'"') {
                let field = self.quoted()?;
                fields.push(Field {
                    bytes: field,
                    quoted: true,
                });
                let mut after = self.at;
                while bytes
                    .get(after)
                    .is_some_and(|byte| matches!(byte, b' ' | b'\r'))
                {
                    self.loose |= bytes[after] == b' ';
                    after += 1;
                }
                self.at = after + 1;
                match bytes.get(after) {
                    None => return Ok(()),
                    Some(b'\n') => {
                        self.next_line += 1;
                        return Ok(());
                    }
                    Some(byte) if *byte == separator => {}
                    Some(_) => {
                        return Err(Broken {
                            line: self.next_line,
                            problem: "text follows a closing quote; write a quote inside a quoted field twice",
                        });
                    }
                }
                continue;
            }
            let rest = &bytes[self.at.min(bytes.len())..];
            let length = rest
                .iter()
                .position(|&byte| byte == separator || byte == b'\n')
                .unwrap_or(rest.len());
            let mut field = &rest[..length];
            let end = rest.get(length).copied();
            if end != Some(separator) {
                field = field.strip_suffix(b"\r").unwrap_or(field);
            }
            let trimmed = field.trim_ascii();
            self.loose |= trimmed.len() != field.len() || trimmed.contains(&b'"');
            fields.push(Field {
                bytes: trimmed,
                quoted: false,
            });
            self.at += length + 1;
            match end {
                Some(byte) if byte == separator => {}
                Some(_) => {
                    self.next_line += 1;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    /// The inside of a quoted field; leaves the position after the closing quote.
    fn quoted(&mut self) -> Result<&'a [u8], Broken> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.bytes.get(end) {
                None => {
                    return Err(Broken {
                        line: self.line,
                        problem: "a quote opens here and never closes",
                    });
                }
                Some(b'"') if self.bytes.get(end + 1) == Some(&b'"') => end += 2,
                Some(b'"') => break,
                Some(byte) => {
                    self.next_line += usize::from(*byte == b'\n');
                    end += 1;
                }
            }
        }
        self.at = end + 1;
        Ok(&self.bytes[start..end])
    }

    fn blank_separated(&mut self, fields: &mut Vec<Field<'a>>) {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(rest.len());
        fields.extend(
            rest[..length]
                .split(|byte| b" \t\r".contains(byte))
                .filter(|field| !field.is_empty())
                .map(|bytes| Field {
                    bytes,
                    quoted: false,
                }),
        );
        self.at += length + 1;
        self.next_line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, separator: Separator) -> Result<Vec<(usize, Vec<String>)>, Broken> {
        let mut records = Records::new(text.as_bytes(), separator);
        let (mut found, mut fields) = (Vec::new(), Vec::new());
        while records.next(&mut fields)? {
            found.push((records.line, fields.iter().map(Field::text).collect()));
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
                (*line, fields),
                (
                    expected_line,
                    &expected_fields.iter().map(|s| s.to_string()).collect()
                )
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

    #[test]
    fn broken_quotes_name_their_line() {
        let open = all("a,b\n1,\"x\ny", Separator::Byte(b',')).unwrap_err();
        assert_eq!(open.line, 2);
        let after = all("a,b\n1,\"x\"y\n", Separator::Byte(b',')).unwrap_err();
        assert_eq!(after.line, 2);
    }
}
