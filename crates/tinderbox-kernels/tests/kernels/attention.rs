//! Attention compared with the same formula in Burn's operations on another backend, and between levels.

use burn::tensor::{Bool, Device, Tensor, TensorData};
use tinderbox_kernels::slices::{
    AttentionGradient, AttentionMask, AttentionOptions, AttentionShape, HeadRows, Level,
    attention as on_slices, attention_gradient,
};
use tinderbox_kernels::{AttentionInputs, attention};

use crate::numbers::{Numbers, assert_close, wide};

/// Batch, heads, groups, numbers of a head, queries, keys.
const SHAPES: [[usize; 6]; 7] = [
    [1, 1, 1, 1, 1, 1],
    [2, 3, 3, 5, 4, 4],
    [3, 4, 2, 8, 7, 11],
    [1, 6, 1, 3, 5, 9],
    [2, 2, 2, 32, 64, 64],
    [1, 2, 2, 40, 1, 300],
    [2, 1, 1, 17, 33, 2],
];

/// Numbers with these sizes on a device.
fn data<const D: usize>(numbers: &[f32], dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), dims), device)
}

/// Means, weights, and the gradients of queries, keys and values.
fn run(
    device: &Device,
    shape: [usize; 6],
    packed: bool,
    mask: Option<[usize; 2]>,
    dropout: bool,
) -> Vec<Vec<f32>> {
    let [batch, heads, groups, part, queries, keys] = shape;
    let mut numbers = Numbers::new(5);
    let mut tensor = |steps: usize, size: usize| {
        let tensor = data(
            &numbers.many(batch * steps * size),
            [batch, steps, size],
            device,
        );
        tensor.require_grad()
    };
    let inputs = match packed {
        true => vec![tensor(queries, 3 * heads * part)],
        false => vec![
            tensor(queries, heads * part),
            tensor(keys, groups * part),
            tensor(keys, groups * part),
        ],
    };
    let given = match <[Tensor<3>; 3]>::try_from(inputs.clone()) {
        Ok(apart) => AttentionInputs::Apart(apart),
        Err(mut one) => AttentionInputs::Packed(one.remove(0)),
    };
    let mask = mask.map(|[sequences, rows]| {
        let hidden = numbers.many(sequences * rows * keys);
        let mut hidden: Vec<bool> = hidden.iter().map(|x| *x > 0.2).collect();
        // A query that sees nothing.
        hidden[..keys].fill(true);
        let hidden = TensorData::new(hidden, [sequences, rows, keys]);
        Tensor::<3, Bool>::from_data(hidden, device)
    });
    let factors = dropout.then(|| {
        let kept = numbers.many(batch * heads * queries * keys);
        let kept: Vec<f32> = kept
            .iter()
            .map(|x| if *x > 0.0 { 2.0 } else { 0.0 })
            .collect();
        data(&kept, [batch, heads, queries, keys], device)
    });
    let (means, weights) = attention(given, heads, mask, factors);
    assert_eq!(means.dims(), [batch, queries, heads * part]);
    assert_eq!(weights.dims(), [batch, heads, queries, keys]);
    let loss = data(
        &numbers.many(batch * queries * heads * part),
        means.dims(),
        device,
    );
    let of_weights = numbers.many(batch * heads * queries * keys);
    let of_weights = data(&of_weights, weights.dims(), device);
    let loss = (means.clone() * loss).sum() + (weights.clone() * of_weights).sum();
    let grads = loss.backward();
    let values = |tensor: TensorData| -> Vec<f32> { tensor.try_to_vec().unwrap() };
    let mut all = vec![values(means.to_data()), values(weights.to_data())];
    all.extend(
        inputs
            .iter()
            .map(|input| values(input.grad(&grads).unwrap().to_data())),
    );
    all
}

#[test]
fn attention_and_its_gradients_equal_the_formula() {
    #[allow(deprecated)] // the feature `ndarray` is ours to keep
    let devices = [Device::flex(), Device::ndarray()].map(|device| device.autodiff());
    for shape in SHAPES {
        let [batch, heads, groups, _, queries, keys] = shape;
        let masks = [
            None,
            Some([1, queries]),
            Some([batch, 1]),
            Some([batch, queries]),
        ];
        for (mask, dropout) in masks.into_iter().zip([false, true, false, true]) {
            for packed in [false, true] {
                if packed && (groups != heads || queries != keys) {
                    continue;
                }
                let [ours, plain] = devices
                    .each_ref()
                    .map(|device| run(device, shape, packed, mask, dropout));
                let what = (shape, packed, mask, dropout);
                for (part, (ours, plain)) in ours.iter().zip(&plain).enumerate() {
                    assert_close(ours, &wide(plain), &(what, part));
                }
            }
        }
    }
}

#[test]
fn attention_is_the_same_at_every_level_and_on_rows_with_gaps() {
    for [batch, heads, groups, part, queries, keys] in SHAPES {
        let shape = AttentionShape {
            batch,
            heads,
            groups,
            part,
            queries,
            keys,
        };
        let mut numbers = Numbers::new(6);
        // Rows begin seven numbers further apart than they have to.
        let gap = 7;
        let [q, k] = [heads, groups].map(|heads| heads * part + gap);
        let given = [
            numbers.many(batch * queries * q),
            numbers.many(batch * keys * k),
            numbers.many(batch * keys * k),
        ];
        let rows = [(0, q), (1, k), (2, k)].map(|(which, row): (usize, usize)| HeadRows {
            numbers: &given[which],
            row,
        });
        let hidden: Vec<f32> = numbers
            .many(queries * keys)
            .iter()
            .map(|x| f32::from(*x > 0.5))
            .collect();
        let mask = AttentionMask {
            numbers: &hidden,
            sequences: 1,
            queries,
        };
        let options = AttentionOptions {
            mask: Some(mask),
            factors: None,
        };
        let gradient = numbers.many(batch * queries * heads * part);
        let at = |level| {
            let (means, weights) = on_slices(level, &shape, rows, options);
            let gradients = attention_gradient(
                level,
                &shape,
                rows,
                options,
                &weights,
                AttentionGradient::Means(&gradient),
            );
            [vec![means, weights], gradients.into()].concat()
        };
        let portable = at(Level::Portable);
        for level in Level::available() {
            for (ours, portable) in at(level).iter().zip(&portable) {
                assert_close(ours, &wide(portable), &(level, shape));
            }
        }
        // Each row of weights adds up to 1, and a key that is not seen has none.
        for (row, weights) in portable[1].chunks(keys).enumerate() {
            let sum: f32 = weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{shape:?} {row}: {sum}");
            let hidden = &hidden[row % queries * keys..][..keys];
            if hidden.contains(&0.0) {
                let unseen = weights
                    .iter()
                    .zip(hidden)
                    .filter(|(_, hidden)| **hidden > 0.0);
                assert!(unseen.into_iter().all(|(weight, _)| *weight == 0.0));
            }
        }
    }
}
