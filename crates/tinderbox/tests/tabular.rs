//! Models of tables whose weights are known: scores, importance and reports by hand.
#![recursion_limit = "256"]

use polars::prelude::{DataFrame, df};
use tinderbox::burn::module::Param;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Features, Targets};
use tinderbox::tabular::{
    Importance, Predicted, Scores, TableNetwork, TableReport, explain, permutation_importance, role,
};
use tinderbox::train::History;

/// A linear model of these features with one weight per feature (and output) and no bias.
fn linear(spec: &str, frame: &DataFrame, weight: impl Fn(&str, usize) -> f32) -> Predictor {
    let device = device(None).unwrap();
    let features = FeatureSpec::from_toml(spec).unwrap().fit(frame).unwrap();
    let TableConfig::Linear(config) = TableConfig::linear(&features).unwrap() else {
        panic!("linear");
    };
    let mut model = config.init(Seed::new(1), &device).unwrap();
    let weights: Vec<f32> = (features.outputs().iter())
        .flat_map(|output| {
            (0..config.outputs)
                .map(|place| weight(&output.name, place))
                .collect::<Vec<_>>()
        })
        .collect();
    let shape = [config.inputs, config.outputs];
    let weights = Tensor::<2>::from_data(TensorData::new(weights, shape), &device);
    model.linear.weight = Param::from_tensor(weights);
    let config = TableConfig::Linear(config);
    Predictor::new(features, config, TableNetwork::Linear(model), &device).unwrap()
}

/// The order in which a column was shuffled, as documented.
fn order(seed: Seed, column: &str, repeat: u64, rows: usize) -> Vec<usize> {
    seed.child(column).at(repeat).rng().permutation(rows)
}

#[test]
fn importance_is_of_columns_with_all_their_features() {
    let rows = 400;
    let pick = |seed: u64| {
        let mut rng = Seed::new(seed).rng();
        let words = (0..rows).map(move |_| ["u", "v"][rng.below(2) as usize]);
        words.collect::<Vec<_>>()
    };
    let (a, b) = (pick(1), pick(2));
    // 1 where both are the same: only the cross can predict it.
    let y: Vec<f64> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| f64::from(u8::from(a == b)))
        .collect();
    let frame =
        df!("a" => a.clone(), "b" => b.clone(), "idle" => y.clone(), "y" => y.clone()).unwrap();
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\ncolumns = [\"a\", \"b\"]\nkind = \"cross\"\n\
                [[column]]\nname = \"idle\"\nkind = \"numeric\"\n";
    let predictor = linear(spec, &frame, |name, _| {
        f32::from(u8::from(name == "a×b_u×u" || name == "a×b_v×v"))
    });
    let seed = Seed::new(7);
    let all = permutation_importance(&predictor, &frame, 5, seed).unwrap();
    let names: Vec<&str> = all
        .iter()
        .map(|importance| importance.column.as_str())
        .collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[2], "idle");
    assert_eq!((all[2].error_rise, all[2].deviation), (0.0, 0.0));
    let a_alone = all
        .iter()
        .find(|importance| importance.column == "a")
        .unwrap();
    let rises: Vec<f64> = (0..5)
        .map(|repeat| {
            let order = order(seed, "a", repeat, rows);
            let wrong = (0..rows).filter(|&row| (a[order[row]] == b[row]) != (y[row] == 1.0));
            (wrong.count() as f64 / rows as f64).sqrt()
        })
        .collect();
    let mean = rises.iter().sum::<f64>() / 5.0;
    let squares: f64 = rises.iter().map(|rise| (rise - mean).powi(2)).sum();
    assert!(
        (a_alone.error_rise - mean).abs() < 1e-9,
        "{a_alone:?} {mean}"
    );
    assert!((a_alone.deviation - (squares / 4.0).sqrt()).abs() < 1e-9);
    assert!(a_alone.deviation > 0.0 && (mean - 0.5f64.sqrt()).abs() < 0.05);
    // Once: no deviation, and the first of the five.
    let once = permutation_importance(&predictor, &frame, 1, seed).unwrap();
    let once: &Importance = once
        .iter()
        .find(|importance| importance.column == "a")
        .unwrap();
    assert!((once.error_rise - rises[0]).abs() < 1e-9 && once.deviation == 0.0);
    let error = permutation_importance(&predictor, &frame.drop("y").unwrap(), 1, seed);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("nothing as targets"), "{error}");
}

