//! Statistics of a column of numbers in one pass and in bounded memory.

/// Count, mean, variance, minimum and maximum in one pass (Welford 1962), value by value, so that the
/// result does not depend on how the rows are cut into parts.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    pub count: u64,
    pub mean: f64,
    squares: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    /// The standard deviation with `n - 1`; 0 for less than two values.
    pub fn deviation(&self) -> f64 {
        match self.count {
            0 | 1 => 0.0,
            // For equal values the sum may differ from 0 by rounding errors.
            _ if self.least == self.greatest => 0.0,
            count => (self.squares / (count - 1) as f64).sqrt(),
        }
    }
}

/// A robust measure of spread: the distance between the quartiles. If they are equal, as in a column of
/// mostly zeros, the distance between quantiles further out; `inner` returns the quantile of a fraction.
pub(super) fn spread(quartiles: f64, inner: impl Fn(f64) -> f64) -> f64 {
    let further_out = || {
        let spreads = [0.1, 0.01].map(|tail| inner(1.0 - tail) - inner(tail));
        spreads.into_iter().find(|spread| *spread > 0.0)
    };
    match quartiles > 0.0 {
        true => quartiles,
        false => further_out().unwrap_or(0.0),
    }
}

/// The index of a quantile among sorted values; between two indices it is the one nearer to the middle, so
/// that an extreme value does not influence other quantiles.
pub(super) fn inner_place(fraction: f64, count: u64) -> u64 {
    let place = fraction * count.saturating_sub(1) as f64;
    match fraction < 0.5 {
        true => place.ceil() as u64,
        false => place.floor() as u64,
    }
}

/// An evenly spaced sample of many numbers, in bounded memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub kept: Vec<f64>,
    /// One of this many numbers is kept.
    stride: usize,
    /// Numbers since the last one that was kept.
    since: usize,
}

/// The most numbers of a sample: enough for a histogram of a file of any size.
pub(super) const SAMPLE: usize = 20_000;

impl Sample {
    pub fn add(&mut self, value: f64) {
        self.since += 1;
        if self.since < self.stride {
            return;
        }
        self.since = 0;
        self.kept.push(value);
        if self.kept.len() == SAMPLE {
            // From now on, half as many numbers are kept.
            let mut place = 0;
            self.kept.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
    }
}

/// Values of a level before it is thinned out.
const KEPT: usize = 1 << 20;

/// Quantiles in bounded memory: exact up to a million values; above, every second value of a sorted
/// million represents two (Manku, Rajagopalan, Lindsay 1998), which moves a rank by less than one in ten
/// thousand for a billion values.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    /// The values of `levels[k]` represent `2^k` values each.
    levels: Vec<Vec<f64>>,
    odd: bool,
}

impl Quantiles {
    pub fn add(&mut self, value: f64) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        self.levels[0].push(value);
        let mut level = 0;
        while self.levels[level].len() >= KEPT {
            let mut full = std::mem::take(&mut self.levels[level]);
            full.sort_unstable_by(f64::total_cmp);
            if level + 1 == self.levels.len() {
                self.levels.push(Vec::new());
            }
            // Alternating between even and odd indices keeps the errors from adding up.
            self.levels[level + 1].extend(full.iter().skip(usize::from(self.odd)).step_by(2));
            self.odd = !self.odd;
            level += 1;
        }
    }

    /// The quantile of this fraction, interpolated as in NumPy; `None` without values.
    pub fn at(&self, fraction: f64) -> Option<f64> {
        let sorted = self.sorted();
        let place = fraction * sorted.count.checked_sub(1)? as f64;
        let low = sorted.nth(place.floor() as u64)?;
        let share = place.fract();
        Some(match share > 0.0 {
            true => low + (sorted.nth(place.floor() as u64 + 1)? - low) * share,
            false => low,
        })
    }

    /// The value of [`inner_place`]; `None` without values.
    pub fn inner(&self, fraction: f64) -> Option<f64> {
        let sorted = self.sorted();
        sorted.nth(inner_place(fraction, sorted.count))
    }

    fn sorted(&self) -> Sorted {
        let mut all: Vec<(f64, u64)> = Vec::new();
        for (level, values) in self.levels.iter().enumerate() {
            all.extend(values.iter().map(|&value| (value, 1u64 << level)));
        }
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Sorted {
            count: all.iter().map(|(_, weight)| weight).sum(),
            all,
        }
    }
}

/// Values in ascending order, each with the number of values that it represents.
struct Sorted {
    all: Vec<(f64, u64)>,
    count: u64,
}

impl Sorted {
    /// The value of this rank; the last one beyond the end.
    fn nth(&self, rank: u64) -> Option<f64> {
        let mut seen = 0;
        let found = self.all.iter().find(|(_, weight)| {
            seen += weight;
            seen > rank
        });
        found.or(self.all.last()).map(|(value, _)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinderbox_core::Seed;

    #[test]
    fn moments_of_a_small_set_far_from_zero() {
        let mut moments = Moments::default();
        for value in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
            moments.add(value);
        }
        assert_eq!(moments.mean, 1e9 + 10.0);
        assert!((moments.deviation() - 30f64.sqrt()).abs() < 1e-9);
        assert_eq!((moments.least, moments.greatest), (1e9 + 4.0, 1e9 + 16.0));
        let mut constant = Moments::default();
        for _ in 0..1000 {
            constant.add(0.1);
        }
        assert_eq!(constant.deviation(), 0.0);
    }

    #[test]
    fn quantiles_are_numpys() {
        let mut quantiles = Quantiles::default();
        assert_eq!(quantiles.at(0.5), None);
        for value in [4.0, 1.0, 3.0, 2.0] {
            quantiles.add(value);
        }
        let found = [0.0, 0.25, 0.5, 0.75, 1.0].map(|fraction| quantiles.at(fraction).unwrap());
        assert_eq!(found, [1.0, 1.75, 2.5, 3.25, 4.0]);
    }

    #[test]
    fn quantiles_of_many_values_stay_close_in_bounded_memory() {
        let mut rng = Seed::new(5).rng();
        let mut quantiles = Quantiles::default();
        for _ in 0..5_000_000 {
            quantiles.add(rng.uniform());
        }
        let kept: usize = quantiles.levels.iter().map(Vec::len).sum();
        assert!(kept < 2 * KEPT, "{kept}");
        for fraction in [0.01, 0.25, 0.5, 0.75, 0.99] {
            let found = quantiles.at(fraction).unwrap();
            assert!((found - fraction).abs() < 2e-3, "{fraction}: {found}");
        }
    }
}
