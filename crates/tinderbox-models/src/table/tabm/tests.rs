use super::*;
use crate::table::CategoryColumn;
use tinderbox_nn::count_parameters;

fn config() -> TabMConfig {
    let columns = TableColumns {
        inputs: 3,
        categories: vec![CategoryColumn {
            column: 1,
            categories: 4,
            width: 2,
        }],
        flags: vec![],
        texts: vec![],
    };
    TabMConfig {
        outputs: 3,
        members: 5,
        hidden: vec![8, 6],
        dropout: 0.0,
        ..TabMConfig::new(columns)
    }
}

fn inputs(device: &Device) -> Tensor<2> {
    Tensor::from_data([[0.5f32, 1.0, -1.0], [2.0, 3.0, 0.1]], device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

#[test]
fn parameters_are_shared_by_the_members() {
    let model = config().init(Seed::new(1), &Device::flex()).unwrap();
    let layer = |inputs: usize, outputs: usize| inputs * outputs + 5 * (inputs + 2 * outputs);
    let expected = 4 * 2 + layer(4, 8) + layer(8, 6) + 5 * (6 * 3 + 3);
    assert_eq!(count_parameters(&model), expected);
    assert_eq!((model.input_shape(), model.outputs()), (vec![3], 3));
    let signs = numbers(model.hidden[0].input_scale.val());
    assert!(signs.iter().all(|x| x.abs() == 1.0));
    assert!(signs.contains(&1.0) && signs.contains(&-1.0));
}

#[test]
fn a_member_alone_is_a_multilayer_perceptron() {
    let device = Device::flex();
    let config = TabMConfig {
        members: 1,
        ..config()
    };
    let model = config.init(Seed::new(1), &device).unwrap();
    let x = model.inputs.forward(inputs(&device));
    let x = model.hidden.iter().fold(x, |x, layer| {
        let product = (x * layer.input_scale.val()).matmul(layer.weight.val());
        relu(product + layer.bias.val())
    });
    let head = model.head.val().squeeze_dim::<2>(0);
    let expected = numbers(x.matmul(head) + model.head_bias.val());
    for (got, expected) in numbers(model.forward(inputs(&device))).iter().zip(expected) {
        assert!((got - expected).abs() < 1e-5);
    }
}

#[test]
fn predictions_are_means_over_members() {
    let device = Device::flex();
    let model = config().init(Seed::new(1), &device).unwrap();
    let members = model.members(&inputs(&device)).unwrap();
    assert_eq!(members.dims(), [2, 5, 3]);
    let each = numbers(members);
    assert_ne!(each[..3], each[3..6], "members differ");
    let outputs = numbers(model.forward(inputs(&device)));
    let mean = (0..5).map(|member| each[member * 3]).sum::<f32>() / 5.0;
    assert!((outputs[0] - mean).abs() < 1e-6);
    let classes = TabMConfig {
        classes: true,
        ..config()
    };
    let model = classes.init(Seed::new(1), &device).unwrap();
    let outputs = numbers(model.forward(inputs(&device)));
    let sum: f32 = outputs[..3].iter().map(|x| x.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "logarithms of probabilities");
    let softmax = |row: &[f32]| row[0].exp() / row.iter().map(|x| x.exp()).sum::<f32>();
    let mean = each[..15].chunks(3).map(softmax).sum::<f32>() / 5.0;
    assert!((outputs[0].exp() - mean).abs() < 1e-5);
}

#[test]
fn gradients_reach_every_parameter() {
    let device = Device::flex().autodiff();
    let model = config().init(Seed::new(1), &device).unwrap();
    let members = model.members(&inputs(&device)).unwrap();
    let gradients = members.square().mean().backward();
    let finite = |gradient: Option<Vec<f32>>| {
        let gradient = gradient.expect("there is a gradient");
        assert!(gradient.iter().all(|x| x.is_finite()));
        assert!(gradient.iter().any(|&x| x != 0.0));
    };
    for layer in &model.hidden {
        finite(layer.weight.val().grad(&gradients).map(numbers));
        for own in [&layer.input_scale, &layer.output_scale, &layer.bias] {
            finite(own.val().grad(&gradients).map(numbers));
        }
    }
    finite(model.head.val().grad(&gradients).map(numbers));
    finite(model.head_bias.val().grad(&gradients).map(numbers));
    let embedding = &model.inputs.embeddings[0];
    finite(embedding.weight.val().grad(&gradients).map(numbers));
}

#[test]
fn configurations_without_a_model_are_refused() {
    let refused = |change: fn(&mut TabMConfig)| {
        let mut config = config();
        change(&mut config);
        let error = config.init(Seed::new(1), &Device::flex()).unwrap_err();
        error.to_string()
    };
    assert!(refused(|c| c.members = 0).contains("members is 0"));
    assert!(refused(|c| c.hidden = vec![]).contains("hidden is 0"));
    assert!(refused(|c| c.dropout = -0.1).contains("dropout is -0.1"));
    let text = serde_json::to_string(&config()).unwrap();
    assert_eq!(serde_json::from_str::<TabMConfig>(&text).unwrap(), config());
}
