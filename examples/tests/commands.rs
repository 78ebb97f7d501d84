//! Programs as a user starts them, and what they say when something is wrong: here `tabular` and `predict`.

#[path = "commands/ensembles.rs"]
mod ensembles;
#[path = "commands/sequences.rs"]
mod sequences;
#[path = "commands/texts.rs"]
mod texts;
#[path = "commands/translation.rs"]
mod translation;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tinderbox::data::fetch;

/// The program of an example, which `cargo test` builds with the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let programs = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples");
    let program = programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not built; run `cargo build --examples`",
        program.display()
    );
    let mut command = Command::new(program);
    command.env_remove("RUST_BACKTRACE");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed, and returns its output.
fn works(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert!(status.success(), "{command:?}\n{}", text(&stderr));
    text(&stdout)
}

/// Runs a command that must fail with a message that has all these parts, and without a panic.
fn fails(command: &mut Command, parts: &[&str]) {
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{command:?} worked");
    assert!(!said.contains("panicked"), "{said}");
    for part in parts {
        assert!(said.contains(part), "{command:?}: {said:?} lacks {part:?}");
    }
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.join(name), text).unwrap();
        self.join(name)
    }

    /// Penguins, separated by semicolons, with question marks where values are missing.
    fn penguins(&self) -> PathBuf {
        let file = fetch("penguins").unwrap().join("penguins.csv");
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().map(|line| {
            let cells = line.split(',').map(|cell| match cell {
                "" => "?",
                cell => cell,
            });
            cells.collect::<Vec<_>>().join(";") + "\n"
        });
        self.write("penguins.csv", &lines.collect::<String>())
    }
}

fn tabular(file: &Path, target: &str, out: &Path) -> Command {
    let mut command = example("tabular");
    command
        .arg(file)
        .args(["--target", target, "--out"])
        .arg(out);
    command
}

fn predict(bundle: &Path, file: &Path, out: &Path) -> Command {
    let mut command = example("predict");
    command.arg(bundle).arg(file).arg("--out").arg(out);
    command
}

/// As [`tabular`], with the model that is trained fastest.
fn linear(file: &Path, target: &str, out: &Path) -> Command {
    let mut command = tabular(file, target, out);
    command.args(["--model", "linear"]);
    command
}

/// The score of this name in the line that begins with `of`.
fn figure(printed: &str, of: &str, name: &str) -> f64 {
    let line = printed
        .lines()
        .find(|line| line.starts_with(&format!("{of} ")));
    let line = line.unwrap_or_else(|| panic!("no line {of} in {printed}"));
    let mut words = line.split_whitespace().skip_while(|word| *word != name);
    words.nth(1).unwrap().parse().unwrap()
}

#[test]
fn several_classes_with_semicolons_and_question_marks() {
    let folder = Folder::new();
    let file = folder.penguins();
    for model in ["linear", "mlp"] {
        let run = folder.join(model);
        let mut command = tabular(&file, "species", &run);
        command.args(["--separator", ";", "--null", "?", "--model", model]);
        command.args(["--epochs", "20", "--lr", "0.02"]);
        let printed = works(&mut command);
        for part in [
            "island",
            "one-hot",
            "bill_length_mm",
            "number",
            "target",
            "344 rows",
        ] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
        assert!(
            figure(&printed, "validation", "accuracy") > 0.9,
            "{printed}"
        );
        assert!(figure(&printed, "training,", "accuracy") > 0.9, "{printed}");
        assert!(run.join("report.html").is_file());

        let out = folder.join("predictions.csv");
        let mut command = predict(&run.join("bundle"), &file, &out);
        let printed = works(command.args(["--separator", ";", "--null", "?"]));
        assert!(printed.contains("344 rows"), "{printed}");
        let predictions = std::fs::read_to_string(&out).unwrap();
        let truth = std::fs::read_to_string(&file).unwrap();
        let pairs = predictions.lines().zip(truth.lines()).skip(1);
        let right =
            pairs.filter(|(found, truth)| found.split(',').next() == truth.split(';').next());
        assert!(right.count() > 310, "the bundle predicts as it was trained");
        assert_eq!(predictions.lines().count(), 345);
    }
}

