//! The cells of a column: the kind of each, and where each kind first occurs.

use super::bits::*;
use super::unread::unread;
use super::{date, number};

/// The bits of a cell; always at least one.
pub(super) fn look(cell: &[u8]) -> u64 {
    let seen = match cell.first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b',' | b'(' | b'$' | 0xc2 | 0xe2) => {
            match number::look(cell) {
                0 => date::look(cell),
                seen => seen,
            }
        }
        Some(b'i' | b'I' | b'n' | b'N') => match number::look(cell) {
            0 => date::look(cell),
            seen => seen,
        },
        Some(b't' | b'T') if cell.eq_ignore_ascii_case(b"true") => boolean(cell),
        Some(b'f' | b'F') if cell.eq_ignore_ascii_case(b"false") => boolean(cell),
        Some(b'a'..=b'z' | b'A'..=b'Z') => date::look(cell),
        _ => 0,
    };
    if seen == 0 { TEXT | unread(cell) } else { seen }
}

fn boolean(cell: &[u8]) -> u64 {
    let known = [&b"true"[..], b"false", b"True", b"False", b"TRUE", b"FALSE"];
    BOOLEAN | if known.contains(&cell) { 0 } else { ODD_CASE }
}

/// The kinds of cells in one column of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub seen: u64,
    /// Where each bit first occurs: the bits, the line and the cell.
    firsts: Vec<(u64, usize, String)>,
    /// Numbers of dates that are not in the calendar with the day first, and with the month first.
    pub bad_day_first: usize,
    pub bad_month_first: usize,
}

impl Evidence {
    pub fn add(&mut self, cell: &[u8], line: usize) {
        // Text stays text, whatever the other cells are.
        if self.seen & PROSE != 0 {
            return;
        }
        self.note(look(cell), cell, line);
    }

    /// Adds the bits of a cell.
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
