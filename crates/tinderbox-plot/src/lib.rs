//! Figures as SVG: data in, SVG text out.
//!
//! Every function takes a [`Plot`] (title, axes, size) and data, and returns an SVG document. The
//! same input gives the same bytes. Figures have an opaque white background, so they are readable on light
//! and dark pages; colors are those of Okabe and Ito, which are safe for color blindness; legends are
//! above the data and never cover it; text is in the `sans-serif` font of the page.
//!
//! Points that are NaN or infinite leave a gap. Data without any finite value is an error.
//!
//! ```
//! use tinderbox_plot::{Plot, Series, scatter};
//!
//! let hours = Series::new("examples", [(1.0, 2.1), (2.0, 3.9), (3.0, 6.2)]);
//! let fitted = Series::function("fitted", (1.0, 3.0), 2, |x| 2.05 * x);
//! let svg = scatter(&Plot::new("Fit").labels("x", "y"), &[hours], &[fitted])?;
//! assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
//! # Ok::<(), tinderbox_plot::PlotError>(())
//! ```

mod axis;
mod bars;
mod canvas;
mod clip;
mod contour;
mod error;
mod extent;
mod frame;
mod heat_map;
mod histogram;
mod image_grid;
mod lines;
mod marching;
mod palette;
mod plot;
mod png;
mod scatter;
mod sparkline;
mod surface;
mod text;
mod ticks;

pub use bars::bars;
pub use contour::contour;
pub use error::PlotError;
pub use heat_map::{Matrix, confusion_matrix, heat_map};
pub use histogram::histogram;
pub use image_grid::{Image, image_grid};
pub use lines::{curves, learning_rates, line};
pub use plot::{Plot, Scale, Series};
pub use scatter::{predicted_vs_actual, scatter};
pub use sparkline::{spark_bars, spark_histogram, sparkline};
pub use surface::{Spacing, Surface};
