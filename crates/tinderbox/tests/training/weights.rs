//! Rows and classes that count more than others, and the curve of a column.

use polars::prelude::{DataFrame, df};
use tinderbox::models::{LinearRegressionConfig, TabMConfig, TableColumns};
use tinderbox::prelude::*;
use tinderbox::tables::FeatureSpec;
use tinderbox::tabular::{Model, Scores, TabularError, Training, partial_dependence};
use tinderbox::train::{Classification, Regression, Step, Task};

/// 240 rows: `y` is `2 x` in rows of weight 3, and `-x` in those of weight 0.
fn contradicting() -> DataFrame {
    let mut rng = Seed::new(3).rng();
    let x: Vec<f64> = (0..240).map(|_| rng.normal()).collect();
    let counts = |row: usize| row.is_multiple_of(2);
    let rows = x.iter().enumerate();
    let y: Vec<f64> = rows
        .map(|(row, x)| if counts(row) { 2.0 * x } else { -x })
        .collect();
    let weight: Vec<i64> = (0..240)
        .map(|row| if counts(row) { 3 } else { 0 })
        .collect();
    df!("x" => x, "weight" => weight, "y" => y).unwrap()
}

fn spec(frame: &DataFrame, target: &str) -> FeatureSpec {
    FeatureSpec::infer(frame, target).unwrap()
}

#[test]
fn rows_of_weight_0_teach_nothing_and_score_nothing() {
    let frame = contradicting();
    for &model in Model::ALL {
        let fit = |weights: bool| {
            let training = Training::new(spec(&frame, "y")).model(model).seed(1);
            let training = match weights {
                true => training.weights("weight"),
                // The weight says which line a row is on; without weights it must not be a feature either.
                false => {
                    let mut spec = spec(&frame, "y");
                    spec.columns.retain(|column| column.names() != ["weight"]);
                    Training::new(spec).model(model).seed(1)
                }
            };
            let training = match model {
                Model::FtTransformer | Model::RealMlp => training.epochs(40),
                _ => training,
            };
            training.fit_split(&frame).unwrap()
        };
        let weighted = fit(true);
        assert_eq!(weighted.predictor.features().inputs(), ["x"]);
        let rmse = weighted.test("rmse").unwrap();
        assert!(rmse < 0.5, "{model:?}: {rmse}");
        // Without weights the two lines are averaged.
        let plain = fit(false).test("rmse").unwrap();
        assert!(plain > 1.0, "{model:?}: {plain}");
    }
}

#[test]
fn balanced_classes_find_the_rare_one() {
    let mut rng = Seed::new(4).rng();
    let class: Vec<&str> = (0..400)
        .map(|row| ["common", "rare"][usize::from(row % 10 == 0)])
        .collect();
    let x: Vec<f64> = class
        .iter()
        .map(|class| rng.normal() + if *class == "rare" { 1.5 } else { 0.0 })
        .collect();
    let frame = df!("x" => x, "class" => class).unwrap();
    for model in [Model::Linear, Model::Mlp] {
        let score = |balanced: bool| {
            let training = Training::new(spec(&frame, "class")).model(model).seed(2);
            let training = training.balanced_classes(balanced).epochs(30);
            let trained = training.fit_split(&frame).unwrap();
            Scores::of(&trained.predictor, &frame).unwrap()
        };
        let [plain, balanced] = [false, true].map(score);
        let recall = |scores: &Scores| scores.get("balanced_accuracy").unwrap();
        assert!(recall(&balanced) > 0.7, "{model:?}: {balanced:?}");
        assert!(
            recall(&plain) < recall(&balanced) - 0.1,
            "{model:?}: {plain:?}"
        );
    }
}

fn loss<O>(step: Step<O>) -> f32 {
    step.loss.mean.into_scalar::<f32>()
}

/// A row of weight 2 counts as two rows, for one network and for an ensemble that is trained as one.
#[test]
fn a_weight_multiplies_the_loss_of_its_row() {
    let device = device(None).unwrap().autodiff();
    let inputs = [[0.5f32, -1.0], [1.5, 0.25], [-0.75, 2.0]];
    let (labels, numbers) = ([0i32, 1, 1], [[0.5f32, 1.0], [2.0, -1.0], [0.0, 3.0]]);
    let weights = Tensor::<1>::from_data([2.0f32, 1.0, 0.0], &device);
    let columns = || TableColumns::new(2);
    let tabm = TableConfig::TabM(TabMConfig {
        outputs: 2,
        classes: true,
        members: 4,
        hidden: vec![8],
        dropout: 0.0,
        ..TabMConfig::new(columns())
    });
    let linear = TableConfig::Linear(LinearRegressionConfig {
        outputs: 2,
        ..LinearRegressionConfig::new(2)
    });
    let twice = [0, 0, 1];
    for config in [tabm, linear] {
        let network = config.init(Seed::new(8), &device).unwrap();
        let rows = |some: &[usize]| {
            let chosen: Vec<f32> = some.iter().flat_map(|&row| inputs[row]).collect();
            Tensor::<2>::from_data(TensorData::new(chosen, [some.len(), 2]), &device)
        };
        let classes = |some: &[usize]| {
            let chosen: Vec<i32> = some.iter().map(|&row| labels[row]).collect();
            Tensor::<1, Int>::from_data(TensorData::new(chosen, [some.len()]), &device)
        };
        let values = |some: &[usize]| {
            let chosen: Vec<f32> = some.iter().flat_map(|&row| numbers[row]).collect();
            Tensor::<2>::from_data(TensorData::new(chosen, [some.len(), 2]), &device)
        };
        let task = Classification {
            label_smoothing: 0.1,
        };
        let batch = Batch {
            inputs: rows(&[0, 1, 2]),
            targets: (classes(&[0, 1, 2]), weights.clone()),
        };
        let weighted = loss(task.step(&network, batch, &mut ()).unwrap());
        let batch = Batch {
            inputs: rows(&twice),
            targets: classes(&twice),
        };
        let repeated = loss(task.step(&network, batch, &mut ()).unwrap());
        assert!((weighted - repeated).abs() < 1e-6, "{weighted}, {repeated}");
        let task = Regression::default();
        let batch = Batch {
            inputs: rows(&[0, 1, 2]),
            targets: (values(&[0, 1, 2]), weights.clone()),
        };
        let weighted = loss(task.step(&network, batch, &mut ()).unwrap());
        let batch = Batch {
            inputs: rows(&twice),
            targets: values(&twice),
        };
        let repeated = loss(task.step(&network, batch, &mut ()).unwrap());
        assert!((weighted - repeated).abs() < 1e-6, "{weighted}, {repeated}");
    }
}

