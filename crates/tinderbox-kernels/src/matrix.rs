//! Products of matrices whose sums have a fixed order.
//!
//! The right factor is packed once into panels of neighboring columns, the left one some rows at a time;
//! the sums of six rows (eight with AVX-512) and a panel stay in registers. A row of the product does not depend
//! on the rows that are computed with it, so work may be cut by rows in any way.

mod pack;
mod sums;
mod tile;

use std::ops::Range;

use crate::memory::Scratch;
use crate::parallel::{PRODUCTS, for_each_chunk, threads};
use crate::simd::{Kernel, Level, Simd, run};
pub(crate) use pack::Panels;
pub(crate) use sums::column_sums;
use tile::{Groups, Tile};

/// Terms of a sum that stay in registers before they are added to memory: a panel of so many rows
/// fits into the first cache.
const TERMS: usize = 256;
/// Numbers between two terms of packed rows of the left factor.
const GROUP: usize = 8;
/// Numbers between two groups of packed rows: a line more than a power of two, so that the groups of a term
/// do not lie in the same set of the cache.
const GROUPS: usize = GROUP * TERMS + 16;
/// Vectors of a panel.
const VECTORS: usize = 2;
/// Rows of a product that are one piece of work, fewer if there are few; six and eight divide every such number.
const ROWS: usize = 96;

/// A view: number `(row, column)` lies at `row * strides[0] + column * strides[1]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Row after row.
    ///
    /// # Panics
    /// If there are not `rows * columns` numbers.
    pub fn new(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns);
        let strides = [columns, 1];
        Self {
            numbers,
            rows,
            columns,
            strides,
        }
    }

    /// Rows that begin `row` numbers apart.
    ///
    /// # Panics
    /// If there are too few numbers.
    pub fn with_row(numbers: &'a [f32], rows: usize, columns: usize, row: usize) -> Self {
        assert!(rows == 0 || (columns <= row && numbers.len() >= (rows - 1) * row + columns));
        Self {
            numbers,
            rows,
            columns,
            strides: [row, 1],
        }
    }

    pub fn transposed(self) -> Self {
        let [down, right] = self.strides;
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: [right, down],
            ..self
        }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If the range is not inside.
    pub fn rows(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows);
        let start = (range.start * self.strides[0]).min(self.numbers.len());
        Self {
            numbers: &self.numbers[start..],
            rows: range.len(),
            ..self
        }
    }

    /// Some of the columns.
    ///
    /// # Panics
    /// If the range is not inside.
    pub fn columns(self, range: Range<usize>) -> Self {
        self.transposed().rows(range).transposed()
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.columns
    }

    /// A row whose numbers lie side by side, and what follows it.
    pub fn row(&self, row: usize) -> &'a [f32] {
        debug_assert_eq!(self.strides[1], 1);
        self.from(row, 0)
    }

    /// Number `(row, column)` and what follows it; every number of the matrix lies inside.
    fn from(&self, row: usize, column: usize) -> &'a [f32] {
        &self.numbers[row * self.strides[0] + column * self.strides[1]..]
    }
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    Zero,
    /// The same numbers in every row, at least as many as the product has columns.
    Row(&'a [f32]),
}

/// `start + left right`, on all threads, into rows of `to` that begin `row` numbers apart; what lies
/// between them is left as it is.
///
/// # Panics
/// If the sizes do not fit each other.
pub(crate) fn product(
    level: Level,
    left: Matrix<'_>,
    right: &Panels,
    start: Start<'_>,
    to: &mut [f32],
    row: usize,
) {
    let columns = right.columns;
    assert!(columns <= row && to.len() == left.rows * row);
    // What one thread has packed takes another one long to read: two threads begin to pay at six million products.
    let cost = left.rows.saturating_mul(right.numbers.len()) / (16 * PRODUCTS);
    let longest = match left.rows {
        ..384 => ROWS / 4,
        384..768 => ROWS / 2,
        _ => ROWS,
    };
    // Sums do not depend on it.
    let share = left.rows.div_ceil(threads()).next_multiple_of(8);
    let piece = share.min(longest);
    for_each_chunk(to, piece * row, cost, |index, to| {
        let first = index * piece;
        let count = to.len() / row;
        // The product itself begins with `start`; numbers beyond it do not.
        let begun = if right.terms == 0 { 0 } else { columns };
        for to in to.chunks_exact_mut(row) {
            match start {
                Start::Zero => to[begun..columns].fill(0.0),
                Start::Row(start) => to[begun..start.len()].copy_from_slice(&start[begun..]),
            }
        }
        let multiply = Multiply {
            left: left.rows(first..first + count),
            right,
            start: Some(start),
            to,
            row,
        };
        run(level, multiply);
    });
}

