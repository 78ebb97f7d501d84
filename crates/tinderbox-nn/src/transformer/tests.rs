use super::*;
use crate::attention::causal_mask;

fn config() -> TransformerConfig {
    TransformerConfig {
        size: 24,
        heads: 8,
        feed_forward: 48,
        layers: 2,
        dropout: 0.1,
        norm_first: false,
    }
}

#[test]
fn shapes_of_the_course() {
    let device = Device::flex();
    let encoder = config().encoder(false, Seed::new(1), &device).unwrap();
    let inputs = Tensor::<3>::ones([2, 100, 24], &device);
    let (outputs, weights) = encoder.forward(inputs, None);
    assert_eq!(outputs.dims(), [2, 100, 24]);
    assert_eq!(weights.len(), 2);
    assert_eq!(weights[0].dims(), [2, 8, 100, 100]);
}

#[test]
fn steps_with_caches_are_the_whole_sequence() {
    let device = Device::flex();
    for norm_first in [false, true] {
        let config = TransformerConfig {
            norm_first,
            ..config()
        };
        let encoder = config.encoder(true, Seed::new(1), &device).unwrap();
        let decoder = config.decoder(true, Seed::new(2), &device).unwrap();
        let inputs = Tensor::arange(0..2 * 5 * 24, &device).float();
        let inputs = inputs.sin().reshape([2, 5, 24]);
        let memory = Tensor::arange(0..2 * 3 * 24, &device).float();
        let memory = memory.cos().reshape([2, 3, 24]);
        let mask = || Some(causal_mask(5, 5, &device));
        let encoded = encoder.forward(inputs.clone(), mask()).0;
        let decoded = decoder.forward(inputs.clone(), memory.clone(), mask(), None);
        let (mut own, mut other) = (encoder.caches(), decoder.caches());
        for step in 0..5 {
            let input = inputs.clone().narrow(1, step, 1);
            let e = encoder.forward_cached(input.clone(), None, &mut own);
            let (d, weights) =
                decoder.forward_cached(input, memory.clone(), None, None, &mut other);
            assert_eq!(weights[1][0].dims(), [2, 8, 1, step + 1]);
            assert_eq!(weights[1][1].dims(), [2, 8, 1, 3]);
            let near = |got: Tensor<3>, whole: &Tensor<3>| {
                let expected = whole.clone().narrow(1, step, 1);
                let distance: f32 = (got - expected).abs().max().into_scalar();
                assert!(distance < 1e-4, "step {step}: {distance}");
            };
            near(e, &encoded);
            near(d, &decoded.0);
        }
    }
}

#[test]
fn the_dropout_of_the_feed_forward_layers_is_set_apart() {
    let device = Device::flex().autodiff();
    let plain = TransformerConfig {
        dropout: 0.0,
        ..config()
    };
    let inputs = Tensor::arange(0..48, &device).float().sin();
    let inputs = inputs.reshape([1, 2, 24]);
    let distance = |probability| {
        let encoder = plain.encoder(false, Seed::new(1), &device).unwrap();
        let decoder = plain.decoder(false, Seed::new(1), &device).unwrap();
        let (x, memory) = (inputs.clone(), inputs.clone());
        let encoded = encoder.forward(x.clone(), None).0;
        let decoded = decoder.forward(x.clone(), memory.clone(), None, None).0;
        let encoder = encoder.activation_dropout(probability);
        let decoder = decoder.activation_dropout(probability);
        let encoded = encoded - encoder.forward(x.clone(), None).0;
        let decoded = decoded - decoder.forward(x, memory, None, None).0;
        [encoded, decoded].map(|x| x.abs().max().into_scalar::<f32>())
    };
    assert_eq!(distance(0.0), [0.0; 2]);
    assert!(distance(0.5).into_iter().all(|far| far > 1e-3));
}

#[test]
fn heads_that_do_not_divide_the_size_are_refused() {
    let config = TransformerConfig {
        heads: 5,
        ..config()
    };
    let device = Device::flex();
    assert!(config.encoder(false, Seed::new(1), &device).is_err());
    assert!(config.decoder(false, Seed::new(1), &device).is_err());
}
