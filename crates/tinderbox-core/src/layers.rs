use std::cell::Cell;

use crate::Seed;

thread_local! {
    static DRAWS: Cell<(Seed, u64)> = const { Cell::new((Seed::new(0), 0)) };
}

/// Seeds the random draws of layers on this thread during training (the masks of dropout).
///
/// A trainer does so before every step, so that a step draws the same numbers wherever the run
/// resumed and whatever other threads do. In a training loop of your own, call it before the forward
/// pass, with a seed for each step: `seed_layers(seed.at(step))`. Without a call the seed is 0.
pub fn seed_layers(seed: Seed) {
    DRAWS.set((seed, 0));
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
