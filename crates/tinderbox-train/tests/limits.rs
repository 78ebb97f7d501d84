//! Budgets, validation by steps, quick tries, and the callbacks of a step.

use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::{Batches, Loader, Rows, synthetic};
use tinderbox_nn::{Initializer, LinearInit, Network, linear};
use tinderbox_train::*;

#[derive(Module, Debug)]
struct Line {
    linear: burn::nn::Linear,
}

impl Line {
    fn new() -> Self {
        let init = LinearInit {
            bias: true,
            weight: Initializer::Normal { std: 0.01 },
        };
        Self {
            linear: linear(2, 1, init, Seed::new(3), &Device::flex()),
        }
    }

    fn numbers(&self) -> Vec<f32> {
        let bias = self.linear.bias.as_ref().unwrap().val();
        let weight = self.linear.weight.val();
        let all = [weight.to_data(), bias.to_data()];
        all.iter().flat_map(|data| data.iter::<f32>()).collect()
    }
}

impl Network<2> for Line {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.linear.forward(inputs)
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![2]
    }

    fn outputs(&self) -> usize {
        1
    }
}

/// 1,000 rows, 100 batches per epoch.
fn train() -> Loader<Rows> {
    let rows = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(1)).unwrap();
    Loader::new(rows, 10).unwrap().shuffle(Seed::new(2))
}

fn valid() -> Loader<Rows> {
    let rows = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 200, Seed::new(7)).unwrap();
    Loader::for_evaluation(rows, 50).unwrap()
}

fn fit(trainer: Trainer<Line, Predictions>) -> Fitted<Line> {
    let valid = valid();
    let fitted = trainer.fit(Line::new(), &Regression::default(), &train(), Some(&valid));
    fitted.unwrap()
}

fn trainer(config: TrainConfig) -> Trainer<Line, Predictions> {
    Trainer::new(config).unwrap()
}

/// The steps of the records, and those that have a validation loss.
fn steps(history: &History) -> [Vec<usize>; 2] {
    let all = history.epochs.iter().map(|record| record.step);
    let validated = history
        .epochs
        .iter()
        .filter(|r| r.get("valid_loss").is_some());
    [all.collect(), validated.map(|record| record.step).collect()]
}

#[test]
fn a_budget_of_steps_ends_in_mid_epoch_and_is_extended_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, steps, resume| {
        let run = Run::open(folder.path().join(name)).unwrap();
        fit(trainer(TrainConfig::steps(steps)).run(run).resume(resume))
    };
    let first = run("parts", 250, Resume::No);
    assert_eq!(first.stop_reason, StopReason::Finished);
    assert_eq!(steps(&first.history)[1], [100, 200, 250]);
    let longer = run("parts", 410, Resume::Latest);
    assert_eq!(steps(&longer.history)[1], [100, 200, 250, 300, 400, 410]);
    let whole = run("whole", 410, Resume::No);
    assert_eq!(longer.model.numbers(), whole.model.numbers());
    // Whichever comes first.
    let both = TrainConfig {
        epochs: 2,
        ..TrainConfig::steps(250)
    };
    assert_eq!(steps(&fit(trainer(both)).history)[0], [100, 200]);
}

#[test]
fn a_budget_of_minutes_ends_the_run_after_a_step_with_a_record() {
    let config = TrainConfig {
        max_minutes: Some(1e-9),
        ..TrainConfig::default()
    };
    let fitted = fit(trainer(config).monitor(Monitor::min("valid_loss")));
    let StopReason::Early(reason) = &fitted.stop_reason else {
        panic!("{:?}", fitted.stop_reason);
    };
    assert!(
        reason.contains("the time budget of 0.000000001 minutes is used up"),
        "{reason}"
    );
    let [records, validated] = steps(&fitted.history);
    assert_eq!(records, validated);
    assert!(records.len() == 1 && records[0] < 100, "{records:?}");
    assert!(fitted.best.is_some());
}

#[test]
fn the_model_is_validated_by_steps_or_epochs() {
    let with = |validate, epochs| TrainConfig {
        validate,
        epochs,
        learning_rate: 0.03,
        ..TrainConfig::default()
    };
    let plain = fit(trainer(with(Interval::Epochs(1), 2)));
    let fitted = fit(trainer(with(Interval::Steps(30), 2)));
    let all = [30, 60, 90, 120, 150, 180, 200];
    assert_eq!(steps(&fitted.history), [all.to_vec(), all.to_vec()]);
    assert_eq!(fitted.history.axis(), "step");
    let places = fitted
        .history
        .series("valid_loss")
        .into_iter()
        .map(|(x, _)| x as usize);
    assert!(places.eq(all));
    // Validation changes nothing, and the last one measures the same model.
    assert_eq!(fitted.model.numbers(), plain.model.numbers());
    let valid_loss = |fitted: &Fitted<Line>| fitted.history.last().unwrap().get("valid_loss");
    assert_eq!(valid_loss(&fitted), valid_loss(&plain));

    let fitted = fit(trainer(with(Interval::Epochs(3), 7)));
    let epochs = |steps: &[usize]| steps.iter().map(|step| step / 100).collect::<Vec<_>>();
    let [all, validated] = steps(&fitted.history);
    assert_eq!(epochs(&all), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(epochs(&validated), [3, 6, 7]);

    // Patience counts validations: the loss no longer falls by 10 from the first one on.
    let monitor = Monitor::min("valid_loss").min_delta(100.0).patience(2);
    let fitted = fit(trainer(with(Interval::Steps(10), 2)).monitor(monitor));
    assert_eq!(steps(&fitted.history)[0], [10, 20, 30]);
    assert!(
        matches!(&fitted.stop_reason, StopReason::Early(why) if why.contains("2 validations")),
        "{:?}",
        fitted.stop_reason
    );
}

#[test]
fn validation_by_steps_resumes_to_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    let config = |steps| TrainConfig {
        validate: Interval::Steps(40),
        ema_decay: Some(0.9),
        ..TrainConfig::steps(steps)
    };
    let run = |name: &str, steps, resume| {
        let run = Run::open(folder.path().join(name)).unwrap();
        let trainer = trainer(config(steps)).monitor(Monitor::min("valid_loss"));
        fit(trainer
            .run(run)
            .checkpoint(Interval::Steps(7), 2)
            .resume(resume))
    };
    let whole = run("whole", 200, Resume::No);
    run("parts", 120, Resume::No);
    let parts = run("parts", 200, Resume::Latest);
    assert_eq!(
        parts.history.series("train_loss"),
        whole.history.series("train_loss")
    );
    assert_eq!(
        parts.history.series("valid_loss"),
        whole.history.series("valid_loss")
    );
    assert_eq!(
        (parts.best, parts.model.numbers()),
        (whole.best, whole.model.numbers())
    );
}

