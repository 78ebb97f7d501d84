use plotters::style::text_anchor::{HPos, VPos};

use crate::canvas::{Label, render, units};
use crate::frame::{SMALL, heading};
use crate::{PlotError, png, text};

/// An image with a title above it, of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    title: String,
    width: u32,
    channels: usize,
    samples: Vec<u8>,
    framed: bool,
}

impl Image {
    /// A grayscale image: one byte for each pixel, 0 black, 255 white, row after row from the top left.
    ///
    /// # Errors
    /// [`PlotError::LengthMismatch`] if there are not width x height bytes,
    /// [`PlotError::Setting`] if a side is 0.
    pub fn gray(
        title: impl Into<String>,
        size: (u32, u32),
        samples: Vec<u8>,
    ) -> Result<Self, PlotError> {
        Self::new(title.into(), size, 1, samples)
    }

    /// An RGB image: three bytes for each pixel, row after row from the top left.
    ///
    /// # Errors
    /// As [`Self::gray`], with 3 x width x height bytes.
    pub fn rgb(
        title: impl Into<String>,
        size: (u32, u32),
        samples: Vec<u8>,
    ) -> Result<Self, PlotError> {
        Self::new(title.into(), size, 3, samples)
    }

    fn new(
        title: String,
        (width, height): (u32, u32),
        channels: usize,
        samples: Vec<u8>,
    ) -> Result<Self, PlotError> {
        if width == 0 || height == 0 {
            let message = format!("{width} x {height} pixels have no area");
            return Err(PlotError::Setting {
                what: "image",
                message,
            });
        }
        let expected = width as usize * height as usize * channels;
        if samples.len() != expected {
            let what =
                format!("bytes of image {title:?} ({width} x {height}, {channels} per pixel)");
            return Err(PlotError::LengthMismatch {
                what,
                expected,
                got: samples.len(),
            });
        }
        Ok(Self {
            title,
            width,
            channels,
            samples,
            framed: false,
        })
    }

    /// The same image with a frame, to mark it among others.
    #[must_use]
    pub fn framed(self) -> Self {
        Self {
            framed: true,
            ..self
        }
    }

    /// Width and height in px within a square.
    fn size(&self, side: f64) -> (f64, f64) {
        let width = f64::from(self.width);
        let height = (self.samples.len() / self.channels) as f64 / width;
        let scale = side / width.max(height);
        (width * scale, height * scale)
    }
}

/// A grid of images with `columns` columns, each scaled to fit into a square of `cell` px.
///
/// Pixels are not smoothed; images are embedded uncompressed, so this is for small ones. Titles are
/// truncated to the width of a cell, so long titles need a larger `cell`.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without images, [`PlotError::Setting`] for no columns or a cell
/// of less than 8 px, [`PlotError::Size`] for a grid that is too large.
pub fn image_grid(
    title: &str,
    images: &[Image],
    columns: usize,
    cell: u32,
) -> Result<String, PlotError> {
    const GAP: f64 = 8.0;
    const FRAME: f64 = 3.0;
    if images.is_empty() {
        return Err(PlotError::NothingToDraw {
            chart: "image grid",
        });
    }
    if columns == 0 || cell < 8 {
        let message = format!("{columns} columns of {cell} px; give at least 1 of 8 px");
        return Err(PlotError::Setting {
            what: "image grid",
            message,
        });
    }
    let columns = columns.min(images.len());
    let rows = images.len().div_ceil(columns);
    let side = f64::from(cell);
    let lines = images.iter().map(|image| image.title.lines().count()).max();
    let line = SMALL + 6.0;
    let titles = lines.unwrap_or(0) as f64 * line;
    let top = if title.is_empty() { GAP } else { 40.0 };
    let tallest = images
        .iter()
        .map(|image| image.size(side).1)
        .fold(0.0, f64::max);
    let row = titles + tallest + GAP;
    let width = columns as f64 * (side + GAP) + GAP;
    let height = (top + rows as f64 * row).ceil();
    render(width as u32, height as u32, title, |canvas| {
        heading(canvas, title)?;
        for (index, image) in images.iter().enumerate() {
            let x = GAP + (index % columns) as f64 * (side + GAP);
            let y = top + (index / columns) as f64 * row;
            let style = Label::new(SMALL, HPos::Center, VPos::Center);
            for (number, text) in image.title.lines().enumerate() {
                let middle = y + (number as f64 + 0.5) * line - 1.0;
                let label = text::fit(text, SMALL, side + GAP - 2.0);
                if !label.is_empty() {
                    canvas.text(&label, (x + side / 2.0, middle), style)?;
                }
            }
            let (width, height) = image.size(side);
            let (left, top) = (x + (side - width) / 2.0, y + titles);
            canvas.raw(&format!(
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
                 preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"{}\"/>\n",
                units(left),
                units(top),
                units(width),
                units(height),
                png::data_address(image.width, image.channels, &image.samples),
            ));
            if image.framed {
                canvas.raw(&format!(
                    "<rect data-framed=\"\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
                     fill=\"none\" stroke=\"#D55E00\" stroke-width=\"{}\"/>\n",
                    units(left - FRAME / 2.0),
                    units(top - FRAME / 2.0),
                    units(width + FRAME),
                    units(height + FRAME),
                    units(FRAME),
                ));
            }
        }
        Ok(())
    })
}
