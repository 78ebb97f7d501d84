//! The behavior of the trainer that users rely on.

use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rstest::rstest;
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Batches, LastBatch, Loader, Rows, Values, synthetic};
use tinderbox_nn::{Initializer, LinearInit, Network, linear};
use tinderbox_train::*;

#[path = "training/devices.rs"]
mod devices;
#[path = "training/ranks.rs"]
mod ranks;
#[path = "training/synchronized.rs"]
mod synchronized;

/// A linear model, like that of the models crate.
#[derive(Module, Debug)]
struct Line {
    linear: burn::nn::Linear,
}

impl Network<2> for Line {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.linear.forward(inputs)
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.linear.weight.lazy_shape()[0]]
    }

    fn outputs(&self) -> usize {
        self.linear.weight.lazy_shape()[1]
    }
}

fn line(inputs: usize, device: &Device) -> Line {
    let init = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.01 },
    };
    Line {
        linear: linear(inputs, 1, init, Seed::new(3), device),
    }
}

fn course() -> Rows {
    synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(1)).unwrap()
}

fn numbers(model: &Line) -> Vec<f32> {
    let bias = model.linear.bias.as_ref().unwrap().val();
    let mut all = model.linear.weight.val().try_into_vec_as::<f32>().unwrap();
    all.extend(bias.try_into_vec_as::<f32>().unwrap());
    all
}

fn config(epochs: usize, learning_rate: f64) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate,
        ..TrainConfig::default()
    }
}

#[allow(deprecated)] // the feature `ndarray` is ours to keep
fn cpu(name: &str) -> Device {
    match name {
        "flex" => Device::flex(),
        _ => Device::ndarray(),
    }
}

#[rstest]
#[case("flex")]
#[case("ndarray")]
fn the_courses_first_training_converges_as_published(#[case] device: &str) {
    let device = cpu(device);
    let loader = Loader::new(course(), 10).unwrap().shuffle(Seed::new(2));
    let whole = Loader::for_evaluation(course(), 300).unwrap();
    let task = Regression {
        loss: tinderbox_optim::Loss::HalfSquared,
    };
    let fitted = Trainer::new(config(3, 0.03))
        .unwrap()
        .fit(line(2, &device), &task, &loader, Some(&whole))
        .unwrap();
    let losses = fitted.history.series("valid_loss");
    // Bands of 175 published runs, widened to what a single run may do.
    for ((_, loss), (low, high)) in losses.iter().zip([(0.01, 0.1), (5e-5, 5e-4), (4e-5, 6e-5)]) {
        assert!((low..high).contains(loss), "{losses:?}");
    }
    for (got, truth) in numbers(&fitted.model).iter().zip([2.0, -3.4, 4.2]) {
        assert!((got - truth).abs() < 2e-3, "{got} {truth}");
    }
    assert_eq!(fitted.stop_reason, StopReason::Finished);
    assert_eq!(fitted.history.last().unwrap().step, 300);
}

#[test]
fn backends_agree_on_the_same_seed() {
    let train = |device: &Device| {
        let loader = Loader::new(course(), 10).unwrap().shuffle(Seed::new(2));
        let trainer = Trainer::new(config(2, 0.03)).unwrap();
        let fitted = trainer.fit(line(2, device), &Regression::default(), &loader, None);
        numbers(&fitted.unwrap().model)
    };
    let (flex, ndarray) = (train(&cpu("flex")), train(&cpu("ndarray")));
    for (a, b) in flex.iter().zip(&ndarray) {
        assert!((a - b).abs() < 1e-5, "flex {a}, ndarray {b}");
    }
    assert_eq!(
        flex,
        train(&cpu("flex")),
        "the same seed gives the same bits"
    );
}

/// One step on `batch` identical examples, from zero weights: the change of the bias.
fn step_of(batch: usize, loss_reduction: LossReduction) -> f32 {
    let device = cpu("flex");
    let data = Rows::new(
        Values::new(vec![1.0; batch], 1).unwrap(),
        Values::new(vec![1.0; batch], 1).unwrap(),
    );
    let loader = Loader::new(data.unwrap(), batch).unwrap();
    let config = TrainConfig {
        loss_reduction,
        ..config(1, 0.001)
    };
    let zero = LinearInit {
        bias: true,
        weight: Initializer::Zeros,
    };
    let model = Line {
        linear: linear(1, 1, zero, Seed::new(0), &device),
    };
    let trainer = Trainer::new(config).unwrap();
    let fitted = trainer
        .fit(model, &Regression::default(), &loader, None)
        .unwrap();
    numbers(&fitted.model)[1]
}

