//! Colors that are safe for color blindness, on an opaque white background.

use plotters::style::RGBColor;

/// Okabe and Ito (2008), without yellow, which is hard to see on white; strongest contrast first.
const SERIES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(34, 34, 34);
/// Axis lines and ticks.
pub(crate) const AXIS: RGBColor = RGBColor(110, 110, 110);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(228, 228, 228);
/// The background of every figure.
pub(crate) const CARD: RGBColor = RGBColor(255, 255, 255);
/// Cells without a value.
pub(crate) const MISSING: RGBColor = RGBColor(200, 200, 200);

/// The color of series `index`; colors repeat after seven, with another dash pattern.
pub(crate) fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// The dash pattern of series `index`, none for the first seven.
pub(crate) fn dash(index: usize) -> Option<&'static str> {
    [None, Some("60 30"), Some("15 25"), Some("90 25 15 25")][(index / SERIES.len()) % 4]
}

/// Light to dark blue (ColorBrewer's sequential Blues) for `t` from 0 to 1.
pub(crate) fn ramp(t: f64) -> RGBColor {
    const STOPS: [(u8, u8, u8); 5] = [
        (247, 251, 255),
        (198, 219, 239),
        (107, 174, 214),
        (33, 113, 181),
        (8, 48, 107),
    ];
    let position = t.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let index = (position as usize).min(STOPS.len() - 2);
    let (a, b) = (STOPS[index], STOPS[index + 1]);
    let part = position - index as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Black or white, whichever has more contrast on `background` (WCAG's contrast ratio).
pub(crate) fn on(background: RGBColor) -> RGBColor {
    let linear = |c: u8| (f64::from(c) / 255.0).powf(2.2);
    let RGBColor(r, g, b) = background;
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    if luminance > 0.18 { INK } else { CARD }
}
