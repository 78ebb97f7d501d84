use plotters::style::text_anchor::{HPos, VPos};

use crate::canvas::{Label, render};
use crate::extent::Extent;
use crate::frame::{Frame, Margins, SMALL};
use crate::{Plot, PlotError, Scale, palette, text};

/// Horizontal bars from top to bottom in the given order: weights or importance per column.
///
/// Positive bars go right from zero, negative ones left, in another colour. A value that is not finite
/// has a name and no bar. The figure grows with the number of bars, so that names never overlap.
///
/// # Errors
/// [`PlotError::NothingToDraw`] without a finite value, [`PlotError::Size`] or
/// [`PlotError::Setting`] for a plot that cannot be drawn.
pub fn bars(plot: &Plot, values: &[(impl AsRef<str>, f64)]) -> Result<String, PlotError> {
    const ROW: f64 = 20.0;
    let plain = |plot: &Plot| Plot {
        x_scale: Scale::Linear,
        y_range: None,
        ..plot.clone()
    };
    let mut plot = plain(plot);
    let rows = values.len() as f64;
    plot.height = plot.height.max(((rows * ROW) as u32).saturating_add(100));
    let numbers = values.iter().map(|(_, value)| *value);
    let nothing = PlotError::NothingToDraw { chart: "bars" };
    if !numbers.clone().any(f64::is_finite) {
        return Err(nothing);
    }
    let x = Extent::of(numbers.chain([0.0]), Scale::Linear, false).ok_or(nothing)?;
    // Space after the longest bar for its number.
    let room = 0.12 * (x.high / 2.0 - x.low / 2.0) * 2.0;
    let x = Extent {
        low: if x.low < -0.01 * room && values.iter().any(|(_, v)| *v < 0.0) {
            x.low - room
        } else {
            0.0
        },
        high: if values.iter().any(|(_, v)| *v > 0.0) {
            x.high + room
        } else {
            room
        },
        whole: false,
        ..x
    };
    let y = Extent {
        low: 0.0,
        high: rows,
        log: false,
        whole: true,
    };
    let widest = values
        .iter()
        .map(|(name, _)| text::width(name.as_ref(), SMALL))
        .fold(0.0, f64::max);
    let names = widest.min(0.35 * f64::from(plot.width));
    render(plot.width, plot.height, &plot.title, |canvas| {
        let frame = Frame::draw(
            canvas,
            &plot,
            (x, y),
            &[],
            Margins {
                names: Some(names),
                right: 0.0,
            },
        )?;
        let row = (frame.bottom - frame.top) / rows;
        let zero = frame
            .position((0.0, 0.0))
            .map_or(frame.left, |at| at.0)
            .clamp(frame.left, frame.right);
        canvas.path(
            &[(zero, frame.top), (zero, frame.bottom)],
            palette::AXIS,
            1.0,
        )?;
        for (index, (name, value)) in values.iter().enumerate() {
            let y = frame.top + (index as f64 + 0.5) * row;
            let style = Label::new(SMALL, HPos::Right, VPos::Center);
            canvas.text(
                &text::fit(name.as_ref(), SMALL, names),
                (frame.left - 8.0, y),
                style,
            )?;
            let Some((end, _)) = frame.position((*value, 0.0)) else {
                continue;
            };
            let end = end.clamp(frame.left, frame.right);
            let half = (0.36 * row).min(14.0);
            let color = palette::series(usize::from(*value < 0.0));
            canvas.rectangle((zero.min(end), y - half), (zero.max(end), y + half), color)?;
            let (side, at) = if *value < 0.0 {
                (HPos::Right, end - 4.0)
            } else {
                (HPos::Left, end + 4.0)
            };
            canvas.text(
                &text::number(*value),
                (at, y),
                Label::new(SMALL - 1.0, side, VPos::Center),
            )?;
        }
        Ok(())
    })
}
