use super::{date, number};

/// What was seen in the cells of a column: classes here, details in [`number`] and [`date`].
pub(super) mod bits {
    pub use super::date::bits::*;
    pub use super::number::bits::*;

    /// A JSON string, and a JSON list or object.
    pub const STRING: u64 = 1 << 58;
    pub const NESTED: u64 = 1 << 59;
    pub const BOOLEAN: u64 = 1 << 60;
    /// A truth value in another case than `true`, `True` and `TRUE`.
    pub const ODD_CASE: u64 = 1 << 61;
    pub const TEXT: u64 = 1 << 62;
    /// `""`, which is missing as an empty field is.
    pub const QUOTED_EMPTY: u64 = 1 << 63;
}
use bits::*;

/// What a cell is, as bits; never none.
pub(super) fn look(cell: &[u8]) -> u64 {
    let seen = match cell.first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b',' | b'(' | b'$' | 0xc2 | 0xe2) => {
            match number::look(cell) {
                0 => date::look(cell),
                seen => seen,
            }
        }
        Some(b'i' | b'I' | b'n' | b'N') => number::look(cell),
        Some(b't' | b'T') if cell.eq_ignore_ascii_case(b"true") => boolean(cell),
        Some(b'f' | b'F') if cell.eq_ignore_ascii_case(b"false") => boolean(cell),
        _ => 0,
    };
    if seen == 0 { TEXT } else { seen }
}

fn boolean(cell: &[u8]) -> u64 {
    let known = [&b"true"[..], b"false", b"True", b"False", b"TRUE", b"FALSE"];
    BOOLEAN | if known.contains(&cell) { 0 } else { ODD_CASE }
}

/// What the cells of one column of a file were.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub seen: u64,
    /// Where each bit was first seen: the bits, the line and the cell.
    firsts: Vec<(u64, usize, String)>,
    /// Dates that are none with the day first, and with the month first.
    pub bad_day_first: usize,
    pub bad_month_first: usize,
}

impl Evidence {
    pub fn add(&mut self, cell: &[u8], line: usize) {
        // Text stays text, whatever follows.
        if self.seen & TEXT != 0 {
            return;
        }
        self.note(look(cell), cell, line);
    }

    /// Adds what a cell was found to be.
    pub fn note(&mut self, found: u64, cell: &[u8], line: usize) {
        let new = found & !self.seen;
        if new != 0 {
            self.seen |= new;
            let text = String::from_utf8_lossy(cell).into_owned();
            self.firsts.push((new, line, text));
        }
        if found & SLASHES != 0 {
            self.bad_day_first += usize::from(found & BAD_DAY_FIRST != 0);
            self.bad_month_first += usize::from(found & BAD_MONTH_FIRST != 0);
        }
    }

    /// Line and text of the first cell that has one of these bits.
    pub fn first(&self, bits: u64) -> Option<(usize, &str)> {
        (self.firsts.iter())
            .find(|(new, ..)| new & bits != 0)
            .map(|(_, line, cell)| (*line, cell.as_str()))
    }
}