#[test]
fn two_classes_and_rows_without_a_target() {
    let folder = Folder::new();
    let file = folder.penguins();
    let run = folder.join("run");
    let mut command = linear(&file, "sex", &run);
    command.args([
        "--null", "?", "--epochs", "20", "--lr", "0.02", "--task", "auto",
    ]);
    let printed = works(&mut command);
    assert!(
        printed.contains("11 rows without a target are left out"),
        "{printed}"
    );
    assert!(printed.contains("333 rows"), "{printed}");
    assert!(figure(&printed, "validation", "auc") > 0.9, "{printed}");
    let out = folder.join("p.csv");
    // The rows without a target are predicted too.
    works(predict(&run.join("bundle"), &file, &out).args(["--null", "?"]));
    let predictions = std::fs::read_to_string(&out).unwrap();
    assert!(predictions.starts_with("sex,probability_FEMALE,probability_MALE\n"));
    assert_eq!(predictions.lines().count(), 345);
}

#[test]
fn rows_are_those_of_the_file_and_a_class_of_one_row_is_for_training() {
    let folder = Folder::new();
    // The first two rows have no target, row 5 has no x.
    let table = |missing: usize| {
        let line = |row: usize| {
            let x = if row == missing {
                String::new()
            } else {
                row.to_string()
            };
            let class = match row {
                0 | 1 => "",
                7 => "single",
                _ => ["low", "high"][usize::from(row >= 30)],
            };
            format!("{x},{class}\n")
        };
        let lines: String = (0..60).map(line).collect();
        folder.write("table.csv", &format!("x,class\n{lines}"))
    };
    let spec = "[[column]]\nname = \"x\"\nkind = \"numeric\"\nimpute = \"error\"\n";
    let spec = folder.write("spec.toml", spec);
    let mut command = linear(&table(5), "class", &folder.join("refused"));
    fails(
        command.arg("--spec").arg(&spec),
        &["table.csv", "\"x\"", "row 6 "],
    );
    let mut command = linear(&table(60), "class", &folder.join("run"));
    let printed = works(command.arg("--spec").arg(&spec).args(["--epochs", "2"]));
    let line = "class single has too few rows to be validated on";
    assert!(printed.contains(line), "{printed}");
    assert!(
        printed.contains("58 rows, 35 training, 12 validation, 11 test"),
        "{printed}"
    );
}

#[test]
fn numbers_by_both_models_and_the_exact_solution() {
    let folder = Folder::new();
    let iris = fetch("iris").unwrap().join("iris.csv");
    for (model, epochs) in [("linear", "200"), ("mlp", "40")] {
        let run = folder.join(model);
        let mut command = tabular(&iris, "sepal_length", &run);
        command.args(["--model", model, "--epochs", epochs, "--lr", "0.02"]);
        let printed = works(&mut command);
        let trained = figure(&printed, "validation", "rmse");
        let exact = figure(&printed, "validation, exact linear", "rmse");
        assert!(trained < 1.5 * exact, "{printed}");
        let out = folder.join("p.csv");
        works(&mut predict(&run.join("bundle"), &iris, &out));
        let predictions = std::fs::read_to_string(&out).unwrap();
        let mut lines = predictions.lines();
        assert_eq!(lines.next(), Some("sepal_length"));
        let numbers: Vec<f64> = lines.map(|line| line.parse().unwrap()).collect();
        let mean = numbers.iter().sum::<f64>() / 150.0;
        // The mean length of a sepal in the data is 5.843 cm. From seed to seed the mean prediction of
        // such a short training run with dropout differs from it by up to 0.25 cm.
        assert!(numbers.len() == 150 && (mean - 5.843).abs() < 0.4, "{mean}");
    }
}

