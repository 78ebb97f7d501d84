//! The same bits whatever the number of threads.

use tinderbox_kernels::slices::*;

use crate::numbers::Numbers;

#[test]
fn one_two_and_five_threads_give_the_same_bits() {
    let mut numbers = Numbers::new(1);
    let conv = ConvShape {
        batch: 13,
        channels: [6, 20],
        groups: 1,
        input: [12, 11],
        kernel: [3, 3],
        stride: [1; 2],
        padding: [(1, 1); 2],
        dilation: [1; 2],
    };
    let depthwise = ConvShape {
        channels: [6, 6],
        groups: 6,
        ..conv
    };
    let norm = NormShape {
        batch: 13,
        channels: 6,
        plane: 132,
    };
    let shapes = [conv, depthwise];
    let data = shapes.map(|shape| shape.lengths().map(|length| numbers.many(length)));
    let level = Level::detect();
    let all = || {
        let mut results = Vec::new();
        for (shape, [input, weight, gradient]) in shapes.iter().zip(&data) {
            results.push(conv2d(level, shape, input, weight, None));
            results.push(conv2d_input_gradient(level, shape, weight, gradient));
            results.push(conv2d_weight_gradient(level, shape, input, gradient));
            results.push(conv2d_bias_gradient(level, shape, gradient));
        }
        let input = &data[0][0];
        let (mean, variance) = batch_statistics(level, &norm, input);
        let ones = vec![1.0; 6];
        let parameters = [&ones, &mean, &variance].map(Vec::as_slice);
        let gradients = batch_norm_gradient(level, &norm, input, parameters, 1e-5, input);
        results.extend([mean, variance]);
        results.extend(gradients);
        results
    };
    let [one, two, five] = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(all)
    });
    assert!(one == two && one == five);
}