#[test]
fn a_quick_try_uses_one_batch_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        limit: Limit::QuickTry,
        ..TrainConfig::default()
    };
    let run = Run::open(folder.path()).unwrap();
    let fitted = fit(trainer(config).run(run.clone()));
    assert_eq!(steps(&fitted.history), [vec![1], vec![1]]);
    assert!(run.checkpoints().join("step-000000001.ckpt").is_file());
    // The validation loss is that of the first batch.
    let valid = valid();
    let batch = valid
        .epoch(0, 0, &Device::flex())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let error = fitted.model.forward(batch.inputs) - batch.targets;
    let loss: f64 = error.square().mean().into_scalar();
    let valid_loss = fitted.history.last().unwrap().get("valid_loss").unwrap();
    assert!(
        (valid_loss - loss).abs() < 1e-5 * loss,
        "{valid_loss} {loss}"
    );
}

#[test]
fn one_batch_is_overfitted() {
    // Three rows and three weights: the loss must reach 0, noise included.
    let rows = synthetic::linear(&[2.0, -3.4], 4.2, 1.0, 1000, Seed::new(1)).unwrap();
    let train = Loader::new(rows, 3).unwrap().shuffle(Seed::new(2));
    let config = TrainConfig {
        epochs: 400,
        learning_rate: 0.1,
        limit: Limit::Overfit(1),
        ..TrainConfig::default()
    };
    let fitted = trainer(config).fit(Line::new(), &Regression::default(), &train, None);
    let history = fitted.unwrap().history;
    assert_eq!(history.last().unwrap().step, 400, "one batch per epoch");
    let loss = history.last().unwrap().get("train_loss").unwrap();
    assert!(loss < 1e-3, "{loss}");
}

/// What a callback saw of a step: its loss, the norm of its gradients, and the weights after it.
type SeenStep = (f64, f64, Vec<f32>);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<SeenStep>>>);

impl Callback<Line> for Seen {
    fn on_gradients(&mut self, gradients: &StepGradients<Line>) -> Result<(), StepError> {
        let mut seen = self.0.lock().unwrap();
        assert_eq!(gradients.steps_done, seen.len());
        seen.push((0.0, gradients.norm(), Vec::new()));
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepInfo<Line>) -> Result<(), StepError> {
        let mut seen = self.0.lock().unwrap();
        let last = seen.last_mut().unwrap();
        (last.0, last.2) = (step.loss(), step.model.numbers());
        Ok(())
    }
}

#[test]
fn callbacks_see_the_loss_the_gradient_norm_and_the_model_of_a_step() {
    let seen = Seen::default();
    let config = TrainConfig {
        // The norm is that before clipping.
        clip: Some(Clip::Norm(1e-3)),
        learning_rate: 0.5,
        ..TrainConfig::steps(5)
    };
    let start = Line::new().numbers();
    let fitted = fit(trainer(config).callback(seen.clone()));
    let seen = seen.0.lock().unwrap();
    let losses: f64 = seen.iter().map(|step| step.0).sum();
    let mean = fitted.history.last().unwrap().get("train_loss").unwrap();
    assert!((losses / 5.0 - mean).abs() < 1e-9, "{losses} {mean}");
    assert_eq!(seen[4].2, fitted.model.numbers());
    // The gradient of the mean squared error at small weights is about -2 * (4, -6.8, 8.4) / 2.
    assert!((3.0..40.0).contains(&seen[0].1), "{}", seen[0].1);
    // A clipped step of SGD has the length rate * limit.
    let length = |a: &[f32], b: &[f32]| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    assert!((length(&start, &seen[0].2) - 0.5e-3).abs() < 1e-6);
}

#[test]
fn limits_that_end_no_run_are_refused() {
    let with = |config: TrainConfig| {
        Trainer::<Line, Predictions>::new(config)
            .err()
            .unwrap()
            .to_string()
    };
    let default = TrainConfig::default;
    assert!(with(TrainConfig::steps(0)).starts_with("max_steps = 0: train for at least one step"));
    for minutes in [0.0, -1.0, f64::NAN] {
        let error = with(TrainConfig {
            max_minutes: Some(minutes),
            ..default()
        });
        assert!(
            error.contains("a budget must be positive and finite"),
            "{error}"
        );
    }
    let error = with(TrainConfig {
        validate: Interval::Steps(0),
        ..default()
    });
    assert!(error.starts_with("validate = 0"), "{error}");
    let error = with(TrainConfig {
        limit: Limit::Overfit(0),
        ..default()
    });
    assert!(
        error.starts_with("limit = 0: overfit at least one batch"),
        "{error}"
    );
}
