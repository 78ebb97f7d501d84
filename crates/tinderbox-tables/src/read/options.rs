use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::column_type::ColumnType;
use crate::{DataError, Result};

/// Options for reading text tables; what is not stated is inferred.
///
/// ```no_run
/// use tinderbox_tables::{ColumnType, ReadOptions};
///
/// # fn main() -> Result<(), tinderbox_data::DataError> {
/// let frame = ReadOptions::default()
///     .separator(b';')
///     .null_values(["?"])
///     .column_type("postcode", ColumnType::Text)
///     .read("houses.csv")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The separator of fields; inferred from the first lines if absent.
    pub separator: Option<Separator>,
    /// Whether the first line names the columns; if absent, decided by comparing it with the rows
    /// below, see [`ReadOptions::has_header`]. Columns without names are `column_1`, `column_2`, ….
    pub has_header: Option<bool>,
    /// Names of the columns, which replace those in the file.
    pub names: Option<Vec<String>>,
    /// Number of lines to skip before the table.
    pub skip_rows: usize,
    /// The prefix of comment lines, such as `#`.
    pub comment: Option<String>,
    /// Fields that mean a missing value; an empty field always does.
    pub null_values: Vec<String>,
    /// Types of columns, instead of the inferred ones.
    pub types: BTreeMap<String, ColumnType>,
    /// The decimal mark, `.` or `,`; inferred from the values if absent.
    pub decimal: Option<char>,
    /// The mark that groups digits: `,` `.` `'` or a blank; any of them if absent. `,` and `.` also state
    /// that the other one is the decimal mark.
    pub thousands: Option<char>,
    /// Whether `01/02/2001` begins with the day or the month; inferred from the values if absent.
    pub dates: Option<DateOrder>,
    /// The encoding; UTF-8 if absent. A byte order mark (UTF-8, UTF-16) takes precedence.
    pub encoding: Option<Encoding>,
    /// The most bytes that a packed file (`.gz`) may unpack to; if absent, 1 GiB or a hundred times its
    /// packed size, whichever is more.
    pub max_unpacked: Option<u64>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            separator: None,
            has_header: None,
            names: None,
            skip_rows: 0,
            comment: None,
            null_values: ["NA", "N/A", "NaN", "nan", "null", "NULL"]
                .map(String::from)
                .to_vec(),
            types: BTreeMap::new(),
            decimal: None,
            thousands: None,
            dates: None,
            encoding: None,
            max_unpacked: None,
        }
    }
}

impl ReadOptions {
    /// States the separator of fields: a byte such as `b';'`, or [`Separator::Whitespace`].
    pub fn separator(mut self, separator: impl Into<Separator>) -> Self {
        self.separator = Some(separator.into());
        self
    }

    /// States whether the first line names the columns.
    ///
    /// If it is not stated, the first line is compared with the rows below. It is a header if one of
    /// its fields is text and none of them is data. A number is data, except a year above a column
    /// that also holds other numbers; so is a date above a column of dates. If
    /// [`names`](ReadOptions::names) are given, a line of text is a header only if one of its fields
    /// is above a column of numbers, dates or booleans, or is one of the names.
    pub fn has_header(mut self, has_header: bool) -> Self {
        self.has_header = Some(has_header);
        self
    }

    /// States the names of the columns, which replace those in the file.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Skips this many lines before the table.
    pub fn skip_rows(mut self, lines: usize) -> Self {
        self.skip_rows = lines;
        self
    }

    /// States the prefix of comment lines.
    pub fn comment(mut self, prefix: impl Into<String>) -> Self {
        self.comment = Some(prefix.into());
        self
    }

    /// States the fields that mean a missing value, instead of the default list.
    pub fn null_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.null_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// States the type of one column.
    pub fn column_type(mut self, column: impl Into<String>, kind: ColumnType) -> Self {
        self.types.insert(column.into(), kind);
        self
    }

    /// States the decimal mark: `.` or `,`.
    pub fn decimal(mut self, decimal: char) -> Self {
        self.decimal = Some(decimal);
        self
    }

    /// States the mark that groups digits: `,` `.` `'` or a blank.
    pub fn thousands(mut self, thousands: char) -> Self {
        self.thousands = Some(thousands);
        self
    }

