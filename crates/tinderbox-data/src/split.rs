//! Rows for training, validation and test, so that nothing leaks from one to the other.

use polars::prelude::{DataFrame, IdxCa, IdxSize, PlHashMap};
use tinderbox_core::Seed;

use crate::{DataError, Result};

/// What decides which rows may be apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Every row for itself, drawn at random.
    Random,
    /// At random, with the same share of every class in each part; a class label a row.
    Stratified(Vec<u64>),
    /// Rows of one group stay together, as photographs of one patient must; a group a row.
    Grouped(Vec<u64>),
    /// The past for training, the future for validation; a time a row. Rows of one moment stay
    /// together, nothing is drawn.
    Time(Vec<i64>),
    /// The rows as they stand, cut into consecutive blocks; nothing is drawn.
    Consecutive,
}

impl Strategy {
    /// The same share of every value of this column in each part; missing values are a class.
    ///
    /// # Errors
    /// No such column.
    pub fn stratified(frame: &DataFrame, column: &str) -> Result<Self> {
        Ok(Self::Stratified(keys(frame, column)?))
    }

    /// Rows with the same value of this column stay together; missing values are a group.
    ///
    /// # Errors
    /// No such column.
    pub fn grouped(frame: &DataFrame, column: &str) -> Result<Self> {
        Ok(Self::Grouped(keys(frame, column)?))
    }

    /// In the order of this column of dates, moments or whole numbers.
    ///
    /// # Errors
    /// No such column, one that holds no times, or one with missing values.
    pub fn time(frame: &DataFrame, column: &str) -> Result<Self> {
        let values = find(frame, column)?.to_physical_repr();
        let wrong = |problem: String| DataError::Column {
            column: column.to_owned(),
            problem,
        };
        let values = values
            .strict_cast(&polars::prelude::DataType::Int64)
            .map_err(|error| {
                wrong(format!(
                    "has no order in time ({error}); use a column of dates or whole numbers"
                ))
            })?;
        let values = values.i64().map_err(crate::frames::polars)?;
        let times = values.iter().enumerate().map(|(row, value)| {
            value.ok_or_else(|| DataError::Value {
                column: column.to_owned(),
                row,
                problem: "the time is missing; leave such rows out of the table".into(),
            })
        });
        Ok(Self::Time(times.collect::<Result<_>>()?))
    }

    fn check(&self, rows: usize) -> Result<()> {
        let keys = match self {
            Self::Stratified(keys) | Self::Grouped(keys) => keys.len(),
            Self::Time(times) => times.len(),
            Self::Random | Self::Consecutive => rows,
        };
        match keys == rows {
            true => Ok(()),
            false => Err(cannot(format!(
                "{keys} classes, groups or times are given for {rows} rows"
            ))),
        }
    }
}

fn find<'a>(frame: &'a DataFrame, column: &str) -> Result<&'a polars::prelude::Column> {
    frame.column(column).map_err(|_| {
        let names = frame.get_column_names();
        crate::nearest::unknown(
            "column",
            column,
            names.into_iter().map(|name| name.as_str()),
        )
    })
}

/// A number a row that is the same where the values are the same.
fn keys(frame: &DataFrame, column: &str) -> Result<Vec<u64>> {
    let text = find(frame, column)?
        .cast(&polars::prelude::DataType::String)
        .map_err(crate::frames::polars)?;
    let mut known: PlHashMap<Option<&str>, u64> = PlHashMap::default();
    let words = text.str().map_err(crate::frames::polars)?;
    Ok(words
        .iter()
        .map(|word| {
            let next = known.len() as u64;
            *known.entry(word).or_insert(next)
        })
        .collect())
}

fn cannot(problem: String) -> DataError {
    DataError::Split { problem }
}

/// Parts of `rows` rows with these shares, such as `[0.8, 0.2]`: the indices of each, ascending.
///
/// A pure function of its arguments. Every row is in one part at most, and in exactly one if the
/// shares sum to 1.
///
/// # Errors
///
/// Shares that are not above 0 or sum to more than 1, a part that would have no row.
pub fn split(
    rows: usize,
    shares: &[f64],
    seed: Seed,
    strategy: &Strategy,
) -> Result<Vec<Vec<usize>>> {
    strategy.check(rows)?;
    let sum: f64 = shares.iter().sum();
    let positive = shares.iter().all(|share| *share > 0.0);
    if shares.is_empty() || !positive || sum > 1.0 + 1e-9 || sum.is_nan() {
        return Err(cannot(format!(
            "shares {shares:?} must be above 0 and sum to 1 at most"
        )));
    }
    let mut all = shares.to_vec();
    // What is left belongs to a part that is not given out.
    if sum < 1.0 - 1e-9 {
        all.push(1.0 - sum);
    }
    let mut parts = assign(rows, &all, seed, strategy);
    parts.truncate(shares.len());
    match parts.iter().position(Vec::is_empty) {
        Some(part) => Err(cannot(format!(
            "part {part} of {rows} rows would have none; use fewer parts, or other shares"
        ))),
        None => Ok(parts),
    }
}

/// Rows to train on, and rows to validate on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Indices of the rows to train on, ascending.
    pub train: Vec<usize>,
    /// Indices of the rows to validate on, ascending.
    pub valid: Vec<usize>,
}

