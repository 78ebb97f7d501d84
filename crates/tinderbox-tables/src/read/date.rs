//! Dates and times: one grammar for every kind of text.

use super::DateOrder;

/// What was seen in the cells of a column, beside the bits of numbers.
pub(super) mod bits {
    /// A date, or what looks like one.
    pub const DATE: u64 = 1 << 32;
    /// With a time of the day.
    pub const CLOCK: u64 = 1 << 33;
    /// With `Z` or an offset, and without.
    pub const OFFSET: u64 = 1 << 34;
    pub const NAIVE: u64 = 1 << 35;
    /// The forms that polars reads: `2001-01-31`, and with ` 23:59`, `T23:59`, ` 23:59:59`, `T23:59:59`.
    pub const DAY: u64 = 1 << 36;
    pub const BLANK_16: u64 = 1 << 37;
    pub const T_16: u64 = 1 << 38;
    pub const BLANK_19: u64 = 1 << 39;
    pub const T_19: u64 = 1 << 40;
    pub const OTHER_FORM: u64 = 1 << 41;
    /// `01/02/2001`: the order of day and month is to be found out.
    pub const SLASHES: u64 = 1 << 42;
    /// No day of the calendar when read with the day, or the month, first.
    pub const BAD_DAY_FIRST: u64 = 1 << 43;
    pub const BAD_MONTH_FIRST: u64 = 1 << 44;
    /// No day of the calendar, or no time of the day.
    pub const IMPOSSIBLE: u64 = 1 << 45;
    /// `31.01.2001`.
    pub const DOTS: u64 = 1 << 46;
    pub const YEAR_FIRST: u64 = 1 << 47;
}
use bits::*;

const DAY_MICROSECONDS: i64 = 86_400_000_000;

struct Parts {
    /// Year, month, day; with slashes the first number is where the month would be.
    year: i64,
    first: u32,
    second: u32,
    seen: u64,
    /// Microseconds since midnight, the offset taken off.
    clock: i64,
    possible: bool,
}

fn number(bytes: &[u8], most: usize) -> Option<(u32, usize)> {
    let count = bytes
        .iter()
        .take(most)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let value = bytes[..count]
        .iter()
        .fold(0, |value, digit| 10 * value + u32::from(digit - b'0'));
    (count > 0).then_some((value, count))
}

fn apart(cell: &[u8]) -> Option<Parts> {
    let (one, first) = number(cell, 5)?;
    let mark = *cell.get(first)?;
    if !b"-/.".contains(&mark) {
        return None;
    }
    let rest = &cell[first + 1..];
    let (two, second) = number(rest, 3)?;
    if rest.get(second) != Some(&mark) {
        return None;
    }
    let rest = &rest[second + 1..];
    let (three, third) = number(rest, 5)?;
    let rest = &rest[third..];
    if second > 2 {
        return None;
    }
    let day = cell.len() - rest.len();
    let (year, one, two, mut seen) = match (first, third) {
        (4, 1 | 2) => (one, two, three, DATE | YEAR_FIRST),
        (1 | 2, 4) if mark == b'.' => (three, two, one, DATE | DOTS),
        (1 | 2, 4) => (three, one, two, DATE | SLASHES),
        _ => return None,
    };
    let iso = day == 10 && first == 4 && mark == b'-';
    let (mut clock, mut possible) = (0, true);
    if rest.is_empty() {
        seen |= if iso { DAY } else { OTHER_FORM };
        seen |= NAIVE;
    } else {
        let time = time(rest)?;
        seen |= CLOCK | if time.offset { OFFSET } else { NAIVE };
        seen |= match (iso, rest[0], cell.len()) {
            (true, b' ', 16) => BLANK_16,
            (true, b'T', 16) => T_16,
            (true, b' ', 19) if !time.offset => BLANK_19,
            (true, b'T', 19) if !time.offset => T_19,
            _ => OTHER_FORM,
        };
        clock = time.microseconds;
        possible = time.possible;
    }
    Some(Parts {
        year: i64::from(year),
        first: one,
        second: two,
        seen,
        clock,
        possible,
    })
}

struct Time {
    microseconds: i64,
    offset: bool,
    possible: bool,
}

