//! Some rows of a product times a panel, with the sums in registers.

use super::pack::Pack;
use super::{GROUP, GROUPS, Matrix, Start, VECTORS};
use crate::simd::{Kernel, Simd};

/// The rows of a left factor that are packed together: six (eight with AVX-512), but no one or two at the
/// end, where four and four take less time than six and two.
pub(super) struct Groups {
    pub(super) rows: usize,
    pub(super) together: usize,
    pub(super) count: usize,
}

impl Groups {
    pub(super) fn new<S: Simd>(rows: usize) -> Self {
        let together = if S::LANES == 16 { 8 } else { 6 };
        Self {
            rows,
            together,
            count: rows.div_ceil(together),
        }
    }

    /// The first row of a group.
    pub(super) fn start(&self, group: usize) -> usize {
        let start = group * self.together;
        let last = (1..=2).contains(&(self.rows % self.together)) && self.count > 1;
        match last && group + 1 == self.count {
            true => start - 2,
            false => start.min(self.rows),
        }
    }

    /// Packs every group into `[terms][GROUP]`.
    #[inline(always)]
    pub(super) fn pack<S: Simd>(&self, block: Matrix<'_>, scratch: &mut [f32]) {
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
pub(super) struct Tile<'a> {
    /// `[terms][GROUP]`.
    pub(super) packed: &'a [f32],
    /// `[terms][width]`.
    pub(super) factors: &'a [f32],
    pub(super) terms: usize,
    /// What the products are added to, `columns` numbers; `None` for what stands in `to`.
    pub(super) start: Option<Start<'a>>,
    pub(super) to: &'a mut [f32],
    pub(super) row: usize,
    pub(super) columns: usize,
}

impl Tile<'_> {
    /// Adds the products of the first `count` rows, at most `J`.
    #[inline(always)]
    pub(super) fn add<S: Simd, const J: usize>(&mut self, count: usize) {
        let width = VECTORS * S::LANES;
        assert!(J <= GROUP && count <= J && self.columns <= width);
        assert!(self.packed.len() >= self.terms * GROUP);
        assert!(self.factors.len() >= self.terms * width);
        if self.start.is_none() {
            // What the sums are added to: it takes as long to come as many a product.
            for row in self.to.chunks(self.row).take(count) {
                for column in (0..self.columns).step_by(16) {
                    S::prefetch(&row[column]);
                }
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
        let zeros = [0.0; 32];
        for (j, sums) in sums.iter().enumerate() {
            if j >= count {
                continue;
            }
            let to = &mut self.to[j * self.row..][..self.columns];
            if self.columns == width {
                let to = to.as_mut_ptr();
                let start = match self.start {
                    None => to.cast_const(),
                    Some(Start::Zero) => zeros.as_ptr(),
                    Some(Start::Row(start)) => start[..width].as_ptr(),
                };
                for (v, sum) in sums.iter().enumerate() {
                    // SAFETY: `width` numbers, at most 32, were sliced of each.
                    unsafe {
                        let start = S::load(start.add(v * S::LANES));
                        let to = to.add(v * S::LANES);
                        S::store(to, S::fma(S::splat(1.0), *sum, start));
                    }
                }
            } else {
                let mut wide = [0.0; 32];
                for (v, sum) in sums.iter().enumerate() {
                    // SAFETY: a panel has at most 32 columns.
                    unsafe { S::store(wide.as_mut_ptr().add(v * S::LANES), *sum) };
                }
                let start = match self.start {
                    None => &*to,
                    Some(Start::Zero) => &zeros[..],
                    Some(Start::Row(start)) => start,
                };
                for (sum, start) in wide.iter_mut().zip(start) {
                    *sum += start;
                }
                to.copy_from_slice(&wide[..self.columns]);
            }
        }
    }
}
