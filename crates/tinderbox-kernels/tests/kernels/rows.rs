//! Softmax, cross-entropy, layer norm, embedding and adaptive pooling over slices, compared with 64-bit
//! loops.

use tinderbox_kernels::slices::*;

use crate::numbers::{Numbers, assert_close, wide};

#[test]
fn softmax_and_cross_entropy_of_random_rows_equal_their_sums() {
    let mut numbers = Numbers::new(31);
    for _ in 0..20 {
        let columns = [1, 2, 10, 16, 28, 33, 700, 5000][numbers.within(0..=7)];
        let rows = numbers.within(1..=9);
        let logits: Vec<f32> = (numbers.many(rows * columns).iter())
            .map(|x| x * 9.0)
            .collect();
        let gradient = numbers.many(rows * columns);
        let targets: Vec<u32> = (0..rows)
            .map(|_| numbers.within(0..=columns - 1) as u32)
            .collect();
        let smoothing = [0.0, 0.1][numbers.within(0..=1)];
        let powers: Vec<f64> = wide(&logits).iter().map(|x| x.exp()).collect();
        let sums: Vec<f64> = powers.chunks(columns).map(|row| row.iter().sum()).collect();
        let p: Vec<f64> = (0..rows * columns)
            .map(|at| powers[at] / sums[at / columns])
            .collect();
        let log: Vec<f64> = p.iter().map(|p| p.ln()).collect();
        // dL/dx = p (g - sum p g), and g - p sum g for the logarithm.
        let dots = |weights: &[f64]| -> Vec<f64> {
            let products: Vec<f64> = wide(&gradient)
                .iter()
                .zip(weights)
                .map(|(g, w)| g * w)
                .collect();
            products
                .chunks(columns)
                .map(|row| row.iter().sum())
                .collect()
        };
        let (weighted, plain) = (dots(&p), dots(&vec![1.0; p.len()]));
        let g = wide(&gradient);
        let of_soft: Vec<f64> = (0..p.len())
            .map(|at| p[at] * (g[at] - weighted[at / columns]))
            .collect();
        let of_log: Vec<f64> = (0..p.len())
            .map(|at| g[at] - p[at] * plain[at / columns])
            .collect();
        let (e, k) = (f64::from(smoothing), columns as f64);
        let right = |at: usize| f64::from(targets[at / columns] as usize == at % columns);
        let weight = |at: usize| (1.0 - e) * right(at) + e / k;
        let loss = -(0..p.len()).map(|at| weight(at) * log[at]).sum::<f64>() / rows as f64;
        let of_loss: Vec<f64> = (0..p.len())
            .map(|at| (p[at] - weight(at)) / rows as f64)
            .collect();
        for level in Level::available() {
            let what = (level, rows, columns);
            let actual = softmax(level, columns, false, &logits);
            assert_close(&actual, &p, &what);
            let mut of_input = gradient.clone();
            softmax_gradient(level, columns, false, &actual, &mut of_input);
            assert_close(&of_input, &of_soft, &what);
            let actual = softmax(level, columns, true, &logits);
            assert_close(&actual, &log, &what);
            let mut of_input = gradient.clone();
            softmax_gradient(level, columns, true, &actual, &mut of_input);
            assert_close(&of_input, &of_log, &what);
            let (actual, of_logits) = cross_entropy(level, columns, &logits, &targets, smoothing);
            assert_close(&[actual], &[loss], &what);
            assert_close(&of_logits, &of_loss, &what);
        }
    }
}

