//! Training with default settings ends at the optimum of the model, on small tables and large.

use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType, df};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::optim::least_squares;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, ReadOptions, read, stratified_by, take};
use tinderbox::tabular::{Model, Trained, Training};

/// Trains with the defaults.
fn defaults(frame: &DataFrame, target: &str, model: Model) -> (Trained, Vec<Vec<usize>>) {
    let spec = FeatureSpec::infer(frame, target).unwrap();
    let strategy = match spec.fit(frame).unwrap().classes() {
        Some(_) => stratified_by(frame, target).unwrap(),
        None => Strategy::Random,
    };
    let parts = split(frame.height(), &[0.8, 0.2], Seed::new(5), &strategy).unwrap();
    let training = Training::new(spec).model(model);
    let trained = training.fit_rows(frame, &parts[0], &parts[1]).unwrap();
    (trained, parts)
}

/// The linear model ends within 1 % of the exact solution, on the rows trained on and on the others.
fn reaches_the_exact_solution(what: &str, frame: &DataFrame, target: &str) {
    let (trained, _) = defaults(frame, target, Model::Linear);
    let score = |of: &str| {
        let lines = trained.scores().lines;
        let (_, scores) = lines.iter().find(|(name, _)| *name == of).unwrap();
        scores.get("rmse").unwrap()
    };
    // Where the exact solution has no error, the rounding of f32 is left.
    let values = frame
        .column(target)
        .unwrap()
        .cast(&DataType::Float64)
        .unwrap();
    let values: Vec<f64> = values.f64().unwrap().iter().flatten().collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    let rounding = 1e-5 * (squares.sum::<f64>() / values.len() as f64).sqrt();
    for rows in ["training", "validation"] {
        let (got, exact) = (score(rows), score(&format!("{rows}, exact linear")));
        assert!(
            (got - exact).abs() <= 0.01 * exact + rounding,
            "{what}, {rows}: {got} against {exact}"
        );
    }
}

/// `rows` draws of a standard normal.
fn normals(seed: u64, rows: usize) -> Vec<f64> {
    let mut rng = Seed::new(seed).rng();
    (0..rows).map(|_| rng.normal()).collect()
}

#[test]
fn a_linear_model_with_a_missing_category() {
    // y = 2 x + 3 where c is missing, and noise of 0.09.
    let (x, noise) = (normals(1, 400), normals(2, 400));
    let c: Vec<Option<&str>> = (0..400)
        .map(|row| [Some("a"), Some("b"), None][row % 3])
        .collect();
    let y: Vec<f64> = (0..400)
        .map(|row| 2.0 * x[row] + 3.0 * f64::from(u8::from(c[row].is_none())) + 0.09 * noise[row])
        .collect();
    let frame = df!("x" => x, "c" => c, "y" => y).unwrap();
    let (trained, _) = defaults(&frame, "y", Model::Linear);
    let (got, exact) = (
        trained.valid("rmse").unwrap(),
        trained.exact("rmse").unwrap(),
    );
    assert!((got / exact - 1.0).abs() < 0.01, "{got} against {exact}");
    assert!((0.07..0.11).contains(&got), "{got}");
}

#[test]
fn linear_models_of_synthetic_tables() {
    let (a, b, noise) = (normals(1, 300), normals(2, 300), normals(3, 300));
    let table = |y: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
        let y: Vec<f64> = (0..300).map(y).collect();
        let b: Vec<f64> = (0..300).map(b).collect();
        df!("a" => a.clone(), "b" => b, "y" => y).unwrap()
    };
    let exactly = table(&|row| 3.0 * a[row] - 2.0 * b[row], &|row| b[row]);
    reaches_the_exact_solution("no noise", &exactly, "y");
    let far = table(&|row| 1e6 + 1e5 * a[row] + 1e4 * noise[row], &|row| {
        1e8 + b[row]
    });
    reaches_the_exact_solution("large numbers", &far, "y");
    let near = table(
        &|row| a[row] + 500.0 * 0.001 * b[row] + 0.1 * noise[row],
        &|row| a[row] + 0.001 * b[row],
    );
    reaches_the_exact_solution("columns that nearly depend on each other", &near, "y");
    let mut sums = table(&|row| a[row] + noise[row], &|row| b[row]);
    for weight in 1..10 {
        let sum = (0..300).map(|row| a[row] + f64::from(weight) * b[row]);
        let sum = Column::new(format!("sum{weight}").into(), sum.collect::<Vec<_>>());
        sums.with_column(sum).unwrap();
    }
    reaches_the_exact_solution("columns that are sums of others", &sums, "y");
    let skewed = table(&|row| (2.0 * a[row] + noise[row]).exp(), &|row| b[row]);
    reaches_the_exact_solution("a skewed target", &skewed, "y");
    reaches_the_exact_solution("40 rows", &far.head(Some(40)), "y");
}

