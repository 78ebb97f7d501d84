//! Axes: the range that holds the data, ticks at round numbers, labels that people can read.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::plot::Scale;
use crate::ticks::{linear_ticks, log_ticks};
use crate::{PlotError, text};

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
    /// The range of the finite values with a little room on both sides; `None` without such a value.
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

    /// The range that the user set, if any, instead of the data's.
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
            let message = format!("({low}, {high}) is no range; give (low, high) with low < high");
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
        // All values equal, as far as a plot can tell: the value goes to the middle.
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

/// An axis of a known length, as plotters' coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    extent: Extent,
    /// Position and label.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// With about `most` ticks at most, but two at least where round numbers allow it.
    pub fn new(extent: Extent, most: usize) -> Self {
        let counts = most..most + 5;
        let mut axes = counts.map(|most| Self::with(extent, most));
        let first = axes.next().unwrap_or_else(|| Self::without_ticks(extent));
        if first.ticks.len() > 1 {
            first
        } else {
            axes.find(|axis| axis.ticks.len() > 1).unwrap_or(first)
        }
    }

    fn with(extent: Extent, most: usize) -> Self {
        let ticks = if extent.log {
            log_ticks(extent, most)
        } else {
            linear_ticks(extent, most)
        };
        Self { extent, ticks }
    }

    /// A horizontal axis of `length` px, with as many ticks as have room for their labels.
    pub fn horizontal(extent: Extent, length: f64, font: f64) -> Self {
        let mut most = ((length / 60.0) as usize).clamp(2, 10);
        loop {
            let axis = Self::new(extent, most);
            let widest = axis.widest(font) + 0.8 * font;
            let nearest = axis
                .ticks
                .windows(2)
                .filter_map(|w| Some(axis.fraction(w[1].0)? - axis.fraction(w[0].0)?))
                .fold(f64::INFINITY, f64::min);
            if most == 1 || nearest * length >= widest {
                return axis;
            }
            most -= 1;
        }
    }

    pub fn without_ticks(extent: Extent) -> Self {
        Self {
            extent,
            ticks: Vec::new(),
        }
    }

    /// The width of the widest label in px.
    pub fn widest(&self, font: f64) -> f64 {
        self.ticks
            .iter()
            .map(|(_, label)| text::width(label, font))
            .fold(0.0, f64::max)
    }

    /// Where a value lies: 0 at the low end, 1 at the high end; `None` if it has no place.
    pub fn fraction(&self, value: f64) -> Option<f64> {
        let Extent { low, high, log, .. } = self.extent;
        let fraction = if log {
            (value.ln() - low.ln()) / (high.ln() - low.ln())
        } else {
            (value - low) / (high - low)
        };
        // Far outside is far enough, and px beyond that overflow.
        (value.is_finite() && fraction.is_finite()).then_some(fraction.clamp(-1e9, 1e9))
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let fraction = self.fraction(*value).unwrap_or(0.0);
        limit.0 + (fraction * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.extent.low..self.extent.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(position, _)| position == value);
        tick.map_or_else(String::new, |(_, label)| label.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], scale: Scale, most: usize) -> Vec<String> {
        let extent = Extent::of(values.iter().copied(), scale, true).unwrap();
        Axis::new(extent, most)
            .ticks
            .into_iter()
            .map(|tick| tick.1)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&[0.01, 0.99], Scale::Linear, 6),
            ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(&[0.1, 1.1], Scale::Linear, 4),
            ["0.25", "0.50", "0.75", "1.00"]
        );
        assert_eq!(
            labels(&[-2.5e-7, 1e-7], Scale::Linear, 4),
            ["-2e-7", "-1e-7", "0", "1e-7"]
        );
        assert_eq!(
            labels(&[0.0, 3e9], Scale::Linear, 3),
            ["0", "1e9", "2e9", "3e9"]
        );
    }

    #[test]
    fn epochs_never_get_half_ticks() {
        assert_eq!(labels(&[1.0, 2.0, 3.0], Scale::Linear, 10), ["1", "2", "3"]);
        assert_eq!(labels(&[1.0], Scale::Linear, 10), ["0", "1", "2"]);
    }

    #[test]
    fn log_axes_tick_at_powers_of_ten() {
        assert_eq!(
            labels(&[1e-5, 1.0], Scale::Log, 8),
            ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(labels(&[1.0, 9.0], Scale::Log, 8), ["1", "2", "5"]);
    }

    #[test]
    fn the_scale_is_chosen_by_the_values() {
        let log =
            |values: &[f64], scale| Extent::of(values.iter().copied(), scale, true).unwrap().log;
        assert!(log(&[0.001, 1.0], Scale::Auto) && !log(&[0.1, 1.0], Scale::Auto));
        assert!(!log(&[0.0, 1.0], Scale::Log) && !log(&[-1.0, 1000.0], Scale::Auto));
        assert!(!log(&[0.001, 1.0], Scale::Linear));
    }

    #[test]
    fn every_finite_input_has_a_range_that_holds_it() {
        let hard: [&[f64]; 8] = [
            &[0.0],
            &[1e-310],
            &[5e300, -5e300],
            &[f64::MAX, f64::MIN],
            &[1e9, 1e9 + 1e-6],
            &[f64::NAN, 3.0],
            &[-1e-300, 1e-300],
            &[7.0, 7.0, f64::INFINITY],
        ];
        for values in hard {
            for scale in [Scale::Auto, Scale::Linear, Scale::Log] {
                let extent = Extent::of(values.iter().copied(), scale, true).unwrap();
                assert!(extent.low < extent.high, "{values:?} {extent:?}");
                assert!(
                    (extent.high - extent.low).is_finite(),
                    "{values:?} {extent:?}"
                );
                assert!(
                    !Axis::new(extent, 6).ticks.is_empty(),
                    "{values:?} {extent:?}"
                );
            }
        }
        assert_eq!(Extent::of([f64::NAN].into_iter(), Scale::Auto, true), None);
    }
}