#[test]
fn a_specification_from_a_file() {
    let folder = Folder::new();
    let iris = fetch("iris").unwrap().join("iris.csv");
    let spec = folder.write(
        "spec.toml",
        "[[column]]\nname = \"petal_length\"\nkind = \"numeric\"\nsteps = [\"log1p\", \"standardize\"]\n\n[[column]]\nname = \"petal_width\"\nkind = \"numeric\"\nimpute = \"median\"\nmissing_indicator = true\n",
    );
    let run = folder.join("run");
    let mut command = linear(&iris, "species", &run);
    command
        .arg("--spec")
        .arg(&spec)
        .args(["--epochs", "30", "--lr", "0.05"]);
    let printed = works(&mut command);
    assert!(printed.contains("not used"), "{printed}");
    assert!(
        figure(&printed, "validation", "accuracy") > 0.85,
        "{printed}"
    );
    let features = std::fs::read_to_string(run.join("bundle/features.json")).unwrap();
    assert!(features.contains("log1p") && !features.contains("sepal_width"));

    let refused = |name: &str, text: &str, parts: &[&str]| {
        let spec = folder.write(name, text);
        let mut command = linear(&iris, "species", &folder.join("refused"));
        fails(command.arg("--spec").arg(spec), parts);
    };
    refused(
        "step.toml",
        "[[column]]\nname = \"petal_width\"\nkind = \"numeric\"\nsteps = [\"standardise\"]\n",
        &["step.toml", "unknown variant `standardise`", "standardize"],
    );
    refused(
        "target.toml",
        "[target]\ncolumns = [\"petal_width\"]\n[[column]]\nname = \"petal_length\"\nkind = \"numeric\"\n",
        &["target.toml", "petal_width", "--target is species"],
    );
    refused(
        "index.toml",
        "[[column]]\nname = \"petal_width\"\nkind = \"numeric\"\n[[column]]\nname = \"sepal_lenth\"\nkind = \"numeric\"\n",
        &["iris.csv", "no column \"sepal_lenth\"", "sepal_length"],
    );
}

#[test]
fn mistakes_in_a_table_are_reported() {
    let folder = Folder::new();
    let iris = fetch("iris").unwrap().join("iris.csv");
    let out = folder.join("run");
    let run = |file: &Path, target: &str, options: &[&str], parts: &[&str]| {
        fails(tabular(file, target, &out).args(options), parts);
        assert!(!out.join("bundle").exists());
    };
    let target = [
        "iris.csv",
        "no column \"specis\"",
        "did you mean",
        "species",
    ];
    run(&iris, "specis", &[], &target);
    let missing = folder.join("nowhere.csv");
    run(&missing, "y", &[], &["nowhere.csv", "check the path"]);
    run(
        &iris,
        "species",
        &["--separator", "ab"],
        &["separator \"ab\"", "one character"],
    );
    let words = [
        "iris.csv",
        "column \"species\", row 1",
        "\"setosa\" is text in a numeric column",
    ];
    run(&iris, "species", &["--task", "regression"], &words);
    run(&iris, "species", &["--valid", "1.5"], &["share"]);
    for option in ["--checkpoint-steps", "--max-unpacked"] {
        let parts = [option, "give a whole number of at least 1"];
        run(&iris, "species", &[option, "0"], &parts);
    }
    let header = folder.write("header.csv", "a,b\n");
    run(&header, "b", &[], &["header.csv", "no row"]);
    let ragged = folder.write("ragged.csv", "a,b\n1,2\n3,4,5\n");
    run(&ragged, "b", &[], &["ragged.csv, line 3", "3 fields"]);
    let mut spoiled = String::from("a,b\n");
    for row in 0..60 {
        spoiled += &match row {
            41 => "many,1\n".to_owned(),
            row => format!("{row}.5,{}\n", row % 7),
        };
    }
    let spoiled = folder.write("spoiled.csv", &spoiled);
    let cell = [
        "spoiled.csv",
        "column \"a\", row 42",
        "\"many\" is text in a column of numbers",
    ];
    run(&spoiled, "b", &[], &cell);
    let empty = folder.write("empty.csv", "a,b\n1,\n2,\n");
    run(&empty, "b", &[], &["empty.csv", "no rows"]);
}

