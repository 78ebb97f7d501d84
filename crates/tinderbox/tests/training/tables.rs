//! Training of models of tables, end to end.

use std::path::Path;

use polars::prelude::{DataFrame, df};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Inference, read, stratified_by};
use tinderbox::tabular::{Model, Note, Predicted, TabularError, Trained, Training};
use tinderbox::train::TrainError;

use crate::StopAfter;

fn penguins_frame() -> DataFrame {
    let file = fetch("penguins").unwrap().join("penguins.csv");
    read(file).unwrap().collect().unwrap()
}

/// Trains on the penguins, with the islands as an index for the MLP, so that it has an embedding.
fn penguins(folder: &Path, model: Model) -> Trained {
    let frame = penguins_frame();
    let inference = match model {
        Model::Linear => Inference::default(),
        _ => Inference::default().embed_above(2),
    };
    let spec = FeatureSpec::infer_with(&frame, "species", &inference).unwrap();
    let species = stratified_by(&frame, "species").unwrap();
    let parts = split(frame.height(), &[0.75, 0.25], Seed::new(1), &species).unwrap();
    Training::new(spec)
        .model(model)
        .epochs(30)
        .learning_rate(0.02)
        .run_folder(folder)
        .fit_rows(&frame, &parts[0], &parts[1])
        .unwrap()
}

#[test]
fn penguins_are_classified_and_the_bundle_predicts_the_same() {
    for model in [Model::Linear, Model::Mlp] {
        let folder = tempfile::tempdir().unwrap();
        let trained = penguins(folder.path(), model);
        let accuracy = trained.valid("accuracy").unwrap();
        assert!(accuracy >= 0.95, "{model:?}: {accuracy}");
        assert!(trained.valid("auc").unwrap() > 0.98);
        assert!(trained.exact("accuracy").unwrap() > 0.95);

        // The bundle folder alone, moved elsewhere, on a table without the target.
        let elsewhere = tempfile::tempdir().unwrap();
        let bundle = trained.run.as_ref().unwrap().bundle();
        for file in std::fs::read_dir(&bundle).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), elsewhere.path().join(file.file_name())).unwrap();
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
        let written = predictor.predict_csv(&table, &out).unwrap();
        assert_eq!((written.rows, written.unseen), (344, vec![]));
        let text = std::fs::read_to_string(&out).unwrap();
        let mut lines = text.lines();
        let head = "species,probability_Adelie,probability_Chinstrap,probability_Gentoo";
        assert_eq!(lines.next(), Some(head));
        let first: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(first[0], "Adelie");
        assert_eq!(first[1].parse::<f32>().unwrap(), probabilities.row(0)[0]);
        assert_eq!(lines.count(), 343);

        let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
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
fn mistakes_in_a_table_to_predict_are_reported() {
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

    // Parts of two training runs, another version, a missing part.
    let bundle = trained.run.as_ref().unwrap().bundle();
    let device = device(None).unwrap();
    let opened = || Predictor::open(&bundle, &device).unwrap_err().to_string();
    let features = bundle.join("features.json");
    let whole = std::fs::read_to_string(&features).unwrap();
    let other = FeatureSpec::infer(&frame.drop("island").unwrap(), "species").unwrap();
    let other = other.fit(&frame).unwrap();
    other.save(&features).unwrap();
    let message = opened();
    assert!(
        message.contains("take all files of one training run"),
        "{message}"
    );
    let newer = whole.replacen("\"format\": 3", "\"format\": 99", 1);
    assert_ne!(newer, whole);
    std::fs::write(&features, newer).unwrap();
    let message = opened();
    assert!(message.contains("format 99"), "{message}");
    std::fs::remove_file(&features).unwrap();
    let message = opened();
    assert!(message.contains("features.json"), "{message}");
}

