//! The canvas of every figure: plotters' SVG backend with sub-pixel positions.

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{PlotError, palette, text};

/// Backend units in a px: plotters uses whole units, and a curve on whole px is jagged.
pub(crate) const UNIT: f64 = 10.0;
const MIN_SIDE: u32 = 16;
const MAX_SIDE: u32 = 20_000;

/// px to backend units.
pub(crate) fn units(px: f64) -> i32 {
    (px * UNIT).round() as i32
}

/// The style and alignment of a text.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// Font size in px.
    pub size: f64,
    pub bold: bool,
    pub color: RGBColor,
    pub horizontal: HPos,
    pub vertical: VPos,
    /// Reads from bottom to top.
    pub upward: bool,
}

impl Label {
    pub fn new(size: f64, horizontal: HPos, vertical: VPos) -> Self {
        Self {
            size,
            bold: false,
            color: palette::INK,
            horizontal,
            vertical,
            upward: false,
        }
    }

    pub fn style(self) -> TextStyle<'static> {
        let weight = if self.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        // The backend divides the size by 1.24.
        let font = FontDesc::new(FontFamily::SansSerif, self.size * UNIT * 1.24, weight);
        let transform = if self.upward {
            FontTransform::Rotate270
        } else {
            FontTransform::None
        };
        let mut style = TextStyle::from(font.transform(transform))
            .pos(Pos::new(self.horizontal, self.vertical));
        style.color = self.color.to_backend_color();
        style
    }
}

pub(crate) struct Canvas<'a> {
    pub area: DrawingArea<SVGBackend<'a>, Shift>,
    /// px.
    pub width: f64,
    /// px.
    pub height: f64,
    /// Elements that the backend cannot draw; they lie above all others.
    raw: RefCell<String>,
}

/// Draws a figure of `width` x `height` px and returns the SVG document.
pub(crate) fn render(
    width: u32,
    height: u32,
    title: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    if !(MIN_SIDE..=MAX_SIDE).contains(&width) || !(MIN_SIDE..=MAX_SIDE).contains(&height) {
        return Err(PlotError::Size {
            width,
            height,
            min: MIN_SIDE,
            max: MAX_SIDE,
        });
    }
    let scale = UNIT as u32;
    let size = (width * scale, height * scale);
    let mut body = String::new();
    let raw = {
        let canvas = Canvas {
            area: SVGBackend::with_string(&mut body, size).into_drawing_area(),
            width: f64::from(width),
            height: f64::from(height),
            raw: RefCell::default(),
        };
        canvas
            .area
            .fill(&palette::CARD)
            .map_err(PlotError::backend)?;
        draw(&canvas)?;
        canvas.area.present().map_err(PlotError::backend)?;
        canvas.raw.into_inner()
    };
    // The backend's own opening tag has no view box other than its size.
    let elements = body.split_once(">\n").map_or("", |(_, rest)| rest);
    let elements = elements.trim_end().trim_end_matches("</svg>");
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" style=\"max-width:100%;height:auto\">\n\
         {elements}{raw}</svg>\n",
        size.0,
        size.1,
        text::escape(title),
    ))
}

impl Canvas<'_> {
    /// A text whose anchor is at (x, y) px.
    pub fn text(&self, content: &str, at: (f64, f64), label: Label) -> Result<(), PlotError> {
        if content.is_empty() {
            return Ok(());
        }
        let at = (units(at.0), units(at.1));
        self.area
            .draw_text(&text::printable(content), &label.style(), at)
            .map_err(PlotError::backend)
    }

    /// A line through points in px.
    pub fn path(
        &self,
        points: &[(f64, f64)],
        color: RGBColor,
        width: f64,
    ) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().map(|p| (units(p.0), units(p.1))).collect();
        let line = PathElement::new(points, color.stroke_width(units(width) as u32));
        self.area.draw(&line).map_err(PlotError::backend)
    }

    /// A dashed line through points in px; `dash` is in backend units.
    pub fn dashed(&self, points: &[(f64, f64)], color: RGBColor, width: f64, dash: &str) {
        let points: Vec<_> = points
            .iter()
            .map(|p| format!("{},{}", units(p.0), units(p.1)))
            .collect();
        self.raw(&format!(
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-dasharray=\"{dash}\" \
             points=\"{}\"/>\n",
            hex(color),
            units(width),
            points.join(" "),
        ));
    }

    /// A filled rectangle between two corners in px.
    pub fn rectangle(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        color: impl Color,
    ) -> Result<(), PlotError> {
        let corners = [(units(from.0), units(from.1)), (units(to.0), units(to.1))];
        self.area
            .draw(&Rectangle::new(corners, color.filled()))
            .map_err(PlotError::backend)
    }

    /// A filled disc.
    pub fn disc(&self, at: (f64, f64), radius: f64, color: impl Color) -> Result<(), PlotError> {
        let disc = Circle::new((units(at.0), units(at.1)), units(radius), color.filled());
        self.area.draw(&disc).map_err(PlotError::backend)
    }

    /// A white disc with a coloured rim.
    pub fn ring(&self, at: (f64, f64), radius: f64, color: RGBColor) -> Result<(), PlotError> {
        self.disc(at, radius, palette::CARD)?;
        let rim = color.stroke_width(units(1.8) as u32);
        let circle = Circle::new((units(at.0), units(at.1)), units(radius), rim);
        self.area.draw(&circle).map_err(PlotError::backend)
    }

    /// A filled square with its centre at a point.
    pub fn square(&self, at: (f64, f64), half: f64, color: RGBColor) -> Result<(), PlotError> {
        self.rectangle(
            (at.0 - half, at.1 - half),
            (at.0 + half, at.1 + half),
            color,
        )
    }

    /// A raw SVG element, above everything that the backend draws.
    pub fn raw(&self, element: &str) {
        self.raw.borrow_mut().push_str(element);
    }
}

pub(crate) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}
