//! Scores to believe: test rows, folds, splits by time and group, and the choice among models.

use std::path::Path;

use polars::prelude::{DataFrame, df};
use tinderbox::data::fetch;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Inference, read, take};
use tinderbox::tabular::{Model, Note, Parts, SplitBy, TabularError, Training};
use tinderbox::train::TrainError;

/// 200 rows: `y` is a curve of `x` with noise, `noise` is a column of chance, `time` counts, `group` has
/// ten values.
fn table() -> DataFrame {
    let mut rng = Seed::new(5).rng();
    let mut normals = || (0..200).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (x, noise, chance) = (normals(), normals(), normals());
    let y: Vec<f64> = (0..200)
        .map(|row| x[row].abs() + 0.1 * noise[row])
        .collect();
    let time: Vec<i64> = (0..200).rev().collect();
    let group: Vec<String> = (0..200).map(|row| format!("g{}", row % 10)).collect();
    df!("x" => x, "chance" => chance, "time" => time, "group" => group, "y" => y).unwrap()
}

fn training(frame: &DataFrame) -> Training {
    let inference = Inference::default().ignore(["group", "time"]);
    let spec = FeatureSpec::infer_with(frame, "y", &inference).unwrap();
    Training::new(spec).seed(1)
}

/// All files below a folder, with their bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn test_rows_decide_nothing() {
    let frame = table();
    let rows: Vec<usize> = (0..200).collect();
    let parts = Parts {
        train: rows[..120].to_vec(),
        valid: rows[120..160].to_vec(),
        test: rows[160..].to_vec(),
    };
    // The same table with other values in the test rows, for inputs and for the target.
    let mut changed = take(&frame, &rows[..160]).unwrap();
    let order: Vec<usize> = (160..200).rev().collect();
    changed.vstack_mut(&take(&frame, &order).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bits = |frame: &DataFrame, model: Model| {
        let folder = folder.path().join("bundle");
        let training = training(frame).model(model).epochs(3);
        let trained = training.fit_parts(frame, parts.clone()).unwrap();
        assert_eq!(trained.rows, [120, 40, 40]);
        trained.save(&folder).unwrap();
        files(&folder)
    };
    for &model in Model::ALL {
        assert!(bits(&frame, model) == bits(&changed, model), "{model:?}");
    }
}

#[test]
fn every_model_fits_a_curve_and_its_bundle_predicts_the_same() {
    let frame = table();
    let device = device(None).unwrap();
    for &model in Model::ALL {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let training = training(&frame).model(model).run_folder(&run);
        let trained = training.fit_split(&frame).unwrap();
        let rmse = trained.test("rmse").unwrap();
        let (least, most) = match model {
            Model::Linear => (0.4, 1.0),
            _ => (0.08, 0.35),
        };
        assert!((least..most).contains(&rmse), "{model:?}: {rmse}");
        let opened = Predictor::open(run.join("bundle"), &device).unwrap();
        let again = opened.predict(&frame).unwrap();
        assert_eq!(
            again,
            trained.predictor.predict(&frame).unwrap(),
            "{model:?}"
        );
        let printed = trained.scores().to_string();
        let test = printed.lines().nth(2).unwrap();
        assert!(test.starts_with(&format!("test                       rmse {rmse:.4}")));
        let page = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(page.contains("Predictions on test rows"));
    }
}

#[test]
fn every_model_classifies_with_calibrated_probabilities() {
    let file = fetch("penguins").unwrap().join("penguins.csv");
    let frame = read(file).unwrap().collect().unwrap();
    for &model in Model::ALL {
        let inference = match model {
            Model::Linear => Inference::default(),
            _ => Inference::default().embed_above(2),
        };
        let spec = FeatureSpec::infer_with(&frame, "species", &inference).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let training = Training::new(spec).model(model).seed(2);
        let trained = training.fit_split(&frame).unwrap();
        let accuracy = trained.test("accuracy").unwrap();
        assert!(accuracy > 0.93, "{model:?}: {accuracy}");
        assert!(trained.test("log_loss").unwrap() < 0.35, "{model:?}");
        trained.save(folder.path().join("bundle")).unwrap();
        let opened = Predictor::open(folder.path().join("bundle"), &device(None).unwrap());
        let again = opened.unwrap().predict(&frame).unwrap();
        assert_eq!(
            again,
            trained.predictor.predict(&frame).unwrap(),
            "{model:?}"
        );
    }
}

