//! Packed factors of a product.

use super::{GROUP, Matrix, VECTORS};
use crate::memory::Scratch;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

/// The right factor of a product, packed: `[columns / width][terms][width]`.
pub(crate) struct Panels {
    pub(super) numbers: Scratch,
    pub(super) terms: usize,
    pub(super) columns: usize,
    pub(super) width: usize,
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
        // As in the product that follows, other threads begin to pay late.
        let cost = numbers.len() / 4;
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
pub(super) struct Pack<'a> {
    pub(super) from: Matrix<'a>,
    pub(super) width: usize,
    pub(super) to: &'a mut [f32],
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
