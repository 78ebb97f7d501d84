//! Kernels over slices, at every level that this processor has, compared with 64-bit loops.

use tinderbox_kernels::slices::*;

use crate::numbers::{Numbers, assert_close, wide};
use crate::reference;

/// A random convolution: now and then one image, one channel, depthwise, a 1 x 1 kernel.
pub fn random_conv(numbers: &mut Numbers) -> ConvShape {
    loop {
        let groups = [1, 1, 1, 2, 3][numbers.within(0..=4)];
        let depthwise = numbers.within(0..=5) == 0;
        let channels = match depthwise {
            true => [numbers.within(1..=9); 2],
            false => [
                groups * numbers.within(1..=12),
                groups * [1, 5, 8, 12, 16, 17, 33][numbers.within(0..=6)],
            ],
        };
        let mut pair = |range: std::ops::RangeInclusive<usize>| {
            [numbers.within(range.clone()), numbers.within(range)]
        };
        let (input, kernel) = (pair(1..=13), pair(1..=5));
        let (stride, dilation) = (pair(1..=3), pair(1..=2));
        let (before, after) = (pair(0..=3), pair(0..=3));
        let shape = ConvShape {
            batch: [1, 2, 5, 9][numbers.within(0..=3)],
            channels,
            groups: if depthwise { channels[0] } else { groups },
            input,
            kernel,
            stride,
            padding: [(before[0], after[0]), (before[1], after[1])],
            dilation,
        };
        if shape.is_supported() {
            return shape;
        }
    }
}

#[test]
fn convolutions_of_random_shapes_equal_their_sums() {
    let mut numbers = Numbers::new(18);
    for _ in 0..120 {
        let shape = random_conv(&mut numbers);
        let [inputs, weights, outputs] = shape.lengths();
        let (input, weight) = (numbers.many(inputs), numbers.many(weights));
        let (bias, gradient) = (numbers.many(shape.channels[1]), numbers.many(outputs));
        let (x, w, g) = (wide(&input), wide(&weight), wide(&gradient));
        let output = reference::conv2d(&shape, &x, &w, &wide(&bias));
        let [of_input, of_weight, of_bias] = reference::conv2d_gradients(&shape, &x, &w, &g);
        for level in Level::available() {
            let what = (level, shape);
            let actual = conv2d(level, &shape, &input, &weight, Some(&bias));
            assert_close(&actual, &output, &what);
            let actual = conv2d_input_gradient(level, &shape, &weight, &gradient);
            assert_close(&actual, &of_input, &what);
            let actual = conv2d_weight_gradient(level, &shape, &input, &gradient);
            assert_close(&actual, &of_weight, &what);
            let actual = conv2d_bias_gradient(level, &shape, &gradient);
            assert_close(&actual, &of_bias, &what);
        }
    }
}

#[test]
fn long_sums_are_cut_into_blocks() {
    // More terms than a block holds, more pixels than a tile block, images computed together.
    let base = ConvShape {
        batch: 11,
        channels: [70, 40],
        groups: 1,
        input: [3, 3],
        kernel: [3, 3],
        stride: [1; 2],
        padding: [(1, 1); 2],
        dilation: [1; 2],
    };
    let large = ConvShape {
        batch: 2,
        input: [15, 14],
        ..base
    };
    let mut numbers = Numbers::new(7);
    for shape in [base, large] {
        let [inputs, weights, outputs] = shape.lengths();
        let (input, weight) = (numbers.many(inputs), numbers.many(weights));
        let gradient = numbers.many(outputs);
        let (x, w, g) = (wide(&input), wide(&weight), wide(&gradient));
        let output = reference::conv2d(&shape, &x, &w, &[0.0; 40]);
        let [of_input, of_weight, _] = reference::conv2d_gradients(&shape, &x, &w, &g);
        for level in Level::available() {
            let what = (level, shape);
            assert_close(
                &conv2d(level, &shape, &input, &weight, None),
                &output,
                &what,
            );
            let actual = conv2d_input_gradient(level, &shape, &weight, &gradient);
            assert_close(&actual, &of_input, &what);
            let actual = conv2d_weight_gradient(level, &shape, &input, &gradient);
            assert_close(&actual, &of_weight, &what);
        }
    }
}

