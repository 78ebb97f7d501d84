//! How rows are split.

use std::collections::{HashMap, HashSet};

use super::cannot;
use crate::Result;

/// How rows are assigned to parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// At random, each row on its own.
    Random,
    /// At random within each class, with the same share of every class in each part; a class for each row.
    ///
    /// A class with fewer rows than there are parts cannot be spread: all its rows are for training.
    /// [`Strategy::small_classes`] returns these classes.
    Stratified(Vec<u64>),
    /// Rows of one group stay together, such as photographs of one patient; a group for each row.
    ///
    /// Groups are drawn at random; the size of a part differs from its share by the rows of the
    /// largest group at most.
    Grouped(Vec<u64>),
    /// Earlier rows for training, later rows for validation; a time for each row. Rows of the same time
    /// stay together, and nothing is random.
    Time(Vec<i64>),
    /// The rows in their order, cut into consecutive blocks; nothing is random.
    Consecutive,
}

impl Strategy {
    /// The rows of every class with fewer rows than there are parts, a list for each class in the
    /// order of its first row; of [`Strategy::Stratified`] only.
    ///
    /// [`split`](super::split) leaves them all in the first part, which is for training. For
    /// [`k_fold`](super::k_fold) pass 2 parts: a class of one row is never in a validation part.
    pub fn small_classes(&self, parts: usize) -> Vec<Vec<usize>> {
        let Self::Stratified(classes) = self else {
            return Vec::new();
        };
        let mut members = members(classes);
        members.retain(|rows| rows.len() < parts);
        members
    }

    pub(super) fn check(&self, rows: usize) -> Result<()> {
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

    /// Number of classes, groups, times or single rows.
    pub(super) fn blocks(&self, rows: usize) -> usize {
        match self {
            Self::Stratified(keys) | Self::Grouped(keys) => {
                keys.iter().collect::<HashSet<_>>().len()
            }
            Self::Time(times) => times.iter().collect::<HashSet<_>>().len(),
            Self::Random | Self::Consecutive => rows,
        }
    }
}

/// The rows of every key, in the order of their first rows.
pub(super) fn members(keys: &[u64]) -> Vec<Vec<usize>> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, key) in keys.iter().enumerate() {
        let place = *places.entry(*key).or_insert(members.len());
        match members.get_mut(place) {
            Some(rows) => rows.push(row),
            None => members.push(vec![row]),
        }
    }
    members
}