#[test]
fn weights_choose_the_models_of_an_ensemble() {
    let frame = contradicting();
    let auto = Training::new(spec(&frame, "y"))
        .weights("weight")
        .candidates([Model::Linear, Model::Mlp])
        .fit_auto(&frame)
        .unwrap();
    for (part, scores) in &auto.scores.lines {
        assert!(scores.get("rmse").unwrap() < 0.5, "{part}: {scores:?}");
    }
}

#[test]
fn weights_that_mean_nothing_are_refused() {
    let frame = contradicting();
    let rows = 0..240i64;
    let some = |value: fn(i64) -> Option<f64>| rows.clone().map(value).collect::<Vec<_>>();
    let wrong = df!(
        "negative" => some(|row| Some(if row == 6 { -1.0 } else { 1.0 })),
        "missing" => some(|row| (row != 8).then_some(1.0)),
        "infinite" => some(|row| Some(if row == 9 { f64::INFINITY } else { 1.0 })),
        "zero" => some(|_| Some(0.0)),
        "text" => vec!["a"; 240]
    );
    let frame = frame.hstack(wrong.unwrap().columns()).unwrap();
    let message = |weights: &str| {
        let mut spec = spec(&frame, "y");
        spec.columns.retain(|column| column.names() == ["x"]);
        let training = Training::new(spec).weights(weights);
        training.fit_split(&frame).unwrap_err().to_string()
    };
    for (column, part) in [
        ("negative", "row 7 has the weight -1"),
        ("missing", "row 9 has no weight"),
        ("infinite", "row 10 has the weight inf"),
        ("zero", "have the weight 0; some must be positive"),
        ("text", "not numbers"),
        ("wieght", "there is no such column"),
    ] {
        let message = message(column);
        let named = message.contains(&format!("\"{column}\""));
        assert!(named && message.contains(part), "{message}");
    }
    let frame = contradicting();
    let numbers = Training::new(spec(&frame, "y")).balanced_classes(true);
    let error = numbers.fit_split(&frame).unwrap_err();
    assert!(matches!(error, TabularError::BalancedNumbers), "{error}");
}

#[test]
fn the_partial_dependence_of_a_sum_is_its_part() {
    let mut rng = Seed::new(7).rng();
    let x: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
    let kind: Vec<&str> = (0..300).map(|row| ["a", "b", "b"][row % 3]).collect();
    let y: Vec<f64> = (0..300)
        .map(|row| 3.0 * x[row] + if kind[row] == "a" { 10.0 } else { 0.0 })
        .collect();
    let frame = df!("x" => x, "kind" => kind, "y" => y).unwrap();
    let trained = Training::new(spec(&frame, "y")).fit_split(&frame).unwrap();
    let of = |column: &str| partial_dependence(&trained.predictor, &frame, column, 5, Seed::new(1));
    let line = of("x").unwrap();
    assert_eq!(
        (line.points.len(), line.of.as_slice()),
        (5, &["y".to_owned()][..])
    );
    for pair in line.points.windows(2) {
        let [low, high] = [&pair[0], &pair[1]];
        let step: f64 = high.0.parse::<f64>().unwrap() - low.0.parse::<f64>().unwrap();
        assert!(step > 0.0, "in order");
        assert!((high.1[0] - low.1[0] - 3.0 * step).abs() < 1e-2, "{line:?}");
    }
    let kinds = of("kind").unwrap().points;
    assert_eq!(
        [kinds[0].0.as_str(), kinds[1].0.as_str()],
        ["b", "a"],
        "by frequency"
    );
    assert!(
        (kinds[1].1[0] - kinds[0].1[0] - 10.0).abs() < 1e-2,
        "{kinds:?}"
    );
    let error = of("kidn").unwrap_err().to_string();
    assert!(error.contains("kidn") && error.contains("kind"), "{error}");
}