#[test]
fn importance_is_in_the_units_of_the_table_and_moves_flags_along() {
    let rows = 50;
    let x: Vec<Option<f64>> = (0..rows)
        .map(|row| (row % 5 != 0).then_some(row as f64 / 10.0))
        .collect();
    // exp(x), and exp(3) where x is missing.
    let y: Vec<f64> = x.iter().map(|x| x.unwrap_or(3.0).exp()).collect();
    let frame = df!("x" => x, "y" => y.clone()).unwrap();
    let spec = "[target]\ncolumns = [\"y\"]\ntransform = [\"log\"]\n[[column]]\nname = \"x\"\n\
                kind = \"numeric\"\nimpute = { constant = 0 }\nmissing_indicator = true\n";
    let predictor = linear(spec, &frame, |name, _| if name == "x" { 1.0 } else { 3.0 });
    let seed = Seed::new(3);
    let found = permutation_importance(&predictor, &frame, 1, seed).unwrap();
    let order = order(seed, "x", 0, rows);
    let squares = (0..rows).map(|row| (y[order[row]] - y[row]).powi(2));
    let expected = (squares.sum::<f64>() / rows as f64).sqrt();
    assert!(expected > 10.0);
    assert!(
        (found[0].error_rise / expected - 1.0).abs() < 1e-4,
        "{found:?} {expected}"
    );
}

#[test]
fn scores_of_certain_predictions_are_finite() {
    let frame = df!("x" => [1.0, -1.0, 1.0, 1.0], "y" => ["a", "b", "a", "b"]).unwrap();
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n";
    // Logits of 200 and -200: the last row is wrong with certainty.
    let predictor = linear(spec, &frame, |_, class| [200.0, -200.0][class]);
    let scores = Scores::of(&predictor, &frame).unwrap();
    assert!(
        (scores.get("log_loss").unwrap() - 100.0).abs() < 1e-9,
        "{scores:?}"
    );
    let Predicted::Probabilities(probabilities) = predictor.predict(&frame).unwrap() else {
        panic!("probabilities");
    };
    assert_eq!(probabilities.row(0), [1.0, 0.0]);
}

#[test]
fn a_category_without_training_rows_predicts_as_if_there_were_no_column() {
    let frame = df!(
        "w" => ["a", "b", "a", "b"], "x" => [1.0, 2.0, 3.0, 4.0], "y" => [1.0, 2.0, 3.0, 4.0]
    )
    .unwrap();
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"w\"\nkind = \"category\"\n\
                encode = \"ordinal\"\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n";
    let features = FeatureSpec::from_toml(spec).unwrap().fit(&frame).unwrap();
    let device = device(None).unwrap();
    let config = TableConfig::mlp(&features).unwrap();
    let table = features.transform(&frame).unwrap();
    let loader = Loader::new(table.regression().unwrap(), 4).unwrap();
    let train = TrainConfig {
        epochs: 20,
        learning_rate: 0.1,
        optimizer: OptimizerConfig::adamw().into(),
        ..TrainConfig::default()
    };
    let network = TableConfig::Mlp(config.clone())
        .init(Seed::new(1), &device)
        .unwrap();
    let trainer = Trainer::new(train).unwrap();
    let fitted = trainer
        .fit(network, &Regression::default(), &loader, None)
        .unwrap();
    let TableNetwork::Mlp(mut model) = fitted.model else {
        panic!("an MLP");
    };
    let numbers = |model: &TabularMlp| {
        let weights = model.embeddings[0].weight.val().into_data();
        weights.iter::<f32>().collect::<Vec<_>>()
    };
    let width = config.embeddings[0].width;
    let weights = numbers(&model);
    assert!(
        weights[..width].iter().all(|weight| *weight == 0.0),
        "{weights:?}"
    );
    assert!(weights[width..].iter().all(|weight| *weight != 0.0));
    // Without the column: all of its embeddings are 0.
    let later = df!("w" => [None, Some("c")], "x" => [2.0, 3.0]).unwrap();
    let predict = |model: &TabularMlp| {
        let network = TableNetwork::Mlp(model.clone());
        let config = TableConfig::Mlp(config.clone());
        let predictor = Predictor::new(features.clone(), config, network, &device).unwrap();
        predictor.predict(&later).unwrap()
    };
    let with = predict(&model);
    let none = model.embeddings[0].weight.val().zeros_like();
    model.embeddings[0].weight = Param::from_tensor(none);
    assert_eq!(with, predict(&model));
}

fn report(predictor: &Predictor, spec: &FeatureSpec, frame: &DataFrame) -> String {
    let report = TableReport {
        spec,
        training: frame,
        history: Some(&History::default()),
        candidates: &[],
        predictor,
        part: "test",
        rows: frame,
        scores: &[],
        seed: Seed::new(1),
    };
    report.build().unwrap().to_html()
}

#[test]
fn a_report_of_two_thousand_classes_is_a_page() {
    let classes: Vec<String> = (0..2000).map(|class| format!("w{class:04}")).collect();
    let x: Vec<f64> = (0..2000).map(|i| f64::from(i % 7)).collect();
    let frame = df!("x" => x, "y" => classes).unwrap();
    let text = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n";
    let predictor = linear(text, &frame, |_, class| class as f32);
    let page = report(&predictor, &FeatureSpec::from_toml(text).unwrap(), &frame);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    assert!(page.contains(
        "The 50 classes that are most often confused are drawn; 1950 others are left out."
    ));
    assert!(
        page.contains("standard deviation of 5 shuffles"),
        "the spread is shown"
    );
}