#[test]
fn a_target_of_chance_is_not_predicted() {
    // Validation rows choose among epochs and models, which makes their score too good; test rows do not.
    let mut rng = Seed::new(9).rng();
    let mut normals = || (0..240).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (a, b, y) = (normals(), normals(), normals());
    let frame = df!("a" => a, "b" => b, "y" => y).unwrap();
    let spec = FeatureSpec::infer(&frame, "y").unwrap();
    let auto = Training::new(spec)
        .candidates([Model::Linear, Model::Mlp, Model::RealMlp])
        .auto_folds(3)
        .fit_auto(&frame)
        .unwrap();
    // Nor do rows that take turns in choosing.
    let [_, (_, valid), (_, test)] = &auto.scores.lines[..] else {
        panic!("three parts");
    };
    assert!(
        test.get("r2").unwrap() < 0.1,
        "{test:?}, validation {valid:?}"
    );
}

#[test]
fn times_and_groups_do_not_leak() {
    let frame = table();
    // A group has an offset of its own, which a random split lets a model learn by heart.
    let offsets: Vec<f64> = (0..200).map(|row| f64::from((row % 10) * 7 % 10)).collect();
    let (x, group) = (frame.column("x").unwrap(), frame.column("group").unwrap());
    let grouped = df!("y" => offsets).unwrap();
    let grouped = grouped.hstack(&[x.clone(), group.clone()]).unwrap();
    let spec = FeatureSpec::infer(&grouped, "y").unwrap();
    let score = |split_by: SplitBy| {
        let training = Training::new(spec.clone()).split_by(split_by);
        training.fit_split(&grouped).unwrap().test("r2").unwrap()
    };
    assert!(score(SplitBy::Random) > 0.99);
    assert!(score(SplitBy::Group("group".into())) < 0.2);

    // The table is in descending order of time: the latest rows are its first.
    let by_time = training(&frame).split_by(SplitBy::Time("time".into()));
    let trained = by_time.fit_split(&frame).unwrap();
    let parts = Parts {
        train: (80..200).collect(),
        valid: (40..80).collect(),
        test: (0..40).collect(),
    };
    let expected = training(&frame).fit_parts(&frame, parts).unwrap();
    assert_eq!(trained.test_scores, expected.test_scores);
}

#[test]
fn folds_test_every_row_once_and_their_bundle_averages_the_models() {
    let frame = table();
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let folds = training(&frame)
        .run_folder(&run)
        .fit_folds(&frame, 4)
        .unwrap();
    assert_eq!(folds.rows, [[120, 30, 50]; 4]);
    let (mean, deviation) = folds.mean("rmse").unwrap();
    let each: Vec<f64> = folds.folds.iter().map(|s| s.get("rmse").unwrap()).collect();
    assert!((each.iter().sum::<f64>() / 4.0 - mean).abs() < 1e-12);
    assert!(
        deviation > 0.0
            && folds
                .to_string()
                .contains(&format!("{mean:.4} ± {deviation:.4}"))
    );
    assert_eq!(folds.predictor.models(), 4);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("4 folds") && page.contains(&format!("{mean:.4}")));
    let opened = Predictor::open(run.join("bundle"), &device(None).unwrap()).unwrap();
    let again = opened.predict(&frame).unwrap();
    assert_eq!(again, folds.predictor.predict(&frame).unwrap());
    // The mean of the models of the folder.
    let mut mean = vec![0.0f64; 200];
    for place in 1..=4 {
        let own = run.join(format!("bundle/{place:02}-linear_regression"));
        let own = Predictor::open(own, &device(None).unwrap()).unwrap();
        let predicted = own.predict(&frame).unwrap();
        for (sum, value) in mean.iter_mut().zip(predicted.values().as_slice()) {
            *sum += 0.25 * f64::from(*value);
        }
    }
    for (expected, got) in mean.iter().zip(again.values().as_slice()) {
        assert!((expected - f64::from(*got)).abs() < 1e-5);
    }
    let damaged = run.join("bundle/ensemble.json");
    let text = std::fs::read_to_string(&damaged).unwrap();
    std::fs::write(&damaged, text.replacen("0.25", "0.5", 1)).unwrap();
    let error = Predictor::open(run.join("bundle"), &device(None).unwrap()).unwrap_err();
    assert!(error.to_string().contains("must sum to 1"), "{error}");
}

