use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{Axis, Extent, GREATEST};
use crate::canvas::{Canvas, Label, render};
use crate::frame::{Frame, Key, Mark, Room, SMALL};
use crate::marching::level_lines;
use crate::{Plot, PlotError, Scale, Series, palette, text};

/// How the levels of a contour plot are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Equal steps, at round numbers.
    #[default]
    Linear,
    /// Equal ratios of the height above the lowest value: shows the floor of a narrow valley.
    Log,
}

/// A function of two variables on a regular grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    x_range: (f64, f64),
    y_range: (f64, f64),
    columns: usize,
    values: Vec<f64>,
}

impl Surface {
    const NODES: usize = 121;

    /// Samples a function at 121 x 121 places; where it is not finite there are no level lines.
    ///
    /// # Errors
    /// [`PlotError::Setting`] if a range is not finite or its low end is not below its high end.
    pub fn of(
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

    /// Values on a grid of `columns` places along x; rows follow each other with growing y.
    ///
    /// # Errors
    /// [`PlotError::LengthMismatch`] if the last row is not full, [`PlotError::Setting`] for fewer
    /// than 2 x 2 places or a range as in [`Self::of`].
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
        if values.len() % columns != 0 {
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
        // Differences of greater values overflow.
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

    fn levels(&self, count: usize, spacing: Spacing) -> Vec<f64> {
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
                // The finest round step that gives no more levels than asked for.
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

    fn lines(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
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

/// The level at two digits, unless that moves it by more than a tenth of its height.
fn round_level(level: f64, height: f64) -> f64 {
    let round = two_digits(level);
    if (round - level).abs() < 0.1 * height {
        round
    } else {
        level
    }
}

/// Level lines of a surface with the paths of optimizers on top.
///
/// Each path begins at a ring and ends at a square; what leaves the surface is cut. About as
/// many `levels` as asked for are drawn, 14 at most, from light (low) to dark (high), their values on the right. Both axes are
/// linear.
///
/// # Errors
/// [`PlotError::NothingToDraw`] if the surface has no finite value, [`PlotError::Size`] or
/// [`PlotError::Setting`] for a plot that cannot be drawn.
pub fn contour(
    plot: &Plot,
    surface: &Surface,
    (levels, spacing): (usize, Spacing),
    paths: &[Series],
) -> Result<String, PlotError> {
    if !surface.values.iter().any(|value| value.is_finite()) {
        return Err(PlotError::NothingToDraw { chart: "contour" });
    }
    let levels = surface.levels(levels.min(14), spacing);
    let plot = Plot {
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        x_range: plot.x_range.or(Some(surface.x_range)),
        y_range: plot.y_range.or(Some(surface.y_range)),
        ..plot.clone()
    };
    let any = Extent {
        low: 0.0,
        high: 1.0,
        log: false,
        whole: false,
    };
    // Level lines are blue, so paths begin with the second colour.
    let colour = |index: usize| palette::series(1 + index % 6);
    let entry = |name: &str, mark, colour| Key {
        name: name.to_owned(),
        mark,
        colour,
    };
    let mut keys: Vec<Key> = paths
        .iter()
        .enumerate()
        .map(|(index, path)| entry(&path.name, Mark::Line(None), colour(index)))
        .collect();
    if !paths.is_empty() {
        let ink = if paths.len() == 1 {
            colour(0)
        } else {
            palette::INK
        };
        keys.extend([
            entry("start", Mark::Ring, ink),
            entry("end", Mark::Square, ink),
        ]);
    }
    let names: Vec<String> = levels.iter().map(|level| text::number(*level)).collect();
    let widest = names
        .iter()
        .map(|name| text::width(name, SMALL))
        .fold(0.0, f64::max);
    let room = Room {
        names: None,
        right: if levels.is_empty() {
            0.0
        } else {
            widest + 34.0
        },
    };
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, &plot, (any, any), &keys, room)?;
        let shade = |index: usize| {
            palette::ramp(0.38 + 0.62 * index as f64 / (levels.len() - 1).max(1) as f64)
        };
        for (index, level) in levels.iter().enumerate() {
            for run in surface
                .lines(*level)
                .iter()
                .flat_map(|line| frame.runs(line))
            {
                canvas.path(&run, shade(index), 1.2)?;
            }
        }
        level_key(canvas, &frame, &names, shade)?;
        paths
            .iter()
            .zip(&keys)
            .try_for_each(|(path, key)| path_of(canvas, &frame, path, key))
    })
}

/// The values of the levels, highest on top, as many as have room.
fn level_key(
    canvas: &Canvas<'_>,
    frame: &Frame,
    names: &[String],
    shade: impl Fn(usize) -> plotters::style::RGBColor,
) -> Result<(), PlotError> {
    let rows = ((frame.bottom - frame.top) / 16.0).max(1.0) as usize;
    let every = names.len().div_ceil(rows).max(1);
    let left = frame.right + 12.0;
    for (row, index) in (0..names.len()).rev().step_by(every).enumerate() {
        let y = frame.top + 8.0 + 16.0 * row as f64;
        canvas.path(&[(left, y), (left + 16.0, y)], shade(index), 2.2)?;
        let style = Label::new(SMALL, HPos::Left, VPos::Center);
        canvas.text(&names[index], (left + 21.0, y), style)?;
    }
    Ok(())
}

fn path_of(canvas: &Canvas<'_>, frame: &Frame, path: &Series, key: &Key) -> Result<(), PlotError> {
    // On short paths every step is seen.
    const FEW: usize = 60;
    frame.line(canvas, &path.points, key, 1.8)?;
    let places: Vec<_> = path
        .points
        .iter()
        .filter_map(|point| frame.place_inside(*point))
        .collect();
    if places.len() <= FEW {
        places
            .iter()
            .try_for_each(|place| canvas.disc(*place, 2.4, key.colour))?;
    }
    let ends = (path.points.first(), path.points.last());
    if let Some(start) = ends.0.and_then(|point| frame.place_inside(*point)) {
        canvas.ring(start, 4.5, key.colour)?;
    }
    if let Some(end) = ends.1.and_then(|point| frame.place_inside(*point)) {
        canvas.square(end, 4.0, key.colour)?;
    }
    Ok(())
}
