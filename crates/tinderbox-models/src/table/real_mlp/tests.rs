use super::*;
use crate::table::CategoryColumn;
use tinderbox_nn::count_parameters;

fn config() -> RealMlpConfig {
    let columns = TableColumns {
        inputs: 4,
        categories: vec![CategoryColumn {
            column: 1,
            categories: 5,
            width: 8,
        }],
        flags: vec![3],
        texts: vec![],
    };
    RealMlpConfig {
        outputs: 2,
        hidden: vec![16, 8],
        ..RealMlpConfig::new(columns)
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// Numbers of N(3, 2), the category as an index, a flag.
fn rows(count: usize, device: &Device) -> Tensor<2> {
    let mut rng = Seed::new(8).rng();
    let mut numbers = Vec::new();
    for row in 0..count {
        let mut normal = || (3.0 + 2.0 * rng.normal()) as f32;
        numbers.extend([normal(), (row % 5) as f32, normal(), (row % 2) as f32]);
    }
    Tensor::from_data(TensorData::new(numbers, [count, 4]), device)
}

#[test]
fn parameters_are_those_of_the_layers() {
    let model = config().init(Seed::new(1), &Device::flex()).unwrap();
    let width = 2 * 4 + 1 + 8;
    assert_eq!(model.inputs.width(), width);
    let embedded = 2 * (16 + 16 + 16 * 3 + 3) + 5 * 8;
    let layers = (width * 16 + 16 + 16) + (16 * 8 + 8 + 8) + (8 * 2 + 2);
    assert_eq!(count_parameters(&model), embedded + width + layers);
    assert_eq!((model.input_shape(), model.outputs()), (vec![4], 2));
}

#[test]
fn adapted_layers_have_unit_variance_and_keep_their_bits() {
    let device = Device::flex();
    let adapt = || {
        let model = config().init(Seed::new(1), &device).unwrap();
        model.adapt(rows(300, &device), Seed::new(2))
    };
    let model = adapt();
    let products = numbers(
        model.hidden[0]
            .linear
            .product(model.scaled(rows(300, &device))),
    );
    for unit in 0..16 {
        let column: Vec<f32> = products.iter().skip(unit).step_by(16).copied().collect();
        let mean = column.iter().sum::<f32>() / 300.0;
        let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 300.0;
        assert!((variance - 1.0).abs() < 1e-3, "{variance}");
        // The unit is 0 somewhere among the rows.
        let bias = numbers(model.hidden[0].linear.bias.val())[unit];
        let least = column.iter().copied().fold(f32::MAX, f32::min);
        let greatest = column.iter().copied().fold(f32::MIN, f32::max);
        assert!(least + bias <= 1e-4 && greatest + bias >= -1e-4);
    }
    let outputs = |model: &RealMlp| numbers(model.forward(rows(9, &device)));
    assert_eq!(outputs(&model), outputs(&adapt()));
    assert!(outputs(&model).iter().all(|x| x.is_finite()));
}

#[test]
fn gradients_reach_every_parameter() {
    for activation in [RealActivation::Selu, RealActivation::Mish] {
        let device = Device::flex();
        let config = RealMlpConfig {
            activation,
            ..config()
        };
        let model = config.init(Seed::new(1), &device).unwrap();
        let model = model.adapt(rows(50, &device), Seed::new(2)).train();
        let output = model.forward(rows(50, &device.autodiff()));
        let gradients = output.square().mean().backward();
        let finite = |name: &str, gradient: Option<Vec<f32>>| {
            let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
            assert!(gradient.iter().all(|x| x.is_finite()), "{name}");
            assert!(gradient.iter().any(|&x| x != 0.0), "{name}");
        };
        finite("scale", model.scale.val().grad(&gradients).map(numbers));
        for layer in &model.hidden {
            let linear = &layer.linear;
            finite("weight", linear.weight.val().grad(&gradients).map(numbers));
            finite("bias", linear.bias.val().grad(&gradients).map(numbers));
            finite("slope", layer.slope.val().grad(&gradients).map(numbers));
        }
        let embedding = &model.inputs.embeddings[0];
        finite(
            "embedding",
            embedding.weight.val().grad(&gradients).map(numbers),
        );
        finite("head", model.head.bias.val().grad(&gradients).map(numbers));
    }
}

#[test]
fn activations_are_those_of_pytorch() {
    // torch.nn.functional.selu and mish of these numbers.
    let x = || Tensor::<2>::from_data([[-2.0f32, -0.5, 0.0, 1.0, 30.0]], &Device::flex());
    let close = |got: Vec<f32>, expected: [f32; 5]| {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} against {expected}");
        }
    };
    close(
        numbers(selu(x())),
        [-1.520_167, -0.691_758, 0.0, 1.050_701, 31.521_03],
    );
    close(
        numbers(mish(x())),
        [-0.252_501, -0.220_748, 0.0, 0.865_098, 30.0],
    );
}

#[test]
fn predictions_stay_in_the_range_of_the_training_rows() {
    let device = Device::flex();
    let config = RealMlpConfig {
        range: vec![[-0.1, 0.1], [0.0, 0.0]],
        ..config()
    };
    let model = config.init(Seed::new(1), &device).unwrap();
    let outputs = numbers(model.forward(rows(40, &device)));
    assert!(
        outputs
            .chunks(2)
            .all(|row| row[0].abs() <= 0.1 && row[1] == 0.0)
    );
    let free = numbers(model.train().forward(rows(40, &device.autodiff())));
    assert!(
        free.iter().any(|x| x.abs() > 0.1),
        "training is not clamped"
    );
}

#[test]
fn configurations_without_a_model_are_refused() {
    let refused = |change: fn(&mut RealMlpConfig)| {
        let mut config = config();
        change(&mut config);
        let error = config.init(Seed::new(1), &Device::flex()).unwrap_err();
        error.to_string()
    };
    assert!(refused(|c| c.outputs = 0).contains("outputs is 0"));
    assert!(refused(|c| c.hidden = vec![4, 0]).contains("hidden is 0"));
    assert!(refused(|c| c.dropout = 1.0).contains("dropout is 1"));
    assert!(refused(|c| c.range = vec![[0.0, 1.0]]).contains("range"));
    assert!(refused(|c| c.range = vec![[1.0, 0.0]; 2]).contains("range"));
    let text = serde_json::to_string(&config()).unwrap();
    assert_eq!(
        serde_json::from_str::<RealMlpConfig>(&text).unwrap(),
        config()
    );
}
