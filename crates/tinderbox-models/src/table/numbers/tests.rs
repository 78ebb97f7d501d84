use super::*;

fn all() -> Vec<NumberEmbeddingConfig> {
    vec![
        NumberEmbeddingConfig::Linear { width: 3 },
        NumberEmbeddingConfig::periodic(),
        NumberEmbeddingConfig::periodic_bias(),
        NumberEmbeddingConfig::PiecewiseLinear {
            edges: vec![vec![-1.0, 0.0, 2.0], vec![0.0, 1.0]],
            width: 5,
        },
    ]
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

#[test]
fn every_kind_has_its_width_and_number_of_parameters() {
    let expected = [
        2 * (3 + 3),
        2 * (48 + 96 * 24 + 24),
        2 * (16 + 16 + 16 * 3 + 3),
        2 * (2 * 5 + 5),
    ];
    let device = Device::flex();
    for (config, parameters) in all().into_iter().zip(expected) {
        let layer = config.init("test", 2, Seed::new(1), &device).unwrap();
        assert_eq!(layer.num_params(), parameters, "{config:?}");
        let output = layer.forward(Tensor::zeros([7, 2], &device));
        assert_eq!(output.dims(), [7, 2, config.width()]);
        let text = serde_json::to_string(&config).unwrap();
        let read: NumberEmbeddingConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(read, config);
    }
}

#[test]
fn gradients_reach_every_weight_and_are_finite() {
    let device = Device::flex().autodiff();
    for config in all() {
        let layer = config.init("test", 2, Seed::new(1), &device).unwrap();
        let x = Tensor::<2>::from_data([[0.3f32, -0.7], [1e6, 0.2], [-1e6, 3.0]], &device);
        let gradients = layer.forward(x).square().mean().backward();
        let of = |gradient: Option<Vec<f32>>| {
            let gradient = gradient.expect("there is a gradient");
            assert!(gradient.iter().all(|x| x.is_finite()), "{config:?}");
            assert!(gradient.iter().any(|&x| x != 0.0), "{config:?}");
        };
        of(layer.weight.val().grad(&gradients).map(numbers));
        of(layer.bias.val().grad(&gradients).map(numbers));
        for waves in [&layer.frequencies, &layer.phases].into_iter().flatten() {
            of(waves.val().grad(&gradients).map(numbers));
        }
    }
}

#[test]
fn bins_encode_the_fraction_below_a_number() {
    let bins = Bins::new(&[vec![-1.0, 0.0, 2.0], vec![0.0, 1.0]]);
    let device = Device::flex();
    let encode = |first: f32, second: f32| {
        let x = Tensor::<3>::from_data([[[first], [second]]], &device);
        numbers(bins.encode(x))
    };
    assert_eq!(encode(-0.5, 0.25), [0.5, 0.0, 0.25, 0.0]);
    assert_eq!(encode(1.0, 1.0), [1.0, 0.5, 1.0, 0.0]);
    // Outside, the first and the last bin go on.
    assert_eq!(encode(-2.0, -1.0), [-1.0, 0.0, -1.0, 0.0]);
    assert_eq!(encode(4.0, 3.0), [1.0, 2.0, 3.0, 0.0]);
}

#[test]
fn edges_are_quantiles_without_repetition() {
    let edges = quantile_edges((0..=100).map(|x| x as f32), 4);
    assert_eq!(edges, [0.0, 25.0, 50.0, 75.0, 100.0]);
    assert_eq!(quantile_edges([1.0, 2.0, 2.0, 1.0], 48), [1.0, 2.0]);
    assert_eq!(quantile_edges([3.0, 3.0, f32::NAN], 8), [3.0, 4.0]);
    assert_eq!(quantile_edges([], 8), [0.0, 1.0]);
}

#[test]
fn settings_without_a_layer_are_refused() {
    let refused = |config: NumberEmbeddingConfig| {
        let layer = config.init("test", 2, Seed::new(1), &Device::flex());
        layer.unwrap_err().to_string()
    };
    let linear = NumberEmbeddingConfig::Linear { width: 0 };
    assert!(refused(linear).contains("width is 0"));
    let waves = |std, width| NumberEmbeddingConfig::PeriodicBias {
        frequencies: 4,
        std,
        width,
    };
    assert!(refused(waves(0.1, 1)).contains("width is 1"));
    assert!(refused(waves(f64::NAN, 4)).contains("std is NaN"));
    let bins = |edges| NumberEmbeddingConfig::PiecewiseLinear { edges, width: 2 };
    assert!(refused(bins(vec![vec![0.0, 1.0]])).contains("for 1 columns, but there are 2"));
    let unordered = bins(vec![vec![0.0, 1.0], vec![1.0, 1.0]]);
    assert!(refused(unordered).contains("column 1"));
}
