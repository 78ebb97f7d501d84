//! Values as the text of a result: numbers, lists, tensors.

use anyhow::Result;
use tinderbox::burn::tensor::Bool;
use tinderbox::prelude::*;

/// A value that a page can show as a result.
pub trait Shown {
    /// The value as text; a tensor with brackets for every dimension.
    fn shown(&self) -> Result<String>;
}

impl Shown for str {
    fn shown(&self) -> Result<String> {
        Ok(self.to_owned())
    }
}

impl Shown for String {
    fn shown(&self) -> Result<String> {
        Ok(self.clone())
    }
}

impl Shown for bool {
    fn shown(&self) -> Result<String> {
        Ok(self.to_string())
    }
}

impl Shown for usize {
    fn shown(&self) -> Result<String> {
        Ok(self.to_string())
    }
}

impl Shown for f64 {
    fn shown(&self) -> Result<String> {
        Ok(number(*self))
    }
}

impl<const N: usize> Shown for [usize; N] {
    fn shown(&self) -> Result<String> {
        Ok(format!("{self:?}"))
    }
}

impl Shown for [f64] {
    fn shown(&self) -> Result<String> {
        Ok(brackets(
            &[self.len()],
            self.iter().map(|value| number(*value)),
        ))
    }
}

impl Shown for Vec<f64> {
    fn shown(&self) -> Result<String> {
        self.as_slice().shown()
    }
}

impl<const D: usize> Shown for Tensor<D> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<f64>()?.into_iter();
        Ok(brackets(&self.dims(), values.map(number)))
    }
}

impl<const D: usize> Shown for Tensor<D, Int> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<i64>()?.into_iter();
        Ok(brackets(
            &self.dims(),
            values.map(|value| value.to_string()),
        ))
    }
}

impl<const D: usize> Shown for Tensor<D, Bool> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<bool>()?.into_iter();
        Ok(brackets(
            &self.dims(),
            values.map(|value| value.to_string()),
        ))
    }
}

/// Five significant digits and at least one decimal: 2.7183, 54.598, 2981.0, 127500.0.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if value == value.trunc() && size < 1e9 {
        return format!("{:.1}", value + 0.0); // without the sign of -0
    }
    if !(1e-3..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - size.log10().floor() as i32).clamp(1, 7) as usize;
    let text = format!("{value:.decimals$}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}

/// The values in nested brackets, like a literal of this shape.
fn brackets(dims: &[usize], values: impl Iterator<Item = String>) -> String {
    let mut cells: Vec<String> = values.collect();
    for &length in dims.iter().rev() {
        let rows = cells.chunks(length.max(1));
        cells = rows.map(|row| format!("[{}]", row.join(", "))).collect();
    }
    cells.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        let shown: Vec<String> = [
            std::f64::consts::E,
            2_980.957_9,
            1.0 / 6.0,
            127_500.0,
            0.5,
            -0.0,
            1.5e-7,
        ]
        .map(number)
        .into();
        assert_eq!(
            shown,
            [
                "2.7183", "2981.0", "0.16667", "127500.0", "0.5", "0.0", "1.500e-7"
            ]
        );
    }

    #[test]
    fn brackets_follow_the_shape() {
        let values = (0..4).map(|value| value.to_string());
        assert_eq!(brackets(&[2, 1, 2], values), "[[[0, 1]], [[2, 3]]]");
    }
}