#[test]
fn mistakes_in_predicting_are_reported() {
    let folder = Folder::new();
    let iris = fetch("iris").unwrap().join("iris.csv");
    let run = folder.join("run");
    works(linear(&iris, "species", &run).args(["--epochs", "2"]));
    let (bundle, out) = (run.join("bundle"), folder.join("p.csv"));
    let refused = |bundle: &Path, file: &Path, parts: &[&str]| {
        fails(&mut predict(bundle, file, &out), parts);
        assert!(!out.exists(), "a failed prediction leaves no file");
    };
    refused(
        &folder.join("none"),
        &iris,
        &["none", "model.json", "bundle"],
    );
    let fewer = folder.write(
        "fewer.csv",
        "sepal_length,sepal_width,petal_length\n1,2,3\n",
    );
    refused(
        &bundle,
        &fewer,
        &["fewer.csv", "no column \"petal_width\"", "petal_length"],
    );
    let words = "sepal_length,sepal_width,petal_length,petal_width\n1,2,3,4\n1,2,3,wide\n";
    let words = folder.write("words.csv", words);
    refused(
        &bundle,
        &words,
        &[
            "words.csv, line 3",
            "column \"petal_width\"",
            "\"wide\" is not a number",
        ],
    );
    refused(
        &bundle,
        &folder.join("no.csv"),
        &["no.csv", "check the path"],
    );

    let description = bundle.join("model.json");
    let sound = std::fs::read_to_string(&description).unwrap();
    let other = sound.replacen("\"format\": 1", "\"format\": 7", 1);
    assert_ne!(other, sound);
    std::fs::write(&description, other).unwrap();
    refused(
        &bundle,
        &iris,
        &["model.json", "format 7", "this version reads format 1"],
    );
    std::fs::write(&description, sound).unwrap();
    let features = bundle.join("features.json");
    let sound = std::fs::read_to_string(&features).unwrap();
    let other = sound.replacen("\"format\": 3", "\"format\": 7", 1);
    assert_ne!(other, sound);
    std::fs::write(&features, other).unwrap();
    refused(
        &bundle,
        &iris,
        &["features.json", "format 7", "this version reads format 3"],
    );
}

#[test]
fn columns_are_stated_and_a_specification_is_written() {
    let folder = Folder::new();
    let mut text = String::from("id,zone,when,note,y\n");
    for row in 0..120 {
        let (zone, day) = (row % 3 + 1, row % 28 + 1);
        text += &format!("{row},{zone},2001-01-{day:02},n{row},{}\n", row * zone);
    }
    let file = folder.write("table.csv", &text);
    let spec = folder.join("spec.toml");
    let run = folder.join("run");
    let mut command = linear(&file, "y", &run);
    command.args([
        "--numeric",
        "id",
        "--category",
        "zone",
        "--ignore",
        "note",
        "--date",
        "when",
    ]);
    let printed = works(command.arg("--write-spec").arg(&spec));
    for (column, used) in [
        ("id", "number"),
        ("zone", "one-hot"),
        ("when", "date parts"),
        ("note", "left out: as stated"),
    ] {
        let line = printed
            .lines()
            .find(|line| line.starts_with(&format!("{column} ")));
        assert!(line.unwrap().ends_with(used), "{column}: {printed}");
    }
    assert!(!run.exists(), "nothing is trained");
    // The file that was written is valid for --spec after editing.
    let written = std::fs::read_to_string(&spec).unwrap();
    assert!(
        written.contains("name = \"zone\"\nencode = \"one_hot\""),
        "{written}"
    );
    let edited = written
        .replace("\"weekday\",", "")
        .replace("    \"weekday\",\n", "");
    std::fs::write(&spec, edited).unwrap();
    let mut command = linear(&file, "y", &run);
    works(command.arg("--spec").arg(&spec).args(["--epochs", "1"]));
    let features = std::fs::read_to_string(run.join("bundle/features.json")).unwrap();
    assert!(
        features.contains("\"zone\"") && !features.contains("weekday"),
        "{features}"
    );

    let refused = |options: &[&str], parts: &[&str]| {
        fails(tabular(&file, "y", &folder.join("no")).args(options), parts);
    };
    refused(
        &["--category", "zoen"],
        &["no column \"zoen\"", "did you mean", "zone"],
    );
    refused(&["--ignore", "y"], &["\"y\"", "is the target"]);
    refused(
        &["--numeric", "note"],
        &["\"note\", row 1", "\"n0\" is text"],
    );
    let both = ["--spec", spec.to_str().unwrap(), "--numeric", "id"];
    refused(&both, &["cannot be used with"]);
}

