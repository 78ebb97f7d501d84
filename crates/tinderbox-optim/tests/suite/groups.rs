use crate::common::*;
use burn::tensor::DType;
use tinderbox_optim::{OptimizerConfig, ParameterGroup, Select};

fn sgd(weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig::sgd().weight_decay(weight_decay).into()
}

/// One step of SGD by hand: `p - rate * (g + decay * p)`.
fn by_hand(count: usize, rate: f64, decay: f64) -> Vec<f64> {
    start(count)
        .iter()
        .zip(gradient(0, count))
        .map(|(p, g)| p - rate * (g + decay * p))
        .collect()
}

#[test]
fn groups_have_their_own_decay_rate_and_optimizer() {
    for device in devices() {
        let model = Pair::new(&device, DType::F32);
        let groups = [
            ParameterGroup::no_decay_on_vectors(),
            ParameterGroup::new(Select::Prefix("matrix".into())).rate_factor(0.5),
        ];
        let (mut optimizer, rates) = sgd(0.3).build_with_groups(&groups, &model).unwrap();
        let grads = model.gradients(0);
        let model = optimizer.step(rates.at(0.1), model, grads);
        let [matrix, vector] = model.numbers();
        assert_close(
            &matrix,
            &by_hand(6, 0.05, 0.3),
            1e-6,
            "half the rate, full decay",
        );
        assert_close(&vector, &by_hand(4, 0.1, 0.0), 1e-6, "full rate, no decay");

        let lion =
            ParameterGroup::new(Select::Contains("vec".into())).optimizer(OptimizerConfig::lion());
        let model = Pair::new(&device, DType::F32);
        let (mut optimizer, rates) = sgd(0.0).build_with_groups(&[lion], &model).unwrap();
        let grads = model.gradients(0);
        let model = optimizer.step(rates.at(0.1), model, grads);
        let signs: Vec<f64> = start(4)
            .iter()
            .zip(gradient(0, 4))
            .map(|(p, g)| p - 0.1 * g.signum())
            .collect();
        assert_close(&model.numbers()[1], &signs, 1e-6, "lion");
        assert_close(&model.numbers()[0], &by_hand(6, 0.1, 0.0), 1e-6, "sgd");
    }
}

#[test]
fn a_later_group_wins_and_no_group_changes_nothing() {
    let device = &devices()[0];
    let model = Pair::new(device, DType::F32);
    let groups = [
        ParameterGroup::new(Select::Vectors).rate_factor(0.5),
        ParameterGroup::new(Select::Prefix("vector".into())).rate_factor(0.0),
    ];
    let (mut optimizer, rates) = sgd(0.0).build_with_groups(&groups, &model).unwrap();
    let grads = model.gradients(0);
    let moved = optimizer.step(rates.at(0.1), model, grads);
    assert_close(&moved.numbers()[1], &start(4), 1e-7, "frozen");

    let model = Pair::new(device, DType::F32);
    let (mut optimizer, rates) = sgd(0.0).build_with_groups(&[], &model).unwrap();
    let grads = model.gradients(0);
    let moved = optimizer.step(rates.at(0.1), model, grads);
    assert_close(&moved.numbers()[1], &by_hand(4, 0.1, 0.0), 1e-6, "no group");
}

#[test]
fn a_group_without_parameters_is_a_mistake() {
    let model = Pair::new(&devices()[0], DType::F32);
    let refuse = |select| {
        let group = ParameterGroup::new(select);
        sgd(0.0)
            .build_with_groups(&[group], &model)
            .err()
            .unwrap()
            .to_string()
    };
    let message = refuse(Select::Prefix("mat".into()));
    assert!(
        message.contains("mat") && message.contains("matrix, vector"),
        "{message}"
    );
    refuse(Select::Contains("bias".into()));
    let negative = ParameterGroup::new(Select::Vectors).rate_factor(-1.0);
    let message = sgd(0.0)
        .build_with_groups(&[negative], &model)
        .err()
        .unwrap()
        .to_string();
    assert!(message.contains("rate_factor"), "{message}");
}
