//! JSON lines: an object for each row, a key for each column.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::bits::*;
use super::cell::{self, Evidence};
use super::nulls::Nulls;
use super::number;
use super::options::{ReadOptions, Separator};
use super::records::Records;
use super::source::Source;
use crate::{DataError, Result};

/// The first pass over JSON lines: names of the columns, and the cells of each.
pub(super) struct Scan {
    pub source: Source,
    /// The keys, in the order in which they first appear.
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// The text, if it is small enough to stay in memory.
    pub whole: Option<Vec<u8>>,
}

/// A value other than `null`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell<'a> {
    /// The text of a string; the JSON text of any other value.
    pub text: Cow<'a, [u8]>,
    pub string: bool,
}

impl Scan {
    /// Reads the whole file, of which up to `keep` bytes stay in memory.
    pub fn new(source: &Source, options: &ReadOptions, keep: usize) -> Result<Self> {
        let path = source.path.as_path();
        let mut records = Records::new(path, source.open(options)?, keep, options)?;
        records.separate(LINES);
        let mut names = Vec::new();
        let mut places = HashMap::new();
        let mut evidence: Vec<Evidence> = Vec::new();
        let nulls = Nulls::new(&options.null_values);
        let mut rows = 0;
        let mut last = Vec::new();
        while records.next()? {
            let line = records.line;
            let wrong = |problem: String| DataError::Line {
                path: path.to_owned(),
                line,
                problem,
            };
            let text = records.fields().next().map_or(&b""[..], |(text, _)| text);
            check(text).map_err(wrong)?;
            rows += 1;
            object(text, &mut |key, value| {
                let place = match places.get(key.as_ref()) {
                    Some(place) => *place,
                    None => {
                        let place = names.len();
                        places.insert(key.to_vec(), place);
                        names.push(String::from_utf8_lossy(&key).into_owned());
                        evidence.push(Evidence::default());
                        last.push(0);
                        place
                    }
                };
                if last[place] == line {
                    return Err(format!(
                        "not a JSON object (\"{}\" is there twice); every line must be one object",
                        names[place]
                    ));
                }
                last[place] = line;
                if let Some(cell) = value
                    && !(cell.string && nulls.find(&cell.text).is_some())
                {
                    evidence[place].note(look(&cell), &cell.text, line);
                }
                Ok(())
            })
            .map_err(wrong)?;
        }
        if rows == 0 {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: "the file is empty".into(),
            });
        }
        if names.is_empty() {
            return Err(DataError::Format {
                path: path.to_owned(),
                problem: "the objects have no keys, so there are no columns".into(),
            });
        }
        Ok(Self {
            source: source.clone(),
            names,
            evidence,
            whole: records.into_whole(),
        })
    }

    /// Calls `each` with the values of every row, in the order of the names.
    pub fn each(
        &self,
        whole: Option<Vec<u8>>,
        options: &ReadOptions,
        mut each: impl FnMut(&[Option<Cell>]) -> std::io::Result<()>,
    ) -> Result<()> {
        let path = self.source.path.as_path();
        let mut records = match whole {
            Some(bytes) => Records::of(path, bytes, options),
            None => Records::new(path, self.source.open(options)?, 0, options)?,
        };
        records.separate(LINES);
        let places: HashMap<&[u8], usize> = (self.names.iter().enumerate())
            .map(|(place, name)| (name.as_bytes(), place))
            .collect();
        while records.next()? {
            let text = records.fields().next().map_or(&b""[..], |(text, _)| text);
            let mut cells = vec![None; self.names.len()];
            let line = records.line;
            object(text, &mut |key, value| {
                if let Some(place) = places.get(key.as_ref()) {
                    cells[*place] = value;
                }
                Ok(())
            })
            .map_err(|problem| DataError::Line {
                path: path.to_owned(),
                line,
                problem,
            })?;
            each(&cells).map_err(|source| DataError::File {
                path: path.to_owned(),
                source,
            })?;
        }
        Ok(())
    }
}

/// Text has no zero byte, so that each line is a record of one field.
const LINES: Separator = Separator::Byte(0);