#[test]
#[cfg(unix)]
fn predictions_never_replace_their_input() {
    let folder = Folder::new();
    let text = "x,y\n".to_owned() + &"1,2\n2,4\n3,6\n".repeat(20);
    let file = folder.write("t.csv", &text);
    let run = folder.join("run");
    works(&mut linear(&file, "y", &run));
    let bundle = run.join("bundle");
    let link = folder.join("link.csv");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for out in [&file, &link] {
        fails(
            &mut predict(&bundle, &file, out),
            &["this is the file to predict for"],
        );
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    // Standard output holds predictions and nothing else.
    let printed = works(&mut predict(&bundle, &file, Path::new("/dev/stdout")));
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("y"));
    let numbers: Vec<f64> = lines.map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 60);
    for (found, x) in numbers.iter().zip([1.0, 2.0, 3.0].iter().cycle()) {
        assert!((found - 2.0 * x).abs() < 0.01, "{found} for {x}");
    }
}

#[test]
fn a_bundle_predicts_files_in_other_formats() {
    let folder = Folder::new();
    let mut text = String::from("age;code;x;y\n");
    for row in 0..90 {
        let age = ["18", "19-25", "26"][row % 3];
        let x = if row % 10 == 0 {
            "?".to_owned()
        } else {
            (row % 7).to_string()
        };
        text += &format!("{age};{};{x};{}\n", row % 4 + 1, row % 3 * 10 + row % 4);
    }
    let file = folder.write("train.csv", &text);
    let run = folder.join("run");
    let mut command = linear(&file, "y", &run);
    command.args([
        "--separator",
        ";",
        "--null",
        "?",
        "--category",
        "code",
        "--epochs",
        "3",
    ]);
    works(&mut command);
    let bundle = run.join("bundle");
    let predictions = |name: &str, text: &str| -> Vec<String> {
        let (file, out) = (folder.write(name, text), folder.join("p.csv"));
        works(&mut predict(&bundle, &file, &out));
        let lines = std::fs::read_to_string(&out).unwrap();
        lines.lines().map(String::from).collect()
    };
    // Without the values that made the ages text, and without the target.
    let all = predictions("all.csv", &text);
    assert_eq!((all[0].as_str(), all.len()), ("y", 91));
    let some = predictions("some.csv", "age;code;x\n18;2;0.5\n26;2;?\n");
    let mixed = predictions("mixed.csv", "age;code;x\n19-25;1;1\n18;2;0.5\n26;2;?\n");
    assert_eq!(some[1..], mixed[2..]);
    let known = predictions("known.csv", "code;age;x\n1;18;?\n");
    assert_eq!(
        known[1], all[1],
        "a row of the training file, its columns in another order"
    );
    // Text among whole numbers is an unseen category like any other.
    let unseen = predictions("unseen.csv", "age;code;x\n18;new;3\n18;99;3\n");
    assert_eq!(unseen[1], unseen[2]);
    let file = folder.join("unseen.csv");
    let output = predict(&bundle, &file, &folder.join("p.csv"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "column \"code\": 2 of 2 rows have a category that no training row had, such as \"new\"; \
         correct it if it is another spelling of a known one\n"
    );
    // No rows give no predictions.
    assert_eq!(predictions("none.csv", "age;code;x\n"), ["y"]);
}
