//! How the numbers of a column are written.

use super::Column;
use super::habits::{COMMAS, Habits, POINTS, decimal};
use crate::Result;
use crate::read::bits::*;
use crate::read::column_type::ColumnType;
use crate::read::format::ColumnFormat;
use crate::read::options::ReadOptions;

impl Column<'_> {
    /// The type of a column of numbers, and how they are written.
    pub(super) fn number(
        &self,
        stated: Option<ColumnType>,
        known: Option<&ColumnFormat>,
        options: &ReadOptions,
        habits: Habits,
    ) -> Result<ColumnFormat> {
        let seen = self.seen();
        let mut format = ColumnFormat::new(self.name, ColumnType::Float);
        let text = |why: &str| {
            let mut format = ColumnFormat::new(self.name, ColumnType::Text);
            format.notes.push(format!("text: {why}"));
            format
        };
        let certain = decimal(seen);
        if options.decimal_mark().is_none() && seen & COMMAS != 0 && seen & POINTS != 0 {
            self.apart::<()>(
                COMMAS,
                POINTS,
                [
                    "numbers with a decimal comma",
                    "numbers with a decimal point",
                ],
            )?;
            if stated.is_none() {
                return Ok(text(
                    "some numbers have a decimal comma and some a decimal point",
                ));
            }
        }
        if let (Some(trained), Some(found)) = (known.and_then(|known| known.decimal), certain)
            && trained != found
            && options.decimal_mark().is_none()
        {
            // Whether 1.500 is 1500 or 1.5 must not depend on the other values of this file.
            self.refuse::<()>(seen & (COMMA_3 | POINT_3), |cell| {
                format!(
                    "\"{cell}\" can be read in two ways: numbers here are written with a decimal {found}, and were with {trained} where the model was trained; state which it is (--decimal {found} or --decimal {trained})"
                )
            })?;
        }
        let stated_decimal = options.decimal_mark();
        let decimal = stated_decimal
            .or(certain)
            .or(known.and_then(|known| known.decimal))
            .or(habits.decimal)
            .unwrap_or_else(|| likely_decimal(seen, habits.semicolons));
        let (comma, wrong) = match decimal {
            ',' => (true, POINTS),
            _ => (false, COMMAS),
        };
        // The marks that separate thousands.
        let by = if comma {
            [(BY_POINT | POINT_3, '.'), (BY_BLANK, ' '), (BY_QUOTE, '\'')]
        } else {
            [(BY_COMMA | COMMA_3, ','), (BY_BLANK, ' '), (BY_QUOTE, '\'')]
        };
        let groups: Vec<(u64, char)> = (by.into_iter())
            .filter(|(bits, _)| seen & bits != 0)
            .collect();
        let wrong = wrong
            | (groups.iter())
                .filter(|(_, mark)| options.thousands.is_some_and(|stated| stated != *mark))
                .fold(0, |wrong, (bits, _)| wrong | bits);
        let fraction = FRACTION | if comma { COMMA_3 } else { POINT_3 };
        if seen & wrong != 0 {
            if stated.is_none() {
                return Ok(text("numbers are written in another way than stated"));
            }
            let mark = if comma { "comma" } else { "point" };
            self.refuse::<()>(seen & wrong, |cell| {
                format!(
                    "\"{cell}\" is not a number with a decimal {mark}; state how numbers are written as decimal and thousands (--decimal, --thousands), or correct the file"
                )
            })?;
        }

        let percent = seen & PERCENT != 0;
        if percent && seen & NO_PERCENT != 0 && stated.is_none() {
            return Ok(text("some numbers have a percent sign and some have none"));
        }
        if known.is_some_and(|known| known.percent) && seen & NO_PERCENT != 0 {
            self.refuse::<()>(NO_PERCENT, |cell| {
                format!(
                    "\"{cell}\" has no percent sign, as the column had where the model was trained (3.5% is 0.035); write the sign, or state the column's type again"
                )
            })?;
        }
        if (seen & CURRENCY).count_ones() > 1 && stated.is_none() {
            return Ok(text("the numbers are of several currencies"));
        }
        let fractional = seen & (fraction | EXPONENT | PERCENT | NOT_FINITE) != 0;
        if seen & HUGE != 0 && !fractional && stated.is_none() {
            return Ok(text("whole numbers of more than 64 bits, kept as they are"));
        }
        // 1.0 is a float in a file that is inferred.
        let pointed = seen & if comma { COMMA } else { POINT } != 0;
        format.kind = match (stated, known) {
            (Some(ColumnType::Integer), None) => {
                self.fit(
                    fraction | EXPONENT | PERCENT | NOT_FINITE | HUGE,
                    ColumnType::Integer,
                )?;
                ColumnType::Integer
            }
            (Some(ColumnType::Integer), Some(_)) if !fractional && seen & HUGE == 0 => {
                ColumnType::Integer
            }
            (None, _) if !fractional && !pointed => ColumnType::Integer,
            _ => ColumnType::Float,
        };
        format.percent = percent || known.is_some_and(|known| known.percent);
        let marks = COMMAS | POINTS | COMMA_3 | POINT_3;
        format.decimal = match seen & marks {
            0 => known.and_then(|known| known.decimal),
            _ => Some(decimal),
        };
        let ambiguous = certain.is_none() && stated_decimal.is_none() && known.is_none();
        format.notes = notes(seen, decimal, &groups, format.kind);
        if ambiguous {
            let in_table = habits.decimal.is_some();
            format
                .notes
                .extend(choice(seen, decimal, in_table, habits.semicolons));
        }
        Ok(format)
    }
}

