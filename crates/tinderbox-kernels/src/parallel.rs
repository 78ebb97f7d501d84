//! Work cut into fixed pieces: the same sums in the same order, however many threads there are.

mod team;

use rayon::prelude::*;

/// Numbers below which threads cost more than they save.
const WORTH: usize = 3 << 13;

/// The same for threads of rayon: to wake one takes up to a tenth of a millisecond on a virtual machine.
const WORTH_WAKING: usize = 1 << 17;

/// Products that take about as long as to read and write a number.
pub(crate) const PRODUCTS: usize = 16;

/// Calls `work` for every chunk of `size` numbers with its index, on all threads if it is worth it: `cost` is how many
/// numbers are read in all, and 16 multiplications cost as much as one of them.
///
/// # Panics
/// If `work` does.
pub fn for_each_chunk<T: Send>(
    numbers: &mut [T],
    size: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    if numbers.is_empty() || size == 0 {
        return;
    }
    if cost <= WORTH || numbers.len() <= size {
        for (index, chunk) in numbers.chunks_mut(size).enumerate() {
            work(index, chunk);
        }
        return;
    }
    let (count, length) = (numbers.len().div_ceil(size), numbers.len());
    let start = Start(numbers.as_mut_ptr());
    let piece = |index: usize| {
        let from = index * size;
        // SAFETY: the chunks lie in `numbers`, which is borrowed, and each is made once.
        let chunk =
            unsafe { std::slice::from_raw_parts_mut(start.at(from), size.min(length - from)) };
        work(index, chunk);
    };
    // A piece of other work is not divided again.
    let alone = threads() == 1 || team::is_inside();
    // In a pool of rayon the caller wants the threads of that pool.
    if !alone && rayon::current_thread_index().is_none() && team::run(count, &piece) {
        return;
    }
    match alone || cost <= WORTH_WAKING {
        true => (0..count).for_each(piece),
        false => (0..count).into_par_iter().for_each(piece),
    }
}

/// The number of threads that kernels use: that of rayon's current pool.
pub fn threads() -> usize {
    rayon::current_num_threads().max(1)
}

/// Where numbers begin that are divided among threads.
struct Start<T>(*mut T);

// SAFETY: every thread gets other numbers, which may be sent.
unsafe impl<T: Send> Sync for Start<T> {}

impl<T> Start<T> {
    /// # Safety
    /// `place` must lie in the numbers.
    unsafe fn at(&self, place: usize) -> *mut T {
        // SAFETY: of the caller.
        unsafe { self.0.add(place) }
    }
}

/// [`for_each_chunk`] over items.
///
/// # Panics
/// If `work` does.
pub fn for_each<T: Send>(items: Vec<T>, cost: usize, work: impl Fn(T) + Send + Sync) {
    if cost <= WORTH {
        return items.into_iter().for_each(work);
    }
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    for_each_chunk(&mut items, 1, cost, |_, item| {
        if let Some(item) = item[0].take() {
            work(item);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn squares(size: usize) -> Vec<usize> {
        let mut numbers = vec![0; 1000];
        for_each_chunk(&mut numbers, size, usize::MAX, |index, chunk| {
            for (place, number) in chunk.iter_mut().enumerate() {
                *number += (index * size + place).pow(2);
            }
        });
        numbers
    }

    #[test]
    fn every_chunk_is_computed_once_by_many_callers_at_once() {
        let expected: Vec<usize> = (0..1000_usize).map(|place| place.pow(2)).collect();
        std::thread::scope(|scope| {
            for caller in 1..=4 {
                let expected = &expected;
                scope.spawn(move || {
                    for round in 0..300 {
                        assert_eq!(squares(1 + round % 7 * caller), *expected);
                    }
                });
            }
        });
    }

    #[test]
    fn work_within_work_ends() {
        let mut sums = vec![0; 20];
        for_each_chunk(&mut sums, 1, usize::MAX, |index, sum| {
            sum[0] = index + squares(3).iter().sum::<usize>();
        });
        let all: usize = (0..1000_usize).map(|place| place.pow(2)).sum();
        assert!(
            sums.iter()
                .enumerate()
                .all(|(index, sum)| *sum == index + all)
        );
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_next_work_is_done() {
        for failing in [0, 500, 999] {
            let mut numbers = vec![0; 1000];
            let panic = catch_unwind(AssertUnwindSafe(|| {
                for_each_chunk(&mut numbers, 1, usize::MAX, |index, _| {
                    assert_ne!(index, failing, "the failing chunk");
                });
            }));
            assert!(panic.is_err(), "{failing}");
            assert_eq!(squares(10)[999], 999 * 999);
        }
    }
}
