use super::DatePart;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// One part of a moment, given in microseconds since 1970-01-01 UTC.
pub(super) fn part(moment: i64, part: DatePart) -> f64 {
    let day = moment.div_euclid(MICROSECONDS_A_DAY);
    let within = moment.rem_euclid(MICROSECONDS_A_DAY);
    match part {
        DatePart::Year => civil(day).0 as f64,
        DatePart::Month => civil(day).1 as f64,
        DatePart::Day => civil(day).2 as f64,
        // 1970-01-01 was a Thursday.
        DatePart::Weekday => ((day + 3).rem_euclid(7) + 1) as f64,
        DatePart::DayOfYear => (day - first_of_year(civil(day).0) + 1) as f64,
        DatePart::Hour => (within / 3_600_000_000) as f64,
        DatePart::Minute => (within / 60_000_000 % 60) as f64,
        DatePart::Days => day as f64 + within as f64 / MICROSECONDS_A_DAY as f64,
    }
}

/// Year, month and day of a day number (H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", 2013). Years begin in March, so that the leap day is the last.
fn civil(day: i64) -> (i64, i64, i64) {
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

/// Day number of January 1.
fn first_of_year(year: i64) -> i64 {
    let before = year - 1;
    365 * before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_moments() {
        let parts = |moment| {
            use DatePart::*;
            [Year, Month, Day, Weekday, DayOfYear, Hour, Minute].map(|name| part(moment, name))
        };
        assert_eq!(parts(0), [1970., 1., 1., 4., 1., 0., 0.]);
        // 2000-02-29 23:59, a Tuesday; 11016 days after the epoch.
        let leap = (11_016 * 24 * 60 + 23 * 60 + 59) * 60_000_000;
        assert_eq!(parts(leap), [2000., 2., 29., 2., 60., 23., 59.]);
        // 1969-12-31 23:00.
        assert_eq!(parts(-3_600_000_000), [1969., 12., 31., 3., 365., 23., 0.]);
        assert_eq!(part(-21_600_000_000, DatePart::Days), -0.25);
    }

    #[test]
    fn the_days_of_eight_centuries_follow_each_other() {
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
            before = (year, month, of_month);
        }
    }
}
