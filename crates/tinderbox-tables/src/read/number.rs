//! Numbers as people write them: `1,299.99`, `1.299,99`, `1 299,99`, `$12.50`, `3.5%`, `(5)`.

use std::io::Write;

/// What was seen in the cells of a column, a bit each; see [`super::cell`] for the rest.
pub(super) mod bits {
    /// A number.
    pub const NUMBER: u64 = 1;
    /// Beyond 2^53, where not every whole number is an `f64`.
    pub const BIG: u64 = 1 << 1;
    /// A whole number that does not fit into 64 bits.
    pub const HUGE: u64 = 1 << 2;
    /// A decimal point for certain, a decimal comma for certain.
    pub const POINT: u64 = 1 << 3;
    pub const COMMA: u64 = 1 << 4;
    /// `1.234` and `1,234`: the fraction of a number, or its last three digits.
    pub const POINT_3: u64 = 1 << 5;
    pub const COMMA_3: u64 = 1 << 6;
    /// Groups of three digits for certain, and what separates them.
    pub const BY_POINT: u64 = 1 << 7;
    pub const BY_COMMA: u64 = 1 << 8;
    pub const BY_BLANK: u64 = 1 << 9;
    pub const BY_QUOTE: u64 = 1 << 10;
    /// A fraction other than zeros, where the mark before it is certain.
    pub const FRACTION: u64 = 1 << 11;
    pub const EXPONENT: u64 = 1 << 12;
    pub const PERCENT: u64 = 1 << 13;
    /// A number other than 0 without a percent sign.
    pub const NO_PERCENT: u64 = 1 << 14;
    pub const DOLLAR: u64 = 1 << 15;
    pub const EURO: u64 = 1 << 16;
    pub const POUND: u64 = 1 << 17;
    pub const YEN: u64 = 1 << 18;
    pub const RUPEE: u64 = 1 << 19;
    /// `(5)` for -5.
    pub const BRACKETS: u64 = 1 << 20;
    pub const PLUS: u64 = 1 << 21;
    /// A minus sign that is not ASCII.
    pub const MINUS: u64 = 1 << 22;
    pub const NOT_FINITE: u64 = 1 << 23;
    /// `007`.
    pub const ZEROS: u64 = 1 << 24;
    /// Anything but a whole number from 1800 to 2200.
    pub const NO_YEAR: u64 = 1 << 25;

    pub const CURRENCY: u64 = DOLLAR | EURO | POUND | YEN | RUPEE;
    /// What a parser of plain numbers does not read.
    pub const WRITTEN: u64 = COMMA
        | COMMA_3
        | BY_POINT
        | BY_COMMA
        | BY_BLANK
        | BY_QUOTE
        | PERCENT
        | CURRENCY
        | BRACKETS
        | PLUS
        | MINUS;
}
use bits::*;

const CURRENCIES: [(&str, u64); 5] = [
    ("$", DOLLAR),
    ("€", EURO),
    ("£", POUND),
    ("¥", YEN),
    ("₹", RUPEE),
];

/// A number taken apart.
struct Parts<'a> {
    negative: bool,
    /// Digits with their marks, the exponent not among them.
    digits: &'a [u8],
    exponent: Option<i32>,
    seen: u64,
}

/// What stands between digits.
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

fn front_trimmed(mut bytes: &[u8]) -> &[u8] {
    while let Some((Mark::Blank, length)) = mark(bytes) {
        bytes = &bytes[length..];
    }
    bytes
}

fn back_trimmed(mut bytes: &[u8]) -> &[u8] {
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

fn sign<'a>(bytes: &'a [u8], seen: &mut u64) -> (Option<bool>, &'a [u8]) {
    match bytes {
        [b'-', rest @ ..] => (Some(true), rest),
        [b'+', rest @ ..] => {
            *seen |= PLUS;
            (Some(false), rest)
        }
        [0xe2, 0x88, 0x92, rest @ ..] => {
            *seen |= MINUS;
            (Some(true), rest)
        }
        _ => (None, bytes),
    }
}

fn currency<'a>(
    bytes: &'a [u8],
    strip: impl Fn(&'a [u8], &[u8]) -> Option<&'a [u8]>,
) -> Option<(&'a [u8], u64)> {
    CURRENCIES
        .iter()
        .find_map(|(sign, bit)| Some((strip(bytes, sign.as_bytes())?, *bit)))
}

