//! The inner loop of every convolution.
//!
//! A *panel* holds, for each of `terms` products, a row of numbers for neighboring channels:
//! `[terms][V * LANES]`. The other factor is not packed: it is read one number at a time through a
//! table of offsets. With the right tables the same loop is a convolution of any stride and
//! dilation, its input gradient, its weight gradient, and a matrix product.

use crate::simd::Simd;

/// Adds `panel[t][lane] * source[bases[j] + offsets[t]]`, summed over `t`, to `sums[j][lane]`.
///
/// `V` vectors of lanes are computed for `J` bases at a time; `V * J` sums stay in registers.
///
/// # Panics
/// If a table points outside of `source`, or a slice is too short.
#[inline(always)]
pub(crate) fn panel_product<S: Simd, const V: usize, const J: usize>(
    panel: &[f32],
    source: &[f32],
    offsets: &[u32],
    bases: &[u32],
    sums: &mut [f32],
) {
    let width = V * S::LANES;
    let (Some(last_offset), Some(last_base)) = (offsets.iter().max(), bases.iter().max()) else {
        return;
    };
    assert!((*last_offset as usize + *last_base as usize) < source.len());
    assert!(panel.len() >= offsets.len() * width);
    assert!(sums.len() >= bases.len() * width);
    let mut first = 0;
    while first < bases.len() {
        let count = J.min(bases.len() - first);
        // A last tile that is not full computes its last column several times.
        let mut columns = [source.as_ptr(); J];
        for (index, column) in columns.iter_mut().enumerate() {
            let base = bases[first + index.min(count - 1)];
            // SAFETY: inside of `source`, checked above.
            *column = unsafe { source.as_ptr().add(base as usize) };
        }
        // SAFETY: the sums of `count` bases from `first` on lie in `sums`, every offset from every
        // column lies in `source`, and the panel has a row for every offset: checked above.
        unsafe {
            let sums = sums.as_mut_ptr().add(first * width);
            tile::<S, V, J>(panel.as_ptr(), offsets, &columns, count, sums);
        }
        first += count;
    }
}

/// # Safety
/// `panel` has a row for each offset; every offset from every column can be read; `sums` holds
/// `count` rows, `1 <= count <= J`.
#[inline(always)]
unsafe fn tile<S: Simd, const V: usize, const J: usize>(
    panel: *const f32,
    offsets: &[u32],
    columns: &[*const f32; J],
    count: usize,
    sums: *mut f32,
) {
    let width = V * S::LANES;
    // SAFETY: as the caller's.
    unsafe {
        let mut total = [[S::splat(0.0); V]; J];
        let mut row = panel;
        for &offset in offsets {
            let mut factors = [S::splat(0.0); V];
            for (v, factor) in factors.iter_mut().enumerate() {
                *factor = S::load(row.add(v * S::LANES));
            }
            for j in 0..J {
                let number = S::splat(*columns[j].add(offset as usize));
                for v in 0..V {
                    total[j][v] = S::fma(factors[v], number, total[j][v]);
                }
            }
            row = row.add(width);
        }
        let one = S::splat(1.0);
        for (j, total) in total.iter().enumerate() {
            if j < count {
                for (v, total) in total.iter().enumerate() {
                    let at = sums.add(j * width + v * S::LANES);
                    S::store(at, S::fma(*total, one, S::load(at)));
                }
            }
        }
    }
}
