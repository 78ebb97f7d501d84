use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// An explicit, splittable random seed.
///
/// Every random draw of the framework starts from a seed of the caller. A seed is split by name and by
/// index, so that draws in one place never depend on draws in another:
/// `Seed::new(7).child("order").at(epoch)` is the same on every machine, whatever the number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(u64);

impl Seed {
    /// A seed from a number.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number of the seed.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The seed of the part called `name`.
    pub fn child(self, name: &str) -> Self {
        // FNV-1a over the name, then mixed with the parent; implemented here so that it never changes.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The seed of the part with this index: an epoch, a step, a fold.
    pub fn at(self, index: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(index.wrapping_add(1)))))
    }

    /// A random number generator with this seed.
    pub fn rng(self) -> Rng {
        Rng {
            bits: ChaCha8Rng::seed_from_u64(self.0),
            spare: None,
        }
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A random number generator whose values never change: the bits of ChaCha8, and mappings to numbers
/// implemented here, so that updates of dependencies change no results.
#[derive(Clone, Debug)]
pub struct Rng {
    bits: ChaCha8Rng,
    spare: Option<f64>,
}

impl Rng {
    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// Leaves out this many values of [`next_u64`](Self::next_u64), at once.
    pub fn skip(&mut self, values: usize) {
        let words = self.bits.get_word_pos() + 2 * values as u128;
        self.bits.set_word_pos(words);
    }

    /// A number drawn uniformly from `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number drawn uniformly from `[low, high)`.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A draw from the standard normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // libm and not the math library of the platform: the same bits on every system.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = 2.0 * std::f64::consts::PI * self.uniform();
        self.spare = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// An integer drawn uniformly from `0..n`; 0 when `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        // Lemire 2019: multiply, and draw again in the rare biased case; its exact bound needs a
        // division, and is below `n`.
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(n);
            let low = wide as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Shuffles a slice (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// The numbers `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_never_change() {
        let mut rng = Seed::new(42).child("weights").at(1).rng();
        let drawn = [rng.next_u64(), rng.below(1000), rng.below(1000)];
        assert_eq!(drawn, PINNED);
        let normals: Vec<f64> = (0..3).map(|_| rng.normal()).collect();
        assert_eq!(normals, PINNED_NORMALS);
    }
    const PINNED: [u64; 3] = [63096687259344049, 987, 532];
    const PINNED_NORMALS: [f64; 3] = [-0.7035951578456301, 0.7985020301009556, 0.7050710475333312];

    #[test]
    fn children_are_independent_of_each_other() {
        let seed = Seed::new(1);
        let all = [
            seed,
            seed.child("a"),
            seed.child("b"),
            seed.at(0),
            seed.at(1),
            seed.child("a").at(0),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn moments_of_the_normal_distribution() {
        let mut rng = Seed::new(3).rng();
        let n = 200_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let x = rng.normal();
            sum += x;
            squares += x * x;
        }
        let (mean, second) = (sum / n as f64, squares / n as f64);
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((second - 1.0).abs() < 0.02, "second moment {second}");
    }

    proptest! {
        #[test]
        fn a_permutation_holds_every_index_once(seed: u64, n in 0usize..300) {
            let mut order = Seed::new(seed).rng().permutation(n);
            order.sort_unstable();
            prop_assert_eq!(order, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn below_stays_below(seed: u64, n in 1u64..) {
            prop_assert!(Seed::new(seed).rng().below(n) < n);
        }
    }
}
