//! How the dates of a column are written.

use super::Column;
use super::habits::{Habits, order};
use crate::Result;
use crate::read::bits::*;
use crate::read::column_type::ColumnType;
use crate::read::format::ColumnFormat;
use crate::read::options::{DateOrder, ReadOptions};

impl Column<'_> {
    /// The type of a column of dates, and how they are written.
    pub(super) fn date(
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
                "\"{cell}\" is not a day of the calendar, or not a time of the day; correct it, name it as a null value (--null \"{cell}\"), or state the column as text (--column-type \"{name}=text\")"
            )
        };
        self.refuse::<()>(seen & IMPOSSIBLE, impossible)?;
        if seen & SLASHES != 0 {
            let (day_first, month_first) = self.bad_orders();
            let told = order(day_first, month_first);
            // The order of the training data, whatever the other values of this file are.
            let trained = known.and_then(|known| known.dates);
            let found = (options.dates).or(trained).or(told).or(habits.dates);
            let Some(found) = found else {
                let why = if day_first > 0 {
                    "some dates have the day first, others the month"
                } else {
                    "its dates may have the day or the month first; state which (--dates day-first or --dates month-first)"
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
                        "\"{cell}\" is not a date {}, as the column was written where the model was trained; correct it, or state how dates are written (--dates day-first or --dates month-first)",
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
        if seen & SHORT_YEAR != 0 {
            format
                .notes
                .push("years of two digits are 1969 to 2068".into());
        }
        if seen & NUMBER != 0 {
            format.notes.push("dates such as 20010131".into());
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
