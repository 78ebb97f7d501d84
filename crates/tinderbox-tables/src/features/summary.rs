//! What a column looks like, for people: type, missing values, distribution.

use polars::prelude::{DataFrame, PlHashMap};

use super::columns::{Frame, find, moments, numbers, require, words};
use super::statistics::Sample;
use crate::Result;

/// Different words that are counted at most.
const WORDS: usize = 10_000;

/// What one column of a frame looks like.
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
    /// The values that are there.
    pub values: Distribution,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Numbers, or moments in days since 1970-01-01: evenly spaced ones of them where there are many.
    Numbers(Vec<f64>),
    /// Words and how often each is there, the most frequent first; beyond 10,000 different words,
    /// only those that came first are counted.
    Words(Vec<(String, u64)>),
    /// A type that has neither.
    Other,
}

/// What each of these columns looks like, in one pass and in bounded memory.
///
/// # Errors
///
/// A column that is not there, a frame that cannot be read.
pub fn summarize(frame: &impl Frame, columns: &[&str]) -> Result<Vec<ColumnSummary>> {
    let schema = frame.columns()?;
    require(&schema, columns.iter().copied())?;
    let names: Vec<String> = columns.iter().map(|name| name.to_string()).collect();
    let mut looks: Vec<Look> = names.iter().map(|_| Look::default()).collect();
    frame.for_each_part(&names, &mut |part| {
        looks
            .iter_mut()
            .zip(&names)
            .try_for_each(|(look, name)| look.add(part, name))
    })?;
    let summary = |(look, name): (Look, String)| ColumnSummary {
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
struct Look {
    rows: usize,
    missing: usize,
    numbers: Sample,
    words: PlHashMap<String, u64>,
    other: bool,
}

impl Look {
    fn add(&mut self, part: &DataFrame, name: &str) -> Result<()> {
        let column = find(part, name)?;
        self.rows += part.height();
        let dtype = column.dtype();
        if dtype.is_numeric() || dtype.is_null() {
            for value in numbers(column, 0)?.iter() {
                self.number(value.filter(|value| !value.is_nan()));
            }
        } else if dtype.is_date() || dtype.is_datetime() {
            const DAY: f64 = 86_400_000_000.0;
            for moment in moments(column)?.iter() {
                self.number(moment.map(|moment| moment as f64 / DAY));
            }
        } else if let Ok((_, words)) = words(column, 0) {
            for word in words.iter() {
                self.word(word);
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

    fn word(&mut self, word: Option<&str>) {
        let Some(word) = word else {
            self.missing += 1;
            return;
        };
        if let Some(count) = self.words.get_mut(word) {
            *count += 1;
        } else if self.words.len() < WORDS {
            self.words.insert(word.to_owned(), 1);
        }
    }

    fn values(self) -> Distribution {
        if !self.words.is_empty() {
            let mut words: Vec<(String, u64)> = self.words.into_iter().collect();
            words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Distribution::Words(words)
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
    fn columns_look_as_they_are() {
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
        let counted = |word: &str, count| (word.to_string(), count);
        assert_eq!(
            whole[1].values,
            Distribution::Words(vec![counted("b", 2), counted("a", 1)])
        );
        let flags = vec![counted("true", 3), counted("false", 1)];
        assert_eq!(whole[2].values, Distribution::Words(flags));
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
