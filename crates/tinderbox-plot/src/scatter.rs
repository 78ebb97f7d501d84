use std::collections::BTreeSet;

use plotters::style::Color;

use crate::canvas::{Canvas, render};
use crate::frame::{Frame, Key, Margins, Mark, keys};
use crate::lines::extents;
use crate::{Plot, PlotError, Series};

/// A scatter plot: series of points, with lines (a fit, a tangent) above them.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite point, [`PlotError::Size`] or
/// [`PlotError::Setting`] for a plot that cannot be drawn.
pub fn scatter(plot: &Plot, points: &[Series], lines: &[Series]) -> Result<String, PlotError> {
    let all = points.iter().chain(lines);
    let extents = extents(
        "scatter",
        plot,
        all.clone().flat_map(|s| s.points.iter().copied()),
        (false, false),
    )?;
    let all: Vec<Series> = all
        .map(|s| Series {
            name: s.name.clone(),
            points: Vec::new(),
        })
        .collect();
    let mut keys = keys(&all);
    keys.iter_mut()
        .take(points.len())
        .for_each(|key| key.mark = Mark::Dot);
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, plot, extents, &keys, Margins::default())?;
        let (dots, curves) = keys.split_at(points.len());
        points
            .iter()
            .zip(dots)
            .try_for_each(|(series, key)| dots_of(canvas, &frame, series, key))?;
        lines
            .iter()
            .zip(curves)
            .try_for_each(|(line, key)| frame.line(canvas, &line.points, key, 2.2))
    })
}

/// Predicted over actual values, with the diagonal of a perfect model.
///
/// `actual` and `predicted` have one value for each example, in the unit of the target. Both axes have
/// the same range.
///
/// # Errors
/// As [`scatter`], and [`PlotError::LengthMismatch`] if the two differ in length.
pub fn predicted_vs_actual(
    plot: &Plot,
    actual: &[f64],
    predicted: &[f64],
) -> Result<String, PlotError> {
    if actual.len() != predicted.len() {
        return Err(PlotError::LengthMismatch {
            what: "predicted values".to_owned(),
            expected: actual.len(),
            got: predicted.len(),
        });
    }
    let named = |label: &String, default: &str| {
        if label.is_empty() {
            default.to_owned()
        } else {
            label.clone()
        }
    };
    let plot = Plot {
        x_label: named(&plot.x_label, "actual"),
        y_label: named(&plot.y_label, "predicted"),
        ..plot.clone()
    };
    let cloud = Series::from_xy("", actual, predicted)?;
    let finite = cloud
        .points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite());
    let values = finite.flat_map(|(x, y)| [*x, *y]);
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let diagonal = Series::new("predicted = actual", [(low, low), (high, high)]);
    scatter(&plot, &[cloud], &[diagonal])
}

/// Many points are drawn smaller and transparent; points within 2 px of each other are drawn once.
fn dots_of(canvas: &Canvas<'_>, frame: &Frame, cloud: &Series, key: &Key) -> Result<(), PlotError> {
    let many = cloud.points.len() > 2_000;
    let (radius, opacity) = match cloud.points.len() {
        0..=100 => (3.5, 0.85),
        101..=2_000 => (2.5, 0.6),
        _ => (1.5, 0.5),
    };
    let mut seen = BTreeSet::new();
    for point in &cloud.points {
        let Some(at) = frame.position_inside(*point) else {
            continue;
        };
        if !many || seen.insert(((at.0 / 2.0).round() as i32, (at.1 / 2.0).round() as i32)) {
            canvas.disc(at, radius, key.color.mix(opacity))?;
        }
    }
    Ok(())
}