#[test]
fn linear_models_of_tables_that_ship() {
    let iris = read(fetch("iris").unwrap().join("iris.csv")).unwrap();
    reaches_the_exact_solution("iris", &iris.collect().unwrap(), "sepal_length");
    let names = [
        "frequency",
        "angle",
        "chord",
        "velocity",
        "thickness",
        "pressure",
    ];
    let file = fetch("airfoil").unwrap().join("airfoil_self_noise.dat");
    let airfoil = ReadOptions::default().names(names).read(&file).unwrap();
    reaches_the_exact_solution("airfoil", &airfoil.collect().unwrap(), "pressure");
    let penguins = read(fetch("penguins").unwrap().join("penguins.csv")).unwrap();
    let penguins = penguins.collect().unwrap();
    let known = penguins.column("body_mass_g").unwrap().is_not_null();
    let penguins = penguins.filter(&known).unwrap();
    reaches_the_exact_solution("penguins", &penguins, "body_mass_g");
}

#[test]
fn classes_that_overlap_are_classified_as_by_a_converged_logistic_regression() {
    let (a, b, noise) = (normals(4, 400), normals(5, 400), normals(6, 400));
    let right = |row: usize| 1.5 * a[row] - b[row] + 0.5 + 2.0 * noise[row] > 0.0;
    let y: Vec<&str> = (0..400)
        .map(|row| if right(row) { "yes" } else { "no" })
        .collect();
    let frame = df!("a" => a.clone(), "b" => b.clone(), "y" => y).unwrap();
    let (trained, parts) = defaults(&frame, "y", Model::Linear);
    let weights = newton(
        parts[0]
            .iter()
            .map(|&row| ([1.0, a[row], b[row]], right(row))),
    );
    for (place, part) in parts.iter().enumerate() {
        let losses = part.iter().map(|&row| {
            let logit = weights[0] + weights[1] * a[row] + weights[2] * b[row];
            (1.0 + (if right(row) { -logit } else { logit }).exp()).ln()
        });
        let exact = losses.sum::<f64>() / part.len() as f64;
        let (of, scores) = &trained.scores().lines[place];
        let got = scores.get("log_loss").unwrap();
        assert!(
            (got / exact - 1.0).abs() < 0.01,
            "{of}: {got} against {exact}"
        );
    }
}

/// Logistic regression by ten steps of Newton's method, in `f64`.
fn newton(rows: impl Iterator<Item = ([f64; 3], bool)>) -> [f64; 3] {
    let rows: Vec<_> = rows.collect();
    let mut weights = [0.0; 3];
    for _ in 0..10 {
        // The equations H s = g, solved by Gauss and Jordan.
        let mut system = [[0.0; 4]; 3];
        for (x, right) in &rows {
            let logit: f64 = (0..3).map(|i| weights[i] * x[i]).sum();
            let p = 1.0 / (1.0 + (-logit).exp());
            for i in 0..3 {
                for j in 0..3 {
                    system[i][j] += p * (1.0 - p) * x[i] * x[j];
                }
                system[i][3] += (f64::from(u8::from(*right)) - p) * x[i];
            }
        }
        for i in 0..3 {
            let pivot = system[i];
            for (j, row) in system.iter_mut().enumerate() {
                let factor = if i == j {
                    1.0 - 1.0 / pivot[i]
                } else {
                    row[i] / pivot[i]
                };
                (0..4).for_each(|k| row[k] -= factor * pivot[k]);
            }
        }
        (0..3).for_each(|i| weights[i] += system[i][3]);
    }
    weights
}

#[test]
fn classes_of_tables_that_ship_are_classified() {
    for (set, target) in [("iris", "species"), ("penguins", "species")] {
        let file = fetch(set).unwrap().join(format!("{set}.csv"));
        let frame = read(file).unwrap().collect().unwrap();
        let (trained, _) = defaults(&frame, target, Model::Linear);
        let (got, exact) = (
            trained.valid("accuracy").unwrap(),
            trained.exact("accuracy").unwrap(),
        );
        assert!(got >= exact && got > 0.9, "{set}: {got} against {exact}");
    }
}

