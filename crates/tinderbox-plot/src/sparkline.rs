use crate::canvas::render;
use crate::clip;
use crate::histogram::Bins;
use crate::{PlotError, palette};

const WIDTH: u32 = 120;
const HEIGHT: u32 = 24;
const EDGE: f64 = 2.0;

/// A curve of 120 x 24 px without axes, for a table cell (Tufte 2006).
///
/// Values that are not finite leave gaps.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite value.
pub fn sparkline(values: &[f64]) -> Result<String, PlotError> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let high = finite.fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return Err(PlotError::NothingToDraw { chart: "sparkline" });
    }
    let (right, bottom) = (f64::from(WIDTH) - EDGE, f64::from(HEIGHT) - EDGE);
    let last = values.len().saturating_sub(1);
    let place = |(index, value): (usize, &f64)| {
        let along = if last == 0 {
            0.5
        } else {
            index as f64 / last as f64
        };
        // Halves, because the difference of two huge values overflows.
        let up = if high > low {
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        } else {
            0.5
        };
        let at = (EDGE + along * (right - EDGE), bottom - up * (bottom - EDGE));
        value.is_finite().then_some(at)
    };
    let runs = clip::runs(
        values.iter().enumerate().map(place),
        ((EDGE, EDGE), (right, bottom)),
    );
    render(WIDTH, HEIGHT, "", |canvas| {
        runs.into_iter()
            .map(clip::thin)
            .try_for_each(|run| match run.as_slice() {
                [only] => canvas.disc(*only, 2.0, palette::series(0)),
                run => canvas.path(run, palette::series(0), 1.5),
            })
    })
}

/// The distribution of values as a histogram of 120 x 24 px without axes, for a table cell.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite value.
pub fn spark_histogram(values: &[f64]) -> Result<String, PlotError> {
    let bins = Bins::new(values, Some(24));
    let counts = bins
        .ok_or(PlotError::NothingToDraw { chart: "sparkline" })?
        .counts;
    spark_bars(&counts)
}

/// Counts (of categories, for example) as bars of 120 x 24 px without axes, for a table cell.
///
/// # Errors
/// [`PlotError::NothingToDraw`] if all counts are 0.
pub fn spark_bars(counts: &[u64]) -> Result<String, PlotError> {
    let most = counts.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return Err(PlotError::NothingToDraw { chart: "sparkline" });
    }
    let (width, height) = (
        f64::from(WIDTH) - 2.0 * EDGE,
        f64::from(HEIGHT) - 2.0 * EDGE,
    );
    let step = (width / counts.len() as f64).min(16.0);
    let gap = if step > 3.0 { 1.0 } else { 0.0 };
    render(WIDTH, HEIGHT, "", |canvas| {
        for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = EDGE + index as f64 * step;
            // A single example among millions is still visible.
            let tall = (*count as f64 / most as f64 * height).max(1.0);
            let bottom = EDGE + height;
            canvas.rectangle(
                (left, bottom - tall),
                (left + step - gap, bottom),
                palette::series(0),
            )?;
        }
        Ok(())
    })
}
