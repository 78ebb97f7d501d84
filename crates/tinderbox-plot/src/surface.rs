use crate::PlotError;
use crate::axis::Axis;
use crate::extent::{Extent, GREATEST};
use crate::marching::level_lines;

/// How the levels of a contour plot are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Equal steps, at round numbers.
    #[default]
    Linear,
    /// Equal ratios of the height above the lowest value, for narrow valleys.
    Log,
}

/// A function of two variables on a regular grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    pub(crate) x_range: (f64, f64),
    pub(crate) y_range: (f64, f64),
    columns: usize,
    values: Vec<f64>,
}

impl Surface {
    const NODES: usize = 121;

    /// A function sampled at 121 x 121 points; there are no level lines where it is not finite.
    ///
    /// # Errors
    /// [`PlotError::Setting`] if a range is not finite or its low end is not below its high end.
    pub fn from_fn(
        x_range: (f64, f64),
        y_range: (f64, f64),
        f: impl Fn(f64, f64) -> f64,
    ) -> Result<Self, PlotError> {
        let last = (Self::NODES - 1) as f64;
        let at = |(low, high): (f64, f64), index: usize| low + (high - low) * index as f64 / last;
        let nodes = (0..Self::NODES * Self::NODES).map(|i| (i % Self::NODES, i / Self::NODES));
        let values = nodes
            .map(|(column, row)| f(at(x_range, column), at(y_range, row)))
            .collect();
        Self::from_grid(x_range, y_range, Self::NODES, values)
    }

    /// Values on a grid with `columns` points along x; rows are in the order of ascending y.
    ///
    /// # Errors
    /// [`PlotError::LengthMismatch`] if the last row is not full, [`PlotError::Setting`] for fewer
    /// than 2 x 2 places or a range as in [`Self::from_fn`].
    pub fn from_grid(
        x_range: (f64, f64),
        y_range: (f64, f64),
        columns: usize,
        values: Vec<f64>,
    ) -> Result<Self, PlotError> {
        if columns < 2 || values.len() < 2 * columns {
            let message = format!(
                "{} values in rows of {columns}; give at least 2 x 2",
                values.len()
            );
            return Err(PlotError::Setting {
                what: "surface",
                message,
            });
        }
        if !values.len().is_multiple_of(columns) {
            return Err(PlotError::LengthMismatch {
                what: "values of the surface".to_owned(),
                expected: values.len().div_ceil(columns) * columns,
                got: values.len(),
            });
        }
        let whole = Extent {
            low: 0.0,
            high: 1.0,
            log: false,
            whole: false,
        };
        whole.or_range("x_range of the surface", Some(x_range))?;
        whole.or_range("y_range of the surface", Some(y_range))?;
        // Differences of larger values overflow.
        let drawable = |value: f64| {
            if value.abs() <= GREATEST {
                value
            } else {
                f64::NAN
            }
        };
        let values = values.into_iter().map(drawable).collect();
        Ok(Self {
            x_range,
            y_range,
            columns,
            values,
        })
    }

    pub(crate) fn has_values(&self) -> bool {
        self.values.iter().any(|value| value.is_finite())
    }

    /// The heights of about `count` level lines, lowest first.
    pub(crate) fn levels(&self, count: usize, spacing: Spacing) -> Vec<f64> {
        let finite = self
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite());
        let low = finite.clone().fold(f64::INFINITY, f64::min);
        let high = finite.fold(f64::NEG_INFINITY, f64::max);
        if low >= high {
            return Vec::new();
        }
        match spacing {
            Spacing::Linear => {
                let extent = Extent {
                    low,
                    high,
                    log: false,
                    whole: false,
                };
                let levels = |ticks: usize| -> Vec<f64> {
                    let ticks = Axis::new(extent, ticks)
                        .ticks
                        .into_iter()
                        .map(|tick| tick.0);
                    ticks
                        .filter(|level| low < *level && *level < high)
                        .collect()
                };
                // The smallest round step with at most the requested number of levels.
                let fitting = (1..=2 * count)
                    .rev()
                    .map(levels)
                    .find(|levels| levels.len() <= count);
                fitting.unwrap_or_default()
            }
            // Four decades below the highest value, at heights of two digits.
            Spacing::Log => (1..=count)
                .map(|index| 10f64.powf(-4.0 * (1.0 - index as f64 / (count + 1) as f64)))
                .map(|part| two_digits((high / 2.0 - low / 2.0) * part * 2.0))
                .map(|height| round_level(low + height, height))
                .collect(),
        }
    }

    /// The lines of one height, in the units of the axes.
    pub(crate) fn lines(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let rows = self.values.len() / self.columns;
        let at = |(low, high): (f64, f64), place: f64, nodes: usize| {
            low + (high - low) * place / (nodes - 1) as f64
        };
        let mut lines = level_lines(&self.values, self.columns, level);
        for (x, y) in lines.iter_mut().flatten() {
            *x = at(self.x_range, *x, self.columns);
            *y = at(self.y_range, *y, rows);
        }
        lines
    }
}

fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// The level rounded to two digits, unless that changes it by more than a tenth of its height.
fn round_level(level: f64, height: f64) -> f64 {
    let round = two_digits(level);
    if (round - level).abs() < 0.1 * height {
        round
    } else {
        level
    }
}