#[test]
fn auto_weighs_the_models_and_keeps_what_is_complete() {
    let frame = table();
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let auto = training(&frame)
        .candidates([Model::Linear, Model::Mlp, Model::RealMlp])
        .minutes(5.0)
        .auto_folds(3)
        .run_folder(&run)
        .fit_auto(&frame)
        .unwrap();
    assert_eq!((auto.candidates.len(), auto.rows), (3, [120, 40, 40]));
    // Those with a weight have a model for each fold, and every model is part of the ensemble.
    for candidate in &auto.candidates {
        assert!([1, 3].contains(&candidate.models), "{candidate:?}");
        assert!(
            candidate.weight == 0.0 || candidate.models == 3,
            "{candidate:?}"
        );
    }
    let used = auto
        .candidates
        .iter()
        .filter(|candidate| candidate.weight > 0.0);
    assert_eq!(auto.predictor.models(), 3 * used.count());
    let weights: f64 = auto
        .candidates
        .iter()
        .map(|candidate| candidate.weight)
        .sum();
    assert!((weights - 1.0).abs() < 1e-9);
    let valid = |name: &str| {
        auto.candidates
            .iter()
            .find(|c| c.name == name)
            .unwrap()
            .valid
            .1
    };
    assert!(
        valid("realmlp") < valid("linear"),
        "a line cannot fit the curve"
    );
    assert!(auto.scores.lines[1].1.get("rmse").unwrap() <= auto.candidates[0].valid.1 + 1e-6);
    let opened = Predictor::open(run.join("bundle"), &device(None).unwrap()).unwrap();
    let again = opened.predict(&frame).unwrap();
    assert_eq!(again, auto.predictor.predict(&frame).unwrap());
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("realmlp") && page.contains("rmse, test"));

    // Stopped after the first model: it is the result. Stopped before: an error.
    let stop = StopFlag::new();
    let (heard, flag) = (stop.clone(), stop.clone());
    let stopped = training(&frame)
        .candidates([Model::Linear, Model::Mlp])
        .stop_flag(&stop)
        .on_note(move |note| {
            if matches!(note, Note::Trained { .. }) {
                heard.stop();
            }
        })
        .fit_auto(&frame)
        .unwrap();
    assert_eq!((stopped.candidates.len(), flag.is_set()), (1, true));

    // A killed process leaves the models that are complete; the run continues with the others.
    let run = folder.path().join("killed");
    let auto = |resume: Resume, seed: u64, models: &[Model]| {
        let training = training(&frame).seed(seed).candidates(models).auto_folds(1);
        training.resume(resume).run_folder(&run).fit_auto(&frame)
    };
    let first = auto(Resume::No, 1, &[Model::Linear]).unwrap();
    std::fs::remove_dir_all(run.join("bundle")).unwrap();
    let kept = Predictor::open(run.join("candidates/linear"), &device(None).unwrap());
    assert_eq!(
        kept.unwrap().predict(&frame).unwrap(),
        first.predictor.predict(&frame).unwrap()
    );
    let before = first.candidates[0].clone();
    // A run folder belongs to one run at a time.
    drop(first);
    let both = auto(Resume::Latest, 1, &[Model::Linear, Model::Mlp]).unwrap();
    let linear = both.candidates.iter().find(|c| c.name == "linear").unwrap();
    assert_eq!(
        (linear.valid, linear.seconds),
        (before.valid, before.seconds)
    );
    assert!(both.candidates.len() == 2 && run.join("bundle").exists());
    drop(both);
    let other = auto(Resume::Latest, 2, &[Model::Linear]).unwrap_err();
    assert!(matches!(other, TabularError::OtherRows { .. }), "{other}");
    // So do the models of the other folds, with their times.
    let run = folder.path().join("folds");
    let auto = |resume: Resume| {
        let training = training(&frame).candidates([Model::Linear]).auto_folds(3);
        training
            .resume(resume)
            .run_folder(&run)
            .fit_auto(&frame)
            .unwrap()
    };
    let first = auto(Resume::No);
    assert!(run.join("candidates/linear-3/candidate.json").is_file());
    let (before, predicted) = (first.candidates.clone(), first.predictor.predict(&frame));
    drop(first);
    let again = auto(Resume::Latest);
    assert_eq!(again.candidates, before);
    assert_eq!(again.predictor.predict(&frame).unwrap(), predicted.unwrap());
    let nothing = training(&frame).stop_flag(&flag).fit_auto(&frame);
    assert!(matches!(
        nothing.unwrap_err(),
        TabularError::Train(TrainError::Interrupted { .. })
    ));
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let mut rng = Seed::new(6).rng();
    let mut normals = || (0..16_000).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (x, noise) = (normals(), normals());
    let y: Vec<f64> = (0..16_000).map(|row| 3.0 * x[row] + noise[row]).collect();
    let frame = df!("x" => x, "y" => y.clone()).unwrap();
    let rows: Vec<usize> = (0..16_000).collect();
    let (known, new) = (take(&frame, &rows[..10_000]).unwrap(), &rows[10_000..]);
    let spec = FeatureSpec::infer(&known, "y").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trained = Training::new(spec).test_share(0.0).validation_share(0.5);
    let trained = trained.fit_split(&known).unwrap();
    trained.save(folder.path()).unwrap();
    for level in [0.5, 0.8, 0.9] {
        let device = device(None).unwrap();
        let opened = Predictor::open(folder.path(), &device).unwrap();
        let predictor = opened.with_interval(level).unwrap();
        let out = folder.path().join("p.csv");
        predictor
            .predict_csv(&take(&frame, new).unwrap(), &out)
            .unwrap();
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.starts_with("y,y_low,y_high\n"));
        let inside = text.lines().skip(1).zip(new).filter(|(line, row)| {
            let ends: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
            ends[1] <= y[**row] && y[**row] <= ends[2]
        });
        let share = inside.count() as f64 / 6000.0;
        assert!((share - level).abs() < 0.02, "{share} for {level}");
    }
}

