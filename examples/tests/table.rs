//! What the examples about tables do, on the small sets that ship.

use std::path::Path;

use clap::Parser;
use examples::Args;
use examples::table::{Model, Trained, Training, train};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Inference, read, stratified_by, take};
use tinderbox::tabular::{Predicted, TabularError};

fn penguins(folder: &Path, model: Model) -> Trained {
    let out = folder.to_str().unwrap();
    let args = Args::parse_from(["test", "--out", out, "--epochs", "30", "--lr", "0.02"]).common;
    let frame = read(fetch("penguins").unwrap().join("penguins.csv")).unwrap();
    let frame = frame.collect().unwrap();
    let species = stratified_by(&frame, "species").unwrap();
    let parts = split(frame.height(), &[0.75, 0.25], Seed::new(1), &species).unwrap();
    // Islands as an index, so that the MLP has an embedding.
    let inference = match model {
        Model::Mlp => Inference::default().embed_above(2),
        Model::Linear => Inference::default(),
    };
    let training = take(&frame, &parts[0]).unwrap();
    let plan = Training {
        name: "penguins",
        common: &args,
        spec: FeatureSpec::infer_with(&training, "species", &inference).unwrap(),
        format: None,
        model,
    };
    train(plan, &frame, [&parts[0], &parts[1]]).unwrap()
}

#[test]
fn penguins_are_told_apart_and_the_bundle_says_the_same() {
    for model in [Model::Linear, Model::Mlp] {
        let folder = tempfile::tempdir().unwrap();
        let trained = penguins(folder.path(), model);
        let accuracy = trained.valid("accuracy").unwrap();
        assert!(accuracy >= 0.95, "{model:?}: {accuracy}");
        assert!(trained.valid("auc").unwrap() > 0.98);
        assert!(trained.exact("accuracy").unwrap() > 0.95);

        // The bundle folder alone, moved elsewhere, on a table without the target.
        let elsewhere = tempfile::tempdir().unwrap();
        for file in ["model.safetensors", "model.json", "features.json"] {
            std::fs::copy(trained.run.bundle().join(file), elsewhere.path().join(file)).unwrap();
        }
        let device = device(None).unwrap();
        let predictor = Predictor::open(elsewhere.path(), &device).unwrap();
        let table = read(fetch("penguins").unwrap().join("penguins.csv")).unwrap();
        let frame = table.clone().collect().unwrap().drop("species").unwrap();
        let again = predictor.predict(&frame).unwrap();
        assert_eq!(again, trained.predictor.predict(&frame).unwrap());
        let Predicted::Probabilities(probabilities) = &again else {
            panic!("classes have probabilities");
        };
        assert_eq!((probabilities.rows(), probabilities.width()), (344, 3));
        for row in 0..344 {
            let sum: f32 = probabilities.row(row).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
        assert_eq!(
            predictor.features().classes().unwrap(),
            ["Adelie", "Chinstrap", "Gentoo"]
        );

        let out = elsewhere.path().join("predictions.csv");
        assert_eq!(predictor.predict_csv(&table, &out).unwrap(), 344);
        let text = std::fs::read_to_string(&out).unwrap();
        let mut lines = text.lines();
        let head = "species,probability_Adelie,probability_Chinstrap,probability_Gentoo";
        assert_eq!(lines.next(), Some(head));
        let first: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(first[0], "Adelie");
        assert_eq!(first[1].parse::<f32>().unwrap(), probabilities.row(0)[0]);
        assert_eq!(lines.count(), 343);

        let page = std::fs::read_to_string(&trained.report).unwrap();
        for part in [
            "<title>Predicting species</title>",
            "bill_length_mm",
            "Confusion matrix",
            "Permutation importance",
            "one-hot",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("src=") && !page.contains("NaN"));
    }
}

#[test]
fn what_is_wrong_with_a_table_to_predict_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let trained = penguins(folder.path(), Model::Linear);
    let table = read(fetch("penguins").unwrap().join("penguins.csv")).unwrap();
    let frame = table.collect().unwrap();
    let error = |frame| trained.predictor.predict(&frame).unwrap_err().to_string();
    let without = error(frame.drop("island").unwrap());
    assert!(without.contains("\"island\""), "{without}");
    let mut other = frame.clone();
    let text = other
        .column("sex")
        .unwrap()
        .clone()
        .with_name("bill_length_mm".into());
    other.with_column(text).unwrap();
    let wrong = error(other);
    assert!(
        wrong.contains("bill_length_mm") && wrong.contains("text"),
        "{wrong}"
    );
    // A failed prediction leaves no file behind.
    let out = folder.path().join("predictions.csv");
    let failed = trained
        .predictor
        .predict_csv(&frame.drop("island").unwrap(), &out);
    assert!(matches!(failed, Err(TabularError::Data(_))) && !out.exists());

    // Parts of two trainings, another version, a missing part.
    let bundle = trained.run.bundle();
    let device = device(None).unwrap();
    let opened = || Predictor::open(&bundle, &device).unwrap_err().to_string();
    let features = bundle.join("features.json");
    let whole = std::fs::read_to_string(&features).unwrap();
    let other = FeatureSpec::infer(&frame.drop("island").unwrap(), "species").unwrap();
    let other = other.fit(&frame).unwrap();
    other.save(&features).unwrap();
    let message = opened();
    assert!(
        message.contains("take all files of one training"),
        "{message}"
    );
    std::fs::write(
        &features,
        whole.replacen("\"format\": 2", "\"format\": 99", 1),
    )
    .unwrap();
    let message = opened();
    assert!(message.contains("format 99"), "{message}");
    std::fs::remove_file(&features).unwrap();
    let message = opened();
    assert!(message.contains("features.json"), "{message}");
}

