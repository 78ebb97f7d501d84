//! Sums of columns.

use super::Matrix;
use crate::parallel::for_each_chunk;
use crate::simd::{Kernel, Level, Simd, run};

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
