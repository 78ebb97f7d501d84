//! The Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013): days are
//! counted from 1970-01-01, and years begin in March, so that the leap day is the last of a year.

/// Microseconds of a day.
pub(crate) const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Year, month and day of a day number.
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * march_month + 2) / 5 + 1)
}

/// The day number of January 1.
pub(crate) fn first_of_year(year: i64) -> i64 {
    let before = year - 1;
    365 * before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// The day number of a date; `None` if the calendar does not have it.
pub(crate) fn days(year: i64, month: u32, day: u32) -> Option<i64> {
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
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = i64::from((month + 9) % 12);
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The day number of a date written as a number of eight digits, `20010131`, from 1800 to 2200.
pub(crate) fn compact(number: i64) -> Option<i64> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    match (1800..=2200).contains(&year) {
        true => days(year, month as u32, day as u32),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_eight_centuries_are_consecutive() {
        let mut before = civil(-150_000);
        for day in -149_999..150_000 {
            let (year, month, of_month) = civil(day);
            let follows = match (before, (year, month, of_month)) {
                ((y, m, d), (y2, m2, d2)) if (y, m) == (y2, m2) => d2 == d + 1,
                ((y, m, d), (y2, m2, 1)) if y == y2 => m2 == m + 1 && d >= 28,
                ((y, 12, 31), (y2, 1, 1)) => y2 == y + 1 && first_of_year(y2) == day,
                _ => false,
            };
            assert!(follows, "{before:?} then {year}-{month}-{of_month}");
            assert_eq!(days(year, month as u32, of_month as u32), Some(day));
            before = (year, month, of_month);
        }
    }

    #[test]
    fn numbers_of_eight_digits_are_dates_of_the_calendar() {
        assert_eq!(compact(20_000_229), Some(11_016));
        assert_eq!(compact(19_700_101), Some(0));
        for number in [
            20_010_229,
            20_011_301,
            20_010_100,
            17_991_231,
            22_010_101,
            -20_010_131,
            200_101_310,
        ] {
            assert_eq!(compact(number), None, "{number}");
        }
    }
}