/// 1,000 examples in batches of 96 leave a last one of 40: it must be divided by the configured number.
#[test]
fn a_short_batch_has_the_gradient_scale_that_was_asked_for() {
    let data = synthetic::linear(&[1.0], 0.0, 0.1, 1000, Seed::new(1)).unwrap();
    let loader = Loader::new(data, 96).unwrap();
    let sizes: Vec<usize> = loader
        .epoch(0, 0, &cpu("flex"))
        .unwrap()
        .map(|batch| batch.unwrap().targets.dims()[0])
        .collect();
    assert_eq!((sizes.len(), sizes[9], sizes[10]), (11, 96, 40));

    let ratio = |divide| step_of(40, divide) / step_of(96, divide);
    assert!((ratio(LossReduction::Mean) - 1.0).abs() < 1e-5);
    assert!((ratio(LossReduction::DivideBy(96)) - 40.0 / 96.0).abs() < 1e-5);
    assert!((ratio(LossReduction::Sum) - 40.0 / 96.0).abs() < 1e-5);
    assert!(
        (step_of(96, LossReduction::DivideBy(96)) / step_of(96, LossReduction::Mean) - 1.0).abs()
            < 1e-5
    );
    assert!(
        (step_of(96, LossReduction::Sum) / step_of(96, LossReduction::Mean) - 96.0).abs() < 1e-4
    );
}

#[test]
fn epoch_metrics_are_means_over_examples() {
    // Nine batches of error 0 and a last one of a single example with error 1: the mean over
    // batches would be 0.1.
    let mut targets = vec![0.0; 91];
    targets[90] = 1.0;
    let data = Rows::new(
        Values::new(vec![0.0; 91], 1).unwrap(),
        Values::new(targets, 1).unwrap(),
    )
    .unwrap();
    let device = cpu("flex");
    let zero = LinearInit {
        bias: false,
        weight: Initializer::Zeros,
    };
    let model = Line {
        linear: linear(1, 1, zero, Seed::new(0), &device),
    };
    let train = Loader::new(data.clone(), 10).unwrap();
    let valid = Loader::new(data, 10).unwrap();
    let fitted = Trainer::new(config(1, 0.1))
        .unwrap()
        .metric(RegressionMetrics::new(&[
            RegressionMetric::Mse,
            RegressionMetric::Mae,
        ]))
        .fit(model, &Regression::default(), &train, Some(&valid))
        .unwrap();
    let record = fitted.history.last().unwrap();
    for name in [
        "train_loss",
        "valid_loss",
        "train_mse",
        "valid_mse",
        "valid_mae",
    ] {
        assert!(
            (record.get(name).unwrap() - 1.0 / 91.0).abs() < 1e-9,
            "{name}: {record:?}"
        );
    }
}

#[test]
fn accumulated_batches_step_like_one_large_batch() {
    let device = cpu("flex");
    let train = |batch_size, accumulate, divide| {
        // 1000 = 6 * 150 + 100: the last group holds a short batch too.
        let loader = Loader::new(course(), batch_size)
            .unwrap()
            .shuffle(Seed::new(2));
        let config = TrainConfig {
            accumulate,
            loss_reduction: divide,
            ..config(2, 0.05)
        };
        let trainer = Trainer::new(config).unwrap();
        let fitted = trainer.fit(line(2, &device), &Regression::default(), &loader, None);
        let fitted = fitted.unwrap();
        (numbers(&fitted.model), fitted.history.last().unwrap().step)
    };
    let (large, steps) = train(150, 1, LossReduction::Mean);
    let (small, groups) = train(50, 3, LossReduction::Mean);
    assert_eq!((steps, groups), (14, 14));
    for (a, b) in large.iter().zip(&small) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_loss_that_is_nan_stops_training_and_says_why() {
    let device = cpu("flex");
    let loader = Loader::new(course(), 10).unwrap().shuffle(Seed::new(2));
    let trainer = Trainer::new(config(50, 30.0)).unwrap();
    let error = trainer.fit(line(2, &device), &Regression::default(), &loader, None);
    let error = error.unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { .. }), "{error}");
    assert!(
        error.to_string().contains("Lower the learning rate"),
        "{error}"
    );
}

#[rstest]
#[case(f64::NAN)]
#[case(-0.1)]
#[case(0.0)]
#[case(f64::INFINITY)]
fn a_learning_rate_that_cannot_be_is_refused(#[case] rate: f64) {
    let error = Trainer::<Line, Predictions>::new(config(1, rate))
        .err()
        .unwrap();
    assert!(error.to_string().contains("learning_rate"), "{error}");
}

