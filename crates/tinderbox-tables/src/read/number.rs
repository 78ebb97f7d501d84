//! Numbers in the forms that occur in files: `1,299.99`, `1.299,99`, `1 299,99`, `$12.50`, `3.5%`,
//! `(5)`.

use std::io::Write;

use super::bits::*;
use super::marks::{back_trimmed, digits, front_trimmed, marks};
use crate::calendar::compact;

const CURRENCIES: [(&str, u64); 5] = [
    ("$", DOLLAR),
    ("€", EURO),
    ("£", POUND),
    ("¥", YEN),
    ("₹", RUPEE),
];

/// The parts of a number.
struct Parts<'a> {
    negative: bool,
    /// Digits with their marks, without the exponent.
    digits: &'a [u8],
    exponent: Option<i32>,
    seen: u64,
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
        // -(5) is not a number.
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
        // Larger than every exponent of an `f64`.
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

fn not_finite(text: &[u8]) -> bool {
    [&b"inf"[..], b"infinity", b"nan"]
        .iter()
        .any(|known| text.eq_ignore_ascii_case(known))
}

/// The bits of a cell as a number in any style; 0 if it is not a number.
pub(super) fn look(cell: &[u8]) -> u64 {
    // The common case first.
    let count = digits(cell);
    if count == cell.len() && count > 0 {
        let date = if is_compact_date(cell) { 0 } else { NO_COMPACT };
        return whole(cell, false) | date;
    }
    let Some(parts) = apart(cell) else { return 0 };
    if not_finite(parts.digits) {
        return match parts.seen & !(PLUS | NUMBER) {
            0 => parts.seen | NOT_FINITE | NO_YEAR | NO_PERCENT | NO_COMPACT,
            _ => 0,
        };
    }
    let marks = marks(parts.digits, parts.exponent.is_some());
    if marks == 0 {
        return 0;
    }
    let mut seen = parts.seen | marks | NO_YEAR | NO_COMPACT;
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

/// Whether digits are a date written as `20010131`.
fn is_compact_date(digits: &[u8]) -> bool {
    let value = || {
        digits
            .iter()
            .fold(0, |value, digit| 10 * value + i64::from(digit - b'0'))
    };
    digits.len() == 8 && compact(value()).is_some()
}

/// A run of digits.
fn whole(digits: &[u8], negative: bool) -> u64 {
    let mut seen = NUMBER;
    if digits != b"0" {
        seen |= NO_PERCENT;
        seen |= if digits.len() > 3 { LONG } else { SHORT };
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

/// Writes a number plainly: digits, a point and an exponent; `whole` without the fraction, which is zeros.
/// The cell must be a number with this decimal mark.
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
        // Writing to memory cannot fail.
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
        assert_eq!(look(cell.as_bytes()) & !(LONG | SHORT | NO_COMPACT), seen);
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
    fn cells_that_are_not_numbers() {
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
    fn large_whole_numbers_have_bits_of_their_own() {
        assert_eq!(look(b"9007199254740992") & (BIG | HUGE), 0);
        assert_eq!(look(b"9007199254740993") & (BIG | HUGE), BIG);
        assert_eq!(look(b"9223372036854775807") & (BIG | HUGE), BIG);
        assert_eq!(look(b"9223372036854775808") & (BIG | HUGE), BIG | HUGE);
        assert_eq!(look(b"-9223372036854775808") & (BIG | HUGE), BIG);
    }

    #[test]
    fn whole_parts_with_and_without_groups() {
        for (cell, bits) in [
            ("999", SHORT),
            ("0", 0),
            ("$12", SHORT),
            ("1234", LONG),
            ("1234,5", LONG),
            ("999.5", 0),
            ("1,234", 0),
            ("1,234,567", 0),
        ] {
            assert_eq!(look(cell.as_bytes()) & (LONG | SHORT), bits, "{cell}");
        }
        assert_eq!(look(b"20010131") & NO_COMPACT, 0);
        for cell in ["20010132", "2001013", "-20010131", "20010131.0", "inf"] {
            assert_eq!(look(cell.as_bytes()) & NO_COMPACT, NO_COMPACT, "{cell}");
        }
    }
}