#[test]
fn an_mlp_fits_a_curve_that_a_line_cannot() {
    let (x, noise) = (normals(7, 300), normals(8, 300));
    let y: Vec<f64> = (0..300)
        .map(|row| x[row].abs() + 0.1 * noise[row])
        .collect();
    let frame = df!("x" => x, "y" => y).unwrap();
    let (trained, _) = defaults(&frame, "y", Model::Mlp);
    let (got, exact) = (
        trained.valid("rmse").unwrap(),
        trained.exact("rmse").unwrap(),
    );
    assert!(
        got < 0.17 && exact > 0.4,
        "{got}, noise 0.1; {exact} by a line"
    );
}

#[test]
fn a_set_number_of_epochs_is_kept() {
    let x = normals(1, 100);
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
    let frame = df!("x" => x, "y" => y).unwrap();
    let rows: Vec<usize> = (0..100).collect();
    let training = Training::new(FeatureSpec::infer(&frame, "y").unwrap()).epochs(1);
    let trained = training.fit_rows(&frame, &rows[..80], &rows[80..]).unwrap();
    assert_eq!(trained.history.epochs.len(), 1);
    assert!(
        trained.notes.is_empty(),
        "no exact solution is tried: {:?}",
        trained.notes
    );
    assert!(
        trained.valid("rmse").unwrap() > 0.5,
        "one epoch is not enough"
    );
}

#[test]
fn the_program_of_the_readme_converges_on_300_rows() {
    readme_converges(300);
}

#[test]
fn the_program_of_the_readme_converges_on_300_000_rows() {
    readme_converges(300_000);
}

fn readme_converges(rows: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, noise) = (normals(1, rows), normals(2, rows), normals(3, rows));
    let price: Vec<f64> = (0..rows)
        .map(|row| 2e5 + 5e4 * a[row] - 2e4 * (a[row] + b[row]) + 1e4 * noise[row])
        .collect();
    let b: Vec<f64> = (0..rows).map(|row| 100.0 + a[row] + b[row]).collect();
    let frame = df!("a" => a, "b" => b, "price" => price).unwrap();
    let (got, exact) = readme(&frame, folder.path()).unwrap();
    assert!((got / exact - 1.0).abs() < 0.01, "{got} against {exact}");
}

/// The README's program on this table: validation RMSE of its model, and of the exact solution.
fn readme(frame: &DataFrame, out: &Path) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let device = tinderbox::device(None)?;
    let seed = Seed::new(42);
    let parts = split(frame.height(), &[0.8, 0.2], seed, &Strategy::Random)?;
    let (train, valid) = (take(frame, &parts[0])?, take(frame, &parts[1])?);
    let features = FeatureSpec::infer(&train, "price")?.fit(&train)?;
    let train_rows = features.transform(&train)?.regression()?;
    let valid_rows = features.transform(&valid)?.regression()?;
    let train = Loader::new(train_rows.clone(), 64)?.shuffle(seed);
    let valid = Loader::for_evaluation(valid_rows.clone(), 256)?;

    let config = LinearRegressionConfig::new(features.width());
    let model = config.init(seed, &device)?;
    let epochs = train.epochs_for_steps(3_000).max(3);
    let settings = TrainConfig {
        epochs,
        optimizer: OptimizerConfig::sgd().momentum(0.9).into(),
        schedule: RateSchedule::per_step(Schedule::cosine(epochs * train.num_batches())),
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(settings)?
        .metric(RegressionMetrics::new(&[RegressionMetric::Rmse]))
        .run(Run::create(out)?)
        .monitor(Monitor::min("valid_loss"))
        .fit(model, &Regression::default(), &train, Some(&valid))?;
    let (best, _) = fitted.best.ok_or("a metric is monitored")?;
    let got = fitted.history.epochs[best - 1]
        .get("valid_rmse")
        .ok_or("it is measured")?;

    let (x, width) = (train_rows.features().to_wide(), features.width());
    let exact = least_squares(&x, width, train_rows.targets().as_slice(), 1)?;
    let predicted = exact.predict(&valid_rows.features().to_wide())?;
    let pairs = predicted.iter().zip(valid_rows.targets().as_slice());
    let squares: f64 = pairs.map(|(p, y)| (p - f64::from(*y)).powi(2)).sum();
    Ok((got, (squares / valid_rows.len() as f64).sqrt()))
}