#[test]
fn wrong_data_is_an_error_that_names_the_place() {
    let device = cpu("flex");
    let fit = |model, data: Rows, watch: &str| {
        let loader = Loader::new(data, 10).unwrap().last_batch(LastBatch::Drop);
        Trainer::new(config(1, 0.1))
            .unwrap()
            .monitor(Monitor::min(watch))
            .fit(model, &Regression::default(), &loader, None)
            .unwrap_err()
            .to_string()
    };
    let error = fit(line(3, &device), course(), "train_loss");
    assert!(
        error.contains("epoch 1, batch 1") && error.contains("[3] but was given [2]"),
        "{error}"
    );
    let two = Rows::new(
        Values::new(vec![0.0; 40], 2).unwrap(),
        Values::new(vec![0.0; 40], 2).unwrap(),
    );
    let error = fit(line(2, &device), two.unwrap(), "train_loss");
    assert!(error.contains("targets of a loss"), "{error}");
    let error = fit(line(2, &device), course(), "valid_loss");
    assert!(
        error.contains("no metric is called 'valid_loss'; there are: train_loss"),
        "{error}"
    );
}

/// A validation loss that gets better for a while and then worse.
#[test]
fn early_stopping_restores_the_best_weights() {
    let device = cpu("flex");
    let train = Loader::new(course(), 100).unwrap().shuffle(Seed::new(2));
    // Validation data with another slope: training passes it on the way.
    let elsewhere = synthetic::linear(&[1.0, -1.7], 2.1, 0.0, 200, Seed::new(9)).unwrap();
    let valid = Loader::for_evaluation(elsewhere, 200).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    struct Weights(Arc<Mutex<Vec<Vec<f32>>>>);
    impl Callback<Line> for Weights {
        fn on_epoch_end(&mut self, _: &EpochRecord, model: &Line) -> Result<Flow, StepError> {
            self.0.lock().unwrap().push(numbers(model));
            Ok(Flow::Continue)
        }
    }
    let fitted = Trainer::new(config(100, 0.01))
        .unwrap()
        .callback(Weights(Arc::clone(&seen)))
        .monitor(Monitor::min("valid_loss").patience(3))
        .fit(
            line(2, &device),
            &Regression::default(),
            &train,
            Some(&valid),
        )
        .unwrap();
    let losses = fitted.history.series("valid_loss");
    let (best, value) = fitted.best.unwrap();
    let smallest = losses
        .iter()
        .map(|point| point.1)
        .fold(f64::INFINITY, f64::min);
    assert_eq!(value, smallest);
    assert!(
        best > 1 && losses.len() == best + 3,
        "stopped after {} epochs",
        losses.len()
    );
    assert_eq!(numbers(&fitted.model), seen.lock().unwrap()[best - 1]);
    assert!(
        matches!(fitted.stop_reason, StopReason::Early(reason) if reason.contains("no better valid_loss for 3"))
    );
}

#[test]
fn a_run_folder_holds_what_people_keep() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(folder.path().join("run")).unwrap();
    let device = cpu("flex");
    let train = Loader::new(course(), 10).unwrap().shuffle(Seed::new(2));
    let valid = Loader::for_evaluation(course(), 100).unwrap();
    run.write_config(&config(3, 0.03)).unwrap();
    let fitted = Trainer::new(config(3, 0.03))
        .unwrap()
        .run(run.clone())
        .fit(
            line(2, &device),
            &Regression::default(),
            &train,
            Some(&valid),
        )
        .unwrap();
    Bundle::save(run.bundle(), "line", &"no configuration", &fitted.model).unwrap();
    for name in [
        "config.json",
        "history.csv",
        "history.jsonl",
        "curves.svg",
        "bundle/model.json",
    ] {
        assert!(
            run.folder().join(name).metadata().unwrap().len() > 30,
            "{name}"
        );
    }
    let csv = std::fs::read_to_string(run.folder().join("history.csv")).unwrap();
    assert!(csv.starts_with("epoch,step,learning_rate,train_loss,valid_loss,seconds\n1,100,0.03,"));
    assert_eq!(csv.lines().count(), 4);
    let svg = std::fs::read_to_string(run.folder().join("curves.svg")).unwrap();
    assert!(svg.contains("train") && svg.contains("validation"));

    let bundle = Bundle::open(run.bundle()).unwrap();
    assert_eq!(bundle.model_name().unwrap(), "line");
    let loaded = bundle.load_into(line(2, &device)).unwrap();
    let inputs = course().features().clone().into_tensor(&device);
    let predict = |model: &Line| {
        model
            .forward(inputs.clone())
            .try_into_vec_as::<f32>()
            .unwrap()
    };
    assert_eq!(
        predict(&loaded),
        predict(&fitted.model),
        "bit-equal predictions"
    );
}