#[test]
fn numbers_come_back_in_the_units_of_the_table() {
    let frame = read(fetch("iris").unwrap().join("iris.csv")).unwrap();
    let frame = frame.collect().unwrap();
    let target = frame.get_column_names()[0].to_string();
    let parts = split(150, &[0.8, 0.2], Seed::new(1), &Strategy::Random).unwrap();
    let training = Training::new(FeatureSpec::infer(&frame, &target).unwrap());
    let trained = training.fit_rows(&frame, &parts[0], &parts[1]).unwrap();
    assert_eq!(trained.rows, [120, 30, 0]);
    // Without a run folder nothing is written; the bundle and the report are made on demand.
    assert!(trained.run.is_none());
    let folder = tempfile::tempdir().unwrap();
    trained.save(folder.path().join("bundle")).unwrap();
    let device = device(None).unwrap();
    let opened = Predictor::open(folder.path().join("bundle"), &device).unwrap();
    let again = opened.predict(&frame).unwrap();
    assert_eq!(again, trained.predictor.predict(&frame).unwrap());
    let page = trained.report().unwrap().to_html();
    assert!(page.contains("Predicting sepal_length"), "{page}");
    // The scores as they are printed: one line each.
    let printed = trained.scores().to_string();
    let lines: Vec<&str> = printed.lines().collect();
    let rmse = trained.valid("rmse").unwrap();
    let start = format!("validation                 rmse {rmse:.4}  mae ");
    // Boosted trees are shown beside a network.
    let count = if cfg!(feature = "trees") { 6 } else { 4 };
    assert!(
        lines.len() == count && lines[1].starts_with(&start),
        "{printed}"
    );
    let error = trained.valid("accuracy").unwrap_err().to_string();
    assert_eq!(
        error,
        "no score is called 'accuracy'; there are: rmse, mae, r2"
    );
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
    let rows: Vec<usize> = (0..40).rev().collect();
    let table = |missing: usize| {
        let x: Vec<Option<f64>> = (0..40)
            .map(|row| (row != missing).then_some(row as f64))
            .collect();
        df!("x" => x, "y" => (0..40).collect::<Vec<i32>>()).unwrap()
    };
    let spec = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\nimpute = \"error\"\n";
    // Counted from 1: row 36 is trained on, row 4 validated on.
    for missing in [35, 3] {
        let training = Training::new(FeatureSpec::from_toml(spec).unwrap());
        let fitted = training.fit_rows(&table(missing), &rows[..30], &rows[30..]);
        let error = fitted.unwrap_err().to_string();
        let row = format!("\"x\", row {} ", missing + 1);
        assert!(error.contains(&row), "{error}");
    }
}

/// Numbers and a category; the first two rows have no target, one class has a single row.
fn classes() -> DataFrame {
    let x: Vec<f64> = (0..62).map(f64::from).collect();
    let class = |row: usize| match row {
        0 | 1 => None,
        7 => Some("single"),
        _ => Some(["low", "high"][usize::from(row >= 30)]),
    };
    let empty: Vec<Option<f64>> = vec![None; 62];
    let class: Vec<Option<&str>> = (0..62).map(class).collect();
    df!("x" => x, "empty" => empty, "class" => class).unwrap()
}

#[test]
fn information_for_the_user_becomes_notes() {
    use std::sync::{Arc, Mutex};
    let spec = "[target]\ncolumns = [\"class\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n\
                [[column]]\nname = \"empty\"\nkind = \"numeric\"\nimpute = \"mean\"\n";
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let trained = Training::new(FeatureSpec::from_toml(spec).unwrap())
        .on_note(move |note| listener.lock().unwrap().push(note.clone()))
        .seed(3)
        .fit_split(&classes())
        .unwrap();
    assert_eq!(trained.rows, [36, 12, 12]);
    assert_eq!(*heard.lock().unwrap(), trained.notes);
    let [no_target, small, left_out, solution] = &trained.notes[..] else {
        panic!("{:?}", trained.notes);
    };
    assert_eq!(no_target, &Note::NoTarget { rows: 2 });
    let class = "single".to_owned();
    assert_eq!(small, &Note::SmallClass { class });
    assert!(matches!(left_out, Note::LeftOut { column, .. } if column == "empty"));
    let Note::Solution {
        exact_kept,
        exact,
        trained: loss,
    } = solution
    else {
        panic!("{solution:?}");
    };
    // The classes do not overlap: whichever model is kept, its loss is the one of the scores.
    let kept = if *exact_kept { exact } else { loss };
    let scored = trained.valid("log_loss").unwrap();
    assert!(
        (kept - scored).abs() < 1e-4 * kept.max(1e-3),
        "{kept} {scored}"
    );
}