#[test]
fn numbers_come_back_in_the_units_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let args = Args::parse_from(["test", "--out", folder.path().to_str().unwrap()]).common;
    let frame = read(fetch("iris").unwrap().join("iris.csv")).unwrap();
    let frame = frame.collect().unwrap();
    let target = frame.get_column_names()[0].to_string();
    let parts = split(150, &[0.8, 0.2], Seed::new(1), &Strategy::Random).unwrap();
    let training = take(&frame, &parts[0]).unwrap();
    let plan = Training {
        name: "iris",
        common: &args,
        spec: FeatureSpec::infer(&training, &target).unwrap(),
        format: None,
        model: Model::Linear,
    };
    let trained = train(plan, &frame, [&parts[0], &parts[1]]).unwrap();
    let (got, exact) = (
        trained.valid("rmse").unwrap(),
        trained.exact("rmse").unwrap(),
    );
    assert!((got / exact - 1.0).abs() < 0.01, "{got} against {exact}");
    let predicted = trained.predictor.predict(&frame).unwrap();
    let mean = predicted.values().as_slice().iter().sum::<f32>() / 150.0;
    // The mean length of a sepal in the data is 5.843 cm.
    assert!((mean - 5.843).abs() < 0.1, "{mean}");
}

#[test]
fn an_index_means_nothing_to_a_linear_model() {
    let frame = read(fetch("penguins").unwrap().join("penguins.csv")).unwrap();
    let inference = Inference::default().embed_above(1);
    let spec = FeatureSpec::infer_with(&frame, "species", &inference).unwrap();
    let error = TableConfig::linear(&spec.fit(&frame).unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("one_hot") && error.contains("\"island\""),
        "{error}"
    );
}

#[test]
fn an_error_names_the_row_of_the_table_and_not_of_the_part() {
    let folder = tempfile::tempdir().unwrap();
    let args = Args::parse_from(["test", "--out", folder.path().to_str().unwrap()]).common;
    let rows: Vec<usize> = (0..40).rev().collect();
    let table = |missing: usize| {
        let x: Vec<Option<f64>> = (0..40)
            .map(|row| (row != missing).then_some(row as f64))
            .collect();
        polars::prelude::df!("x" => x, "y" => (0..40).collect::<Vec<i32>>()).unwrap()
    };
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\nimpute = \"error\"\n";
    // Row 35 is trained on, row 3 validated on.
    for missing in [35, 3] {
        let plan = Training {
            name: "rows",
            common: &args,
            spec: FeatureSpec::from_toml(spec).unwrap(),
            format: None,
            model: Model::Linear,
        };
        let error = train(plan, &table(missing), [&rows[..30], &rows[30..]]).unwrap_err();
        let row = format!("\"x\", row {} ", missing + 1);
        assert!(error.to_string().contains(&row), "{error}");
    }
}
