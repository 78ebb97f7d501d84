//! The parts of a date that become features.

use super::spec::DatePart;
use crate::calendar::{DAY_MICROSECONDS, civil, first_of_year};

/// One part of a timestamp, given in microseconds since 1970-01-01 UTC.
pub(super) fn part(timestamp: i64, part: DatePart) -> f64 {
    let day = timestamp.div_euclid(DAY_MICROSECONDS);
    let within = timestamp.rem_euclid(DAY_MICROSECONDS);
    match part {
        DatePart::Year => civil(day).0 as f64,
        DatePart::Month => civil(day).1 as f64,
        DatePart::Day => civil(day).2 as f64,
        // 1970-01-01 was a Thursday.
        DatePart::Weekday => ((day + 3).rem_euclid(7) + 1) as f64,
        DatePart::DayOfYear => (day - first_of_year(civil(day).0) + 1) as f64,
        DatePart::Hour => (within / 3_600_000_000) as f64,
        DatePart::Minute => (within / 60_000_000 % 60) as f64,
        DatePart::Days => day as f64 + within as f64 / DAY_MICROSECONDS as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_moments() {
        let parts = |timestamp| {
            use DatePart::*;
            [Year, Month, Day, Weekday, DayOfYear, Hour, Minute].map(|name| part(timestamp, name))
        };
        assert_eq!(parts(0), [1970., 1., 1., 4., 1., 0., 0.]);
        // 2000-02-29 23:59, a Tuesday; 11016 days after the epoch.
        let leap = (11_016 * 24 * 60 + 23 * 60 + 59) * 60_000_000;
        assert_eq!(parts(leap), [2000., 2., 29., 2., 60., 23., 59.]);
        // 1969-12-31 23:00.
        assert_eq!(parts(-3_600_000_000), [1969., 12., 31., 3., 365., 23., 0.]);
        assert_eq!(part(-21_600_000_000, DatePart::Days), -0.25);
    }
}
