//! Work cut into fixed pieces: the same sums in the same order, however many threads there are.

use rayon::prelude::*;

/// Numbers below which threads cost more than they save: to wake one takes up to a tenth of a millisecond on a
/// virtual machine.
const WORTH: usize = 1 << 17;

/// Products that take about as long as to read and write a number.
pub(crate) const PRODUCTS: usize = 16;

/// Calls `work` for every chunk of `size` numbers with its index; on all threads if `cost`, numbers that are read
/// in all or [`PRODUCTS`] of them, is worth it.
pub(crate) fn for_each_chunk<T: Send>(
    numbers: &mut [T],
    size: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    if numbers.is_empty() || size == 0 {
        return;
    }
    match cost <= WORTH || numbers.len() <= size {
        true => {
            for (index, chunk) in numbers.chunks_mut(size).enumerate() {
                work(index, chunk);
            }
        }
        false => numbers
            .par_chunks_mut(size)
            .enumerate()
            .for_each(|(index, chunk)| work(index, chunk)),
    }
}

/// [`for_each_chunk`] over items.
pub(crate) fn for_each<T: Send>(items: Vec<T>, cost: usize, work: impl Fn(T) + Send + Sync) {
    match cost <= WORTH || items.len() < 2 {
        true => items.into_iter().for_each(work),
        false => items.into_par_iter().for_each(work),
    }
}