#[test]
fn the_reference_gradients_are_the_slopes_of_the_reference() {
    let mut numbers = Numbers::new(3);
    for _ in 0..10 {
        let shape = random_conv(&mut numbers);
        let [inputs, weights, outputs] = shape.lengths();
        let mut input = wide(&numbers.many(inputs));
        let mut weight = wide(&numbers.many(weights));
        let gradient = wide(&numbers.many(outputs));
        let bias = vec![0.0; shape.channels[1]];
        let loss = |input: &[f64], weight: &[f64]| {
            let output = reference::conv2d(&shape, input, weight, &bias);
            output
                .iter()
                .zip(&gradient)
                .map(|(a, b)| a * b)
                .sum::<f64>()
        };
        let [of_input, of_weight, _] =
            reference::conv2d_gradients(&shape, &input, &weight, &gradient);
        let (at, step) = (numbers.within(0..=inputs - 1), 1e-3);
        let before = loss(&input, &weight);
        input[at] += step;
        let slope = (loss(&input, &weight) - before) / step;
        assert!((slope - of_input[at]).abs() < 1e-8, "{shape:?}");
        input[at] -= step;
        let at = numbers.within(0..=weights - 1);
        weight[at] += step;
        let slope = (loss(&input, &weight) - before) / step;
        assert!((slope - of_weight[at]).abs() < 1e-8, "{shape:?}");
    }
}

#[test]
fn pools_of_random_shapes_equal_their_windows() {
    let mut numbers = Numbers::new(5);
    let mut tried = 0;
    while tried < 150 {
        let window = [numbers.within(1..=4), numbers.within(1..=4)];
        let shape = PoolShape {
            planes: numbers.within(1..=5),
            input: [numbers.within(1..=12), numbers.within(1..=50)],
            window,
            stride: [numbers.within(1..=3), numbers.within(1..=3)],
            padding: window.map(|side| numbers.within(0..=side / 2)),
        };
        // Every other time the usual one, which has its own loops.
        let shape = match tried % 2 {
            0 => PoolShape {
                window: [2; 2],
                stride: [2; 2],
                padding: [0; 2],
                ..shape
            },
            _ => shape,
        };
        if !shape.is_supported() {
            continue;
        }
        tried += 1;
        let windows = reference::windows(&shape);
        let [inputs, outputs] = shape.lengths();
        let (input, gradient) = (numbers.many(inputs), numbers.many(outputs));
        let count = (shape.window[0] * shape.window[1]) as f64;
        let (mut means, mut of_mean) = (vec![0.0; outputs], vec![0.0; inputs]);
        let (mut largest, mut of_largest) = (vec![0.0; outputs], vec![0.0; inputs]);
        for (index, window) in windows.iter().enumerate() {
            let best = window
                .iter()
                .copied()
                .reduce(|best, at| if input[at] > input[best] { at } else { best });
            let best = best.unwrap();
            largest[index] = f64::from(input[best]);
            of_largest[best] += f64::from(gradient[index]);
            for &at in window {
                means[index] += f64::from(input[at]) / count;
                of_mean[at] += f64::from(gradient[index]) / count;
            }
        }
        for level in Level::available() {
            let what = (level, shape);
            assert_close(&avg_pool2d(level, &shape, &input), &means, &what);
            assert_close(
                &avg_pool2d_gradient(level, &shape, &gradient),
                &of_mean,
                &what,
            );
            let (output, places) = max_pool2d(level, &shape, &input);
            assert_close(&output, &largest, &what);
            let actual = max_pool2d_gradient(&shape, &places, &gradient);
            assert_close(&actual, &of_largest, &what);
        }
    }
}

