use crate::canvas::render;
use crate::extent::Extent;
use crate::frame::{Frame, Margins};
use crate::{Plot, PlotError, Scale, palette};

/// A histogram: the number of values in each of equally wide bins.
///
/// Without a number of `bins`, the rule of Freedman and Diaconis (1981) chooses one between 5 and
/// 60. Values that are not finite are left out. The last bin includes its upper end.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite value, [`PlotError::Setting`] for no bins or more
/// than 1,000, [`PlotError::Size`] for a plot that cannot be drawn.
pub fn histogram(plot: &Plot, values: &[f64], bins: Option<usize>) -> Result<String, PlotError> {
    if let Some(bins) = bins.filter(|bins| !(1..=1000).contains(bins)) {
        let message = format!("{bins} is not between 1 and 1000");
        return Err(PlotError::Setting {
            what: "bins",
            message,
        });
    }
    let bins = Bins::new(values, bins).ok_or(PlotError::NothingToDraw { chart: "histogram" })?;
    // A single bin has space on both sides, so that it looks like a bar.
    let beside = if bins.counts.len() == 1 {
        bins.width
    } else {
        0.0
    };
    let ends = [bins.edge(0) - beside, bins.edge(bins.counts.len()) + beside];
    let counts = bins.counts.iter().map(|count| *count as f64);
    let nothing = || PlotError::NothingToDraw { chart: "histogram" };
    let x = Extent::of(ends.into_iter(), Scale::Linear, false).ok_or_else(nothing)?;
    let y = Extent::of(counts.chain([0.0]), Scale::Linear, false).ok_or_else(nothing)?;
    let y_label = if plot.y_label.is_empty() {
        "count"
    } else {
        &plot.y_label
    }
    .to_owned();
    let plot = Plot {
        y_label,
        ..plot.clone()
    };
    // Bars stand on the axis.
    let y = Extent { low: 0.0, ..y };
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(canvas, &plot, (x, y), &[], Margins::default())?;
        for (index, count) in bins
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            let corners = (
                frame.position((bins.edge(index), *count as f64)),
                frame.position((bins.edge(index + 1), 0.0)),
            );
            if let (Some(from), Some(to)) = corners {
                let inside = |(x, y): (f64, f64)| {
                    (
                        x.clamp(frame.left, frame.right),
                        y.clamp(frame.top, frame.bottom),
                    )
                };
                let (from, to) = (inside(from), inside(to));
                // A thin gap between bars that are wide enough.
                let gap = if to.0 - from.0 > 4.0 { 0.5 } else { 0.0 };
                canvas.rectangle(
                    (from.0 + gap, from.1),
                    (to.0 - gap, to.1),
                    palette::series(0),
                )?;
            }
        }
        Ok(())
    })
}

/// Counts in equally wide bins.
#[derive(Debug, PartialEq)]
pub(crate) struct Bins {
    low: f64,
    width: f64,
    pub counts: Vec<u64>,
}

impl Bins {
    /// `None` without a finite value.
    pub fn new(values: &[f64], bins: Option<usize>) -> Option<Self> {
        let mut sorted: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| value.is_finite() && value.abs() < 1e300)
            .collect();
        sorted.sort_by(f64::total_cmp);
        let (&low, &high) = (sorted.first()?, sorted.last()?);
        let size = low.abs().max(high.abs());
        if high - low <= 1e-12 * size || size < 1e-290 {
            // All equal: one bin with the value in its middle.
            let width = if size < 1e-290 {
                1.0
            } else {
                (0.1 * size).min(1.0)
            };
            return Some(Self {
                low: low - width / 2.0,
                width,
                counts: vec![sorted.len() as u64],
            });
        }
        let bins = bins.unwrap_or_else(|| freedman_diaconis(&sorted));
        let width = (high - low) / bins as f64;
        let mut counts = vec![0; bins];
        for value in sorted {
            counts[(((value - low) / width) as usize).min(bins - 1)] += 1;
        }
        Some(Self { low, width, counts })
    }

    pub fn edge(&self, index: usize) -> f64 {
        self.low + index as f64 * self.width
    }
}

/// The number of bins whose width is 2 IQR n^(-1/3).
fn freedman_diaconis(sorted: &[f64]) -> usize {
    let n = sorted.len();
    let range = sorted[n - 1] - sorted[0];
    let iqr = sorted[3 * (n - 1) / 4] - sorted[(n - 1) / 4];
    let bins = range / (2.0 * iqr / (n as f64).cbrt());
    // More than half of the values equal: Sturges' rule.
    let bins = if bins.is_finite() {
        bins
    } else {
        (n as f64).log2() + 1.0
    };
    (bins.ceil() as usize).clamp(5, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_counted_once() {
        let values = [0.0, 0.1, 0.5, 0.9, 1.0, f64::NAN, f64::INFINITY];
        assert_eq!(Bins::new(&values, Some(2)).unwrap().counts, [2, 3]);
        let bins = Bins::new(&[3.0; 7], None).unwrap();
        assert_eq!(
            (
                bins.counts.as_slice(),
                bins.edge(0) < 3.0,
                bins.edge(1) > 3.0
            ),
            (&[7][..], true, true)
        );
        assert_eq!(Bins::new(&[f64::NAN], None), None);
    }

    #[test]
    fn the_number_of_bins_follows_the_rule() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        // 999 / (2 * 500 / 10) rounded up.
        assert_eq!(Bins::new(&values, None).unwrap().counts.len(), 10);
        assert_eq!(
            Bins::new(&[0.0, 0.0, 0.0, 1.0], None).unwrap().counts.len(),
            5
        );
    }
}
