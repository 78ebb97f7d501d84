use plotters::style::text_anchor::{HPos, VPos};

use crate::canvas::{Canvas, Label, render};
use crate::extent::Extent;
use crate::frame::{Frame, Key, Margins, Mark, SMALL};
use crate::surface::{Spacing, Surface};
use crate::{Plot, PlotError, Scale, Series, palette, text};

/// Level lines of a surface with the paths of optimizers on top.
///
/// Each path begins with a ring and ends with a square, and is clipped to the surface. About `levels`
/// level lines are drawn, 14 at most, from light (low) to dark (high), with their
/// values on the right. Both axes are linear.
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
    if !surface.has_values() {
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
    let color = |index: usize| palette::series(1 + index % 6);
    let entry = |name: &str, mark, color| Key {
        name: name.to_owned(),
        mark,
        color,
    };
    let mut keys: Vec<Key> = paths
        .iter()
        .enumerate()
        .map(|(index, path)| entry(&path.name, Mark::Line(None), color(index)))
        .collect();
    if !paths.is_empty() {
        let ink = if paths.len() == 1 {
            color(0)
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
    let margins = Margins {
        names: None,
        right: if levels.is_empty() {
            0.0
        } else {
            widest + 34.0
        },
    };
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, &plot, (any, any), &keys, margins)?;
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

/// The values of the levels, highest on top, as many as fit.
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
    // Short paths have a dot for every step.
    const FEW: usize = 60;
    frame.line(canvas, &path.points, key, 1.8)?;
    let positions: Vec<_> = path
        .points
        .iter()
        .filter_map(|point| frame.position_inside(*point))
        .collect();
    if positions.len() <= FEW {
        positions
            .iter()
            .try_for_each(|position| canvas.disc(*position, 2.4, key.color))?;
    }
    let ends = (path.points.first(), path.points.last());
    if let Some(start) = ends.0.and_then(|point| frame.position_inside(*point)) {
        canvas.ring(start, 4.5, key.color)?;
    }
    if let Some(end) = ends.1.and_then(|point| frame.position_inside(*point)) {
        canvas.square(end, 4.0, key.color)?;
    }
    Ok(())
}
