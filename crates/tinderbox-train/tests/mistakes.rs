//! Mistakes in data and in custom steps: the errors and the places that they name.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Loader, Rows, Values};
use tinderbox_nn::{Initializer, LinearInit, Network, linear};
use tinderbox_optim::PlateauConfig;
use tinderbox_train::*;

#[derive(Module, Debug)]
struct Line {
    linear: burn::nn::Linear,
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

fn line() -> Line {
    let init = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.1 },
    };
    Line {
        linear: linear(2, 1, init, Seed::new(3), &Device::flex()),
    }
}

/// Twenty rows, `y = a + b`, with these numbers put into inputs (two a row) and targets.
fn rows(inputs: &[(usize, f32)], targets: &[(usize, f32)]) -> Rows {
    let mut x: Vec<f32> = (0..40).map(|i| (i % 7) as f32 / 7.0).collect();
    let mut y: Vec<f32> = x.chunks(2).map(|row| row[0] + row[1]).collect();
    for &(place, value) in inputs {
        x[place] = value;
    }
    for &(place, value) in targets {
        y[place] = value;
    }
    Rows::new(Values::new(x, 2).unwrap(), Values::new(y, 1).unwrap()).unwrap()
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate: 0.05,
        ..TrainConfig::default()
    }
}

fn train_loader() -> Loader<Rows> {
    Loader::new(rows(&[], &[]), 5).unwrap()
}

/// A metric with these values, epoch by epoch; the last one is repeated.
#[derive(Clone)]
struct Told(Vec<f64>, usize);

impl<O> Metric<O> for Told {
    fn update(&mut self, _: &O) -> Result<(), StepError> {
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        let value = self.0[self.1.min(self.0.len()).saturating_sub(1)];
        vec![("told".into(), value)]
    }

    // Before every measurement of validation data.
    fn reset(&mut self) {
        self.1 += 1;
    }

    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: &serde_json::Value) -> bool {
        true
    }
}

#[test]
fn a_watched_metric_that_is_no_number_ends_the_run_and_names_the_row() {
    let fit = |valid: Rows| {
        let valid = Loader::for_evaluation(valid, 4).unwrap();
        Trainer::new(config(30))
            .unwrap()
            .monitor(Monitor::min("valid_loss").patience(3))
            .fit(
                line(),
                &Regression::default(),
                &train_loader(),
                Some(&valid),
            )
            .unwrap_err()
    };
    let row = |error: &TrainError| match error {
        TrainError::MetricNotFinite {
            metric,
            epoch: 1,
            place: Some(NotFinitePlace::Row { row, what }),
            ..
        } if metric == "valid_loss" => (*row, *what),
        other => panic!("{other}"),
    };
    let error = fit(rows(&[], &[(6, f32::NAN), (12, f32::NAN)]));
    assert_eq!(row(&error), (7, "target"));
    let message = error.to_string();
    assert!(
        message.contains("valid_loss is NaN in epoch 1")
            && message.contains("row 7 of the validation data has the first target"),
        "{message}"
    );
    let error = fit(rows(&[(31, f32::INFINITY)], &[(18, f32::NAN)]));
    assert_eq!(row(&error), (16, "input"));
    // In one batch: the row that comes first.
    let error = fit(rows(&[(22, f32::NAN)], &[(10, f32::NAN)]));
    assert_eq!(row(&error), (11, "target"));
    // All numbers are finite, but the square is not.
    let error = fit(rows(&[(6, f32::MAX)], &[]));
    assert!(
        matches!(
            error,
            TrainError::MetricNotFinite {
                place: Some(NotFinitePlace::Batch { first: 1, last: 4 }),
                ..
            }
        ),
        "{error}"
    );
    let batch = Batch {
        inputs: Tensor::from_data([[1.0, 0.0], [f32::MAX, f32::MAX]], &Device::flex()),
        targets: Tensor::zeros([2, 1], &Device::flex()),
    };
    let init = LinearInit {
        bias: false,
        weight: Initializer::Constant { value: 2.0 },
    };
    let steep = Line {
        linear: linear(2, 1, init, Seed::new(0), &Device::flex()),
    };
    let found = Regression::default().first_not_finite(&steep, &batch);
    let expected = NotFiniteRow {
        row: 1,
        what: "prediction",
    };
    assert_eq!(found, Some(expected));
}

