use super::OptimizerConfig;
use crate::Schedule;

#[test]
fn every_name_builds_and_survives_json() {
    for name in OptimizerConfig::NAMES {
        let config = OptimizerConfig::by_name(name).unwrap();
        config.build().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<OptimizerConfig>(&json).unwrap(),
            config
        );
        // What by_name gives is what an empty configuration gives.
        if name == config.name() {
            let short = format!(r#"{{"name": "{name}"}}"#);
            assert_eq!(
                serde_json::from_str::<OptimizerConfig>(&short).unwrap(),
                config
            );
        }
    }
    assert!(serde_json::from_str::<OptimizerConfig>(r#"{"name": "adam", "beta1": 0.9}"#).is_err());
}

#[test]
fn a_misspelt_name_gets_a_suggestion() {
    let message = OptimizerConfig::by_name("adamm").unwrap_err().to_string();
    assert!(message.contains("did you mean `adam`?"), "{message}");
    let message = OptimizerConfig::by_name("zzzzzzzzz")
        .unwrap_err()
        .to_string();
    assert!(message.contains("known: sgd, momentum") && !message.contains("did you"));
    let message = OptimizerConfig::by_name("lbfgs").unwrap_err().to_string();
    assert!(message.contains("Lbfgs::step"), "{message}");
}

#[test]
fn wrong_settings_are_named_with_their_value() {
    let refused = |config: OptimizerConfig, parts: [&str; 2]| {
        let message = config.build().map(|_| ()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    type Config = OptimizerConfig;
    refused(
        Config::adam().beta_1(1.0).into(),
        ["adam: `beta_1` is 1", "[0, 1)"],
    );
    refused(
        Config::adamw().beta_2(-0.1).into(),
        ["`beta_2` is -0.1", "[0, 1)"],
    );
    refused(
        Config::yogi().epsilon(0.0).into(),
        ["`epsilon` is 0", "above 0"],
    );
    refused(
        Config::lamb().epsilon(-1e-3).into(),
        ["`epsilon` is -0.001", "above 0"],
    );
    refused(
        Config::lion().weight_decay(-1.0).into(),
        ["`weight_decay` is -1", "0 or more"],
    );
    refused(
        Config::sgd().momentum(1.5).into(),
        ["`momentum` is 1.5", "[0, 1)"],
    );
    refused(
        Config::sgd().nesterov(true).into(),
        ["sgd", "needs a momentum"],
    );
    refused(
        Config::rmsprop().alpha(2.0).into(),
        ["`alpha` is 2", "[0, 1)"],
    );
    refused(Config::adadelta().rho(1.0).into(), ["`rho` is 1", "[0, 1)"]);
    refused(
        Config::adagrad().rate_decay(-1.0).into(),
        ["`rate_decay`", "0 or more"],
    );
    refused(
        Config::muon().ns_steps(0).into(),
        ["`ns_steps` is 0", "1 or more"],
    );
    // Every optimizer checks its weight decay.
    for name in OptimizerConfig::NAMES {
        let config = OptimizerConfig::by_name(name).unwrap();
        refused(
            config.with_weight_decay(f64::NAN),
            ["`weight_decay` is NaN", config_name(name)],
        );
    }
}

fn config_name(name: &str) -> &str {
    match name {
        "momentum" | "nesterov" => "sgd",
        name => name,
    }
}

/// A setter changes the setting of its name and no other.
#[test]
fn setters_set_what_their_names_say() {
    use crate::optimizers::MuonScale;
    let json = |config: OptimizerConfig| serde_json::to_value(config).unwrap();
    type Config = OptimizerConfig;
    let set: [(OptimizerConfig, &str); 10] = [
        (
            Config::sgd()
                .momentum(0.5)
                .nesterov(true)
                .weight_decay(0.25)
                .dampening(0.125)
                .into(),
            r#"{"name": "sgd", "momentum": 0.5, "nesterov": true, "weight_decay": 0.25,
                "dampening": 0.125}"#,
        ),
        (
            Config::adagrad()
                .rate_decay(0.5)
                .epsilon(0.25)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "adagrad", "rate_decay": 0.5, "epsilon": 0.25, "weight_decay": 0.125}"#,
        ),
        (
            Config::rmsprop()
                .alpha(0.5)
                .epsilon(0.25)
                .momentum(0.75)
                .centered(true)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "rmsprop", "alpha": 0.5, "epsilon": 0.25, "momentum": 0.75,
                "centered": true, "weight_decay": 0.125}"#,
        ),
        (
            Config::adadelta()
                .rho(0.5)
                .epsilon(0.25)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "adadelta", "rho": 0.5, "epsilon": 0.25, "weight_decay": 0.125}"#,
        ),
        (
            Config::adam()
                .beta_1(0.5)
                .beta_2(0.75)
                .epsilon(0.25)
                .amsgrad(true)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "adam", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25,
                "amsgrad": true, "weight_decay": 0.125}"#,
        ),
        (
            Config::adamw()
                .beta_1(0.5)
                .beta_2(0.75)
                .epsilon(0.25)
                .amsgrad(true)
                .weight_decay(0.125)
                .decay_schedule(Schedule::linear(5, 1.0, 0.5))
                .into(),
            r#"{"name": "adamw", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25,
                "amsgrad": true, "weight_decay": 0.125, "decay_schedule": {"name": "linear",
                "length": 5, "start_factor": 1.0, "end_factor": 0.5}}"#,
        ),
        (
            Config::yogi()
                .beta_1(0.5)
                .beta_2(0.75)
                .epsilon(0.25)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "yogi", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25,
                "weight_decay": 0.125}"#,
        ),
        (
            Config::lion()
                .beta_1(0.5)
                .beta_2(0.75)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "lion", "beta_1": 0.5, "beta_2": 0.75, "weight_decay": 0.125}"#,
        ),
        (
            Config::lamb()
                .beta_1(0.5)
                .beta_2(0.75)
                .epsilon(0.25)
                .weight_decay(0.125)
                .into(),
            r#"{"name": "lamb", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25,
                "weight_decay": 0.125}"#,
        ),
        (
            Config::muon()
                .momentum(0.5)
                .nesterov(false)
                .ns_steps(3)
                .scale(MuonScale::Original)
                .weight_decay(0.125)
                .beta_1(0.25)
                .beta_2(0.75)
                .epsilon(0.375)
                .into(),
            r#"{"name": "muon", "momentum": 0.5, "nesterov": false, "ns_steps": 3,
                "scale": "original", "weight_decay": 0.125, "beta_1": 0.25, "beta_2": 0.75,
                "epsilon": 0.375}"#,
        ),
    ];
    for (config, expected) in set {
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(json(config), expected);
    }
}

/// The defaults of PyTorch, and of the papers where PyTorch has no such optimizer.
#[test]
fn defaults_are_those_of_pytorch_and_the_papers() {
    let adamw = OptimizerConfig::adamw();
    assert_eq!((adamw.beta_1, adamw.beta_2), (0.9, 0.999));
    assert_eq!((adamw.epsilon, adamw.weight_decay), (1e-8, 0.01));
    assert_eq!(OptimizerConfig::rmsprop().alpha, 0.99);
    assert_eq!(OptimizerConfig::lion().beta_2, 0.99);
    let muon = OptimizerConfig::muon();
    assert_eq!((muon.momentum, muon.weight_decay), (0.95, 0.1));
    assert_eq!(
        OptimizerConfig::default(),
        OptimizerConfig::Sgd(Default::default())
    );
}
