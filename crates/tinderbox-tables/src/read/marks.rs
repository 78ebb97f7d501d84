//! The marks between the digits of a number.

use super::bits::*;

/// A mark between digits.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Point,
    Comma,
    Blank,
    Quote,
}

/// The mark at the front, and its length.
fn mark(bytes: &[u8]) -> Option<(Mark, usize)> {
    Some(match bytes {
        [b'.', ..] => (Mark::Point, 1),
        [b',', ..] => (Mark::Comma, 1),
        [b' ', ..] => (Mark::Blank, 1),
        [b'\'', ..] => (Mark::Quote, 1),
        // No-break space, narrow no-break space, thin space.
        [0xc2, 0xa0, ..] => (Mark::Blank, 2),
        [0xe2, 0x80, 0xaf | 0x89, ..] => (Mark::Blank, 3),
        // Typographic apostrophe.
        [0xe2, 0x80, 0x99, ..] => (Mark::Quote, 3),
        _ => return None,
    })
}

pub(super) fn front_trimmed(mut bytes: &[u8]) -> &[u8] {
    while let Some((Mark::Blank, length)) = mark(bytes) {
        bytes = &bytes[length..];
    }
    bytes
}

pub(super) fn back_trimmed(mut bytes: &[u8]) -> &[u8] {
    loop {
        let blank = [&b" "[..], b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x89"]
            .iter()
            .find_map(|blank| bytes.strip_suffix(*blank));
        match blank {
            Some(rest) => bytes = rest,
            None => return bytes,
        }
    }
}

/// The number of digits at the front.
pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// The bits of the digits and their marks; 0 if they are not a number in any style.
pub(super) fn marks(bytes: &[u8], exponent: bool) -> u64 {
    let first = digits(bytes);
    let mut place = first;
    let (mut count, mut groups_of_three) = (0, true);
    let (mut before, mut last, mut length) = (None, None, 0);
    let mut plain_zeros = true;
    while place < bytes.len() {
        let Some((mark, width)) = mark(&bytes[place..]) else {
            return 0;
        };
        if count > 0 {
            groups_of_three &= length == 3;
            // All marks but the last are the same.
            match before {
                None => before = last,
                Some(_) if before == last => {}
                Some(_) => return 0,
            }
        }
        last = Some(mark);
        length = digits(&bytes[place + width..]);
        plain_zeros = bytes[place + width..place + width + length]
            .iter()
            .all(|digit| *digit == b'0');
        place += width + length;
        count += 1;
    }
    let Some(last) = last else {
        return if first > 0 { NUMBER } else { 0 };
    };
    let long = if first > 3 { LONG } else { 0 };
    let by = |mark| match mark {
        Mark::Point => BY_POINT,
        Mark::Comma => BY_COMMA,
        Mark::Blank => BY_BLANK,
        Mark::Quote => BY_QUOTE,
    };
    let leads = (1..=3).contains(&first) && bytes[0] != b'0';
    let decimal = match last {
        Mark::Point => Some(POINT),
        Mark::Comma if length > 0 => Some(COMMA),
        _ => None,
    };
    let fraction = if plain_zeros { 0 } else { FRACTION };
    match before {
        None if leads && length == 3 && !exponent => match last {
            Mark::Point => POINT_3,
            Mark::Comma => COMMA_3,
            mark => by(mark),
        },
        None => match decimal {
            Some(decimal) if first + length > 0 => decimal | fraction | long,
            _ => 0,
        },
        Some(_) if !leads || !groups_of_three || exponent => 0,
        Some(before) if before == last => {
            if length == 3 {
                by(last)
            } else {
                0
            }
        }
        Some(before) => match decimal {
            Some(decimal) => by(before) | decimal | fraction,
            None => 0,
        },
    }
}