fn apart(cell: &[u8]) -> Option<Parts<'_>> {
    let mut seen = NUMBER;
    let mut rest = cell;
    let mut negative = false;
    if let [b'(', inner @ .., b')'] = rest {
        seen |= BRACKETS;
        negative = true;
        rest = back_trimmed(front_trimmed(inner));
    }
    let brackets = negative;
    let (first, mut rest) = sign(rest, &mut seen);
    if let Some((after, bit)) = currency(rest, |bytes, sign| bytes.strip_prefix(sign)) {
        seen |= bit;
        rest = front_trimmed(after);
    }
    let mut second = None;
    if first.is_none() && seen & CURRENCY != 0 {
        (second, rest) = sign(rest, &mut seen);
    }
    if let Some(minus) = first.or(second) {
        // -(5) is nothing that anybody writes.
        if brackets {
            return None;
        }
        negative = minus;
    }
    if let [inner @ .., b'%'] = rest {
        seen |= PERCENT;
        rest = back_trimmed(inner);
    } else if seen & CURRENCY == 0
        && let Some((before, bit)) = currency(rest, |bytes, sign| bytes.strip_suffix(sign))
    {
        seen |= bit;
        rest = back_trimmed(before);
    }
    let mut exponent = None;
    if let Some(at) = rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        let digits = &rest[at + 1..];
        let (minus, digits) = match digits {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            _ => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // What is larger than any exponent is as good as the largest.
        let value = digits.iter().fold(0i32, |value, digit| {
            (10 * value + i32::from(digit - b'0')).min(100_000)
        });
        exponent = Some(if minus { -value } else { value });
        seen |= EXPONENT;
        rest = &rest[..at];
    }
    Some(Parts {
        negative,
        digits: rest,
        exponent,
        seen,
    })
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// Digits and marks as seen, or 0 when it is no number in any style.
fn marks(parts: &Parts) -> u64 {
    let bytes = parts.digits;
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
        None if leads && length == 3 && parts.exponent.is_none() => match last {
            Mark::Point => POINT_3,
            Mark::Comma => COMMA_3,
            mark => by(mark),
        },
        None => match decimal {
            Some(decimal) if first + length > 0 => decimal | fraction,
            _ => 0,
        },
        Some(_) if !leads || !groups_of_three || parts.exponent.is_some() => 0,
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

fn not_finite(word: &[u8]) -> bool {
    [&b"inf"[..], b"infinity", b"nan"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// What a cell is as a number, in whatever style; 0 when it is none.
pub(super) fn look(cell: &[u8]) -> u64 {
    // The common cases first.
    let count = digits(cell);
    if count == cell.len() && count > 0 {
        return whole(cell, false);
    }
    let Some(parts) = apart(cell) else { return 0 };
    if not_finite(parts.digits) {
        return match parts.seen & !(PLUS | NUMBER) {
            0 => parts.seen | NOT_FINITE | NO_YEAR | NO_PERCENT,
            _ => 0,
        };
    }
    let marks = marks(&parts);
    if marks == 0 {
        return 0;
    }
    let mut seen = parts.seen | marks | NO_YEAR;
    if parts.seen & PERCENT == 0 && cell != b"0" {
        seen |= NO_PERCENT;
    }
    if marks == NUMBER && parts.exponent.is_none() {
        let plain = whole(parts.digits, parts.negative);
        seen |= plain & !(NO_YEAR | NO_PERCENT);
    } else if marks & (POINT | COMMA) == 0 && parts.exponent.is_none() && parts.digits.len() >= 16 {
        let mut digits = Vec::new();
        digits.extend(parts.digits.iter().filter(|byte| byte.is_ascii_digit()));
        seen |= whole(&digits, parts.negative) & (BIG | HUGE);
    }
    seen
}

/// A run of digits.
fn whole(digits: &[u8], negative: bool) -> u64 {
    let mut seen = NUMBER;
    if digits != b"0" {
        seen |= NO_PERCENT;
    }
    if digits.len() > 1 && digits[0] == b'0' {
        seen |= ZEROS;
    }
    if digits.len() != 4 || negative || !(&b"1800"[..]..=&b"2200"[..]).contains(&digits) {
        seen |= NO_YEAR;
    }
    if digits.len() >= 16 {
        const EXACT: i128 = 1 << 53;
        let value = (digits.iter()).fold(0i128, |value, digit| {
            (10 * value + i128::from(digit - b'0')).min(1 << 100)
        });
        if value > EXACT {
            seen |= BIG;
        }
        let signed = if negative { -value } else { value };
        if i64::try_from(signed).is_err() {
            seen |= HUGE;
        }
    }
    seen
}

/// Writes a number plainly: digits, a point and an exponent; `whole` without point, where the
/// fraction is zeros. The cell has been looked at, and fits the decimal mark.
pub(super) fn write(cell: &[u8], decimal: u8, whole: bool, out: &mut Vec<u8>) {
    let Some(parts) = apart(cell) else { return };
    if parts.negative {
        out.push(b'-');
    }
    if not_finite(parts.digits) {
        out.extend_from_slice(parts.digits);
        return;
    }
    let mut any = false;
    for &byte in parts.digits {
        if byte.is_ascii_digit() {
            out.push(byte);
            any = true;
        } else if byte == decimal {
            if whole {
                break;
            }
            if !any {
                out.push(b'0');
            }
            out.push(b'.');
        }
    }
    let shift = if parts.seen & PERCENT != 0 { -2 } else { 0 };
    let exponent = parts.exponent.unwrap_or(0) + shift;
    if exponent != 0 {
        // Memory can be written to.
        let _ = write!(out, "e{exponent}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("12", NUMBER | NO_PERCENT | NO_YEAR, "12")]
    #[case("2019", NUMBER | NO_PERCENT, "2019")]
    #[case("1.25", NUMBER | POINT | FRACTION | NO_PERCENT | NO_YEAR, "1.25")]
    #[case("1,299.99", NUMBER | BY_COMMA | POINT | FRACTION | NO_PERCENT | NO_YEAR, "1299.99")]
    #[case("1.234", NUMBER | POINT_3 | NO_PERCENT | NO_YEAR, "1.234")]
    #[case("1,234,567", NUMBER | BY_COMMA | NO_PERCENT | NO_YEAR, "1234567")]
    #[case("-1'234.5", NUMBER | BY_QUOTE | POINT | FRACTION | NO_PERCENT | NO_YEAR, "-1234.5")]
    #[case("$12.50", NUMBER | DOLLAR | POINT | FRACTION | NO_PERCENT | NO_YEAR, "12.50")]
    #[case("-$ 12.50", NUMBER | DOLLAR | POINT | FRACTION | NO_PERCENT | NO_YEAR, "-12.50")]
    #[case("12 €", NUMBER | EURO | NO_PERCENT | NO_YEAR, "12")]
    #[case("(3.5)", NUMBER | BRACKETS | POINT | FRACTION | NO_PERCENT | NO_YEAR, "-3.5")]
    #[case("3.5 %", NUMBER | PERCENT | POINT | FRACTION | NO_YEAR, "3.5e-2")]
    #[case("1.5e3", NUMBER | EXPONENT | POINT | FRACTION | NO_PERCENT | NO_YEAR, "1.5e3")]
    #[case(".5", NUMBER | POINT | FRACTION | NO_PERCENT | NO_YEAR, "0.5")]
    fn numbers_with_a_point(#[case] cell: &str, #[case] seen: u64, #[case] plain: &str) {
        assert_eq!(look(cell.as_bytes()), seen);
        let mut out = Vec::new();
        write(cell.as_bytes(), b'.', false, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), plain);
    }

    #[rstest::rstest]
    #[case("1,95", "1.95")]
    #[case("1.299,99", "1299.99")]
    #[case("1\u{202f}299,5 €", "1299.5")]
    #[case("−0,5", "-0.5")]
    #[case("12,5%", "12.5e-2")]
    fn numbers_with_a_comma(#[case] cell: &str, #[case] plain: &str) {
        assert!(look(cell.as_bytes()) & COMMA != 0);
        let mut out = Vec::new();
        write(cell.as_bytes(), b',', false, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), plain);
    }

    #[test]
    fn what_is_no_number() {
        for cell in [
            "",
            "-",
            "1.2.3",
            "1,2,3",
            "1.234,567,8",
            "12-5",
            "1e",
            "$",
            "%",
            "()",
            "-(5)",
            "1 23",
            "0,123,456",
            "1,",
            "5x",
            "1..2",
            "12.345.67",
        ] {
            assert_eq!(look(cell.as_bytes()), 0, "{cell}");
        }
    }

    #[test]
    fn large_whole_numbers_are_told() {
        assert_eq!(look(b"9007199254740992") & (BIG | HUGE), 0);
        assert_eq!(look(b"9007199254740993") & (BIG | HUGE), BIG);
        assert_eq!(look(b"9223372036854775807") & (BIG | HUGE), BIG);
        assert_eq!(look(b"9223372036854775808") & (BIG | HUGE), BIG | HUGE);
        assert_eq!(look(b"-9223372036854775808") & (BIG | HUGE), BIG);
    }
}