/// The first of equal numbers wins, the last NaN wins over all, and minus infinity has a place only as padding has: none.
#[test]
fn the_largest_of_numbers_that_are_equal_infinite_or_not_numbers() {
    let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
    let shape = PoolShape {
        planes: 1,
        input: [2, 10],
        window: [2, 2],
        stride: [2, 2],
        padding: [0, 0],
    };
    let input = [
        [1.0, 1.0, low, low, 2.0, nan, nan, 3.0, -0.0, 0.0],
        [1.0, 1.0, low, low, 4.0, 5.0, 6.0, nan, 0.0, -0.0],
    ];
    for level in Level::available() {
        let (output, places) = max_pool2d(level, &shape, input.as_flattened());
        assert_eq!(places, [0, u8::MAX, 1, 3, 0], "{level:?}");
        assert_eq!([output[0], output[1], output[4]], [1.0, low, 0.0]);
        assert!(output[2].is_nan() && output[3].is_nan());
        let gradient = max_pool2d_gradient(&shape, &places, &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let mut expected = [0.0; 20];
        for (place, number) in [(0, 1.0), (5, 3.0), (17, 4.0), (8, 5.0)] {
            expected[place] = number;
        }
        assert_eq!(gradient, expected);
    }
}

#[test]
fn activations_equal_their_formulas_far_from_zero_too() {
    let mut inputs = Numbers::new(9).many(1000);
    inputs.extend([
        0.0, -0.0, 5.999, 6.001, 30.0, -30.0, 89.0, -89.0, 500.0, -500.0,
    ]);
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    for level in Level::available() {
        for scale in [1.0, 8.0] {
            let inputs: Vec<f32> = inputs.iter().map(|x| x * scale).collect();
            let expected = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
                inputs.iter().map(|&x| f(f64::from(x))).collect()
            };
            let check = |function, values: Vec<f64>, slopes: Vec<f64>| {
                let output = activation(level, function, &inputs);
                let mut in_place = inputs.clone();
                activate(level, function, &mut in_place);
                assert_eq!(in_place, output);
                let kept = if function.uses_output() {
                    &output
                } else {
                    &inputs
                };
                let mut gradient = vec![1.0; inputs.len()];
                activation_gradient(level, function, kept, &mut gradient);
                let slack = if function == Function::Gelu {
                    1e-6
                } else {
                    3e-7
                };
                for (index, input) in inputs.iter().enumerate() {
                    let error = |actual: f32, expected: f64| {
                        (f64::from(actual) - expected).abs() / expected.abs().max(1.0)
                    };
                    let what = (level, function, input);
                    assert!(error(output[index], values[index]) < slack, "{what:?}");
                    assert!(error(gradient[index], slopes[index]) < 2e-6, "{what:?}");
                }
            };
            let inside = |low: f64, high: f64| expected(&move |x| f64::from(x > low && x < high));
            check(
                Function::Relu,
                expected(&|x| x.max(0.0)),
                inside(0.0, f64::MAX),
            );
            check(
                Function::Tanh,
                expected(&f64::tanh),
                expected(&|x| 1.0 - x.tanh().powi(2)),
            );
            check(
                Function::Relu6,
                expected(&|x| x.clamp(0.0, 6.0)),
                inside(0.0, 6.0),
            );
            let slope = |x: f64| logistic(x) * (1.0 - logistic(x));
            check(Function::Sigmoid, expected(&logistic), expected(&slope));
            let silu = |x: f64| logistic(x) * (1.0 + x * (1.0 - logistic(x)));
            check(
                Function::Silu,
                expected(&|x| x * logistic(x)),
                expected(&silu),
            );
        }
    }
    let mut odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    activate(Level::detect(), Function::Sigmoid, &mut odd);
    assert!(odd[0].is_nan());
    assert_eq!(odd[1..], [1.0, 0.0]);
}

#[test]
fn batch_norm_equals_its_formula() {
    let mut numbers = Numbers::new(11);
    for (batch, channels, plane) in [(1, 1, 8), (3, 5, 49), (16, 2, 100), (9, 7, 1)] {
        let shape = NormShape {
            batch,
            channels,
            plane,
        };
        // Far from zero, where a sum of squares would lose digits.
        let input: Vec<f32> = numbers.many(batch * channels * plane);
        let input: Vec<f32> = input.iter().map(|x| x + 10.0).collect();
        let gradient = numbers.many(input.len());
        let (gamma, beta) = (numbers.many(channels), numbers.many(channels));
        let epsilon = 1e-5;
        let count = (batch * plane) as f64;
        let of = |index: usize| index / plane % channels;
        let sums = |term: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; channels];
            (0..input.len()).for_each(|index| sums[of(index)] += term(index));
            sums
        };
        let mean = sums(&|index| f64::from(input[index]) / count);
        let centered = |index: usize| f64::from(input[index]) - mean[of(index)];
        let variance = sums(&|index| centered(index).powi(2) / count);
        let normal = |index: usize| centered(index) / (variance[of(index)] + epsilon).sqrt();
        let of_beta = sums(&|index| f64::from(gradient[index]));
        let of_gamma = sums(&|index| f64::from(gradient[index]) * normal(index));
        let output: Vec<f64> = (0..input.len())
            .map(|index| normal(index) * f64::from(gamma[of(index)]) + f64::from(beta[of(index)]))
            .collect();
        let of_input: Vec<f64> = (0..input.len())
            .map(|index| {
                let channel = of(index);
                let rest = f64::from(gradient[index])
                    - of_beta[channel] / count
                    - normal(index) * of_gamma[channel] / count;
                rest * f64::from(gamma[channel]) / (variance[channel] + epsilon).sqrt()
            })
            .collect();
        for level in Level::available() {
            let what = (level, shape);
            let (means, variances) = batch_statistics(level, &shape, &input);
            assert_close(&means, &mean, &what);
            assert_close(&variances, &variance, &what);
            let parameters = [&gamma, &beta, &means, &variances].map(Vec::as_slice);
            let actual = batch_norm(level, &shape, &input, parameters, epsilon);
            assert_close(&actual, &output, &what);
            let parameters = [&gamma, &means, &variances].map(Vec::as_slice);
            let [x, g, b] =
                batch_norm_gradient(level, &shape, &input, parameters, epsilon, &gradient);
            assert_close(&x, &of_input, &what);
            assert_close(&g, &of_gamma, &what);
            assert_close(&b, &of_beta, &what);
        }
    }
}
