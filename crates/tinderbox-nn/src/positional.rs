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

/// Rotary positions (Su et al. 2021): in each head of `part` features, `i` and `i + part / 2` are rotated by the
/// angle `position / base^(2 i / part)`, so that the product of a query and a key depends on their distance alone.
///
/// # Shapes
/// `[batch, steps, heads * part]` in and out, for the positions from `start` on.
///
/// # Panics
/// If the heads do not divide the features, or the part is odd.
pub fn rotate_by_position(inputs: Tensor<3>, start: usize, heads: usize, base: f64) -> Tensor<3> {
    let [batch, steps, size] = inputs.dims();
    let half = size / heads / 2;
    assert_eq!(2 * half * heads, size);
    let device = inputs.device();
    let angles = |function: fn(f64) -> f64| {
        let numbers = (start..start + steps).flat_map(|position| {
            (0..half).map(move |place| {
                let angle = position as f64 / base.powf(place as f64 / half as f64);
                function(angle) as f32
            })
        });
        let numbers: Vec<f32> = numbers.collect();
        Tensor::<4>::from_data(TensorData::new(numbers, [1, steps, 1, half]), &device)
    };
    let (cos, sin) = (angles(f64::cos), angles(f64::sin));
    let inputs = inputs.reshape([batch, steps, heads, 2 * half]);
    let (x, y) = (
        inputs.clone().narrow(3, 0, half),
        inputs.narrow(3, half, half),
    );
    let rotated_x = x.clone() * cos.clone() - y.clone() * sin.clone();
    let rotated = Tensor::cat(vec![rotated_x, y * cos + x * sin], 3);
    rotated.reshape([batch, steps, size])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_rotated_vectors_depend_on_their_distance_alone() {
        let device = Device::flex();
        let vector = |numbers: [f32; 8]| Tensor::<1>::from_data(numbers, &device);
        let query = vector([0.3, -1.0, 0.5, 2.0, -0.7, 0.1, 1.5, -0.2]).reshape([1, 1, 8]);
        let key = vector([1.1, 0.4, -0.6, 0.9, 0.2, -1.3, 0.8, 0.5]).reshape([1, 1, 8]);
        let product = |of_query, of_key| -> f32 {
            let query = rotate_by_position(query.clone(), of_query, 2, 100.0);
            (query * rotate_by_position(key.clone(), of_key, 2, 100.0))
                .sum()
                .into_scalar()
        };
        assert!((product(3, 1) - product(12, 10)).abs() < 1e-5);
        assert!((product(3, 1) - product(3, 2)).abs() > 1e-2);
        let plain: f32 = (query.clone() * key.clone()).sum().into_scalar();
        assert!((product(5, 5) - plain).abs() < 1e-5);
        // A later start continues the sequence.
        let steps = Tensor::<1, burn::tensor::Int>::arange(0..24, &device)
            .float()
            .reshape([1, 3, 8]);
        let whole = rotate_by_position(steps.clone(), 0, 2, 100.0).narrow(1, 2, 1);
        let last = rotate_by_position(steps.narrow(1, 2, 1), 2, 2, 100.0);
        assert_eq!(whole.to_data(), last.to_data());
    }

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
