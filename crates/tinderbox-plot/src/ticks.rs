//! Ticks: round numbers within a range, and their labels.

use crate::extent::Extent;
use crate::text;

/// Multiples of 1, 2, 2.5 or 5 times a power of ten.
pub(crate) fn linear_ticks(
    Extent {
        low, high, whole, ..
    }: Extent,
    max_ticks: usize,
) -> Vec<(f64, String)> {
    let rough = (high - low) / max_ticks.max(1) as f64;
    let mut exponent = rough.log10().floor() as i32;
    if whole {
        exponent = exponent.max(0);
    }
    let power = 10f64.powi(exponent);
    let factors: &[f64] = if whole && exponent == 0 {
        &[1.0, 2.0, 5.0, 10.0]
    } else {
        &[1.0, 2.0, 2.5, 5.0, 10.0]
    };
    let factor = factors
        .iter()
        .copied()
        .find(|f| f * power >= rough * 0.9)
        .unwrap_or(10.0);
    let step = factor * power;
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let values: Vec<f64> = (0..=(last - first).clamp(0.0, 50.0) as usize)
        .map(|index| (first + index as f64) * step)
        .filter(|value| (low..=high).contains(value))
        .collect();
    let places = if factor == 2.5 { 1 } else { 0 } - exponent - i32::from(factor == 10.0);
    let greatest = values.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let label = |value: f64| {
        if value.abs() < step * 1e-6 {
            "0".to_owned()
        } else if (1e-3..1e6).contains(&greatest) {
            format!("{value:.*}", places.max(0) as usize)
        } else {
            let digits = greatest.log10().floor() as i32 + places;
            text::scientific(value, digits.clamp(0, 16) as usize)
        }
    };
    values
        .into_iter()
        .map(|value| (value, label(value)))
        .collect()
}

/// Powers of ten, with 2 and 5 times them on short ranges.
pub(crate) fn log_ticks(extent: Extent, max_ticks: usize) -> Vec<(f64, String)> {
    let (low, high) = (extent.low, extent.high);
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = (high.log10().floor() - low.log10().ceil()).max(0.0) as usize + 1;
    let stride = inside.div_ceil(max_ticks.max(1));
    // With a stride, 1 is a tick if it is on the axis.
    let first = first - first.rem_euclid(stride as i32);
    let within = |factors: &[f64], stride: usize| -> Vec<(f64, String)> {
        (first..=last)
            .step_by(stride)
            .flat_map(|exponent| factors.iter().map(move |factor| (factor, exponent)))
            // Parsing returns the nearest double, powi does not.
            .filter_map(|(factor, exponent)| format!("{factor}e{exponent}").parse::<f64>().ok())
            .filter(|value| (low..=high).contains(value))
            .map(|value| (value, text::number(value)))
            .collect()
    };
    let decades = within(&[1.0], stride);
    if decades.len() > 2 || stride > 1 {
        return decades;
    }
    let finer = within(&[1.0, 2.0, 5.0], 1);
    match finer.len() {
        0..=2 => linear_ticks(
            Extent {
                whole: false,
                ..extent
            },
            max_ticks,
        ),
        n if n > max_ticks => decades,
        _ => finer,
    }
}
