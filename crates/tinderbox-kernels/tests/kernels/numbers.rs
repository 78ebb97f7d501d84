//! Seeded numbers and shapes.

/// A generator of the splitmix family: the tests need the same shapes on every run.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A whole number of a range.
    pub fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        let count = range.end() - range.start() + 1;
        range.start() + (self.next() % count as u64) as usize
    }

    /// Numbers between -1 and 1.
    pub fn many(&mut self, count: usize) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        (0..count).map(|_| unit(self.next())).collect()
    }
}

/// Asserts that every number lies within `1e-4` of the expected one, relative to the largest.
pub fn assert_close(actual: &[f32], expected: &[f64], what: &dyn std::fmt::Debug) {
    assert_eq!(actual.len(), expected.len(), "{what:?}");
    let scale = expected.iter().fold(1e-3f64, |scale, x| scale.max(x.abs()));
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(*actual) - expected).abs() / scale;
        assert!(
            error < 1e-4,
            "{what:?}: number {index} is {actual}, expected {expected}"
        );
    }
}

/// The same numbers in 64 bits.
pub fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}
