//! Title, legend, axes and the mapping from data to px.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::Axis;
use crate::canvas::{Canvas, Label, units};
use crate::clip;
use crate::extent::Extent;
use crate::{Plot, PlotError, Series, palette, text};

pub(crate) const TITLE: f64 = 15.0;
pub(crate) const NAME: f64 = 12.5;
pub(crate) const SMALL: f64 = 11.0;
const EDGE: f64 = 12.0;
const LEGEND_ROW: f64 = 18.0;
const LEGEND_ROWS: usize = 5;

/// The mark of a legend entry.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Line(Option<&'static str>),
    Dot,
    Ring,
    Square,
}

/// A legend entry.
#[derive(Clone)]
pub(crate) struct Key {
    pub name: String,
    pub mark: Mark,
    pub color: RGBColor,
}

/// Space for other things than axes, in px.
#[derive(Clone, Copy, Default)]
pub(crate) struct Margins {
    /// Left of the axis, instead of tick labels.
    pub names: Option<f64>,
    /// Right of the axis.
    pub right: f64,
}

/// The rectangle of the data, in px, and its two axes.
pub(crate) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    /// Draws the title, the legend above the data, and axes with labels; returns the area of the data.
    pub fn draw(
        canvas: &Canvas<'_>,
        plot: &Plot,
        (x, y): (Extent, Extent),
        keys: &[Key],
        margins: Margins,
    ) -> Result<Self, PlotError> {
        let x = x.or_range("x_range", plot.x_range)?;
        let y = y.or_range("y_range", plot.y_range)?;
        let top = heading(canvas, &plot.title)?;
        let bottom = canvas.height - if plot.x_label.is_empty() { 32.0 } else { 52.0 };
        let name_room = if plot.y_label.is_empty() {
            0.0
        } else {
            NAME + 8.0
        };
        let legend = Legend::new(keys, canvas.width - 2.0 * EDGE);
        let top = top + legend.height();
        let y = match margins.names {
            Some(_) => Axis::without_ticks(y),
            None => Axis::new(y, (((bottom - top) / 42.0) as usize).clamp(2, 10)),
        };
        let label_room = margins.names.unwrap_or(y.widest(SMALL)) + 12.0;
        let left = EDGE + name_room + label_room;
        let right = canvas.width - EDGE - margins.right - 6.0;
        let x = Axis::horizontal(x, (right - left).max(1.0), SMALL);
        // Too small for its texts: an error instead of inverted axes.
        if right - left < 20.0 || bottom - top < 20.0 {
            let (width, height) = (canvas.width as u32, canvas.height as u32);
            let message = format!("no room for the data in {width} x {height} px; make it larger");
            return Err(PlotError::Setting {
                what: "width and height",
                message,
            });
        }
        legend.draw(canvas, top - legend.height())?;
        let frame = Self {
            left,
            right,
            top,
            bottom,
            x,
            y,
        };
        frame.axes(canvas)?;
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        let x_label = text::fit(&plot.x_label, NAME, right - left);
        let style = Label::new(NAME, HPos::Center, VPos::Center);
        canvas.text(&x_label, (middle.0, canvas.height - EDGE - 3.0), style)?;
        let y_label = text::fit(&plot.y_label, NAME, bottom - top);
        canvas.text(
            &y_label,
            (EDGE + 5.0, middle.1),
            Label {
                upward: true,
                ..style
            },
        )?;
        Ok(frame)
    }

    fn axes(&self, canvas: &Canvas<'_>) -> Result<(), PlotError> {
        let mut chart = ChartBuilder::on(&canvas.area)
            .margin_top(units(self.top))
            .margin_right(units(canvas.width - self.right))
            .x_label_area_size(units(canvas.height - self.bottom))
            .y_label_area_size(units(self.left))
            .build_cartesian_2d(self.x.clone(), self.y.clone())
            .map_err(PlotError::backend)?;
        let label = Label::new(SMALL, HPos::Center, VPos::Center).style();
        chart
            .configure_mesh()
            .bold_line_style(palette::GRID.stroke_width(units(1.0) as u32))
            .light_line_style(TRANSPARENT)
            .axis_style(palette::AXIS.stroke_width(units(1.0) as u32))
            .set_all_tick_mark_size(units(4.0))
            .label_style(label)
            .draw()
            .map_err(PlotError::backend)
    }

    /// The position of a point in px; `None` if it is not finite or not positive on a log axis.
    pub fn position(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = (self.x.fraction(x)?, self.y.fraction(y)?);
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        Some((self.left + x * width, self.bottom - y * height))
    }

    /// Like [`Self::position`], `None` also outside the axes.
    pub fn position_inside(&self, point: (f64, f64)) -> Option<(f64, f64)> {
        let inside = |(x, y): &(f64, f64)| {
            (self.left - 0.1..=self.right + 0.1).contains(x)
                && (self.top - 0.1..=self.bottom + 0.1).contains(y)
        };
        self.position(point).filter(inside)
    }

    /// The parts of a line inside the axes, in px.
    pub fn runs(&self, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        let positions = points.iter().map(|point| self.position(*point));
        let corners = ((self.left, self.top), (self.right, self.bottom));
        clip::runs(positions, corners)
            .into_iter()
            .map(clip::thin)
            .collect()
    }

    /// A line with gaps at points without a position; a point between two gaps is a dot.
    pub fn line(
        &self,
        canvas: &Canvas<'_>,
        points: &[(f64, f64)],
        key: &Key,
        width: f64,
    ) -> Result<(), PlotError> {
        for run in self.runs(points) {
            match (key.mark, run.as_slice()) {
                (_, [only]) => canvas.disc(*only, width + 1.2, key.color)?,
                (Mark::Line(Some(dash)), run) => canvas.dashed(run, key.color, width, dash),
                (_, run) => canvas.path(run, key.color, width)?,
            }
        }
        Ok(())
    }
}