#[test]
fn a_report_says_which_columns_the_training_rows_left_out() {
    let frame = df!(
        "x" => [1.0, 2.0, 3.0, 5.0], "late" => [None, None, None, Some(1.0)], "y" => [1.0, 2.0, 3.0, 4.0]
    )
    .unwrap();
    let spec = FeatureSpec::infer(&frame, "y").unwrap();
    let predictor = linear(&spec.to_toml().unwrap(), &frame.head(Some(3)), |_, _| 1.0);
    let page = report(&predictor, &spec, &frame);
    assert!(page.contains("left out: it has no value in any training row"));
    let features: &Features = predictor.features();
    assert_eq!(features.inputs(), ["x"]);
    let table = features.transform(&frame).unwrap();
    assert!(matches!(table.targets, Targets::Values(_)));
}

#[test]
fn the_column_list_says_what_is_not_usual() {
    let mut x: Vec<f64> = (0..1000).map(f64::from).map(|x| x * 7.0 % 1000.0).collect();
    x[3] = 1e30;
    // 30 usual categories, and 400 that are too rare for a feature of their own.
    let category = |i: i32| if i < 600 { i % 30 } else { i };
    let words: Vec<String> = (0..1000).map(|i| format!("w{}", category(i))).collect();
    let frame =
        df!("x" => x, "usual" => [0.5, 1.5].repeat(500), "w" => words, "y" => vec![1.0; 1000])
            .unwrap();
    let spec = FeatureSpec::infer(&frame, "y").unwrap();
    let roles = ["x", "usual", "w", "y"].map(|column| role(&spec, column));
    assert_eq!(
        roles,
        [
            "number, scaled by its quartiles as some values are extreme",
            "number",
            "one-hot, rare ones share a feature",
            "target"
        ]
    );
}

#[test]
fn categories_that_no_training_row_had_are_counted() {
    let frame = df!(
        "smoker" => [true, false, true, false], "city" => ["a", "b", "c", "a"], "y" => [1.0, 2.0, 3.0, 4.0]
    )
    .unwrap();
    let spec = FeatureSpec::infer(&frame, "y").unwrap();
    let predictor = linear(&spec.to_toml().unwrap(), &frame, |_, _| 1.0);
    let features = predictor.features();
    assert_eq!(features.unseen(&frame).unwrap(), []);
    let later = df!(
        "smoker" => [Some("yes"), Some("no"), None, Some("no")], "city" => ["a", "b", "x", "c"]
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = predictor
        .predict_csv(&later, folder.path().join("p.csv"))
        .unwrap();
    assert_eq!(written.rows, 4);
    assert_eq!(written.unseen, features.unseen(&later).unwrap());
    let found = written.unseen.iter();
    let found: Vec<_> = found
        .map(|unseen| (unseen.column.as_str(), unseen.rows, unseen.example.as_str()))
        .collect();
    assert_eq!(found, [("smoker", 3, "yes"), ("city", 1, "x")]);
}

#[test]
fn contributions_of_a_linear_model_are_its_shapley_values() {
    let mut rng = Seed::new(3).rng();
    let rows = 40;
    let mut normals = || (0..rows).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (a, b) = (normals(), normals());
    let words: Vec<&str> = (0..rows).map(|row| ["u", "v"][row % 2]).collect();
    let frame = df!("a" => a.clone(), "b" => b.clone(), "w" => words, "y" => a.clone()).unwrap();
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"a\"\nkind = \"numeric\"\n\
                [[column]]\nname = \"b\"\nkind = \"numeric\"\n\
                [[column]]\nname = \"w\"\nkind = \"category\"\n";
    let predictor = linear(spec, &frame, |name, _| match name {
        "a" => 2.0,
        "b" => -3.0,
        _ => f32::from(u8::from(name == "w_v")),
    });
    let mean = |values: &[f64]| values.iter().sum::<f64>() / rows as f64;
    // Row 7 has the word v, as half of the rows.
    let explained = explain(&predictor, &frame, 7, Seed::new(1)).unwrap();
    let expected = [
        ("a", 2.0 * (a[7] - mean(&a))),
        ("b", -3.0 * (b[7] - mean(&b))),
        ("w", 0.5),
    ];
    for (column, expected) in expected {
        let found = explained
            .contributions
            .iter()
            .find(|(name, _)| name == column);
        let (_, found) = found.unwrap();
        assert!(
            (found - expected).abs() < 1e-4,
            "{column}: {found} against {expected}"
        );
    }
    let sum: f64 = explained.contributions.iter().map(|(_, part)| part).sum();
    assert!((explained.base + sum - explained.predicted).abs() < 1e-4);
    assert_eq!(explained.of, "y");
    assert!(explain(&predictor, &frame, rows, Seed::new(1)).is_err());
}
