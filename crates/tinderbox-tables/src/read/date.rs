//! Dates, with or without a time: one grammar for all kinds of text files.

use super::bits::*;
use super::clock::{number, time};
use super::options::DateOrder;
use crate::calendar::{DAY_MICROSECONDS, compact, days};

/// A cell that looks like a date.
struct Parts {
    year: i64,
    /// Month and day; with slashes, the first and the second number.
    first: u32,
    second: u32,
    seen: u64,
    /// Microseconds since midnight in UTC.
    clock: i64,
    /// Whether there is such a time of the day.
    possible: bool,
}

/// The day of a date, without the time.
struct Day {
    year: i64,
    first: u32,
    second: u32,
    seen: u64,
    /// Bytes of the cell.
    length: usize,
}

/// Years of two digits are from 1969 to 2068, as in POSIX and Python.
fn full_year(year: u32, digits: usize) -> i64 {
    i64::from(match (digits, year) {
        (2, 69..) => 1900 + year,
        (2, _) => 2000 + year,
        _ => year,
    })
}

/// The number of the month whose English name is at the front, in full or its first three letters.
fn month(bytes: &[u8]) -> Option<(u32, usize)> {
    const MONTHS: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic());
    let name = &bytes[..letters.count()];
    let known = |month: &[u8]| {
        name.eq_ignore_ascii_case(month)
            || name.eq_ignore_ascii_case(&month[..3])
            || name.eq_ignore_ascii_case(b"sept") && month == b"september"
    };
    let place = MONTHS.iter().position(|month| known(month))?;
    Some((place as u32 + 1, name.len()))
}

/// A year of two or four digits: its value and its number of digits.
fn year(bytes: &[u8]) -> Option<(u32, usize)> {
    number(bytes, 5).filter(|(_, digits)| matches!(digits, 2 | 4))
}

fn short(digits: usize) -> u64 {
    if digits == 2 { SHORT_YEAR } else { 0 }
}

/// `Jan 5, 2020`, `January 5 2020`.
fn month_first(cell: &[u8]) -> Option<Day> {
    let (month, letters) = month(cell)?;
    let rest = &cell[letters..];
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let rest = rest.strip_prefix(b" ")?;
    let (day, digits) = number(rest, 2)?;
    let rest = &rest[digits..];
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    let rest = rest.strip_prefix(b" ")?;
    let (year, digits) = number(rest, 5).filter(|(_, digits)| *digits == 4)?;
    Some(Day {
        year: year.into(),
        first: month,
        second: day,
        seen: DATE,
        length: cell.len() - rest.len() + digits,
    })
}

/// `05-Jan-2020`, `5 January 2020`, `05/Jan/20`, from after the day.
fn month_second(cell: &[u8], day: u32, mark: u8, rest: &[u8]) -> Option<Day> {
    let (month, letters) = month(rest)?;
    let rest = rest[letters..].strip_prefix(&[mark])?;
    let (value, digits) = year(rest)?;
    Some(Day {
        year: full_year(value, digits),
        first: month,
        second: day,
        seen: DATE | short(digits),
        length: cell.len() - rest.len() + digits,
    })
}

