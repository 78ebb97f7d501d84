//! Reads files of all common kinds as polars frames.

mod address;
mod binary;
mod bits;
mod cell;
mod clock;
mod column_type;
mod date;
mod decide;
mod delimited;
mod find;
mod format;
mod guess;
mod header;
mod ipc;
mod json;
mod kind;
mod marks;
mod nulls;
mod number;
mod open;
mod options;
mod parquet;
mod plain;
mod records;
mod source;
mod text;
mod unread;

use std::path::Path;

use polars::prelude::LazyFrame;

use crate::Result;
pub use column_type::ColumnType;
pub use format::{ColumnFormat, TableFormat};
pub use options::{DateOrder, Encoding, ReadOptions, Separator};

/// Why text that is a number, such as `77k`, is not read as one; `None` for other text.
pub(crate) fn unread_number(text: &str) -> Option<&'static str> {
    match unread::unread(text.as_bytes()) {
        bits::PROSE => None,
        bit => Some(unread::why(bit)),
    }
}

/// Reads a table as a polars frame; the kind of file is that of its extension.
///
/// Text (`.csv`, `.tsv`, `.dat`, `.data`, `.txt`), JSON lines (`.jsonl`, `.ndjson`), each plain or
/// `.gz`; Parquet (`.parquet`, `.pq`); Arrow IPC (`.arrow`, `.feather`, `.ipc`). The path may be a
/// file, a folder of files of one kind, or a pattern such as `data/2024-*.parquet`. Separator,
/// header and column types are inferred; see [`ReadOptions`] to state them.
///
/// Types are inferred from all cells of a text or JSON lines file of any size, of which only a part is in
/// memory at a time; a column has one type in all files. Numbers may be written `1,299.99`, `1.299,99`,
/// `1 299,99`, `$12.50`, `3.5%` (0.035) or `(5)` (-5), and dates as in [`ColumnType::Date`] and
/// [`ColumnType::Datetime`], if all values of the column agree. Values that can be read in two ways
/// (`1,234`; `01/02/2001`) are read as in the other columns of the table. If those do not decide:
///
/// * `1,234` is 1234. It is 1.234 if a larger number of the column has no comma (`12345`), or if semicolons
///   separate the fields and no value is a whole number from 1 to 999.
/// * `1.234` is 1.234.
/// * `01/02/2001` stays text until [`ReadOptions::dates`] is stated.
///
/// [`ReadOptions::read_described`] returns what was decided. Numbers with Indian grouping (`1,23,456`), in
/// hexadecimal or with a suffix (`77k`) are not read: such a column is text, and the description says so.
/// A file that begins with the bytes of gzip is unpacked, whatever its name.
///
/// Text up to 64 MiB (unpacked) is parsed at once. Larger text is parsed in parts when the frame is used:
/// from the file itself or, if polars cannot parse it, from a temporary file of about the same size,
/// which is deleted with the frame. Parquet and Arrow IPC are read when the frame is used.
///
/// With the feature `cloud` the path may also be an address that polars reads, such as
/// `s3://bucket/flights-*.parquet`, `gs://…`, `az://…` or `https://…`; keys come from the environment,
/// as for the tools of each cloud. Text at an address must be UTF-8; it is downloaded at once to a temporary
/// file.
///
/// # Errors
///
/// A file that is missing, empty, of an unknown kind or damaged, a line with too few or too many
/// fields, two columns of the same name, a date that the calendar does not have: the message has the
/// file, the line and the column.
pub fn read(path: impl AsRef<Path>) -> Result<LazyFrame> {
    ReadOptions::default().read(path)
}