/// A blank or `T`, hours and minutes, seconds and their fraction, and `Z` or an offset.
fn time(bytes: &[u8]) -> Option<Time> {
    let [b' ' | b'T' | b't', rest @ ..] = bytes else {
        return None;
    };
    let (hour, count) = number(rest, 2)?;
    let rest = rest[count..].strip_prefix(b":")?;
    let (minute, count) = number(rest, 2)?;
    if count != 2 {
        return None;
    }
    let mut rest = &rest[2..];
    let (mut second, mut fraction) = (0, 0i64);
    if let [b':', after @ ..] = rest {
        let (value, count) = number(after, 2)?;
        if count != 2 {
            return None;
        }
        second = value;
        rest = &after[2..];
        if let [b'.' | b',', after @ ..] = rest {
            let count = after.iter().take_while(|it| it.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            // Microseconds; what is finer is cut off.
            let digits = after[..count].iter().map(|digit| digit - b'0');
            for digit in digits.chain(std::iter::repeat(0)).take(6) {
                fraction = 10 * fraction + i64::from(digit);
            }
            rest = &after[count..];
        }
    }
    let mut possible = hour < 24 && minute < 60 && second < 60;
    let (mut offset, mut minutes) = (true, 0);
    match rest {
        [] => offset = false,
        [b'Z' | b'z'] => {}
        [sign @ (b'+' | b'-'), after @ ..] => {
            let (hours, count) = number(after, 2)?;
            let rest = &after[count..];
            let part = match rest.strip_prefix(b":").unwrap_or(rest) {
                [] if rest.is_empty() => 0,
                part => {
                    let (value, length) = number(part, 2)?;
                    if length != 2 || part.len() != 2 {
                        return None;
                    }
                    value
                }
            };
            if count != 2 {
                return None;
            }
            possible &= hours < 24 && part < 60;
            minutes = i64::from(60 * hours + part);
            if *sign == b'-' {
                minutes = -minutes;
            }
        }
        _ => return None,
    }
    let seconds = i64::from(60 * (60 * hour + minute) + second) - 60 * minutes;
    Some(Time {
        microseconds: seconds * 1_000_000 + fraction,
        offset,
        possible,
    })
}

/// What a cell is as a date; 0 when it does not look like one.
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

/// Microseconds since 1970, in UTC where the cell has an offset. The cell has been looked at.
pub(super) fn moment(cell: &[u8], order: Option<DateOrder>) -> Option<i64> {
    let parts = apart(cell)?;
    let (month, day) = match (parts.seen & SLASHES != 0, order) {
        (true, Some(DateOrder::DayFirst)) => (parts.second, parts.first),
        _ => (parts.first, parts.second),
    };
    Some(days(parts.year, month, day)? * DAY_MICROSECONDS + parts.clock)
}

/// Days since 1970-01-01; the reverse of what `features/dates.rs` does.
fn days(year: i64, month: u32, day: u32) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = i64::from((month + 9) % 12);
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
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
    fn moments(#[case] cell: &str, #[case] expected: i64) {
        assert_eq!(look(cell.as_bytes()) & (DATE | IMPOSSIBLE), DATE);
        assert_eq!(moment(cell.as_bytes(), None), Some(expected));
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
        let of = |order| moment(b"02/01/1970", Some(order)).unwrap() / DAY_MICROSECONDS;
        assert_eq!(
            (of(DateOrder::DayFirst), of(DateOrder::MonthFirst)),
            (1, 31)
        );
    }

    #[test]
    fn what_is_impossible_and_what_is_no_date() {
        for cell in [
            "2001-02-30",
            "2001-13-01",
            "1900-02-29",
            "31.04.2001",
            "2001-01-01 24:00",
        ] {
            assert_eq!(look(cell.as_bytes()) & IMPOSSIBLE, IMPOSSIBLE, "{cell}");
        }
        for cell in [
            "2001",
            "2001-01",
            "12-34",
            "1/2/01",
            "2001-01-01x",
            "2001-01/01",
            "10.0.0.1",
            "2001-01-01 1",
        ] {
            assert_eq!(look(cell.as_bytes()), 0, "{cell}");
        }
    }
}