/// The decimal mark of numbers such as `1,234` and `1.234`, if nothing in the table proves one.
///
/// A point is a decimal point. A comma groups digits, unless a larger number has no comma (`12345`), or
/// the fields are separated by semicolons and there is no whole number from 1 to 999, which numbers with
/// three decimals rarely have among them.
fn likely_decimal(seen: u64, semicolons: bool) -> char {
    let fraction = seen & LONG != 0 || semicolons && seen & SHORT == 0;
    match seen & COMMA_3 != 0 && fraction {
        true => ',',
        false => '.',
    }
}

/// The choice for numbers that can be read in two ways, with the reason.
fn choice(seen: u64, decimal: char, in_table: bool, semicolons: bool) -> Vec<String> {
    let comma = decimal == ',';
    let why = if in_table {
        ", as in other columns"
    } else if seen & COMMA_3 == 0 {
        ""
    } else if comma && seen & LONG != 0 {
        ", as larger numbers have no comma"
    } else if comma {
        ", as semicolons separate the fields"
    } else if seen & SHORT != 0 {
        ", as there are numbers below 1000 without decimals"
    } else {
        ""
    };
    let mut notes = Vec::new();
    if seen & COMMA_3 != 0 {
        notes.push(match comma {
            true => format!("1,234 is 1.234{why} (--decimal . makes it 1234)"),
            false => format!("1,234 is 1234{why} (--decimal , makes it 1.234)"),
        });
    }
    if seen & POINT_3 != 0 {
        match comma {
            true => notes.push(format!("1.234 is 1234{why} (--decimal . makes it 1.234)")),
            false if semicolons => {
                notes.push("1.234 is 1.234 (--decimal , makes it 1234)".into());
            }
            false => {}
        }
    }
    notes
}

fn notes(seen: u64, decimal: char, groups: &[(u64, char)], kind: ColumnType) -> Vec<String> {
    let mut notes = Vec::new();
    let comma = decimal == ',';
    if comma && seen & (COMMA | COMMA_3) != 0 {
        notes.push("decimal comma".into());
    }
    for (_, mark) in groups {
        notes.push(match mark {
            ' ' => "thousands by blank".into(),
            mark => format!("thousands by {mark}"),
        });
    }
    if seen & PERCENT != 0 {
        notes.push("percent (3.5% is 0.035)".into());
    }
    for (bit, sign) in [
        (DOLLAR, '$'),
        (EURO, '€'),
        (POUND, '£'),
        (YEN, '¥'),
        (RUPEE, '₹'),
    ] {
        if seen & bit != 0 {
            notes.push(format!("in {sign}"));
        }
    }
    if seen & BRACKETS != 0 {
        notes.push("(5) is -5".into());
    }
    if seen & BIG != 0 {
        notes.push(match kind {
            ColumnType::Integer => {
                "beyond 2^53: exact in the table, rounded where it is a numeric feature".into()
            }
            _ => "whole numbers beyond 2^53 are rounded".into(),
        });
    }
    if seen & ZEROS != 0 {
        notes.push("leading zeros are dropped (--column-type NAME=text keeps them)".into());
    }
    notes
}