#[test]
fn layer_norm_equals_its_definition() {
    let mut numbers = Numbers::new(33);
    let epsilon = 1e-5;
    for (rows, columns) in [(1, 3), (7, 5), (3, 16), (70, 37), (2, 5000)] {
        let input: Vec<f32> = numbers
            .many(rows * columns)
            .iter()
            .map(|x| x + 10.0)
            .collect();
        let (gamma, beta) = (numbers.many(columns), numbers.many(columns));
        let gradient = numbers.many(input.len());
        let (x, g) = (wide(&input), wide(&gradient));
        let n = columns as f64;
        let mean = |row: &[f64]| row.iter().sum::<f64>() / n;
        let (mut output, mut of_input) = (Vec::new(), Vec::new());
        let (mut of_gamma, mut of_beta) = (vec![0.0; columns], vec![0.0; columns]);
        for (x, g) in x.chunks(columns).zip(g.chunks(columns)) {
            let m = mean(x);
            let squares: Vec<f64> = x.iter().map(|x| (x - m).powi(2)).collect();
            let deviation = (mean(&squares) + epsilon).sqrt();
            let normal: Vec<f64> = x.iter().map(|x| (x - m) / deviation).collect();
            let scaled: Vec<f64> = (0..columns).map(|c| g[c] * f64::from(gamma[c])).collect();
            let product: Vec<f64> = (0..columns).map(|c| scaled[c] * normal[c]).collect();
            for c in 0..columns {
                output.push(normal[c] * f64::from(gamma[c]) + f64::from(beta[c]));
                of_input.push((scaled[c] - mean(&scaled) - normal[c] * mean(&product)) / deviation);
                of_gamma[c] += g[c] * normal[c];
                of_beta[c] += g[c];
            }
        }
        for level in Level::available() {
            let what = (level, rows, columns);
            let (actual, statistics) = layer_norm(level, &input, &gamma, &beta, epsilon);
            assert_close(&actual, &output, &what);
            let [x, g, b] = layer_norm_gradient(level, &input, &gamma, &statistics, &gradient);
            assert_close(&x, &of_input, &what);
            assert_close(&g, &of_gamma, &what);
            assert_close(&b, &of_beta, &what);
        }
    }
}

#[test]
fn an_embedding_adds_its_gradients_in_the_order_of_the_ids() {
    let mut numbers = Numbers::new(35);
    let (rows, columns) = (7, 5);
    let table = numbers.many(rows * columns);
    let ids: Vec<u32> = (0..40)
        .map(|_| numbers.within(0..=rows - 2) as u32)
        .collect();
    let output = embedding(&table, columns, &ids);
    let gradient = numbers.many(output.len());
    let mut expected = vec![0.0; table.len()];
    for (place, &id) in ids.iter().enumerate() {
        for column in 0..columns {
            let (at, from) = (place * columns + column, id as usize * columns + column);
            assert_eq!(output[at], table[from]);
            expected[from] += gradient[at];
        }
    }
    // The same sums, bit by bit.
    assert_eq!(embedding_gradient(rows, columns, &ids, &gradient), expected);
}

#[test]
fn adaptive_means_and_their_gradients_equal_their_sums() {
    let mut numbers = Numbers::new(37);
    for _ in 0..20 {
        let mut side = || numbers.within(1..=9);
        let shape = AdaptiveShape {
            planes: side(),
            input: [side(), side()],
            output: [side(), side()],
        };
        let [[height, width], [rows, columns]] = [shape.input, shape.output];
        let input = numbers.many(shape.planes * height * width);
        let gradient = numbers.many(shape.planes * rows * columns);
        let mut output = vec![0.0; gradient.len()];
        let mut of_input = vec![0.0; input.len()];
        let window =
            |at: usize, from: usize, to: usize| at * from / to..((at + 1) * from).div_ceil(to);
        for at in 0..gradient.len() {
            let (plane, y, x) = (at / rows / columns, at / columns % rows, at % columns);
            let (down, right) = (window(y, height, rows), window(x, width, columns));
            let count = (down.len() * right.len()) as f64;
            for row in down {
                for column in right.clone() {
                    let from = (plane * height + row) * width + column;
                    output[at] += f64::from(input[from]) / count;
                    of_input[from] += f64::from(gradient[at]) / count;
                }
            }
        }
        for level in Level::available() {
            assert_close(&adaptive_avg_pool2d(level, &shape, &input), &output, &shape);
        }
        assert_close(
            &adaptive_avg_pool2d_gradient(&shape, &gradient),
            &of_input,
            &shape,
        );
    }
}
