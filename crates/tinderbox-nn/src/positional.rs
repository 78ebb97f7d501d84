use burn::tensor::{Device, Tensor, TensorData};

/// The sinusoidal positional encoding (Vaswani et al. 2017): sine and cosine of `position /
/// 10000^(2 i / size)` at places `2 i` and `2 i + 1`.
///
/// # Shapes
/// `[steps, size]`, for the positions from `start` on.
pub fn positional_encoding(start: usize, steps: usize, size: usize, device: &Device) -> Tensor<2> {
    let numbers = (start..start + steps).flat_map(|position| {
        (0..size).map(move |place| {
            let exponent = (place - place % 2) as f64 / size as f64;
            let angle = position as f64 / 10_000f64.powf(exponent);
            let number = match place % 2 {
                0 => angle.sin(),
                _ => angle.cos(),
            };
            number as f32
        })
    });
    let numbers: Vec<f32> = numbers.collect();
    Tensor::from_data(TensorData::new(numbers, [steps, size]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_get_slower_and_a_later_start_continues() {
        let device = Device::flex();
        let numbers =
            |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().iter::<f32>().collect() };
        let first = numbers(positional_encoding(0, 2, 4, &device));
        let expected = [
            0.0,
            1.0,
            0.0,
            1.0,
            0.841_471,
            0.540_302,
            0.009_999_8,
            0.999_95,
        ];
        for (got, expected) in first.into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        let whole = positional_encoding(0, 7, 5, &device).narrow(0, 3, 4);
        assert_eq!(
            numbers(whole),
            numbers(positional_encoding(3, 4, 5, &device))
        );
    }
}