#[test]
fn a_bundle_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let device = cpu("flex");
    let path = folder.path().join("bundle");
    assert!(
        Bundle::open(&path)
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
    Bundle::save(&path, "line", &2, &line(2, &device)).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    assert_eq!(bundle.config::<usize>("line").unwrap(), 2);
    let error = bundle.config::<usize>("lenet").unwrap_err().to_string();
    assert!(
        error.contains("holds the model 'line', not 'lenet'"),
        "{error}"
    );
    assert!(bundle.load_into(line(3, &device)).is_err(), "another shape");
    let weights = path.join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 3]).unwrap();
    let error = bundle.load_into(line(2, &device)).unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}

#[rstest]
#[case("flex")]
#[case("ndarray")]
fn resuming_is_invisible(#[case] device: &str) {
    let device = cpu(device);
    let folder = tempfile::tempdir().unwrap();
    let fit = |epochs, name: &str, resume| {
        let train = Loader::new(course(), 96).unwrap().shuffle(Seed::new(2));
        let valid = Loader::for_evaluation(course(), 100).unwrap();
        let config = TrainConfig {
            optimizer: tinderbox_optim::OptimizerConfig::adam().into(),
            ..config(epochs, 0.03)
        };
        Trainer::new(config)
            .unwrap()
            .run(Run::open(folder.path().join(name)).unwrap())
            .monitor(Monitor::min("valid_loss").patience(50))
            .resume(resume)
            .fit(
                line(2, &device),
                &Regression::default(),
                &train,
                Some(&valid),
            )
    };
    let whole = fit(7, "whole", Resume::No).unwrap();
    fit(3, "parts", Resume::No).unwrap();
    let parts = fit(7, "parts", Resume::Latest).unwrap();
    assert_eq!(numbers(&whole.model), numbers(&parts.model));
    let metrics = |fitted: &Fitted<Line>| {
        let epochs = fitted.history.epochs.iter();
        epochs
            .map(|record| record.metrics.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(metrics(&whole), metrics(&parts));
    assert_eq!(whole.best, parts.best);
}

#[test]
fn a_checkpoint_of_something_else_is_refused_by_name() {
    let device = cpu("flex");
    let folder = tempfile::tempdir().unwrap();
    let run = || Run::open(folder.path().join("run")).unwrap();
    let fit = |config: TrainConfig, inputs: usize, batch_size: usize, resume| {
        let data = synthetic::linear(&vec![1.0; inputs], 0.0, 0.1, 100, Seed::new(1)).unwrap();
        let loader = Loader::new(data, batch_size).unwrap();
        Trainer::new(config).unwrap().run(run()).resume(resume).fit(
            line(inputs, &device),
            &Regression::default(),
            &loader,
            None,
        )
    };
    fit(config(2, 0.03), 2, 10, Resume::No).unwrap();
    let refused = |config, inputs, batch_size| {
        let error = fit(config, inputs, batch_size, Resume::Latest).unwrap_err();
        assert!(
            matches!(error, TrainError::ForeignCheckpoint { .. }),
            "{error}"
        );
        error.to_string()
    };
    let message = refused(config(4, 0.03), 3, 10);
    assert!(message.contains("step-000000020.ckpt"), "{message}");
    assert!(
        message.contains("linear.weight of shape [2, 1]"),
        "{message}"
    );
    assert!(refused(config(4, 0.01), 2, 10).contains("learning rate was 0.03, and is 0.01 now"));
    assert!(refused(config(4, 0.03), 2, 20).contains("batches an epoch was 10, and is 5 now"));
    let other_seed = TrainConfig {
        seed: 9,
        ..config(4, 0.03)
    };
    assert!(refused(other_seed, 2, 10).contains("seed was 0, and is 9 now"));
    fit(config(4, 0.03), 2, 10, Resume::Latest).unwrap();
}

#[test]
fn other_data_are_not_resumed_but_trained_from_the_weights() {
    let device = cpu("flex");
    let folder = tempfile::tempdir().unwrap();
    let data = |seed| synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 100, Seed::new(seed)).unwrap();
    let fit = |epochs, model, data: [Rows; 2], order, name: &str, resume| {
        let [train, valid] = data;
        let train = Loader::new(train, 10).unwrap().shuffle(Seed::new(order));
        let valid = Loader::for_evaluation(valid, 100).unwrap();
        let run = Run::open(folder.path().join(name)).unwrap();
        let trainer = Trainer::new(config(epochs, 0.03)).unwrap();
        let trainer = trainer.run(run).resume(resume).keep_memory(false);
        trainer.fit(model, &Regression::default(), &train, Some(&valid))
    };
    let new = || line(2, &device);
    let whole = fit(4, new(), [data(1), data(2)], 3, "whole", Resume::No).unwrap();
    fit(2, new(), [data(1), data(2)], 3, "run", Resume::No).unwrap();
    let refused = |data, order| {
        let error = fit(4, new(), data, order, "run", Resume::Latest).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("start a new run in another folder"),
            "{error}"
        );
        assert!(error.contains("(load_checkpoint)"), "{error}");
        let (_, reason) = error.split_once("another run: ").unwrap();
        reason.to_owned()
    };
    let reason = refused([data(7), data(2)], 3);
    assert!(
        reason.starts_with("training data was 100 examples with the digest "),
        "{reason}"
    );
    assert!(!reason.contains("validation data"), "{reason}");
    let reason = refused([data(1), data(7)], 3);
    assert!(
        reason.starts_with("validation data was 100 examples "),
        "{reason}"
    );
    let reason = refused([data(1), data(2)], 4);
    assert!(
        reason.starts_with("seed of the order was 3, and is 4 now. "),
        "{reason}"
    );
    // Two at once are both named.
    let reason = refused([data(7), data(2)], 4);
    assert!(
        reason.contains("training data was ") && reason.contains("seed of the order was "),
        "{reason}"
    );
    // Without a resume nothing is overwritten.
    let error = fit(4, new(), [data(1), data(2)], 3, "run", Resume::No).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }), "{error}");

    let checkpoint = folder.path().join("run/checkpoints/step-000000020.ckpt");
    let model = load_checkpoint(new(), &checkpoint).unwrap();
    fit(1, model, [data(7), data(2)], 4, "other", Resume::No).unwrap();
    let error = load_checkpoint(line(3, &device), &checkpoint).unwrap_err();
    assert!(
        error.to_string().contains("linear.weight of shape [2, 1]"),
        "{error}"
    );

    let resumed = fit(4, new(), [data(1), data(2)], 3, "run", Resume::Latest).unwrap();
    assert_eq!(numbers(&resumed.model), numbers(&whole.model));
    let last = folder.path().join("run/checkpoints/step-000000040.ckpt");
    let last = load_checkpoint(new(), last).unwrap();
    assert_eq!(numbers(&last), numbers(&whole.model));
}

