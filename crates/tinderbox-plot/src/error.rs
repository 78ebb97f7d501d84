/// The reason why a figure could not be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The data has no finite value.
    #[error(
        "{chart}: nothing to draw, no finite value in the data; check that it is not empty and not all NaN"
    )]
    NothingToDraw {
        /// The kind of chart.
        chart: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("{what}: expected {expected} values, got {got}; give as many as there are elements")]
    LengthMismatch {
        /// The list that has the wrong length.
        what: String,
        /// The expected length.
        expected: usize,
        /// The actual length.
        got: usize,
    },
    /// A figure that is too small or too large.
    #[error("figure of {width} x {height} px: both sides must be between {min} and {max} px")]
    Size {
        /// The given width in px.
        width: u32,
        /// The given height in px.
        height: u32,
        /// The smallest side in px.
        min: u32,
        /// The largest side in px.
        max: u32,
    },
    /// An invalid axis range or other setting.
    #[error("{what}: {message}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// The problem, and what to do.
        message: String,
    },
    /// The drawing backend failed.
    #[error("the SVG backend failed: {0}; please report this")]
    Backend(String),
}

impl PlotError {
    pub(crate) fn backend(error: impl std::fmt::Display) -> Self {
        Self::Backend(error.to_string())
    }
}
