//! How numbers and dates are written in the other columns of a table.

use super::Column;
use crate::read::bits::*;
use crate::read::options::DateOrder;

/// How the columns of a table are written, for a column whose values can be read in two ways.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::read) struct Habits {
    pub decimal: Option<char>,
    pub dates: Option<DateOrder>,
    /// Fields are separated by semicolons, as programs do where the decimal mark is a comma.
    pub semicolons: bool,
}

/// Bits of numbers that only a decimal comma, or only a decimal point, explains.
pub(super) const COMMAS: u64 = COMMA | BY_POINT;
pub(super) const POINTS: u64 = POINT | BY_COMMA;

/// The decimal mark that these bits prove.
pub(super) fn decimal(seen: u64) -> Option<char> {
    match (seen & COMMAS != 0, seen & POINTS != 0) {
        (true, false) => Some(','),
        (false, true) => Some('.'),
        _ => None,
    }
}

/// The order that fewer dates contradict; `None` if both are contradicted as often.
pub(super) fn order(day_first: usize, month_first: usize) -> Option<DateOrder> {
    match day_first.cmp(&month_first) {
        std::cmp::Ordering::Less => Some(DateOrder::DayFirst),
        std::cmp::Ordering::Greater => Some(DateOrder::MonthFirst),
        std::cmp::Ordering::Equal => None,
    }
}

impl Habits {
    pub fn of(columns: &[Column], semicolons: bool) -> Self {
        let (mut commas, mut points) = (false, false);
        let (mut day_first, mut month_first) = (0, 0);
        for column in columns {
            match column.seen() & CLASSES {
                NUMBER => match decimal(column.seen()) {
                    Some(',') => commas = true,
                    Some(_) => points = true,
                    None => {}
                },
                DATE => {
                    let (day, month) = column.bad_orders();
                    day_first += day;
                    month_first += month;
                }
                _ => {}
            }
        }
        Self {
            decimal: match (commas, points) {
                (true, false) => Some(','),
                (false, true) => Some('.'),
                _ => None,
            },
            dates: order(day_first, month_first),
            semicolons,
        }
    }
}
