//! The same bits whatever the number of threads.

use tinderbox_kernels::slices::*;

use crate::numbers::Numbers;
use crate::recurrent::{both, random};

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
    let layers = [(RecurrentCell::Gru, false), (RecurrentCell::Lstm, true)];
    let layers = layers.map(|(cell, reverse)| {
        let shape = RecurrentShape {
            cell,
            reverse,
            steps: 4,
            batch: 21,
            inputs: 30,
            hidden: 40,
        };
        let output = (4 + usize::from(cell == RecurrentCell::Lstm)) * 21 * 40;
        (shape, random(&mut numbers, &shape), numbers.many(output))
    });
    let targets: Vec<u32> = (0..data[0][0].len() / 33)
        .map(|row| row as u32 % 33)
        .collect();
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
        let attended = AttentionShape {
            batch: 3,
            heads: 4,
            groups: 2,
            part: 10,
            queries: 20,
            keys: 20,
        };
        // A row of 80 numbers: 40 of queries, 20 of keys, 20 of values.
        let rows = [0, 40, 60].map(|first| HeadRows {
            numbers: &input[first..],
            row: 80,
        });
        let options = AttentionOptions::default();
        let (means, weights) = attention(level, &attended, rows, options);
        let gradients = attention_gradient(
            level,
            &attended,
            rows,
            options,
            &weights,
            AttentionGradient::Means(&means),
        );
        results.extend(gradients);
        results.push(means);
        let ones = vec![1.0; 6];
        let parameters = [&ones, &mean, &variance].map(Vec::as_slice);
        let gradients = batch_norm_gradient(level, &norm, input, parameters, 1e-5, input);
        for (shape, given, gradient) in &layers {
            results.extend(both(level, shape, given, gradient));
        }
        // 33 columns of the same numbers.
        let rows = &input[..targets.len() * 33];
        let (loss, of_logits) = cross_entropy(level, 33, rows, &targets, 0.1);
        results.extend([vec![loss], of_logits, softmax(level, 33, true, rows)]);
        let (output, statistics) = layer_norm(level, rows, &rows[..33], &rows[..33], 1e-5);
        results.push(output);
        results.extend(layer_norm_gradient(
            level,
            rows,
            &rows[..33],
            &statistics,
            rows,
        ));
        results.push(embedding_gradient(33, 33, &targets, rows));
        results.extend([mean, variance]);
        results.extend(gradients);
        results
    };
    let [one, two, five] = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(all)
    });
    let no_pool = all();
    assert!(one == two && one == five && one == no_pool);
}
