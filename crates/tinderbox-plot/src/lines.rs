use crate::canvas::render;
use crate::extent::Extent;
use crate::frame::{Frame, Key, Margins, Mark, keys};
use crate::{Plot, PlotError, Series, palette, text};

/// One or more lines: functions, tangents, densities, schedules.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite point, [`PlotError::Size`] or
/// [`PlotError::Setting`] for a plot that cannot be drawn.
pub fn line(plot: &Plot, series: &[Series]) -> Result<String, PlotError> {
    lines("line plot", plot, series, (false, false))
}

/// Training and validation curves by epoch or step; the vertical axis is logarithmic when all values
/// are positive and span more than two decades.
///
/// ```
/// use tinderbox_plot::{Plot, Series, curves};
///
/// let train = Series::by_epoch("train", [0.9, 0.4, 0.2]);
/// let validation = Series::by_epoch("validation", [0.8, 0.5, 0.3]);
/// let svg = curves(&Plot::new("Airfoil").labels("epoch", "loss"), &[train, validation])?;
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), tinderbox_plot::PlotError>(())
/// ```
///
/// # Errors
/// As [`line()`].
pub fn curves(plot: &Plot, series: &[Series]) -> Result<String, PlotError> {
    lines("training curves", plot, series, (false, true))
}

/// The loss over the learning rate of a learning-rate finder, with a mark at the suggested rate.
///
/// `losses` are (learning rate, loss). Unless `y_range` is set, the losses up to the lowest one fill the
/// figure, and the line leaves it at the top where training diverges. Smith (2017), "Cyclical
/// Learning Rates", section 3.3.
///
/// # Errors
/// As [`line()`].
pub fn learning_rates(
    plot: &Plot,
    losses: &[(f64, f64)],
    suggested: Option<f64>,
) -> Result<String, PlotError> {
    let chart = "learning-rate plot";
    let (x, _) = extents(chart, plot, losses.iter().copied(), (true, false))?;
    let top = ceiling(losses);
    let shown = losses.iter().copied().filter(|(_, loss)| *loss <= top);
    let (_, y) = extents(chart, plot, shown, (true, false))?;
    // The line leaves at the top where training diverges.
    let extents = (
        x,
        if top.is_finite() {
            Extent { high: top, ..y }
        } else {
            y
        },
    );
    let curve = Key {
        name: String::new(),
        mark: Mark::Line(None),
        color: palette::series(0),
    };
    // The loss at the suggested rate: that of the nearest rate that was tried.
    let ratio = |x: f64, rate: f64| (x / rate).ln().abs();
    let suggested = suggested.filter(|rate| rate.is_finite() && *rate > 0.0);
    let marked = suggested.and_then(|rate| {
        let finite = losses
            .iter()
            .filter(|p| p.0 > 0.0 && p.0.is_finite() && p.1.is_finite());
        let nearest = finite.min_by(|a, b| ratio(a.0, rate).total_cmp(&ratio(b.0, rate)))?;
        Some((rate, nearest.1))
    });
    let mark = |rate: f64| Key {
        name: format!("suggested: {}", text::number(rate)),
        mark: Mark::Ring,
        color: palette::series(1),
    };
    let keys: Vec<Key> = marked.map(|point| mark(point.0)).into_iter().collect();
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, plot, extents, &keys, Margins::default())?;
        frame.line(canvas, losses, &curve, 2.0)?;
        if let Some(at) = marked.and_then(|point| frame.position_inside(point)) {
            let upright = [(at.0, frame.top), (at.0, frame.bottom)];
            canvas.path(&upright, palette::series(1), 1.2)?;
            canvas.ring(at, 5.0, palette::series(1))?;
        }
        Ok(())
    })
}

/// 1.5 times the distance from the lowest loss to the highest loss before it, above the lowest.
fn ceiling(losses: &[(f64, f64)]) -> f64 {
    let mut finite: Vec<_> = losses
        .iter()
        .filter(|p| p.0.is_finite() && p.1.is_finite())
        .collect();
    finite.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lowest = finite
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let Some((index, &&(_, low))) = lowest else {
        return f64::INFINITY;
    };
    let high = finite[..=index].iter().fold(low, |high, p| high.max(p.1));
    if high > low {
        low + 1.5 * (high - low)
    } else {
        f64::INFINITY
    }
}

fn lines(
    chart: &'static str,
    plot: &Plot,
    series: &[Series],
    auto_log: (bool, bool),
) -> Result<String, PlotError> {
    let points = series
        .iter()
        .flat_map(|series| series.points.iter().copied());
    let extents = extents(chart, plot, points, auto_log)?;
    let keys = keys(series);
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, plot, extents, &keys, Margins::default())?;
        series
            .iter()
            .zip(&keys)
            .try_for_each(|(series, key)| frame.line(canvas, &series.points, key, 2.0))
    })
}

/// The ranges of the points with two finite coordinates.
pub(crate) fn extents(
    chart: &'static str,
    plot: &Plot,
    points: impl Iterator<Item = (f64, f64)> + Clone,
    auto_log: (bool, bool),
) -> Result<(Extent, Extent), PlotError> {
    let finite = points.filter(|(x, y)| x.is_finite() && y.is_finite());
    let nothing = || PlotError::NothingToDraw { chart };
    let x =
        Extent::of(finite.clone().map(|p| p.0), plot.x_scale, auto_log.0).ok_or_else(nothing)?;
    // If the user set the horizontal range, the vertical range is that of the points in it.
    let (low, high) = plot.x_range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let shown = finite
        .clone()
        .filter(|(x, _)| (low..=high).contains(x))
        .map(|p| p.1);
    let y = Extent::of(shown, plot.y_scale, auto_log.1)
        .or_else(|| Extent::of(finite.map(|p| p.1), plot.y_scale, auto_log.1))
        .ok_or_else(nothing)?;
    // Only x has whole numbers (epochs); losses that are whole by chance may have half ticks.
    Ok((x, Extent { whole: false, ..y }))
}