#[test]
fn mistakes_are_reported() {
    let frame = table();
    let message = |result: Result<(), TabularError>| result.unwrap_err().to_string();
    let split = |change: fn(Training) -> Training| {
        message(change(training(&frame)).fit_split(&frame).map(drop))
    };
    assert!(split(|t| t.test_share(0.9)).contains("0.9 for the test"));
    assert!(split(|t| t.test_share(f64::NAN)).contains("less than 1"));
    assert!(split(|t| t.split_by(SplitBy::Group("goup".into()))).contains("\"group\""));
    assert!(split(|t| t.split_by(SplitBy::Time("group".into()))).contains("no order in time"));
    let auto = |change: fn(Training) -> Training| {
        message(change(training(&frame)).fit_auto(&frame).map(drop))
    };
    assert!(auto(|t| t.minutes(0.0)).contains("a budget of 0 minutes"));
    assert!(auto(|t| t.candidates([])).contains("name at least one model"));
    let folds = |k| message(training(&frame).fit_folds(&frame, k).map(drop));
    assert!(folds(1).contains("1 folds"));

    let one: Vec<&str> = vec!["only"; 200];
    let missing: Vec<Option<i64>> = (0..200).map(|row| (row != 7).then_some(row)).collect();
    let class: Vec<&str> = (0..200)
        .map(|row| ["a", "b", "single"][(row % 2) as usize])
        .collect();
    let mut class = class;
    class[3] = "single";
    let wrong = df!(
        "x" => (0..200).map(f64::from).collect::<Vec<_>>(), "one" => one, "late" => missing,
        "class" => class
    )
    .unwrap();
    let inference = Inference::default().ignore(["one", "late"]);
    let spec = FeatureSpec::infer_with(&wrong, "class", &inference).unwrap();
    let training = || Training::new(spec.clone());
    let split = |by: SplitBy| message(training().split_by(by).fit_split(&wrong).map(drop));
    let groups = split(SplitBy::Group("one".into()));
    assert!(
        groups.contains("\"one\" has 1 groups, but 3 parts"),
        "{groups}"
    );
    let late = split(SplitBy::Time("late".into()));
    assert!(
        late.contains("\"late\", row 8") && late.contains("missing"),
        "{late}"
    );
    let single = message(training().fit_folds(&wrong, 3).map(drop));
    assert!(single.contains("class single has 1 row"), "{single}");
}
