use std::cell::Cell;

use crate::Seed;

thread_local! {
    static DRAWS: Cell<(Seed, u64)> = const { Cell::new((Seed::new(0), 0)) };
}

/// Starts what layers draw on this thread while they train (the masks of dropout) at this seed.
///
/// A trainer does so before every step, so that a step draws the same wherever its run began and
/// whatever other threads train. In a loop of your own, do it before the forward pass, with a seed
/// for each step: `seed_layers(seed.at(step))`. A thread that never did starts at seed 0.
pub fn seed_layers(seed: Seed) {
    DRAWS.set((seed, 0));
}

/// The seed for the next draw of a layer on this thread.
///
/// The n-th call after [`seed_layers`] gives `seed.at(n)`.
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