fn day(cell: &[u8]) -> Option<Day> {
    if cell.first().is_some_and(u8::is_ascii_alphabetic) {
        return month_first(cell);
    }
    let (one, first) = number(cell, 5)?;
    let mark = *cell.get(first).filter(|mark| b"-/. ".contains(mark))?;
    let rest = &cell[first + 1..];
    if first <= 2
        && mark != b'.'
        && let Some(day) = month_second(cell, one, mark, rest)
    {
        return Some(day);
    }
    let (two, second) = number(rest, 2)?;
    let rest = rest[second..].strip_prefix(&[mark])?;
    let (three, third) = number(rest, 5)?;
    let (year, one, two, seen) = match (mark, first, second, third) {
        (b'-' | b'/' | b'.', 4, _, 1 | 2) => (one.into(), two, three, DATE | YEAR_FIRST),
        (b'.', 1 | 2, _, 4) => (three.into(), two, one, DATE | DOTS),
        (b'-' | b'/', 1 | 2, _, 4) => (three.into(), one, two, DATE | SLASHES),
        // Shorter forms are rather numbers of versions or parts.
        (b'.', 2, 2, 2) => (full_year(three, third), two, one, DATE | DOTS | SHORT_YEAR),
        (b'/', 1 | 2, _, 2) => {
            let year = full_year(three, third);
            (year, one, two, DATE | SLASHES | SHORT_YEAR)
        }
        _ => return None,
    };
    let possible =
        days(year, one, two).is_some() || seen & SLASHES != 0 && days(year, two, one).is_some();
    if seen & SHORT_YEAR != 0 && !possible {
        return None;
    }
    Some(Day {
        year,
        first: one,
        second: two,
        seen,
        length: cell.len() - rest.len() + third,
    })
}

fn apart(cell: &[u8]) -> Option<Parts> {
    let mut day = day(cell)?;
    let rest = &cell[day.length..];
    let iso = day.length == 10 && day.seen & YEAR_FIRST != 0 && cell[4] == b'-';
    let (mut clock, mut possible) = (0, true);
    if rest.is_empty() {
        day.seen |= if iso { DAY } else { OTHER_FORM };
        day.seen |= NAIVE;
    } else {
        let time = time(rest)?;
        day.seen |= CLOCK | if time.offset { OFFSET } else { NAIVE };
        let plain = iso && rest.last().is_some_and(u8::is_ascii_digit) && !time.offset;
        day.seen |= match (plain, rest[0], cell.len()) {
            (true, b' ', 16) => BLANK_16,
            (true, b'T', 16) => T_16,
            (true, b' ', 19) => BLANK_19,
            (true, b'T', 19) => T_19,
            _ => OTHER_FORM,
        };
        clock = time.microseconds;
        possible = time.possible;
    }
    Some(Parts {
        year: day.year,
        first: day.first,
        second: day.second,
        seen: day.seen,
        clock,
        possible,
    })
}

/// The bits of a cell as a date; 0 if it does not look like one.
pub(super) fn look(cell: &[u8]) -> u64 {
    let Some(parts) = apart(cell) else { return 0 };
    let mut seen = parts.seen;
    let (year, one, two) = (parts.year, parts.first, parts.second);
    if !parts.possible {
        seen |= IMPOSSIBLE;
    }
    if seen & SLASHES == 0 {
        if days(year, one, two).is_none() {
            seen |= IMPOSSIBLE;
        }
    } else {
        if days(year, two, one).is_none() {
            seen |= BAD_DAY_FIRST;
        }
        if days(year, one, two).is_none() {
            seen |= BAD_MONTH_FIRST;
        }
    }
    seen
}