    /// States whether `01/02/2001` begins with the day or the month.
    pub fn dates(mut self, order: DateOrder) -> Self {
        self.dates = Some(order);
        self
    }

    /// States the encoding.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// States the most bytes that a packed file may have unpacked.
    pub fn max_unpacked(mut self, bytes: u64) -> Self {
        self.max_unpacked = Some(bytes);
        self
    }

    /// The decimal mark that is stated: by `decimal`, or by `thousands`, which is the other one of the two.
    pub(super) fn decimal_mark(&self) -> Option<char> {
        self.decimal.or(match self.thousands {
            Some('.') => Some(','),
            Some(',') => Some('.'),
            _ => None,
        })
    }

    /// Checks the options before any file is read.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |problem: String| Err(DataError::Options { problem });
        let (decimal, thousands) = (self.decimal, self.thousands);
        if decimal.is_some_and(|mark| !".,".contains(mark)) {
            return wrong(format!("decimal {decimal:?}: use . or ,"));
        }
        if thousands.is_some_and(|mark| !".,' ".contains(mark)) {
            return wrong(format!(
                "thousands {thousands:?}: use , or . or ' or a blank"
            ));
        }
        if thousands.is_some() && decimal == thousands {
            return wrong(
                "decimal and thousands are the same character; state two, such as decimal , and thousands ."
                    .into(),
            );
        }
        if decimal == Some(',') && self.separator == Some(Separator::Byte(b',')) {
            return wrong(
                "separator and decimal are both a comma; state another separator, such as ;".into(),
            );
        }
        if self.comment.as_ref().is_some_and(String::is_empty) {
            return wrong("comment is empty; state the prefix of such lines".into());
        }
        Ok(())
    }
}

/// The order of day and month in dates such as `01/02/2001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// Day, month, year.
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

impl DateOrder {
    pub(super) fn form(self) -> &'static str {
        match self {
            Self::DayFirst => "day/month/year",
            Self::MonthFirst => "month/day/year",
        }
    }
}

impl FromStr for DateOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day-first" | "day_first" => Ok(Self::DayFirst),
            "month-first" | "month_first" => Ok(Self::MonthFirst),
            _ => Err(format!("{text:?}: use day-first or month-first")),
        }
    }
}

/// The separator of the fields of a text table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Separator {
    /// One byte.
    Byte(u8),
    /// Any run of blanks and tabs.
    Whitespace,
}

impl From<u8> for Separator {
    fn from(byte: u8) -> Self {
        Self::Byte(byte)
    }
}

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "whitespace" => Ok(Self::Whitespace),
            "tab" | "\\t" => Ok(Self::Byte(b'\t')),
            _ => match text.as_bytes() {
                [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(Self::Byte(*byte)),
                _ => Err(format!(
                    "separator {text:?}: use one character such as ;, or tab or whitespace"
                )),
            },
        }
    }
}

impl TryFrom<String> for Separator {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Separator> for String {
    fn from(separator: Separator) -> Self {
        match separator {
            Separator::Byte(b'\t') => "tab".into(),
            Separator::Byte(byte) => char::from(byte).into(),
            Separator::Whitespace => "whitespace".into(),
        }
    }
}

/// The encoding of a text table, by the names that web browsers know:
/// `utf-8`, `utf-16le`, `windows-1252`, `latin1` (read as windows-1252, which contains it), `shift_jis`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(pub(super) &'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    /// Windows-1252, which contains Latin-1 (ISO 8859-1): one byte for each character.
    pub const LATIN_1: Self = Self(encoding_rs::WINDOWS_1252);
    /// UTF-16, the lower byte first.
    pub const UTF_16LE: Self = Self(encoding_rs::UTF_16LE);
    /// UTF-16, the higher byte first.
    pub const UTF_16BE: Self = Self(encoding_rs::UTF_16BE);
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = match text.to_ascii_lowercase().as_str() {
            "latin-1" => Some(encoding_rs::WINDOWS_1252),
            name => encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()),
        };
        known.map(Self).ok_or_else(|| {
            format!("encoding {text:?} is not known; use utf-8, latin1, windows-1252, utf-16le, …")
        })
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.0.name().to_ascii_lowercase()
    }
}