#[test]
fn an_interrupted_run_resumes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let frame = penguins_frame();
    let training = |name: &str, epochs: usize| {
        let spec = FeatureSpec::infer(&frame, "species").unwrap();
        Training::new(spec)
            .mlp(|config| config.hidden = vec![16])
            .epochs(epochs)
            .configure(|config| config.ema_decay = Some(0.9))
            .run_folder(folder.path().join(name))
    };
    let whole = training("whole", 4).fit_split(&frame).unwrap();

    let stop = StopFlag::new();
    let stopped = training("parts", 4)
        .stop_flag(&stop)
        .callback(StopAfter(2, stop.clone()))
        .fit_split(&frame);
    let error = stopped.unwrap_err();
    let TabularError::Train(TrainError::Interrupted {
        epoch: 3,
        checkpoint: Some(checkpoint),
    }) = error
    else {
        panic!("{error}");
    };
    assert!(checkpoint.is_file() && !folder.path().join("parts/bundle").exists());
    let resumed = training("parts", 4)
        .callback(StopAfter(usize::MAX, stop))
        .resume(Resume::Latest)
        .fit_split(&frame)
        .unwrap();
    assert_eq!(
        resumed.history.series("train_loss"),
        whole.history.series("train_loss")
    );
    assert_eq!(resumed.valid_scores, whole.valid_scores);
    let weights = |name: &str| {
        std::fs::read(folder.path().join(name).join("bundle/model.safetensors")).unwrap()
    };
    assert!(
        weights("parts") == weights("whole"),
        "the weights are the same to the last bit"
    );
    // A folder that holds a run is not written over.
    drop(whole);
    let again = training("whole", 4).fit_split(&frame).unwrap_err();
    assert!(
        matches!(again, TabularError::Train(TrainError::RunExists { .. })),
        "{again}"
    );
    // Numbered folders below one parent, the newest of which is resumed.
    let spec = || FeatureSpec::infer(&frame, "species").unwrap();
    let runs = folder.path().join("runs");
    let first = Training::new(spec())
        .epochs(1)
        .runs(&runs)
        .fit_split(&frame)
        .unwrap();
    assert_eq!(first.run.as_ref().unwrap().folder(), runs.join("001"));
    drop(first);
    let more = Training::new(spec())
        .epochs(2)
        .runs(&runs)
        .resume(Resume::Latest);
    let more = more.fit_split(&frame).unwrap();
    assert_eq!(more.run.as_ref().unwrap().folder(), runs.join("001"));
    assert_eq!(more.history.epochs.len(), 2);
}

#[test]
fn invalid_settings_are_refused() {
    let frame = penguins_frame();
    let spec = FeatureSpec::infer(&frame, "species").unwrap();
    for share in [0.0, 1.0, f64::NAN] {
        let error = Training::new(spec.clone())
            .validation_share(share)
            .fit_split(&frame);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("their sum less than 1"), "{error}");
    }
    let error = Training::new(spec.clone())
        .learning_rate(-1.0)
        .fit_split(&frame);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("learning_rate = -1"), "{error}");
    let mut none = spec.clone();
    none.target = None;
    let error = Training::new(none).fit_split(&frame).unwrap_err();
    assert!(matches!(error, TabularError::NoTarget), "{error}");
    let error = Training::new(spec).fit_split(&frame.drop("species").unwrap());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("\"species\""), "{error}");
}
