/// Why a figure could not be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The data holds no finite value at all.
    #[error(
        "{chart}: nothing to draw, no finite value in the data; check that it is not empty and not all NaN"
    )]
    NothingToDraw {
        /// The kind of chart that was asked for.
        chart: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("{what}: expected {expected} values, got {got}; give as many as there are elements")]
    LengthMismatch {
        /// The list that has the wrong length.
        what: String,
        /// The length it should have.
        expected: usize,
        /// The length it has.
        got: usize,
    },
    /// A figure smaller or larger than can be drawn.
    #[error("figure of {width} x {height} px: both sides must be between {least} and {most} px")]
    Size {
        /// The width that was asked for, in px.
        width: u32,
        /// The height that was asked for, in px.
        height: u32,
        /// The least side, in px.
        least: u32,
        /// The greatest side, in px.
        most: u32,
    },
    /// An axis range or another setting outside what it may be.
    #[error("{what}: {message}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// What is wrong with it and what it should be.
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