#[test]
fn a_custom_step_names_the_rows_of_the_batch() {
    let task = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let examples = batch.targets.dims()[0];
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().mean(), examples))
    };
    let valid = Loader::for_evaluation(rows(&[], &[(9, f32::NAN)]), 4).unwrap();
    let error = Trainer::new(config(30))
        .unwrap()
        .monitor(Monitor::min("valid_loss"))
        .fit(line(), &task, &train_loader(), Some(&valid))
        .unwrap_err();
    let TrainError::MetricNotFinite {
        place: Some(place), ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*place, NotFinitePlace::Batch { first: 9, last: 12 });
    assert!(error.to_string().contains("rows 9 to 12"), "{error}");
}

fn told(values: &[f64], watch: Option<&str>, plateau: Option<&str>) -> Result<Fitted<Line>> {
    let valid = Loader::for_evaluation(rows(&[], &[]), 20).unwrap();
    let plateau = plateau.map(|metric| OnPlateau {
        metric: metric.into(),
        rule: PlateauConfig::default(),
    });
    let config = TrainConfig {
        plateau,
        ..config(10)
    };
    let mut trainer = Trainer::new(config)?.metric(Told(values.to_vec(), 0));
    if let Some(metric) = watch {
        trainer = trainer.monitor(Monitor::max(metric).patience(3));
    }
    trainer.fit(
        line(),
        &Regression::default(),
        &train_loader(),
        Some(&valid),
    )
}

#[test]
fn a_metric_without_a_value_on_these_data_is_named_with_the_epoch() {
    for value in [f64::NAN, f64::INFINITY] {
        for (watch, plateau) in [(Some("valid_told"), None), (None, Some("valid_told"))] {
            let error = told(&[value], watch, plateau).unwrap_err();
            let TrainError::MetricNotFinite { epoch, place, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!((*epoch, *place), (1, Some(NotFinitePlace::Nowhere)));
            assert!(error.to_string().contains("valid_told is"), "{error}");
        }
    }
    let error = told(&[f64::NAN], Some("train_told"), None).unwrap_err();
    assert!(error.to_string().contains("training data"), "{error}");
    // The metric is not watched, so the run does not stop.
    assert_eq!(
        told(&[f64::NAN], None, None).unwrap().history.epochs.len(),
        10
    );
}

#[test]
fn a_metric_that_was_a_number_once_runs_out_of_patience() {
    let fitted = told(&[0.5, 0.7, f64::NAN], Some("valid_told"), None).unwrap();
    assert_eq!(fitted.best, Some((2, 0.7)));
    assert_eq!(fitted.history.epochs.len(), 5);
    assert!(
        matches!(&fitted.stop_reason, StopReason::Early(reason) if reason.contains("no better valid_told for 3"))
    );
}

/// The errors of fit, evaluate and the learning-rate finder for a task.
fn refusals(task: &dyn Fn(&Line, Batch) -> Result<Step, StepError>) -> [TrainError; 2] {
    let task = |model: &Line, batch: Batch| task(model, batch);
    let fitted = Trainer::new(config(2))
        .unwrap()
        .fit(line(), &task, &train_loader(), None);
    let finder = LrFinder::default();
    let found = finder.search(&line(), &task, &config(1), &train_loader());
    [fitted.unwrap_err(), found.unwrap_err()]
}

fn loss_error(error: &TrainError) -> &LossError {
    match error {
        TrainError::Loss {
            epoch: 1,
            batch: 1,
            source,
        } => source,
        other => panic!("{other}"),
    }
}

#[test]
fn a_loss_of_many_numbers_and_one_of_no_examples_are_refused() {
    let each = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().flatten(0, 1), 5))
    };
    for error in refusals(&each) {
        assert_eq!(loss_error(&error), &LossError::NotOneNumber { numbers: 5 });
        let message = error.to_string();
        assert!(
            message.contains("epoch 1, batch 1") && message.contains("`loss.mean()`"),
            "{message}"
        );
    }
    let error = evaluate(&line(), &each, &train_loader(), &mut []).unwrap_err();
    assert_eq!(loss_error(&error), &LossError::NotOneNumber { numbers: 5 });
    let none = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().mean(), 0))
    };
    for error in refusals(&none) {
        assert_eq!(loss_error(&error), &LossError::NoExamples);
        assert!(error.to_string().contains("batch.targets.dims()[0]"));
    }
}