/// The title, cut to the width of the figure; returns the y below it, in px.
pub(crate) fn heading(canvas: &Canvas<'_>, title: &str) -> Result<f64, PlotError> {
    if title.is_empty() {
        return Ok(EDGE);
    }
    // Bold letters are about a tenth wider.
    let title = text::fit(title, TITLE * 1.1, canvas.width - 2.0 * EDGE);
    let style = Label::new(TITLE, HPos::Center, VPos::Center);
    canvas.text(
        &title,
        (canvas.width / 2.0, 20.0),
        Label {
            bold: true,
            ..style
        },
    )?;
    Ok(40.0)
}

/// The entries of named series, coloured in their order.
pub(crate) fn keys(series: &[Series]) -> Vec<Key> {
    let key = |(index, series): (usize, &Series)| Key {
        name: series.name.clone(),
        mark: Mark::Line(palette::dash(index)),
        color: palette::series(index),
    };
    series.iter().enumerate().map(key).collect()
}

/// The legend above the data, in rows, so that it never hides a point.
struct Legend {
    rows: Vec<Vec<(Key, f64)>>,
    hidden: usize,
}

impl Legend {
    const SIGN: f64 = 26.0;
    const GAP: f64 = 16.0;

    fn new(keys: &[Key], room: f64) -> Self {
        let (mut rows, mut hidden) = (vec![Vec::new()], 0);
        let mut used = 0.0;
        for key in keys.iter().filter(|key| !key.name.is_empty()) {
            // A name takes at most half a row; the last row keeps space for "and 12 more".
            let name = text::fit(&key.name, SMALL, (room - 80.0) / 2.0);
            let width = Self::SIGN + text::width(&name, SMALL) + Self::GAP;
            let last = rows.len() == LEGEND_ROWS;
            let right = if last { room - 80.0 } else { room };
            if hidden > 0 || (used + width > right && used > 0.0 && last) {
                hidden += 1;
                continue;
            }
            if used + width > right && used > 0.0 {
                rows.push(Vec::new());
                used = 0.0;
            }
            used += width;
            if let Some(row) = rows.last_mut() {
                row.push((
                    Key {
                        name,
                        ..key.clone()
                    },
                    width,
                ));
            }
        }
        rows.retain(|row| !row.is_empty());
        Self { rows, hidden }
    }

    fn height(&self) -> f64 {
        if self.rows.is_empty() {
            0.0
        } else {
            self.rows.len() as f64 * LEGEND_ROW + 6.0
        }
    }

    fn draw(&self, canvas: &Canvas<'_>, top: f64) -> Result<(), PlotError> {
        let left = EDGE + 4.0;
        let style = Label::new(SMALL, HPos::Left, VPos::Center);
        let (mut x, mut y) = (left, top);
        for (index, row) in self.rows.iter().enumerate() {
            x = left;
            y = top + (index as f64 + 0.5) * LEGEND_ROW;
            for (key, width) in row {
                let ends = [(x, y), (x + 20.0, y)];
                match key.mark {
                    Mark::Line(None) => canvas.path(&ends, key.color, 2.5)?,
                    Mark::Line(Some(dash)) => canvas.dashed(&ends, key.color, 2.5, dash),
                    Mark::Dot => canvas.disc((x + 10.0, y), 4.0, key.color)?,
                    Mark::Ring => canvas.ring((x + 10.0, y), 4.5, key.color)?,
                    Mark::Square => canvas.square((x + 10.0, y), 4.0, key.color)?,
                }
                canvas.text(&key.name, (x + Self::SIGN, y), style)?;
                x += width;
            }
        }
        if self.hidden > 0 {
            canvas.text(&format!("and {} more", self.hidden), (x, y), style)?;
        }
        Ok(())
    }
}