/// Adds `left right` to rows of `to` that begin `row` numbers apart, on this thread.
///
/// # Panics
/// If the sizes do not fit each other.
pub(crate) fn multiply_add(
    level: Level,
    left: Matrix<'_>,
    right: &Panels,
    to: &mut [f32],
    row: usize,
) {
    let multiply = Multiply {
        left,
        right,
        start: None,
        to,
        row,
    };
    run(level, multiply);
}

struct Multiply<'a> {
    left: Matrix<'a>,
    right: &'a Panels,
    /// What the product is added to; `None` for what stands in `to`.
    start: Option<Start<'a>>,
    to: &'a mut [f32],
    row: usize,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            left,
            right,
            start,
            to,
            row,
        } = self;
        let rows = left.rows;
        assert_eq!(left.columns, right.terms);
        if rows == 0 || right.columns == 0 {
            return;
        }
        assert!(to.len() >= (rows - 1) * row + right.columns);
        let groups = Groups::new::<S>(rows);
        let mut scratch = Scratch::new(groups.count * GROUPS);
        for first in (0..right.terms).step_by(TERMS) {
            let terms = TERMS.min(right.terms - first);
            groups.pack::<S>(left.columns(first..first + terms), &mut scratch);
            for panel in 0..right.columns.div_ceil(right.width) {
                let at = panel * right.width;
                let columns = right.width.min(right.columns - at);
                let factors = &right.numbers[(panel * right.terms + first) * right.width..];
                let factors = &factors[..terms * right.width];
                // Only the first terms begin the sums.
                let start = start.filter(|_| first == 0).map(|start| match start {
                    Start::Zero => Start::Zero,
                    Start::Row(start) => Start::Row(&start[at..at + columns]),
                });
                for (group, packed) in scratch.chunks_exact(GROUPS).enumerate() {
                    let mut tile = Tile {
                        packed,
                        factors,
                        terms,
                        start,
                        to: &mut to[groups.start(group) * row + at..],
                        row,
                        columns,
                    };
                    match groups.start(group + 1) - groups.start(group) {
                        count @ ..=2 => tile.add::<S, 2>(count),
                        count @ ..=4 => tile.add::<S, 4>(count),
                        count if S::LANES == 16 => tile.add::<S, 8>(count),
                        count => tile.add::<S, 6>(count),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let number = |at: usize| ((at * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
        (0..count).map(number).collect()
    }

    #[test]
    fn products_of_views_equal_their_sums_at_every_level() {
        for (index, [rows, terms, columns]) in [
            [1, 1, 1],
            [2, 3, 40],
            [7, 300, 5],
            [13, 8, 16],
            [32, 257, 33],
            [50, 24, 31],
            [100, 513, 47],
        ]
        .into_iter()
        .enumerate()
        {
            // With a row and a column around, or lying on its side.
            let (left, right) = (
                numbers((rows + 2) * (terms + 2), index),
                numbers(terms * columns, 5),
            );
            for (sideways, right_sideways) in [(false, false), (true, false), (false, true)] {
                let left = match sideways {
                    false => Matrix::new(&left, rows + 2, terms + 2),
                    true => Matrix::new(&left, terms + 2, rows + 2).transposed(),
                };
                let left = left.rows(1..rows + 1).columns(1..terms + 1);
                let right = match right_sideways {
                    false => Matrix::new(&right, terms, columns),
                    true => Matrix::new(&right, columns, terms).transposed(),
                };
                let start = numbers(columns, 3);
                let row = columns + 3;
                for level in Level::available() {
                    let cut = terms / 3;
                    let parts = [right.rows(0..cut), right.rows(cut..terms)];
                    let panels = Panels::new(level, &parts);
                    let mut product = vec![9.0; rows * row];
                    super::product(level, left, &panels, Start::Row(&start), &mut product, row);
                    for (place, &actual) in product.iter().enumerate() {
                        let (at, column) = (place / row, place % row);
                        if column >= columns {
                            // The gaps are left as they are.
                            assert_eq!(actual, 9.0);
                            continue;
                        }
                        let term = |term: usize| {
                            f64::from(left.from(at, term)[0])
                                * f64::from(right.from(term, column)[0])
                        };
                        let expected = (0..terms).map(term).sum::<f64>() + f64::from(start[column]);
                        let error = (f64::from(actual) - expected).abs();
                        assert!(
                            error < 1e-6 * terms as f64 + 1e-5,
                            "{level:?} {rows} {terms} {columns}: {error}"
                        );
                    }
                }
            }
        }
    }
}
