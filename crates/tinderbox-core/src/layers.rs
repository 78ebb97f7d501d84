use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::Seed;

thread_local! {
    static DRAWS: Cell<(Seed, u64)> = const { Cell::new((Seed::new(0), 0)) };
    static ROWS: RefCell<Option<Range<usize>>> = const { RefCell::new(None) };
}

/// Seeds the random draws of layers on this thread during training (the masks of dropout).
///
/// A trainer does so before every step, so that a step draws the same numbers wherever the run
/// resumed and whatever other threads do. In a training loop of your own, call it before the forward
/// pass, with a seed for each step: `seed_layers(seed.at(step))`. Without a call the seed is 0.
pub fn seed_layers(seed: Seed) {
    DRAWS.set((seed, 0));
    ROWS.take();
}

/// Seeds the random draws of layers for these rows of a batch whose other rows are computed elsewhere: a
/// row gets the draws that it would get in the whole batch.
pub fn seed_layers_of_rows(seed: Seed, rows: Range<usize>) {
    DRAWS.set((seed, 0));
    ROWS.replace(Some(rows));
}

/// The rows of [`seed_layers_of_rows`]; `None` if the batch is whole.
pub fn layer_rows() -> Option<Range<usize>> {
    ROWS.with_borrow(Clone::clone)
}

/// The seed of the next draw of a layer on this thread.
///
/// The n-th call (from 0) after [`seed_layers`] returns `seed.at(n)`.
pub fn next_layer_seed() -> Seed {
    let (seed, draws) = DRAWS.get();
    DRAWS.set((seed, draws + 1));
    seed.at(draws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_seed_of_their_own_thread() {
        let seed = Seed::new(7);
        seed_layers(seed);
        assert_eq!(next_layer_seed(), seed.at(0));
        let other = std::thread::spawn(|| {
            seed_layers(Seed::new(8));
            next_layer_seed()
        });
        assert_eq!(other.join().unwrap(), Seed::new(8).at(0));
        assert_eq!(next_layer_seed(), seed.at(1));
        seed_layers(seed);
        assert_eq!(next_layer_seed(), seed.at(0));
    }
}