#[test]
fn the_learning_rate_finder_finds_a_rate_that_trains() {
    let device = cpu("flex");
    let loader = Loader::new(course(), 50).unwrap().shuffle(Seed::new(2));
    let model = line(2, &device);
    let before = numbers(&model);
    let defaults = TrainConfig::default();
    let search = LrFinder::default();
    let search = search
        .search(&model, &Regression::default(), &defaults, &loader)
        .unwrap();
    assert_eq!(numbers(&model), before, "the model stays as it was");
    let rate = search.suggestion.unwrap();
    assert!((0.001..1.0).contains(&rate), "suggested {rate}");
    assert!(search.plot().unwrap().contains("<svg"));
    let trainer = Trainer::new(config(5, rate)).unwrap();
    let fitted = trainer
        .fit(model, &Regression::default(), &loader, None)
        .unwrap();
    assert!(fitted.history.last().unwrap().get("train_loss").unwrap() < 0.5);
    let finder = LrFinder {
        lowest: 1.0,
        highest: 0.1,
        ..LrFinder::default()
    };
    let error = finder
        .search(&fitted.model, &Regression::default(), &defaults, &loader)
        .unwrap_err();
    assert!(error.to_string().contains("the smaller first"), "{error}");
}

#[test]
fn a_closure_is_a_task_and_a_callback_may_stop() {
    struct StopAfter(usize);
    impl<M> Callback<M> for StopAfter {
        fn on_epoch_end(&mut self, record: &EpochRecord, _: &M) -> Result<Flow, StepError> {
            Ok(match record.epoch >= self.0 {
                true => Flow::Stop("enough".into()),
                false => Flow::Continue,
            })
        }
    }
    let task = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let examples = batch.targets.dims()[0];
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.abs().mean(), examples))
    };
    let loader = Loader::new(course(), 10).unwrap();
    let trainer = Trainer::new(config(9, 0.03))
        .unwrap()
        .callback(StopAfter(2));
    let fitted = trainer
        .fit(line(2, &cpu("flex")), &task, &loader, None)
        .unwrap();
    assert_eq!(fitted.stop_reason, StopReason::Early("enough".into()));
    assert_eq!(fitted.history.epochs.len(), 2);
}
