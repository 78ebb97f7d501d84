//! Cross-validation.

use tinderbox_core::Seed;

use super::assign::{NO_PART, Shares, assign};
use super::{Strategy, cannot, too_few};
use crate::Result;

/// The rows of a fold: those to train on, and those to validate on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Indices of the rows to train on, ascending.
    pub train: Vec<usize>,
    /// Indices of the rows to validate on, ascending.
    pub valid: Vec<usize>,
}

/// The folds of a cross-validation. Each is made when it is requested: in memory are one number for each
/// row, and the folds that the caller keeps.
///
/// ```
/// use tinderbox_core::Seed;
/// use tinderbox_data::{Strategy, k_fold};
///
/// for fold in &k_fold(10, 5, Seed::new(1), &Strategy::Random)? {
///     assert_eq!((fold.train.len(), fold.valid.len()), (8, 2));
/// }
/// # Ok::<(), tinderbox_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// The block of every row.
    blocks: Vec<u32>,
    folds: usize,
    /// Whether a fold trains on earlier blocks only; then the first block is never validated on.
    in_time: bool,
}

/// Splits rows into `k` folds: every row is in the validation part of one fold, and in the training part of
/// the others.
///
/// With [`Strategy::Time`] the rows are cut into `k + 1` blocks and fold `i` trains on all blocks
/// before the one it validates on, so the first block is never validated on. With
/// [`Strategy::Stratified`] a class of one row is trained on in every fold and never validated on;
/// a class with fewer rows than folds is in as many folds as it has rows.
///
/// # Errors
///
/// Fewer than 2 folds, a fold without rows.
pub fn k_fold(rows: usize, k: usize, seed: Seed, strategy: &Strategy) -> Result<Folds> {
    strategy.check(rows)?;
    if k < 2 || k > rows {
        return Err(cannot(format!(
            "{k} folds of {rows} rows; use from 2 to the number of rows"
        )));
    }
    let in_time = matches!(strategy, Strategy::Time(_));
    let count = k + usize::from(in_time);
    let shares = Shares {
        all: &vec![1.0 / count as f64; count],
        filled: count,
        spread: 2,
        small: NO_PART,
    };
    let blocks = assign(rows, shares, seed, strategy);
    let mut filled = vec![false; count];
    for &block in blocks.iter().filter(|block| **block != NO_PART) {
        filled[block as usize] = true;
    }
    match filled.contains(&false) {
        true => Err(too_few(rows, "folds", k, strategy)),
        false => Ok(Folds {
            blocks,
            folds: k,
            in_time,
        }),
    }
}

impl Folds {
    /// Number of folds.
    pub fn len(&self) -> usize {
        self.folds
    }

    /// Always false: there are at least two folds.
    pub fn is_empty(&self) -> bool {
        self.folds == 0
    }

    /// The fold with this index, counted from 0.
    ///
    /// # Errors
    /// A number that no fold has.
    pub fn fold(&self, index: usize) -> Result<Fold> {
        match index < self.folds {
            true => Ok(self.make(index)),
            false => Err(cannot(format!(
                "there is no fold {index}: there are {}, counted from 0",
                self.folds
            ))),
        }
    }

    /// Iterates over the folds.
    pub fn iter(&self) -> FoldsIter<'_> {
        FoldsIter {
            folds: self,
            next: 0,
        }
    }

    fn make(&self, index: usize) -> Fold {
        let held_out = (index + usize::from(self.in_time)) as u32;
        let (mut train, mut valid) = (Vec::new(), Vec::new());
        for (row, &block) in self.blocks.iter().enumerate() {
            if block == held_out {
                valid.push(row);
            } else if !self.in_time || block < held_out {
                train.push(row);
            }
        }
        Fold { train, valid }
    }
}

impl<'a> IntoIterator for &'a Folds {
    type Item = Fold;
    type IntoIter = FoldsIter<'a>;

    fn into_iter(self) -> FoldsIter<'a> {
        self.iter()
    }
}

/// An iterator over [`Folds`].
#[derive(Clone, Debug)]
pub struct FoldsIter<'a> {
    folds: &'a Folds,
    next: usize,
}

impl Iterator for FoldsIter<'_> {
    type Item = Fold;

    fn next(&mut self) -> Option<Fold> {
        let fold = (self.next < self.folds.len()).then(|| self.folds.make(self.next));
        self.next += usize::from(fold.is_some());
        fold
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.folds.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for FoldsIter<'_> {}
