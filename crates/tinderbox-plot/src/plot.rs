use crate::PlotError;

/// How values map to positions along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Chosen by the chart: linear, but logarithmic for training curves whose values are all positive
    /// and span more than two decades, and for the learning rates of a finder.
    #[default]
    Auto,
    /// Equal steps.
    Linear,
    /// Equal ratios; linear if a value is zero or negative.
    Log,
}

/// The settings of a figure apart from its data: texts, scales, size.
///
/// Scales and ranges are for numeric axes; a [`heat_map`](crate::heat_map) has none and ignores them.
///
/// ```
/// use tinderbox_plot::Plot;
///
/// let plot = Plot { width: 480, ..Plot::new("Airfoil").labels("epoch", "loss") };
/// assert_eq!(plot.height, 400);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// The title above the figure; none if empty.
    pub title: String,
    /// The label below the horizontal axis; none if empty.
    pub x_label: String,
    /// The label of the vertical axis; none if empty.
    pub y_label: String,
    /// The scale of the horizontal axis.
    pub x_scale: Scale,
    /// The scale of the vertical axis.
    pub y_scale: Scale,
    /// Low and high end of the horizontal axis; the range of the data by default.
    pub x_range: Option<(f64, f64)>,
    /// Low and high end of the vertical axis; the range of the data by default.
    pub y_range: Option<(f64, f64)>,
    /// Width in px.
    pub width: u32,
    /// Height in px; [`bars`](crate::bars) may be higher.
    pub height: u32,
}

impl Default for Plot {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            x_scale: Scale::Auto,
            y_scale: Scale::Auto,
            x_range: None,
            y_range: None,
            width: 640,
            height: 400,
        }
    }
}

impl Plot {
    /// A plot of 640 x 400 px with a title.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// The same plot with axis labels.
    #[must_use]
    pub fn labels(self, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        Self {
            x_label: x_label.into(),
            y_label: y_label.into(),
            ..self
        }
    }
}

/// Points with a name: a line, or the points of a [`scatter`](crate::scatter) plot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The text of the legend entry; no entry if empty.
    pub name: String,
    /// (x, y). A point that is NaN or infinite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A series of (x, y) points.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }

    /// The values at epochs 1, 2, 3, …
    pub fn by_epoch(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let epochs = values.into_iter().enumerate();
        Self::new(
            name,
            epochs.map(|(index, value)| ((index + 1) as f64, value)),
        )
    }

    /// A function at `count` evenly spaced points from `low` to `high`, both included.
    pub fn function(
        name: impl Into<String>,
        (low, high): (f64, f64),
        count: usize,
        f: impl Fn(f64) -> f64,
    ) -> Self {
        let step = (high - low) / count.saturating_sub(1).max(1) as f64;
        let places = (0..count).map(|index| low + index as f64 * step);
        Self::new(name, places.map(|x| (x, f(x))))
    }

    /// A series from its two coordinates.
    ///
    /// # Errors
    /// [`PlotError::LengthMismatch`] if there are not as many `ys` as `xs`.
    pub fn from_xy(name: impl Into<String>, xs: &[f64], ys: &[f64]) -> Result<Self, PlotError> {
        let name = name.into();
        if xs.len() != ys.len() {
            return Err(PlotError::LengthMismatch {
                what: format!("y values of {name:?}"),
                expected: xs.len(),
                got: ys.len(),
            });
        }
        Ok(Self::new(name, xs.iter().copied().zip(ys.iter().copied())))
    }
}