/// `k` folds: every row is validated on once, by a model that was trained on the others.
///
/// With [`Strategy::Time`] the rows are cut into `k + 1` blocks and fold `i` trains on all blocks
/// before the one it validates on, so the first block is never validated on.
///
/// # Errors
///
/// Fewer than 2 folds, a fold without rows.
pub fn k_fold(rows: usize, k: usize, seed: Seed, strategy: &Strategy) -> Result<Vec<Fold>> {
    strategy.check(rows)?;
    if k < 2 || k > rows {
        return Err(cannot(format!(
            "{k} folds of {rows} rows; use from 2 to the number of rows"
        )));
    }
    let in_time = matches!(strategy, Strategy::Time(_));
    let blocks = k + usize::from(in_time);
    let parts = assign(rows, &vec![1.0 / blocks as f64; blocks], seed, strategy);
    if parts.iter().any(Vec::is_empty) {
        return Err(cannot(format!(
            "a fold of {rows} rows would have none, as rows of one group or moment stay together; use fewer than {k} folds"
        )));
    }
    let fold = |valid: usize| {
        let train = parts.iter().enumerate();
        let train = train.filter(|(part, _)| {
            if in_time {
                *part < valid
            } else {
                *part != valid
            }
        });
        let mut train: Vec<usize> = train.flat_map(|(_, rows)| rows.iter().copied()).collect();
        train.sort_unstable();
        Fold {
            train,
            valid: parts[valid].clone(),
        }
    };
    Ok((usize::from(in_time)..blocks).map(fold).collect())
}

/// The rows of a frame with these indices, in this order.
///
/// # Errors
/// An index beyond the last row.
pub fn take(frame: &DataFrame, rows: &[usize]) -> Result<DataFrame> {
    if let Some(row) = rows.iter().find(|row| **row >= frame.height()) {
        return Err(cannot(format!(
            "there is no row {row} in a frame of {} rows",
            frame.height()
        )));
    }
    let rows: Vec<IdxSize> = rows.iter().map(|&row| row as IdxSize).collect();
    frame
        .take(&IdxCa::from_vec("rows".into(), rows))
        .map_err(crate::frames::polars)
}

/// Every row to one part; the shares sum to 1.
fn assign(rows: usize, shares: &[f64], seed: Seed, strategy: &Strategy) -> Vec<Vec<usize>> {
    let mut rng = seed.child("split").rng();
    let mut parts = match strategy {
        Strategy::Random => cut(&rng.permutation(rows), shares, |_, _| false),
        Strategy::Consecutive => cut(&(0..rows).collect::<Vec<_>>(), shares, |_, _| false),
        Strategy::Time(times) => {
            let mut order: Vec<usize> = (0..rows).collect();
            order.sort_by_key(|&row| times[row]);
            cut(&order, shares, |a, b| times[a] == times[b])
        }
        Strategy::Stratified(classes) => {
            let mut order = rng.permutation(rows);
            order.sort_by_key(|&row| classes[row]);
            deal(order.into_iter().map(|row| vec![row]), shares)
        }
        Strategy::Grouped(groups) => {
            let mut members: PlHashMap<u64, Vec<usize>> = PlHashMap::default();
            for row in rng.permutation(rows) {
                members.entry(groups[row]).or_default().push(row);
            }
            let mut members: Vec<Vec<usize>> = members.into_values().collect();
            // Large groups first, which leaves the small ones to even out the sizes; the first row
            // of a group, random as it is, decides between groups of one size.
            let places = rng.permutation(rows);
            members.sort_by_key(|rows| (usize::MAX - rows.len(), places[rows[0]]));
            deal(members.into_iter(), shares)
        }
    };
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Consecutive parts of an order; rows that belong together stay in the part of the first.
fn cut(
    order: &[usize],
    shares: &[f64],
    together: impl Fn(usize, usize) -> bool,
) -> Vec<Vec<usize>> {
    let mut parts = Vec::with_capacity(shares.len());
    let (mut start, mut share) = (0, 0.0);
    for (part, fraction) in shares.iter().enumerate() {
        share += fraction;
        let mut end = match part + 1 == shares.len() {
            true => order.len(),
            false => ((share * order.len() as f64).round() as usize).clamp(start, order.len()),
        };
        while end > start && end < order.len() && together(order[end - 1], order[end]) {
            end += 1;
        }
        parts.push(order[start..end].to_vec());
        start = end;
    }
    parts
}

/// Hands out items one by one, each to the part that is furthest behind its share.
///
/// Any run of items is spread by the shares to within an item or two, so a run of one class is.
fn deal(items: impl Iterator<Item = Vec<usize>>, shares: &[f64]) -> Vec<Vec<usize>> {
    let mut parts = vec![Vec::new(); shares.len()];
    let mut dealt = 0;
    for item in items {
        dealt += item.len();
        let behind = |part: usize, parts: &[Vec<usize>]| {
            shares[part] * dealt as f64 - parts[part].len() as f64
        };
        let mut furthest = 0;
        for part in 1..shares.len() {
            if behind(part, &parts) > behind(furthest, &parts) {
                furthest = part;
            }
        }
        parts[furthest].extend(item);
    }
    parts
}
