//! The type of a column and how its cells are written, from the cells of all files.

mod habits;
mod numeric;
mod temporal;

use std::path::Path;

use super::bits::*;
use super::cell::Evidence;
use super::column_type::ColumnType;
use super::format::ColumnFormat;
use super::options::ReadOptions;
use super::unread;
use crate::{DataError, Result};
pub(super) use habits::Habits;

/// A column of the files that are read together.
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub files: Vec<(&'a Path, &'a Evidence)>,
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

    /// The error for the first cell with one of these bits.
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

    /// The error for two files whose values cannot be one column.
    fn apart<T>(&self, one: u64, other: u64, what: [&str; 2]) -> Result<Option<T>> {
        let file = |bits| self.files.iter().find(|(_, it)| it.seen & bits != 0);
        match (file(one), file(other)) {
            (Some((first, _)), Some((second, _))) if first != second => Err(DataError::Column {
                column: self.name.to_owned(),
                problem: format!(
                    "{} in {}, but {} in {}; files read together must have one type per column: correct one, read them one by one, or state the type of the column (--column-type \"{}=text\")",
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
                self.fit(TEXT | BOOLEAN | NO_COMPACT, kind)?;
                if kind == ColumnType::Date && known.is_none() {
                    self.fit(CLOCK, kind)?;
                }
                self.date(Some(kind), known, options, habits)
            }
            None => match seen & CLASSES {
                0 => Ok(ColumnFormat::new(self.name, ColumnType::Float)),
                classes
                    if classes & NUMBER != 0
                        && classes & !(NUMBER | DATE) == 0
                        && seen & NO_COMPACT == 0
                        && names_date(self.name) =>
                {
                    self.date(None, None, options, habits)
                }
                // JSON strings of digits are text.
                NUMBER if seen & STRING != 0 && seen & WRITTEN == 0 => {
                    Ok(ColumnFormat::new(self.name, ColumnType::Text))
                }
                NUMBER => self.number(None, None, options, habits),
                DATE => self.date(None, None, options, habits),
                BOOLEAN => Ok(ColumnFormat::new(self.name, ColumnType::Boolean)),
                classes => {
                    // Text may hold anything, but two files must not differ in the type of a column.
                    let mixed = self
                        .files
                        .iter()
                        .any(|(_, it)| it.seen & TEXT != 0 || (it.seen & CLASSES).count_ones() > 1);
                    if !mixed {
                        let what = |bit| match bit {
                            NUMBER => "numbers",
                            DATE => "dates",
                            _ => "booleans",
                        };
                        let one = 1 << classes.trailing_zeros();
                        let other = 1 << (classes & !one).trailing_zeros();
                        self.apart::<()>(one, other, [what(one), what(other)])?;
                    }
                    let mut format = ColumnFormat::new(self.name, ColumnType::Text);
                    format.notes.extend(self.unread());
                    if seen & NESTED != 0 {
                        format.notes.push("lists or objects, as JSON text".into());
                    }
                    Ok(format)
                }
            },
        }
    }

    /// A note about text that holds nothing but numbers in forms that are not read.
    fn unread(&self) -> Option<String> {
        let seen = self.seen();
        let bits = seen & (INDIAN | HEXADECIMAL | SUFFIX);
        if bits == 0 || seen & (PROSE | DATE | BOOLEAN) != 0 {
            return None;
        }
        let (_, cell) = self.files.iter().find_map(|(_, it)| it.first(bits))?;
        Some(format!(
            "text: {cell} {}",
            unread::why(unread::unread(cell.as_bytes()))
        ))
    }

    /// Refuses the first cell with one of these bits, as it is not of this type.
    fn fit(&self, wrong: u64, kind: ColumnType) -> Result<()> {
        let name = self.name;
        self.refuse::<()>(self.seen() & wrong, |cell| {
            let form = match unread::unread(cell.as_bytes()) {
                PROSE => String::new(),
                form => format!(" (it {})", unread::why(form)),
            };
            format!(
                "\"{cell}\" is not {}{form}; correct the file, name it as a null value (--null \"{cell}\"), or state another type (--column-type \"{name}=text\")",
                kind.wanted()
            )
        })?;
        Ok(())
    }
}

/// Whether the name of a column says that it holds dates.
fn names_date(name: &str) -> bool {
    let lower = name.to_lowercase();
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
    ["date", "datum", "yyyymmdd"]
        .iter()
        .any(|word| lower.contains(word))
        || words.any(|word| ["dt", "ymd", "day", "fecha"].contains(&word))
}

/// Whether polars would read the cells of the column with another meaning.
pub(super) fn rewritten(format: &ColumnFormat, seen: u64) -> bool {
    let own = match format.kind {
        ColumnType::Text => false,
        ColumnType::Boolean => seen & ODD_CASE != 0,
        ColumnType::Integer => seen & (WRITTEN | POINT | POINT_3) != 0,
        ColumnType::Float => {
            seen & WRITTEN != 0 || format.decimal == Some(',') && seen & POINT_3 != 0
        }
        ColumnType::Date => seen & (CLOCK | OTHER_FORM | NUMBER) != 0,
        ColumnType::Datetime => {
            let forms = seen & (DAY | BLANK_16 | T_16 | BLANK_19 | T_19 | OTHER_FORM);
            seen & NUMBER != 0 || forms & (DAY | OTHER_FORM) != 0 || forms.count_ones() > 1
        }
    };
    own || seen & QUOTED_EMPTY != 0
}
