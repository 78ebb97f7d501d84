//! Saving and restoring: a resumed run must have the same numbers.

use crate::common::*;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Device, Tensor};
use tinderbox_optim::{
    GradientsParams, ModuleOptimizer, OptimizerConfig, ParameterGroup, load_state, save_state,
};

/// Trains a small network with autodiff for `steps` steps, from step `first`.
fn train(mut model: Linear, optimizer: &mut ModuleOptimizer, first: usize, steps: usize) -> Linear {
    let device = model.weight.val().device();
    for step in first..first + steps {
        let x = tensor(&gradient(step, 6), [2, 3], &device, DType::F32);
        let loss = model.forward(x).powf_scalar(2.0).mean();
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.05, model, grads);
    }
    model
}

/// The same numbers with new parameter ids, as in another process.
fn model(device: &Device, values: Option<&Linear>) -> Linear {
    let fresh = LinearConfig::new(3, 2).init(device);
    let set = |count: usize, from: Option<Vec<f64>>| from.unwrap_or_else(|| start(count));
    let weight = set(6, values.map(|m| vec(m.weight.val())));
    let bias = set(2, values.map(|m| vec(m.bias.as_ref().unwrap().val())));
    let weight: Tensor<2> = tensor(&weight, [3, 2], device, DType::F32).require_grad();
    let bias: Tensor<1> = tensor(&bias, [2], device, DType::F32).require_grad();
    Linear {
        weight: fresh.weight.map(|_| weight),
        bias: fresh.bias.map(|parameter| parameter.map(|_| bias)),
    }
}

fn bits(model: &Linear) -> Vec<f64> {
    [
        vec(model.weight.val()),
        vec(model.bias.as_ref().unwrap().val()),
    ]
    .concat()
}

#[test]
fn resuming_is_invisible_for_every_optimizer() {
    for device in devices() {
        let device = device.autodiff();
        for config in all_optimizers() {
            let mut whole = config.build().unwrap();
            let through = train(model(&device, None), &mut whole, 0, 7);

            let mut first = config.build().unwrap();
            let stopped = train(model(&device, None), &mut first, 0, 3);
            let saved = save_state(&first, &stopped).unwrap();
            let fresh = model(&device, Some(&stopped));
            assert_ne!(fresh.weight.id, stopped.weight.id);
            let mut second = load_state(config.build().unwrap(), &saved, &fresh).unwrap();
            let resumed = train(fresh, &mut second, 3, 4);
            assert_eq!(bits(&through), bits(&resumed), "{config:?} on {device:?}");
            assert_ne!(bits(&through), bits(&stopped), "{config:?} does something");
        }
    }
}

#[test]
fn groups_find_their_state_again() {
    let device = devices()[0].clone().autodiff();
    let config: OptimizerConfig = OptimizerConfig::adam().into();
    let group = ParameterGroup::no_decay_on_vectors()
        .optimizer(OptimizerConfig::sgd().momentum(0.9).nesterov(true));
    let build = |model: &Linear| {
        config
            .build_with_groups(std::slice::from_ref(&group), model)
            .unwrap()
            .0
    };
    let start = model(&device, None);
    let mut whole = build(&start);
    let through = train(start, &mut whole, 0, 6);

    let start = model(&device, None);
    let mut first = build(&start);
    let stopped = train(start, &mut first, 0, 3);
    let saved = save_state(&first, &stopped).unwrap();
    let fresh = model(&device, Some(&stopped));
    let mut second = load_state(build(&fresh), &saved, &fresh).unwrap();
    assert_eq!(bits(&through), bits(&train(fresh, &mut second, 3, 3)));
}

#[test]
fn a_state_before_the_first_step_is_empty_and_fits() {
    let device = devices()[0].clone().autodiff();
    let optimizer = OptimizerConfig::adam().build().unwrap();
    let fresh = model(&device, None);
    let saved = save_state(&optimizer, &fresh).unwrap();
    let mut loaded = load_state(optimizer, &saved, &fresh).unwrap();
    train(fresh, &mut loaded, 0, 1);
}

