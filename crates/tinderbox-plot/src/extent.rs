//! The range of an axis: that of the data, or the one that the user set.

use crate::PlotError;
use crate::plot::Scale;

/// Beyond this, differences of two values overflow.
pub(crate) const GREATEST: f64 = 1e300;

/// The range of an axis before its length in px is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    pub low: f64,
    pub high: f64,
    pub log: bool,
    /// All values are whole numbers (epochs, counts), so ticks are as well.
    pub whole: bool,
}

impl Extent {
    /// The range of the finite values with a small margin on both sides; `None` without such a value.
    pub fn of(values: impl Iterator<Item = f64>, scale: Scale, auto_log: bool) -> Option<Self> {
        let (mut low, mut high, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
            whole &= value.fract() == 0.0;
        }
        if low > high {
            return None;
        }
        let positive = low > f64::MIN_POSITIVE && high < GREATEST;
        let log = match scale {
            Scale::Linear => false,
            Scale::Log => positive,
            Scale::Auto => auto_log && positive && high / low > 100.0,
        };
        let (low, high) = (
            low.clamp(-GREATEST, GREATEST),
            high.clamp(-GREATEST, GREATEST),
        );
        Some(
            Self {
                low,
                high,
                log,
                whole,
            }
            .padded(),
        )
    }

    /// The range that the user set, or else that of the data.
    pub fn or_range(
        self,
        what: &'static str,
        range: Option<(f64, f64)>,
    ) -> Result<Self, PlotError> {
        let Some((low, high)) = range else {
            return Ok(self);
        };
        let drawable = low.abs() <= GREATEST && high.abs() <= GREATEST;
        if !drawable || low >= high || high - low <= 1e-12 * low.abs().max(high.abs()) {
            let message =
                format!("({low}, {high}) is not a range; give (low, high) with low < high");
            return Err(PlotError::Setting { what, message });
        }
        Ok(Self {
            low,
            high,
            log: self.log && low > 0.0,
            whole: self.whole,
        })
    }

    fn padded(self) -> Self {
        let Self {
            low,
            high,
            log,
            whole,
        } = self;
        let size = low.abs().max(high.abs());
        if log && high / low > 1.0 + 1e-9 {
            let room = (high / low).powf(0.03);
            return Self {
                low: low / room,
                high: high * room,
                log,
                whole,
            };
        }
        // All values are equal at the resolution of a plot: the value is in the middle.
        if high - low <= 1e-12 * size || size < 1e-290 {
            let room = if size < 1e-290 || (whole && size < 20.0) {
                1.0
            } else {
                0.1 * size
            };
            return Self {
                low: low - room,
                high: high + room,
                log: log && low > room,
                whole,
            };
        }
        let room = 0.03 * (high - low);
        Self {
            low: low - room,
            high: high + room,
            log,
            whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_chosen_by_the_values() {
        let log =
            |values: &[f64], scale| Extent::of(values.iter().copied(), scale, true).unwrap().log;
        assert!(log(&[0.001, 1.0], Scale::Auto) && !log(&[0.1, 1.0], Scale::Auto));
        assert!(!log(&[0.0, 1.0], Scale::Log) && !log(&[-1.0, 1000.0], Scale::Auto));
        assert!(!log(&[0.001, 1.0], Scale::Linear));
    }
}
