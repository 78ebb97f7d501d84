//! A summary of a column for display: type, missing values, distribution.

use polars::prelude::{DataFrame, PlHashMap};

use super::frame::{Frame, find, require};
use super::statistics::Sample;
use super::values::{categories, numbers, timestamps};
use crate::Result;
use crate::calendar::DAY_MICROSECONDS;

/// The most categories that are counted.
const COUNTED: usize = 10_000;

/// A summary of one column of a frame.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnSummary {
    /// Name of the column.
    pub name: String,
    /// Its type, as polars writes it.
    pub dtype: String,
    /// Rows of the frame.
    pub rows: usize,
    /// Rows where the value is missing: null, or NaN.
    pub missing: usize,
    /// The values that are present.
    pub values: Distribution,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Numbers, or dates in days since 1970-01-01; of many, an evenly spaced sample.
    Numbers(Vec<f64>),
    /// Categories and the number of rows of each, the most frequent first; of more than 10,000 different
    /// ones, only the first are counted.
    Categories(Vec<(String, u64)>),
    /// A type that is neither.
    Other,
}

/// Summarizes columns in one pass and in bounded memory.
///
/// # Errors
///
/// A column that is not there, a frame that cannot be read.
pub fn summarize(frame: &impl Frame, columns: &[&str]) -> Result<Vec<ColumnSummary>> {
    let schema = frame.columns()?;
    require(&schema, columns.iter().copied())?;
    let names: Vec<String> = columns.iter().map(|name| name.to_string()).collect();
    let mut looks: Vec<Counted> = names.iter().map(|_| Counted::default()).collect();
    frame.for_each_part(&names, &mut |part| {
        looks
            .iter_mut()
            .zip(&names)
            .try_for_each(|(look, name)| look.add(part, name))
    })?;
    let summary = |(look, name): (Counted, String)| ColumnSummary {
        dtype: schema
            .get(&name)
            .map_or_else(String::new, |dtype| dtype.to_string()),
        name,
        rows: look.rows,
        missing: look.missing,
        values: look.values(),
    };
    Ok(looks.into_iter().zip(names).map(summary).collect())
}

#[derive(Default)]
struct Counted {
    rows: usize,
    missing: usize,
    numbers: Sample,
    categories: PlHashMap<String, u64>,
    other: bool,
}

impl Counted {
    fn add(&mut self, part: &DataFrame, name: &str) -> Result<()> {
        let column = find(part, name)?;
        self.rows += part.height();
        let dtype = column.dtype();
        if dtype.is_numeric() || dtype.is_null() {
            for value in numbers(column, 0)?.iter() {
                self.number(value.filter(|value| !value.is_nan()));
            }
        } else if dtype.is_date() || dtype.is_datetime() {
            const DAY: f64 = DAY_MICROSECONDS as f64;
            for timestamp in timestamps(column, 0)?.iter() {
                self.number(timestamp.map(|timestamp| timestamp as f64 / DAY));
            }
        } else if let Ok((_, categories)) = categories(column, 0) {
            for category in categories.iter() {
                self.category(category);
            }
        } else {
            self.missing += column.null_count();
            self.other = true;
        }
        Ok(())
    }

    fn number(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            self.missing += 1;
            return;
        };
        self.numbers.add(value);
    }

    fn category(&mut self, category: Option<&str>) {
        let Some(category) = category else {
            self.missing += 1;
            return;
        };
        if let Some(count) = self.categories.get_mut(category) {
            *count += 1;
        } else if self.categories.len() < COUNTED {
            self.categories.insert(category.to_owned(), 1);
        }
    }

    fn values(self) -> Distribution {
        if !self.categories.is_empty() {
            let mut categories: Vec<(String, u64)> = self.categories.into_iter().collect();
            categories.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Distribution::Categories(categories)
        } else if self.other {
            Distribution::Other
        } else {
            Distribution::Numbers(self.numbers.kept)
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoLazy, df};

    use super::super::statistics::SAMPLE;
    use super::*;

    #[test]
    fn summaries_of_columns_of_every_type() {
        let frame = df!(
            "area" => [Some(1.0), None, Some(f64::NAN), Some(4.0)],
            "zone" => [Some("b"), Some("a"), Some("b"), None],
            "flag" => [true, false, true, true],
            "empty" => [None::<i32>, None, None, None],
        )
        .unwrap();
        let names = ["area", "zone", "flag", "empty"];
        let whole = summarize(&frame, &names).unwrap();
        assert_eq!(whole, summarize(&frame.clone().lazy(), &names).unwrap());
        let missing: Vec<usize> = whole.iter().map(|column| column.missing).collect();
        assert_eq!(missing, [2, 1, 0, 4]);
        assert_eq!(whole[0].values, Distribution::Numbers(vec![1.0, 4.0]));
        let counted = |category: &str, count| (category.to_string(), count);
        assert_eq!(
            whole[1].values,
            Distribution::Categories(vec![counted("b", 2), counted("a", 1)])
        );
        let flags = vec![counted("true", 3), counted("false", 1)];
        assert_eq!(whole[2].values, Distribution::Categories(flags));
        assert_eq!((whole[3].rows, whole[3].dtype.as_str()), (4, "i32"));
        let error = summarize(&frame, &["aera"]).unwrap_err().to_string();
        assert!(
            error.contains("did you mean") && error.contains("area"),
            "{error}"
        );
    }

    #[test]
    fn many_numbers_are_kept_evenly() {
        let many: Vec<i64> = (0..100_000).collect();
        let frame = df!("n" => many).unwrap();
        let summary = summarize(&frame, &["n"]).unwrap().remove(0);
        let Distribution::Numbers(kept) = summary.values else {
            panic!("numbers");
        };
        assert!(
            kept.len() >= SAMPLE / 2 && kept.len() < SAMPLE,
            "{}",
            kept.len()
        );
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        assert!((mean / 50_000.0 - 1.0).abs() < 0.01, "{mean}");
    }
}
