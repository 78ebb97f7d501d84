//! `tabular` with folds, groups and all models, as a user starts it.

use super::*;

#[test]
fn folds_groups_and_a_choice_among_all_models() {
    let folder = Folder::new();
    let iris = fetch("iris").unwrap().join("iris.csv");
    let run = folder.join("folds");
    let printed =
        works(tabular(&iris, "sepal_length", &run).args(["--folds", "3", "--model", "linear"]));
    assert!(
        printed.contains("fold 3 of 3") && printed.contains("rmse"),
        "{printed}"
    );
    let mean = printed.lines().find(|line| line.starts_with("rmse "));
    assert!(mean.unwrap().contains(" ± "), "{printed}");
    let out = folder.join("p.csv");
    let mut command = predict(&run.join("bundle"), &iris, &out);
    works(command.args(["--interval", "0.9"]));
    let predictions = std::fs::read_to_string(&out).unwrap();
    let head = "sepal_length,sepal_length_low,sepal_length_high";
    assert_eq!(predictions.lines().next(), Some(head));

    let run = folder.join("auto");
    let mut command = tabular(&iris, "species", &run);
    let printed = works(command.args(["--model", "auto", "--epochs", "3", "--minutes", "1"]));
    for model in ["linear", "mlp", "realmlp", "tabm", "ft-transformer"] {
        let line = printed
            .lines()
            .filter(|line| line.starts_with(&format!("{model} ")));
        assert_eq!(
            line.count(),
            2,
            "{model}, when it is trained and at the end: {printed}"
        );
    }
    let rows = "150 rows, 90 training, 30 validation, 30 test";
    assert!(printed.contains(rows), "{printed}");
    assert!(figure(&printed, "test", "accuracy") > 0.8, "{printed}");
    works(&mut predict(&run.join("bundle"), &iris, &out));
    let command = &mut predict(&run.join("bundle"), &iris, &out);
    fails(
        command.args(["--interval", "0.9"]),
        &["no prediction intervals"],
    );

    // Contributions and the mean sum to the prediction.
    let mut command = example("explain");
    let printed = works(
        command
            .arg(run.join("bundle"))
            .arg(&iris)
            .args(["--row", "3"]),
    );
    let numbers: Vec<f64> = (printed.lines())
        .map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap())
        .collect();
    let (last, parts) = numbers.split_last().unwrap();
    assert!((parts.iter().sum::<f64>() - last).abs() < 1e-3, "{printed}");
    assert_eq!(numbers.len(), 4 + 2, "{printed}");
    let mut command = example("explain");
    command
        .arg(run.join("bundle"))
        .arg(&iris)
        .args(["--row", "151"]);
    fails(&mut command, &["--row 151", "the rows 1 to 150"]);

    let refused = |options: &[&str], parts: &[&str]| {
        fails(
            tabular(&iris, "species", &folder.join("no")).args(options),
            parts,
        );
    };
    refused(&["--folds", "1", "--model", "linear"], &["1 folds"]);
    refused(&["--folds", "3", "--model", "auto"], &["leave out --folds"]);
    refused(
        &["--model", "auto", "--minutes", "0"],
        &["a budget of 0 minutes"],
    );
    refused(&["--group", "specis"], &["no column \"specis\""]);
    refused(
        &["--time", "petal_width"],
        &["petal_width", "fractions would be lost"],
    );
    refused(
        &["--valid", "0.5", "--test", "0.5"],
        &["--valid 0.5 --test 0.5"],
    );
}

#[test]
fn a_series_is_predicted_from_its_past() {
    let folder = Folder::new();
    // A wave: its next value is 2 cos(0.7) times the last minus the one before.
    let wave = |day: usize| (0.7 * day as f64).sin();
    let mut text = String::from("day,y,weight\n");
    for day in 0..200 {
        text += &format!("{day},{:.6},{}\n", wave(day), day % 3);
    }
    let file = folder.write("series.csv", &text);
    let run = folder.join("series");
    let mut command = linear(&file, "y", &run);
    command.args(["--time", "day", "--lags", "1,2", "--weights", "weight"]);
    let printed = works(&mut command);
    assert!(printed.contains("y_lag_2"), "{printed}");
    assert!(figure(&printed, "test", "rmse") < 0.01, "{printed}");

    // The next day is not known yet.
    let file = folder.write("next.csv", &(text + "200,,1\n"));
    let out = folder.join("p.csv");
    works(&mut predict(&run.join("bundle"), &file, &out));
    let predictions = std::fs::read_to_string(&out).unwrap();
    let next: f64 = predictions.lines().last().unwrap().parse().unwrap();
    assert!((next - wave(200)).abs() < 0.02, "{next}");

    let mut command = example("explain");
    let command = command.arg(run.join("bundle")).arg(&file);
    let printed = works(command.args(["--partial", "y_lag_1"]));
    assert!(
        printed.starts_with("y_lag_1 ") && printed.lines().count() > 10,
        "{printed}"
    );

    let refused = |options: &[&str], parts: &[&str]| {
        fails(linear(&file, "y", &folder.join("no")).args(options), parts);
    };
    refused(&["--lags", "1"], &["--time"]);
    refused(&["--time", "day", "--lags", "0"], &["1 is the row before"]);
    refused(&["--weights", "wieght"], &["no column \"wieght\""]);
    refused(
        &["--class-weights", "balanced"],
        &["the target is a number"],
    );
}
