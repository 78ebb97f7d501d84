//! The options for reading a table, as a user gives them to `tabular` and `predict`.

use std::path::Path;
use std::process::Command;

/// The program of an example, which `cargo test` builds with the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().and_then(Path::parent).unwrap();
    let program =
        (programs.join("examples")).join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not built; run `cargo build --examples`",
        program.display()
    );
    Command::new(program)
}

fn works(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// All options at once: a headerless export of another country, with lines that are not rows.
const OPTIONS: [&str; 18] = [
    "--separator",
    ";",
    "--no-header",
    "--names",
    "size,price,city,when",
    "--skip-rows",
    "1",
    "--comment",
    "#",
    "--encoding",
    "latin1",
    "--decimal",
    ",",
    "--thousands",
    ".",
    "--null",
    "?",
    "--dates=day-first",
];

#[test]
fn every_option_that_errors_mention_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.csv");
    let mut bytes = b"An export; of a shop\n# made by hand\n".to_vec();
    for row in 0..60 {
        let city = if row % 2 == 0 { "Orl\u{e9}ans" } else { "?" };
        let text = format!("1.{row:03},5;{row},25;{city};{:02}/02/2001\n", 1 + row % 12);
        bytes.extend(text.chars().map(|letter| letter as u8));
    }
    std::fs::write(&file, bytes).unwrap();
    let run = folder.path().join("run");
    let mut command = example("tabular");
    command
        .arg(&file)
        .args(["--target", "price", "--model", "linear"])
        .args(["--epochs", "2", "--out"]);
    let printed = works(command.arg(&run).args(OPTIONS));
    for part in [
        "read as: decimal comma; thousands by .",
        "read as: dates day/month/year",
        "60 rows",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let out = folder.path().join("predictions.csv");
    let mut command = example("predict");
    command
        .arg(run.join("bundle"))
        .arg(&file)
        .arg("--out")
        .arg(&out);
    let printed = works(command.args(OPTIONS));
    assert!(printed.contains("60 rows"), "{printed}");
    let predictions = std::fs::read_to_string(out).unwrap();
    assert_eq!(predictions.lines().count(), 61);
}

#[test]
fn a_wrong_option_is_an_error_with_the_valid_values() {
    for (options, part) in [
        (["--encoding", "klingon"], "latin1"),
        (["--dates", "sometimes"], "day-first"),
        (["--column-type", "zip"], "COLUMN=TYPE"),
        (["--decimal", "x"], "use . or ,"),
    ] {
        let mut command = example("tabular");
        let output = command.args(["x.csv", "--target", "y"]).args(options);
        let output = output.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{said}");
    }
}