/// The bits of a value.
fn look(cell: &Cell) -> u64 {
    let text = cell.text.as_ref();
    if cell.string {
        return STRING
            | match cell::look(text) {
                seen if seen & BOOLEAN != 0 => TEXT,
                seen => seen,
            };
    }
    match text.first() {
        Some(b't' | b'f') => BOOLEAN,
        Some(b'{' | b'[') => TEXT | NESTED,
        _ => match number::look(text) {
            0 => TEXT,
            // A point in a JSON number is a decimal point.
            seen if seen & POINT_3 != 0 => (seen & !POINT_3) | POINT | FRACTION,
            seen => seen,
        },
    }
}

/// Refuses lines that are not one object, arrays and single values included.
fn check(line: &[u8]) -> Result<(), String> {
    match serde_json::from_slice::<Object>(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "not a JSON object ({error}); every line must be one object"
        )),
    }
}

struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Object;

    fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Object)
    }
}

/// The keys and values of an object that has been checked.
fn object<'a>(
    line: &'a [u8],
    each: &mut dyn FnMut(Cow<'a, [u8]>, Option<Cell<'a>>) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = line.trim_ascii().strip_prefix(b"{").unwrap_or(line);
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            Some(b',') => rest = rest[1..].trim_ascii_start(),
            Some(b'"') => {}
            _ => return Ok(()),
        }
        let (key, after) = value(rest);
        let key = unescaped(key)?;
        let after = after.trim_ascii_start();
        let (found, after) = value(after.strip_prefix(b":").unwrap_or(after).trim_ascii_start());
        rest = after;
        let cell = match found.first() {
            Some(b'n') | None => None,
            Some(b'"') => Some(Cell {
                text: unescaped(found)?,
                string: true,
            }),
            Some(_) => Some(Cell {
                text: found.into(),
                string: false,
            }),
        };
        each(key, cell)?;
    }
}

/// The value at the front, and the rest.
fn value(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut depth = 0;
    let mut place = 0;
    while place < bytes.len() {
        match bytes[place] {
            b'"' => {
                place += 1;
                while place < bytes.len() && bytes[place] != b'"' {
                    place += if bytes[place] == b'\\' { 2 } else { 1 };
                }
                if depth == 0 {
                    return bytes.split_at((place + 1).min(bytes.len()));
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return bytes.split_at(place + 1);
                }
            }
            b',' | b'}' | b']' | b':' if depth == 0 => break,
            byte if depth == 0 && byte.is_ascii_whitespace() => break,
            _ => {}
        }
        place += 1;
    }
    bytes.split_at(place.min(bytes.len()))
}

/// The text of a string with its quotes.
fn unescaped(string: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if memchr::memchr(b'\\', string).is_none() {
        let inner = string.get(1..string.len().saturating_sub(1));
        return Ok(inner.unwrap_or(&[]).into());
    }
    match serde_json::from_slice::<String>(string) {
        Ok(text) if text.contains('\0') => {
            Err("a string has a zero byte (\\u0000), which text cannot have; remove it".into())
        }
        Ok(text) => Ok(text.into_bytes().into()),
        Err(error) => Err(format!(
            "not a JSON object ({error}); every line must be one object"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_of_every_kind() {
        let line =
            br#" {"a": 1.5e3,"b\n":"x \"y\"", "c":[1,{"d":"]"}] ,"e":null,"f":true,"g":{} } "#;
        assert_eq!(check(line), Ok(()));
        let mut found = Vec::new();
        object(line, &mut |key, value| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            found.push((
                text(&key),
                value.map(|cell| (text(&cell.text), cell.string)),
            ));
            Ok(())
        })
        .unwrap();
        let some = |text: &str, string| Some((text.to_owned(), string));
        let expected = [
            ("a", some("1.5e3", false)),
            ("b\n", some("x \"y\"", true)),
            ("c", some("[1,{\"d\":\"]\"}]", false)),
            ("e", None),
            ("f", some("true", false)),
            ("g", some("{}", false)),
        ];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value)));
        for wrong in ["[1]", "{\"a\":}", "1", "{\"a\":1} x"] {
            assert!(
                check(wrong.as_bytes()).unwrap_err().contains("JSON object"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn strings_of_digits_are_not_numbers() {
        let of = |text: &str, string| {
            look(&Cell {
                text: text.as_bytes().into(),
                string,
            })
        };
        assert!(of("1.234", false) & (POINT | POINT_3) == POINT);
        assert!(of("02100", true) & (NUMBER | STRING) == NUMBER | STRING);
        assert!(of("true", true) & (TEXT | BOOLEAN) == TEXT);
        assert!(of("2001-01-31", true) & DATE == DATE);
    }
}
