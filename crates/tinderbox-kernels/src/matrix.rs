//! Products of matrices whose sums have a fixed order.
//!
//! The right factor is packed once into panels of neighboring columns, the left one some rows at a time;
//! the sums of six rows (eight with AVX-512) and a panel stay in registers. A row of the product does not depend
//! on the rows that are computed with it, so work may be cut by rows in any way.

use std::ops::Range;

use crate::memory::Scratch;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

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
/// Rows of a product that are one piece of work; six and eight divide it.
const ROWS: usize = 48;

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

    /// Number `(row, column)` and what follows it; every number of the matrix lies inside.
    fn from(&self, row: usize, column: usize) -> &'a [f32] {
        &self.numbers[row * self.strides[0] + column * self.strides[1]..]
    }
}

/// The right factor of a product, packed: `[columns / width][terms][width]`.
pub(crate) struct Panels {
    numbers: Scratch,
    terms: usize,
    columns: usize,
    width: usize,
}

impl Panels {
    /// The rows of all parts, one below the other.
    ///
    /// # Panics
    /// If parts differ in their number of columns, or there is none.
    pub fn new(level: Level, parts: &[Matrix<'_>]) -> Self {
        let columns = parts[0].columns;
        assert!(parts.iter().all(|part| part.columns == columns));
        let terms = parts.iter().map(|part| part.rows).sum();
        let width = VECTORS * level.lanes();
        let panel = terms * width;
        let mut numbers = Scratch::new(panel * columns.div_ceil(width));
        let cost = numbers.len();
        for_each_chunk(&mut numbers, panel, cost, |index, numbers| {
            let first = index * width;
            let count = width.min(columns - first);
            let mut to = numbers;
            for part in parts {
                let (now, rest) = to.split_at_mut(part.rows * width);
                let part = part.columns(first..first + count);
                let pack = Pack {
                    from: part,
                    width,
                    to: now,
                };
                run(level, pack);
                to = rest;
            }
        });
        Self {
            numbers,
            terms,
            columns,
            width,
        }
    }
}

/// Writes a matrix row after row, rows filled up to `width` with any numbers.
struct Pack<'a> {
    from: Matrix<'a>,
    width: usize,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self { from, width, to } = self;
        let (rows, columns) = (from.rows, from.columns);
        assert!(columns <= width && to.len() == rows * width);
        if columns == 0 || rows == 0 {
            return to.fill(0.0);
        }
        match from.strides {
            [_, 1] => {
                for (row, to) in to.chunks_exact_mut(width).enumerate() {
                    let numbers = from.from(row, 0);
                    if numbers.len() >= width && width.is_multiple_of(GROUP) {
                        // Copies of a fixed length are not calls; what stands beside the columns
                        // does no harm.
                        let eights = to.as_chunks_mut::<GROUP>().0.iter_mut();
                        for (to, from) in eights.zip(numbers.as_chunks::<GROUP>().0) {
                            *to = *from;
                        }
                    } else {
                        to[..columns].copy_from_slice(&numbers[..columns]);
                        to[columns..].fill(0.0);
                    }
                }
            }
            [1, right] => {
                assert!(width.is_multiple_of(GROUP));
                for first in (0..columns).step_by(GROUP) {
                    let count = GROUP.min(columns - first);
                    let mut row = 0;
                    while row + GROUP <= rows {
                        let last = from.from(row, first + count - 1);
                        assert!(last.len() >= GROUP && (row + 7) * width + first + 8 <= to.len());
                        let start = from.from(row, first).as_ptr();
                        // SAFETY: the last of the runs of eight numbers lies in the matrix, those
                        // before it start at lower places (the last one stands for those that are
                        // missing); the block of eight by eight lies in `to`.
                        unsafe {
                            let block: [*const f32; GROUP] =
                                std::array::from_fn(|at| start.add(at.min(count - 1) * right));
                            let to = to.as_mut_ptr().add(row * width + first);
                            S::transpose8(block, to, width);
                        }
                        row += GROUP;
                    }
                    for column in first..first + count {
                        let numbers = &from.from(row.min(rows - 1), column)[..rows - row];
                        for (at, number) in numbers.iter().enumerate() {
                            to[(row + at) * width + column] = *number;
                        }
                    }
                }
                for to in to.chunks_exact_mut(width) {
                    to[columns..].fill(0.0);
                }
            }
            _ => {
                for (row, to) in to.chunks_exact_mut(width).enumerate() {
                    for (column, to) in to[..columns].iter_mut().enumerate() {
                        *to = from.from(row, column)[0];
                    }
                    to[columns..].fill(0.0);
                }
            }
        }
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
    let cost = left.rows.saturating_mul(right.numbers.len());
    for_each_chunk(to, ROWS * row, cost, |index, to| {
        let first = index * ROWS;
        let count = to.len() / row;
        for to in to.chunks_exact_mut(row) {
            match start {
                Start::Zero => to[..columns].fill(0.0),
                Start::Row(start) => to[..start.len()].copy_from_slice(start),
            }
        }
        let left = left.rows(first..first + count);
        multiply_add(level, left, right, to, row);
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
        to,
        row,
    };
    run(level, multiply);
}

struct Multiply<'a> {
    left: Matrix<'a>,
    right: &'a Panels,
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
                for (group, packed) in scratch.chunks_exact(GROUPS).enumerate() {
                    let mut tile = Tile {
                        packed,
                        factors,
                        terms,
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

/// The rows of a left factor that are packed together: six (eight with AVX-512), but no one or two at the
/// end, where four and four take less time than six and two.
struct Groups {
    rows: usize,
    together: usize,
    count: usize,
}

impl Groups {
    fn new<S: Simd>(rows: usize) -> Self {
        let together = if S::LANES == 16 { 8 } else { 6 };
        Self {
            rows,
            together,
            count: rows.div_ceil(together),
        }
    }

    /// The first row of a group.
    fn start(&self, group: usize) -> usize {
        let start = group * self.together;
        let last = (1..=2).contains(&(self.rows % self.together)) && self.count > 1;
        match last && group + 1 == self.count {
            true => start - 2,
            false => start.min(self.rows),
        }
    }

    /// Packs every group into `[terms][GROUP]`.
    #[inline(always)]
    fn pack<S: Simd>(&self, block: Matrix<'_>, scratch: &mut [f32]) {
        let terms = block.columns;
        if block.strides[0] == 1 {
            // Of a transposed matrix a term is one run of numbers: go through it once.
            for term in 0..terms {
                let numbers = block.from(0, term);
                for (group, packed) in scratch.chunks_exact_mut(GROUPS).enumerate() {
                    let (start, end) = (self.start(group), self.start(group + 1));
                    let to = &mut packed.as_chunks_mut::<GROUP>().0[term];
                    match numbers[start..].first_chunk::<GROUP>() {
                        Some(numbers) => *to = *numbers,
                        None => to[..end - start].copy_from_slice(&numbers[start..end]),
                    }
                }
            }
            return;
        }
        for (group, packed) in scratch.chunks_exact_mut(GROUPS).enumerate() {
            let pack = Pack {
                from: block
                    .rows(self.start(group)..self.start(group + 1))
                    .transposed(),
                width: GROUP,
                to: &mut packed[..terms * GROUP],
            };
            pack.call::<S>();
        }
    }
}

/// Packed rows times a panel.
struct Tile<'a> {
    /// `[terms][GROUP]`.
    packed: &'a [f32],
    /// `[terms][width]`.
    factors: &'a [f32],
    terms: usize,
    to: &'a mut [f32],
    row: usize,
    columns: usize,
}

impl Tile<'_> {
    /// Adds the products of the first `count` rows, at most `J`.
    #[inline(always)]
    fn add<S: Simd, const J: usize>(&mut self, count: usize) {
        let width = VECTORS * S::LANES;
        assert!(J <= GROUP && count <= J && self.columns <= width);
        assert!(self.packed.len() >= self.terms * GROUP);
        assert!(self.factors.len() >= self.terms * width);
        // What the sums are added to: it takes as long to come as many a product.
        for row in self.to.chunks(self.row).take(count) {
            for column in (0..self.columns).step_by(16) {
                S::prefetch(&row[column]);
            }
        }
        let mut packed = self.packed.as_ptr();
        let mut factors = self.factors.as_ptr();
        // SAFETY: register operations; `terms` rows of `GROUP` numbers and of `width` factors lie in
        // the slices, checked above, and `J` numbers in a row of `GROUP`. The pointers are moved behind
        // the last row at the most.
        let mut sums = unsafe { [[S::splat(0.0); VECTORS]; J] };
        for _ in 0..self.terms {
            // SAFETY: as above.
            unsafe {
                let mut vectors = [S::splat(0.0); VECTORS];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = S::load(factors.add(v * S::LANES));
                }
                for j in 0..J {
                    let number = S::splat(*packed.add(j));
                    for v in 0..VECTORS {
                        sums[j][v] = S::fma(vectors[v], number, sums[j][v]);
                    }
                }
                packed = packed.wrapping_add(GROUP);
                factors = factors.wrapping_add(width);
            }
        }
        for (j, sums) in sums.iter().enumerate() {
            if j >= count {
                continue;
            }
            let to = &mut self.to[j * self.row..][..self.columns];
            if self.columns == width {
                for (v, sum) in sums.iter().enumerate() {
                    // SAFETY: `width` numbers were sliced.
                    unsafe {
                        let to = to.as_mut_ptr().add(v * S::LANES);
                        S::store(to, S::fma(S::splat(1.0), *sum, S::load(to)));
                    }
                }
            } else {
                let mut wide = [0.0; 32];
                for (v, sum) in sums.iter().enumerate() {
                    // SAFETY: a panel has at most 32 columns.
                    unsafe { S::store(wide.as_mut_ptr().add(v * S::LANES), *sum) };
                }
                for (to, sum) in to.iter_mut().zip(&wide) {
                    *to += sum;
                }
            }
        }
    }
}

/// The sum of each column, of blocks of rows first.
pub(crate) fn column_sums(level: Level, matrix: Matrix<'_>) -> Vec<f32> {
    const BLOCK: usize = 64;
    assert_eq!(matrix.strides[1], 1);
    let (rows, columns) = (matrix.rows, matrix.columns);
    let blocks = rows.div_ceil(BLOCK);
    let mut parts = vec![0.0; blocks * columns];
    for_each_chunk(&mut parts, columns, rows * columns, |block, sums| {
        let end = rows.min((block + 1) * BLOCK);
        run(
            level,
            Sums {
                matrix: matrix.rows(block * BLOCK..end),
                sums,
            },
        );
    });
    let mut total = vec![0.0; columns];
    if columns > 0 {
        run(
            level,
            Sums {
                matrix: Matrix::new(&parts, blocks, columns),
                sums: &mut total,
            },
        );
    }
    total
}

/// Adds every row to `sums`.
struct Sums<'a> {
    matrix: Matrix<'a>,
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        for row in 0..self.matrix.rows {
            let numbers = self.matrix.from(row, 0);
            for (sum, number) in self.sums.iter_mut().zip(numbers) {
                *sum += number;
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
