//! Splits rows into parts for training, validation and test, without leaks between them.

use tinderbox_core::Seed;

use crate::{DataError, Result};

mod assign;
mod folds;
mod strategy;

use assign::{Shares, assign};
pub use folds::{Fold, Folds, FoldsIter, k_fold};
pub use strategy::Strategy;

/// Splits `rows` rows into parts with these shares, such as `[0.8, 0.2]`: the indices of each part, ascending.
///
/// A pure function of its arguments. Every row is in at most one part, and in exactly one if the shares
/// sum to 1. The first part is for training. Every part has a row (a group, a time) if there are at least
/// as many as parts.
///
/// # Errors
///
/// Shares that are not above 0 or sum to more than 1, fewer rows, groups or times than parts,
/// only classes with fewer rows than parts.
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
    // The rest belongs to a part that is not returned.
    if sum < 1.0 - 1e-9 {
        all.push(1.0 - sum);
    }
    let wanted = Shares {
        all: &all,
        filled: shares.len(),
        spread: shares.len(),
        small: 0,
    };
    let mut parts = vec![Vec::new(); all.len()];
    for (row, part) in assign(rows, wanted, seed, strategy).into_iter().enumerate() {
        parts[part as usize].push(row);
    }
    parts.truncate(shares.len());
    match parts.iter().any(Vec::is_empty) {
        true => Err(too_few(rows, "parts", shares.len(), strategy)),
        false => Ok(parts),
    }
}

fn cannot(problem: String) -> DataError {
    DataError::Split { problem }
}

/// Why one of the parts or folds has no row.
fn too_few(rows: usize, what: &str, parts: usize, strategy: &Strategy) -> DataError {
    let blocks = strategy.blocks(rows);
    cannot(match strategy {
        Strategy::Stratified(_) => format!(
            "{rows} rows of {blocks} classes leave one of {parts} {what} without a row, as classes \
             too small to be spread are for training; join small classes, or give them more rows"
        ),
        Strategy::Grouped(_) => format!(
            "{blocks} groups cannot fill {parts} {what}, as the rows of a group stay together; use \
             fewer {what}"
        ),
        Strategy::Time(_) => format!(
            "{blocks} times cannot fill {parts} {what}, as rows of the same time stay together; use \
             fewer {what}"
        ),
        Strategy::Random | Strategy::Consecutive => {
            format!("{rows} rows cannot fill {parts} {what}; use fewer {what}")
        }
    })
}
