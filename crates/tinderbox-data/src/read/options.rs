use std::collections::BTreeMap;
use std::str::FromStr;

use polars::prelude::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// How to read text tables; what is not stated is inferred.
///
/// ```no_run
/// use tinderbox_data::{ColumnType, ReadOptions};
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
    /// What stands between fields; inferred from the first lines when absent.
    pub separator: Option<Separator>,
    /// Whether the first line names the columns; when absent, it does unless one of its fields is
    /// a number. Columns without names are `column_1`, `column_2`, ….
    pub has_header: Option<bool>,
    /// Names of the columns, instead of those in the file.
    pub names: Option<Vec<String>>,
    /// Fields that mean a missing value; an empty field always does.
    pub null_values: Vec<String>,
    /// Types of columns that inference would get wrong.
    pub types: BTreeMap<String, ColumnType>,
    /// Whether numbers are written `3,14`; the separator must then be another one.
    pub decimal_comma: bool,
    /// How letters are encoded.
    pub encoding: Encoding,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            separator: None,
            has_header: None,
            names: None,
            null_values: ["NA", "N/A", "NaN", "nan", "null", "NULL"]
                .map(String::from)
                .to_vec(),
            types: BTreeMap::new(),
            decimal_comma: false,
            encoding: Encoding::Utf8,
        }
    }
}

impl ReadOptions {
    /// States what stands between fields: a byte such as `b';'`, or [`Separator::Whitespace`].
    pub fn separator(mut self, separator: impl Into<Separator>) -> Self {
        self.separator = Some(separator.into());
        self
    }

    /// States whether the first line names the columns.
    pub fn has_header(mut self, has_header: bool) -> Self {
        self.has_header = Some(has_header);
        self
    }

    /// Names the columns, instead of what the file says.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
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

    /// States that numbers are written `3,14`.
    pub fn decimal_comma(mut self, decimal_comma: bool) -> Self {
        self.decimal_comma = decimal_comma;
        self
    }

    /// States how letters are encoded.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }
}

/// What stands between the fields of a text table.
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
                    "separator {text:?}: use one character such as ; or the word tab or whitespace"
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

/// The type of a column of a text table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers of 64 bits.
    Float,
    /// `true` and `false`, in any case of letters.
    Boolean,
    /// Text, kept as it stands.
    Text,
    /// Days, written `2001-01-31`.
    Date,
    /// Moments, written `2001-01-31 23:59` or `2001-01-31T23:59:59`.
    Datetime,
}

impl ColumnType {
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::String,
            Self::Date => DataType::Date,
            Self::Datetime => DataType::Datetime(TimeUnit::Microseconds, None),
        }
    }

    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Boolean => "true or false",
            Self::Text => "text",
            Self::Date => "a day such as 2001-01-31",
            Self::Datetime => "a moment such as 2001-01-31 23:59:59",
        }
    }
}

/// How the letters of a text table are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8; a byte order mark is skipped.
    #[default]
    Utf8,
    /// ISO 8859-1, one byte a letter.
    Latin1,
}
