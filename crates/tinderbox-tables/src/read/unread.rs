//! Numbers in forms that are not read.

use super::bits::*;
use super::marks::back_trimmed;
use super::number;

/// The bit of text that is a number which is not read; [`PROSE`] for any other text.
pub(super) fn unread(cell: &[u8]) -> u64 {
    let digit = u8::is_ascii_digit;
    let unsigned = match cell {
        [b'-' | b'+', rest @ ..] => rest,
        _ => cell,
    };
    if let [b'0', b'x' | b'X', rest @ ..] = unsigned
        && !rest.is_empty()
        && rest.iter().all(u8::is_ascii_hexdigit)
    {
        return HEXADECIMAL;
    }
    if let [rest @ .., b'k' | b'K' | b'm' | b'M' | b'b' | b'B'] = unsigned
        && rest.first().is_some_and(digit)
        && number::look(back_trimmed(rest)) & NUMBER != 0
    {
        return SUFFIX;
    }
    // 1,23,456 and 1,23,456.78: three digits at the end, two before each other comma.
    let whole = unsigned
        .split(|byte| *byte == b'.')
        .next()
        .unwrap_or_default();
    let groups: Vec<&[u8]> = whole.split(|byte| *byte == b',').collect();
    let fraction = unsigned.get(whole.len() + 1..).unwrap_or_default();
    let indian = groups.len() > 2
        && (1..=2).contains(&groups[0].len())
        && groups[1..groups.len() - 1]
            .iter()
            .all(|group| group.len() == 2)
        && groups[groups.len() - 1].len() == 3
        && groups.concat().iter().chain(fraction).all(digit);
    if indian { INDIAN } else { PROSE }
}

/// Why such text is not read as a number.
pub(super) fn why(bit: u64) -> &'static str {
    match bit {
        INDIAN => "has Indian grouping, which is not read; write 123456 or 123,456",
        HEXADECIMAL => "is hexadecimal, which is not read; write it with decimal digits",
        _ => "has a suffix such as k or M, which is not read; write all digits",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_read_have_a_name() {
        for (cell, bit) in [
            ("1,23,456", INDIAN),
            ("-12,34,567.50", INDIAN),
            ("0x1F", HEXADECIMAL),
            ("-0XFF", HEXADECIMAL),
            ("77k", SUFFIX),
            ("1.5 M", SUFFIX),
            ("0x", PROSE),
            ("k", PROSE),
            ("1,2,3", PROSE),
            ("1,23,45", PROSE),
            ("12-5", PROSE),
        ] {
            assert_eq!(number::look(cell.as_bytes()), 0, "{cell}");
            assert_eq!(unread(cell.as_bytes()), bit, "{cell}");
        }
    }
}
