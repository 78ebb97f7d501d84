//! Axes: ticks at round numbers within a range, and the position of a value.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::extent::Extent;
use crate::text;
use crate::ticks::{linear_ticks, log_ticks};

/// An axis of a known length, as plotters' coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    extent: Extent,
    /// Position and label.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis with about `max_ticks` ticks at most, and at least two if round numbers allow it.
    pub fn new(extent: Extent, max_ticks: usize) -> Self {
        let counts = max_ticks..max_ticks + 5;
        let mut axes = counts.map(|max_ticks| Self::with(extent, max_ticks));
        let first = axes.next().unwrap_or_else(|| Self::without_ticks(extent));
        if first.ticks.len() > 1 {
            first
        } else {
            axes.find(|axis| axis.ticks.len() > 1).unwrap_or(first)
        }
    }

    fn with(extent: Extent, max_ticks: usize) -> Self {
        let ticks = if extent.log {
            log_ticks(extent, max_ticks)
        } else {
            linear_ticks(extent, max_ticks)
        };
        Self { extent, ticks }
    }

    /// A horizontal axis of `length` px, with as many ticks as their labels allow.
    pub fn horizontal(extent: Extent, length: f64, font: f64) -> Self {
        let mut max_ticks = ((length / 60.0) as usize).clamp(2, 10);
        loop {
            let axis = Self::new(extent, max_ticks);
            let widest = axis.widest(font) + 0.8 * font;
            let nearest = axis
                .ticks
                .windows(2)
                .filter_map(|w| Some(axis.fraction(w[1].0)? - axis.fraction(w[0].0)?))
                .fold(f64::INFINITY, f64::min);
            if max_ticks == 1 || nearest * length >= widest {
                return axis;
            }
            max_ticks -= 1;
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

    /// The position of a value: 0 at the low end, 1 at the high end; `None` if it has none.
    pub fn fraction(&self, value: f64) -> Option<f64> {
        let Extent { low, high, log, .. } = self.extent;
        let fraction = if log {
            (value.ln() - low.ln()) / (high.ln() - low.ln())
        } else {
            (value - low) / (high - low)
        };
        // Positions in px beyond this overflow.
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
    use crate::plot::Scale;

    fn labels(values: &[f64], scale: Scale, max_ticks: usize) -> Vec<String> {
        let extent = Extent::of(values.iter().copied(), scale, true).unwrap();
        Axis::new(extent, max_ticks)
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
