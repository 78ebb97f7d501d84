//! Frozen parts and a head with its own learning rate.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::{Loader, Rows, synthetic};
use tinderbox_nn::{Dropout, Initializer, LinearInit, Network, linear};
use tinderbox_optim::{OptimizerConfig, ParameterGroup, Select};
use tinderbox_train::*;

/// A backbone with everything that changes while training, and a head.
#[derive(Module, Debug)]
struct Net {
    backbone: Backbone,
    head: Linear,
}

#[derive(Module, Debug)]
struct Backbone {
    linear: Linear,
    norm: BatchNorm,
    dropout: Dropout,
}

impl Network<2> for Net {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let backbone = &self.backbone;
        let hidden = backbone.norm.forward(backbone.linear.forward(inputs));
        self.head.forward(backbone.dropout.forward(hidden))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![2]
    }

    fn outputs(&self) -> usize {
        1
    }
}

fn net() -> Net {
    let device = Device::flex();
    let drawn = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.5 },
    };
    Net {
        backbone: Backbone {
            linear: linear(2, 4, drawn, Seed::new(3), &device),
            norm: BatchNormConfig::new(4).init(&device),
            dropout: Dropout::new(0.5),
        },
        head: linear(4, 1, drawn, Seed::new(4), &device),
    }
}

fn data() -> Rows {
    synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 40, Seed::new(1)).unwrap()
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate: 0.01,
        optimizer: OptimizerConfig::sgd().into(),
        ..TrainConfig::default()
    }
}

fn train(config: TrainConfig, model: Net) -> Net {
    let loader = Loader::new(data(), 10).unwrap();
    let trainer = Trainer::new(config).unwrap();
    let fitted = trainer.fit(model, &Regression::default(), &loader, None);
    fitted.unwrap().model
}

/// The bits of all numbers below a module.
fn bits<M: Module>(module: &M) -> Vec<u32> {
    #[derive(Default)]
    struct Bits(Vec<u32>);

    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let numbers = param.val().try_into_vec_as::<f32>().unwrap();
            self.0.extend(numbers.into_iter().map(f32::to_bits));
        }
    }

    let mut bits = Bits::default();
    module.visit(&mut bits);
    bits.0
}

#[test]
fn a_frozen_part_does_not_move_by_a_bit_and_the_rest_learns() {
    let before = bits(&net().backbone);
    let freeze = vec!["backbone".to_string()];
    for name in ["sgd", "momentum", "adamw"] {
        let optimizer = OptimizerConfig::by_name(name).unwrap();
        let config = TrainConfig {
            optimizer: optimizer.with_weight_decay(0.1),
            freeze: freeze.clone(),
            clip: Some(Clip::Norm(1.0)),
            accumulate: 2,
            ..config(3)
        };
        let after = train(config, net());
        // Weights, batch-norm weights, running mean and running variance.
        assert_eq!(bits(&after.backbone), before, "{name}");
        assert_ne!(bits(&after.head), bits(&net().head), "{name}");
    }
}

#[test]
fn a_frozen_part_predicts_while_the_rest_is_trained() {
    // With batch statistics or dropout the head would get other inputs, and so other weights.
    let config = TrainConfig {
        freeze: vec!["backbone".into()],
        ..config(1)
    };
    let trained = train(config.clone(), net());
    let mut plain = net();
    plain.backbone.dropout = Dropout::new(0.0);
    assert_eq!(bits(&train(config, plain).head), bits(&trained.head));
}

#[test]
fn the_learning_rate_finder_takes_the_steps_of_training() {
    let losses = |lowest: f64, model: &Net, config: &TrainConfig| {
        let loader = Loader::new(data(), 10).unwrap();
        let finder = LrFinder {
            lowest,
            highest: lowest * 100.0,
            steps: 12,
            ..LrFinder::default()
        };
        let before = bits(model);
        let found = finder.search(model, &Regression::default(), config, &loader);
        assert_eq!(bits(model), before, "the model stays as it is");
        let found = found.unwrap().losses;
        let losses: Vec<f64> = found.into_iter().map(|(_, loss)| loss).collect();
        losses
    };
    let plain = losses(0.001, &net(), &config(1));
    // Half the rate for all, from twice the rate on.
    let half = |part: &str| ParameterGroup::new(Select::Prefix(part.into())).rate_factor(0.5);
    let halved = TrainConfig {
        groups: ["backbone", "head"].map(half).to_vec(),
        ..config(1)
    };
    assert_eq!(losses(0.002, &net(), &halved), plain);
    // A frozen part runs in inference mode, without its dropout.
    let frozen = TrainConfig {
        freeze: vec!["backbone".into()],
        ..config(1)
    };
    let mut without = net();
    without.backbone.dropout = Dropout::new(0.0);
    let of_frozen = losses(0.001, &net(), &frozen);
    assert_eq!(losses(0.001, &without, &frozen), of_frozen);
    assert_ne!(of_frozen, plain);
    let clipped = TrainConfig {
        clip: Some(Clip::Norm(1e-9)),
        ..config(1)
    };
    assert_ne!(losses(0.001, &net(), &clipped), plain);
}

