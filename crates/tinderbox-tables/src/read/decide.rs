//! From what was seen in all cells of a column, in all files, to its type and how it is written.

use std::path::Path;

use super::cell::Evidence;
use super::cell::bits::*;
use super::{ColumnFormat, ColumnType, DateOrder, ReadOptions};
use crate::{DataError, Result};

/// A column in every file that is read together.
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub files: Vec<(&'a Path, &'a Evidence)>,
}

/// What the other columns of a table tell about one whose values leave it open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    decimal: Option<char>,
    dates: Option<DateOrder>,
    /// Fields are separated by semicolons, as programs do where the decimal mark is a comma.
    semicolons: bool,
}

/// What only a decimal comma, or a decimal point, explains.
const COMMAS: u64 = COMMA | BY_POINT;
const POINTS: u64 = POINT | BY_COMMA;
const CLASSES: u64 = NUMBER | DATE | BOOLEAN | TEXT;

fn decimal(seen: u64) -> Option<char> {
    match (seen & COMMAS != 0, seen & POINTS != 0) {
        (true, false) => Some(','),
        (false, true) => Some('.'),
        _ => None,
    }
}

/// The order that fewer dates contradict, if the dates tell.
fn order(day_first: usize, month_first: usize) -> Option<DateOrder> {
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

impl Column<'_> {
    pub fn seen(&self) -> u64 {
        self.files.iter().fold(0, |seen, (_, it)| seen | it.seen)
    }

    fn bad_orders(&self) -> (usize, usize) {
        self.files.iter().fold((0, 0), |(day, month), (_, it)| {
            (day + it.bad_day_first, month + it.bad_month_first)
        })
    }

    /// The first cell with one of these bits does not fit.
    fn refuse<T>(&self, bits: u64, problem: impl Fn(&str) -> String) -> Result<Option<T>> {
        for (path, evidence) in &self.files {
            if let Some((line, cell)) = evidence.first(bits) {
                return Err(DataError::Cell {
                    path: path.to_path_buf(),
                    line,
                    column: self.name.to_owned(),
                    problem: problem(cell),
                });
            }
        }
        Ok(None)
    }

    /// Two files that cannot be one column.
    fn apart<T>(&self, one: u64, other: u64, what: [&str; 2]) -> Result<Option<T>> {
        let file = |bits| self.files.iter().find(|(_, it)| it.seen & bits != 0);
        match (file(one), file(other)) {
            (Some((first, _)), Some((second, _))) if first != second => Err(DataError::Column {
                column: self.name.to_owned(),
                problem: format!(
                    "{} in {}, but {} in {}; files read together must have one type a column: correct one, read them one by one, or state the type of the column (--column-type \"{}=text\")",
                    what[0],
                    first.display(),
                    what[1],
                    second.display(),
                    self.name
                ),
            }),
            _ => Ok(None),
        }
    }

    /// The type of the column and how its cells are written.
    pub fn decide(
        &self,
        known: Option<&ColumnFormat>,
        options: &ReadOptions,
        habits: Habits,
    ) -> Result<ColumnFormat> {
        let stated = (known.map(|known| known.kind)).or(options.types.get(self.name).copied());
        let seen = self.seen();
        match stated {
            Some(ColumnType::Text) => Ok(ColumnFormat::new(self.name, ColumnType::Text)),
            Some(ColumnType::Boolean) => {
                self.fit(CLASSES & !BOOLEAN, ColumnType::Boolean)?;
                Ok(ColumnFormat::new(self.name, ColumnType::Boolean))
            }
            Some(kind @ (ColumnType::Integer | ColumnType::Float)) => {
                self.fit(CLASSES & !NUMBER, kind)?;
                self.number(Some(kind), known, options, habits)
            }
            Some(kind @ (ColumnType::Date | ColumnType::Datetime)) => {
                self.fit(CLASSES & !DATE, kind)?;
                if kind == ColumnType::Date && known.is_none() {
                    self.fit(CLOCK, kind)?;
                }
                self.date(Some(kind), known, options, habits)
            }
            None => match seen & CLASSES {
                0 => Ok(ColumnFormat::new(self.name, ColumnType::Float)),
                // Plain digits that JSON has as a string are meant to be one.
                NUMBER if seen & STRING != 0 && seen & WRITTEN == 0 => {
                    Ok(ColumnFormat::new(self.name, ColumnType::Text))
                }
                NUMBER => self.number(None, None, options, habits),
                DATE => self.date(None, None, options, habits),
                BOOLEAN => Ok(ColumnFormat::new(self.name, ColumnType::Boolean)),
                classes => {
                    // Text may hold anything; but dates and numbers are each a kind of their own.
                    let mixed = self
                        .files
                        .iter()
                        .any(|(_, it)| it.seen & TEXT != 0 || (it.seen & CLASSES).count_ones() > 1);
                    if !mixed {
                        let what = |bit| match bit {
                            NUMBER => "numbers",
                            DATE => "dates",
                            _ => "truth values",
                        };
                        let one = 1 << classes.trailing_zeros();
                        let other = 1 << (classes & !one).trailing_zeros();
                        self.apart::<()>(one, other, [what(one), what(other)])?;
                    }
                    let mut format = ColumnFormat::new(self.name, ColumnType::Text);
                    if seen & NESTED != 0 {
                        format.notes.push("lists or objects, as JSON text".into());
                    }
                    Ok(format)
                }
            },
        }
    }

    fn fit(&self, wrong: u64, kind: ColumnType) -> Result<()> {
        let name = self.name;
        self.refuse::<()>(self.seen() & wrong, |cell| {
            format!(
                "\"{cell}\" is not {}; correct the file, name it as a null value (--null \"{cell}\"), or state another type (--column-type \"{name}=text\")",
                kind.wanted()
            )
        })?;
        Ok(())
    }

    fn number(
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
        if options.decimal.is_none() && seen & COMMAS != 0 && seen & POINTS != 0 {
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
            && options.decimal.is_none()
        {
            // 1.500 must not be 1500 or 1.5 by what stands beside it.
            self.refuse::<()>(seen & (COMMA_3 | POINT_3), |cell| {
                format!(
                    "\"{cell}\" can be read in two ways: numbers here are written with a decimal {found}, and were with {trained} where the model was trained; state which it is (--decimal {found} or --decimal {trained})"
                )
            })?;
        }
        // All cells like 1,234: what the table does elsewhere, else what is likelier.
        let open = if seen & COMMA_3 != 0 {
            if habits.semicolons { ',' } else { '.' }
        } else {
            '.'
        };
        let decimal = (options.decimal)
            .or(certain)
            .or(known.and_then(|known| known.decimal))
            .or(options.thousands.and_then(|mark| match mark {
                '.' => Some(','),
                ',' => Some('.'),
                _ => None,
            }))
            .or(habits.decimal)
            .unwrap_or(open);
        let (comma, wrong) = match decimal {
            ',' => (true, POINTS),
            _ => (false, COMMAS),
        };
        // What separates thousands, of the marks that were seen.
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
                    "\"{cell}\" has no percent sign, as the column had where the model was trained (3.5% is 0.035); write the sign, or state the column's type anew"
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
        // A point before nothing but zeros makes no whole number of a file that is looked at first.
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
        let ambiguous = certain.is_none() && options.decimal.is_none() && known.is_none();
        format.notes = notes(seen, decimal, &groups, ambiguous, format.kind);
        Ok(format)
    }

    fn date(
        &self,
        stated: Option<ColumnType>,
        known: Option<&ColumnFormat>,
        options: &ReadOptions,
        habits: Habits,
    ) -> Result<ColumnFormat> {
        let seen = self.seen();
        let mut format = ColumnFormat::new(self.name, ColumnType::Date);
        let name = self.name;
        let impossible = |cell: &str| {
            format!(
                "\"{cell}\" is no day of the calendar, or no time of the day; correct it, name it as a null value (--null \"{cell}\"), or state the column as text (--column-type \"{name}=text\")"
            )
        };
        self.refuse::<()>(seen & IMPOSSIBLE, impossible)?;
        if seen & SLASHES != 0 {
            let (day_first, month_first) = self.bad_orders();
            let told = order(day_first, month_first);
            // A date means what it meant where the model was trained, whatever stands beside it.
            let trained = known.and_then(|known| known.dates);
            let found = (options.dates).or(trained).or(told).or(habits.dates);
            let Some(found) = found else {
                let why = if day_first > 0 {
                    "in some dates the day stands first, in others the month"
                } else {
                    "whether the day or the month stands first in its dates is open; state it as dates (--dates day-first or --dates month-first)"
                };
                if stated.is_some() {
                    self.refuse::<()>(SLASHES, |cell| format!("\"{cell}\": {why}"))?;
                }
                let mut format = ColumnFormat::new(self.name, ColumnType::Text);
                format.notes.push(format!("text: {why}"));
                return Ok(format);
            };
            self.refuse::<()>(
                seen & match found {
                    DateOrder::DayFirst => BAD_DAY_FIRST,
                    DateOrder::MonthFirst => BAD_MONTH_FIRST,
                },
                |cell| match trained {
                    Some(trained) if options.dates.is_none() => format!(
                        "\"{cell}\" is no date {}, as the column was written where the model was trained; correct it, or state how dates are written (--dates day-first or --dates month-first)",
                        trained.form()
                    ),
                    _ => impossible(cell),
                },
            )?;
            format.dates = Some(found);
            let mut note = format!("dates {}", found.form());
            if options.dates.is_none() && told.is_none() && known.is_none() {
                note += ", as in other columns";
            }
            format.notes.push(note);
        } else {
            format.dates = known.and_then(|known| known.dates);
        }
        if seen & CLOCK != 0 || stated == Some(ColumnType::Datetime) {
            format.kind = ColumnType::Datetime;
        }
        if seen & OFFSET != 0 {
            format.notes.push(match seen & NAIVE {
                0 => "times in UTC".into(),
                _ => "times in UTC, those without an offset too".into(),
            });
        }
        Ok(format)
    }
}

fn notes(
    seen: u64,
    decimal: char,
    groups: &[(u64, char)],
    ambiguous: bool,
    kind: ColumnType,
) -> Vec<String> {
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
    if ambiguous && seen & COMMA_3 != 0 {
        notes.push(match comma {
            true => "1,234 is 1.234 (--decimal . makes it 1234)".into(),
            false => "1,234 is 1234 (--decimal , makes it 1.234)".into(),
        });
    }
    if ambiguous && seen & POINT_3 != 0 && comma {
        notes.push("1.234 is 1234 (--decimal . makes it 1.234)".into());
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

/// Whether polars would read the cells of the column otherwise than they are meant.
pub(super) fn rewritten(format: &ColumnFormat, seen: u64) -> bool {
    let own = match format.kind {
        ColumnType::Text => false,
        ColumnType::Boolean => seen & ODD_CASE != 0,
        ColumnType::Integer => seen & (WRITTEN | POINT | POINT_3) != 0,
        ColumnType::Float => {
            seen & WRITTEN != 0 || format.decimal == Some(',') && seen & POINT_3 != 0
        }
        ColumnType::Date => seen & (CLOCK | OTHER_FORM) != 0,
        ColumnType::Datetime => {
            let forms = seen & (DAY | BLANK_16 | T_16 | BLANK_19 | T_19 | OTHER_FORM);
            forms & (DAY | OTHER_FORM) != 0 || forms.count_ones() > 1
        }
    };
    own || seen & QUOTED_EMPTY != 0
}