/// An optimizer refuses the state of another one.
#[test]
fn the_state_of_another_optimizer_is_refused() {
    let device = devices()[0].clone().autodiff();
    let configs: Vec<OptimizerConfig> = [
        r#"{"name": "sgd"}"#,
        r#"{"name": "sgd", "momentum": 0.9}"#,
        r#"{"name": "adagrad"}"#,
        r#"{"name": "rmsprop"}"#,
        r#"{"name": "rmsprop", "momentum": 0.9}"#,
        r#"{"name": "rmsprop", "centered": true}"#,
        r#"{"name": "adadelta"}"#,
        r#"{"name": "adam"}"#,
        r#"{"name": "adam", "amsgrad": true}"#,
        r#"{"name": "adamw"}"#,
        r#"{"name": "yogi"}"#,
        r#"{"name": "lion"}"#,
        r#"{"name": "lamb"}"#,
        r#"{"name": "muon"}"#,
    ]
    .iter()
    .map(|json| serde_json::from_str(json).unwrap())
    .collect();
    for (from, config) in configs.iter().enumerate() {
        let mut optimizer = config.build().unwrap();
        let trained = train(model(&device, None), &mut optimizer, 0, 2);
        let saved = save_state(&optimizer, &trained).unwrap();
        for (to, other) in configs.iter().enumerate() {
            let loaded = load_state(other.build().unwrap(), &saved, &trained);
            if from == to {
                loaded.unwrap();
                continue;
            }
            let message = loaded
                .err()
                .unwrap_or_else(|| panic!("{other:?} took {config:?}"))
                .to_string();
            assert!(message.contains("another optimizer"), "{message}");
            assert!(
                message.contains("weight") || message.contains("bias"),
                "{message}"
            );
        }
    }
}

#[test]
fn another_shape_another_model_and_damage_are_refused() {
    let device = devices()[0].clone().autodiff();
    let config: OptimizerConfig = OptimizerConfig::adam().into();
    let mut optimizer = config.build().unwrap();
    let trained = train(model(&device, None), &mut optimizer, 0, 2);
    let saved = save_state(&optimizer, &trained).unwrap();
    let message = |bytes: &[u8], onto: &Linear| {
        load_state(config.build().unwrap(), bytes, onto)
            .err()
            .unwrap()
            .to_string()
    };

    let wider = LinearConfig::new(4, 2).init(&device);
    let text = message(&saved, &wider);
    assert!(
        text.contains("`weight`") && text.contains("[3, 2]") && text.contains("[4, 2]"),
        "{text}"
    );
    let unbiased = LinearConfig::new(3, 2).with_bias(false).init(&device);
    let text = message(&saved, &unbiased);
    assert!(
        text.contains("`bias`, which the model does not have"),
        "{text}"
    );
    let pair = Pair::new(&device, DType::F32);
    assert!(load_state(config.build().unwrap(), &saved, &pair).is_err());

    for length in [0, 3, 10, 40, saved.len() / 2, saved.len() - 1] {
        let text = message(&saved[..length], &trained);
        assert!(text.contains("cannot be read"), "cut to {length}: {text}");
    }
    let text = message(
        b"this is not the state of an optimizer, but some text",
        &trained,
    );
    assert!(text.contains("cannot be read"), "{text}");
    // Burn's own record is refused: its keys are parameter ids of one process.
    let record = optimizer.into_bytes().unwrap();
    assert!(message(&record, &trained).contains("format"));
    // The state of a parameter that the module does not have cannot be saved.
    let stranger = trained.clone().fork(&device);
    let _ = save_state(&optimizer, &stranger).unwrap(); // a fork keeps its ids
    assert!(save_state(&optimizer, &pair).is_err());
}