/// Microseconds since 1970-01-01 (in UTC for a cell with an offset) of a date in any form.
pub(super) fn timestamp(cell: &[u8], order: Option<DateOrder>) -> Option<i64> {
    let Some(parts) = apart(cell) else {
        let digits = std::str::from_utf8(cell)
            .ok()
            .filter(|text| text.len() == 8)?;
        return Some(compact(digits.parse().ok()?)? * DAY_MICROSECONDS);
    };
    let (month, day) = match (parts.seen & SLASHES != 0, order) {
        (true, Some(DateOrder::DayFirst)) => (parts.second, parts.first),
        _ => (parts.first, parts.second),
    };
    Some(days(parts.year, month, day)? * DAY_MICROSECONDS + parts.clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("1970-01-01", 0)]
    #[case("1970/1/2", 86_400_000_000)]
    #[case("02.01.1970", 86_400_000_000)]
    #[case("2000-02-29T23:59", 951_868_740_000_000)]
    #[case("2000-02-29 23:59:59", 951_868_799_000_000)]
    #[case("2000-02-29T23:59:59.25Z", 951_868_799_250_000)]
    #[case("2000-03-01T00:59:59.1234567+01:00", 951_868_799_123_456)]
    #[case("2000-02-29 18:29:59-0530", 951_868_799_000_000)]
    #[case("1969-12-31 23:00:00", -3_600_000_000)]
    #[case("05-Jan-1970", 345_600_000_000)]
    #[case("05 Jan 1970", 345_600_000_000)]
    #[case("5/JANUARY/70", 345_600_000_000)]
    #[case("Jan 5, 1970", 345_600_000_000)]
    #[case("Sept. 5 1970 12:05 AM", 21_341_100_000_000)]
    #[case("05.01.70", 345_600_000_000)]
    #[case("2000-02-29 11:59:59 PM", 951_868_799_000_000)]
    #[case("29.02.2000 12:00 pm", 951_825_600_000_000)]
    fn timestamps(#[case] cell: &str, #[case] expected: i64) {
        assert_eq!(look(cell.as_bytes()) & (DATE | IMPOSSIBLE), DATE);
        assert_eq!(timestamp(cell.as_bytes(), None), Some(expected));
    }

    #[test]
    fn years_of_two_digits_are_from_1969_to_2068() {
        let year = |cell: &str| timestamp(cell.as_bytes(), None).unwrap() / DAY_MICROSECONDS;
        assert_eq!(year("01.01.69"), -365);
        assert_eq!(year("01.01.68"), year("2068-01-01"));
        assert_eq!(year("1/1/00"), year("2000-01-01"));
        assert_eq!(year("31-Dec-99"), year("1999-12-31"));
        assert_eq!(
            look(b"1/31/20") & (SLASHES | SHORT_YEAR | BAD_DAY_FIRST | BAD_MONTH_FIRST),
            SLASHES | SHORT_YEAR | BAD_DAY_FIRST
        );
    }

    #[test]
    fn eight_digits_are_a_date_where_a_date_is_wanted() {
        assert_eq!(look(b"19700105"), 0);
        assert_eq!(timestamp(b"19700105", None), Some(4 * DAY_MICROSECONDS));
        assert_eq!(timestamp(b"19700132", None), None);
    }

    #[test]
    fn the_order_of_day_and_month() {
        assert_eq!(
            look(b"31/01/2001") & (BAD_DAY_FIRST | BAD_MONTH_FIRST),
            BAD_MONTH_FIRST
        );
        assert_eq!(
            look(b"1/31/2001") & (BAD_DAY_FIRST | BAD_MONTH_FIRST),
            BAD_DAY_FIRST
        );
        assert_eq!(look(b"01-02-2001") & (BAD_DAY_FIRST | BAD_MONTH_FIRST), 0);
        let of = |order| timestamp(b"02/01/1970", Some(order)).unwrap() / DAY_MICROSECONDS;
        assert_eq!(
            (of(DateOrder::DayFirst), of(DateOrder::MonthFirst)),
            (1, 31)
        );
    }

    #[test]
    fn impossible_dates_and_other_text() {
        for cell in [
            "2001-02-30",
            "2001-13-01",
            "1900-02-29",
            "31.04.2001",
            "2001-01-01 24:00",
            "01/31/2001 13:30 PM",
            "30-Feb-2001",
        ] {
            assert_eq!(look(cell.as_bytes()) & IMPOSSIBLE, IMPOSSIBLE, "{cell}");
        }
        for cell in [
            "2001",
            "2001-01",
            "12-34",
            "1-2-01",
            "1.2.01",
            "10.20.30",
            "99/12/31",
            "Jan 2001",
            "Mayor 5, 2001",
            "5 Jan",
            "05-Jan/2001",
            "2001-01-01x",
            "2001-01/01",
            "10.0.0.1",
            "2001-01-01 1",
        ] {
            assert_eq!(look(cell.as_bytes()), 0, "{cell}");
        }
    }
}