#[test]
fn a_part_of_a_frozen_part_can_be_frozen_and_all_of_it_thaws() {
    let config_of = |freeze: &[&str]| TrainConfig {
        freeze: freeze.iter().map(|part| part.to_string()).collect(),
        ..config(1)
    };
    let first = train(config_of(&["backbone.norm"]), net());
    assert_eq!(bits(&first.backbone.norm), bits(&net().backbone.norm));
    assert_ne!(bits(&first.backbone.linear), bits(&net().backbone.linear));
    let norm = bits(&first.backbone.norm);
    let second = train(config_of(&[]), first);
    let pairs: Vec<_> = norm.iter().zip(bits(&second.backbone.norm)).collect();
    assert_eq!(pairs.len(), 16, "weight, bias, mean and variance of 4");
    assert!(
        pairs.iter().filter(|(a, b)| **a != *b).count() >= 14,
        "the whole batch norm is trained again: {pairs:?}"
    );
}

#[test]
fn the_rate_of_the_head_is_multiplied_and_no_other() {
    let step = |factor: f64| {
        let head = ParameterGroup::new(Select::Prefix("head".into())).rate_factor(factor);
        let loader = Loader::new(data(), 40).unwrap();
        let config = TrainConfig {
            groups: vec![head],
            ..config(1)
        };
        let trainer = Trainer::new(config).unwrap();
        let fitted = trainer.fit(net(), &Regression::default(), &loader, None);
        fitted.unwrap().model
    };
    let (start, once, ten) = (net(), step(1.0), step(10.0));
    assert_eq!(bits(&once.backbone), bits(&ten.backbone));
    assert_ne!(bits(&once.backbone.linear), bits(&start.backbone.linear));
    let numbers = |model: &Net| bits(&model.head).into_iter().map(f32::from_bits);
    let steps = |model| {
        numbers(model)
            .zip(numbers(&start))
            .map(|(to, from)| to - from)
    };
    for (one, ten) in steps(&once).zip(steps(&ten)) {
        assert!(one != 0.0 && (ten / one - 10.0).abs() < 0.01, "{one} {ten}");
    }
}

#[test]
fn groups_and_frozen_parts_are_resumed_and_cannot_be_exchanged() {
    let config = |epochs| TrainConfig {
        optimizer: OptimizerConfig::adam().into(),
        groups: vec![ParameterGroup::new(Select::Prefix("head".into())).rate_factor(10.0)],
        freeze: vec!["backbone.linear".into()],
        ..config(epochs)
    };
    let folder = tempfile::tempdir().unwrap();
    let loader = Loader::new(data(), 10).unwrap();
    let fit = |config: TrainConfig, resume| {
        let trainer = Trainer::new(config).unwrap();
        let run = Run::open(folder.path()).unwrap();
        let trainer = trainer.run(run).resume(resume);
        trainer.fit(net(), &Regression::default(), &loader, None)
    };
    fit(config(2), Resume::No).unwrap();
    let resumed = fit(config(4), Resume::Latest).unwrap().model;
    let whole = train(config(4), net());
    assert_eq!(bits(&resumed), bits(&whole), "2 + 2 epochs are 4 epochs");
    assert_eq!(bits(&resumed.backbone.linear), bits(&net().backbone.linear));

    let thawed = TrainConfig {
        freeze: Vec::new(),
        ..config(5)
    };
    let error = fit(thawed, Resume::Latest).unwrap_err().to_string();
    assert!(error.contains("frozen parts was"), "{error}");
    let other = TrainConfig {
        groups: Vec::new(),
        ..config(5)
    };
    let error = fit(other, Resume::Latest).unwrap_err().to_string();
    assert!(error.contains("groups was"), "{error}");
}

#[test]
fn parts_that_do_not_exist_and_nothing_left_to_train_are_errors() {
    let refuse = |freeze: &[&str]| {
        let config = TrainConfig {
            freeze: freeze.iter().map(|part| part.to_string()).collect(),
            ..config(1)
        };
        let loader = Loader::new(data(), 10).unwrap();
        let trainer = Trainer::new(config).unwrap();
        let fitted = trainer.fit(net(), &Regression::default(), &loader, None);
        fitted.unwrap_err().to_string()
    };
    // A part is a whole field: `back` is not a part.
    let error = refuse(&["back"]);
    assert!(
        error.contains("\"back\"") && error.contains("backbone.linear.weight"),
        "{error}"
    );
    let error = refuse(&["backbone", "head"]);
    assert!(error.contains("leave one out"), "{error}");
}

#[test]
fn concurrent_training_runs_with_dropout_do_not_affect_each_other() {
    let one = || bits(&train(config(3), net()));
    let expected = one();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(together, vec![expected; 4]);
    let other = TrainConfig {
        seed: 9,
        ..config(3)
    };
    assert_ne!(
        bits(&train(other, net())),
        together[0],
        "the seed determines the masks"
    );
}