#[test]
fn a_loss_that_does_not_depend_on_the_weights_is_refused() {
    let expected = LossError::Detached {
        parameters: vec!["linear.weight".into(), "linear.bias".into()],
    };
    let cut = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let error = model.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().mean().detach(), 5))
    };
    let plain = |model: &Line, batch: Batch| -> Result<Step, StepError> {
        let error = model.valid().forward(batch.inputs.inner()) - batch.targets.inner();
        Ok(Step::mean(error.square().mean(), 5))
    };
    // Weights, but those of another model.
    let other = line().train();
    let elsewhere = move |_: &Line, batch: Batch| -> Result<Step, StepError> {
        let error = other.forward(batch.inputs) - batch.targets;
        Ok(Step::mean(error.square().mean(), 5))
    };
    type Task<'a> = &'a dyn Fn(&Line, Batch) -> Result<Step, StepError>;
    let tasks: [Task; 3] = [&cut, &plain, &elsewhere];
    for task in tasks {
        for error in refusals(task) {
            assert_eq!(loss_error(&error), &expected);
            let message = error.to_string();
            assert!(
                message.contains("(linear.weight, linear.bias)") && message.contains("`detach`"),
                "{message}"
            );
        }
    }
    // Measuring needs no gradient.
    assert!(evaluate(&line(), &cut, &train_loader(), &mut []).is_ok());
}

#[test]
fn outputs_that_a_metric_cannot_measure_are_errors() {
    let loss = |model: &Line, batch: &Batch| {
        let error = model.forward(batch.inputs.clone()) - batch.targets.clone();
        Step::mean(error.square().mean(), 5)
    };
    // A row is missing.
    let short = |model: &Line, batch: Batch| -> Result<Step<Predictions>, StepError> {
        let predicted = model.forward(batch.inputs.clone()).narrow(0, 0, 4);
        Ok(loss(model, &batch).with_output(Predictions {
            predicted,
            targets: batch.targets,
        }))
    };
    let error = Trainer::new(config(1))
        .unwrap()
        .metric(RegressionMetrics::new(&[RegressionMetric::Mae]))
        .fit(line(), &short, &train_loader(), None)
        .unwrap_err();
    assert!(matches!(error, TrainError::Metric { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("epoch 1, batch 1")
            && message.contains("shape [4, 1] for targets of shape [5, 1]"),
        "{message}"
    );
    // Labels that are not classes.
    let labels = |model: &Line, batch: Batch| -> Result<Step<Logits>, StepError> {
        let device = batch.inputs.device();
        Ok(loss(model, &batch).with_output(Logits {
            logits: batch.inputs,
            targets: Tensor::from_data([0, 1, 2, 1, 0], &device),
        }))
    };
    let measure = |metric: &mut dyn Metric<Logits>| {
        evaluate(&line(), &labels, &train_loader(), &mut [metric])
            .unwrap_err()
            .to_string()
    };
    let messages = [
        measure(&mut Accuracy::default()),
        measure(&mut LogLoss::default()),
        measure(&mut TopK::new(2).unwrap()),
        measure(&mut Auc::default()),
        measure(&mut ConfusionMatrix::default()),
    ];
    for message in messages {
        assert!(
            message.contains("example 3 of the batch has label 2"),
            "{message}"
        );
    }
}
