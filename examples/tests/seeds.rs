//! The same seed gives the same run, in another process too.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Runs an example that `cargo test` builds with the tests; returns its output.
fn run(name: &str, arguments: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().and_then(Path::parent).unwrap();
    let program = programs
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The history of a run without the wall time.
fn history(run: &Path) -> Vec<String> {
    let csv = std::fs::read_to_string(run.join("history.csv")).unwrap();
    let lines = csv.lines().map(|line| line.rsplit_once(',').unwrap().0);
    lines.map(str::to_owned).collect()
}

/// The bytes of all files of a folder, but not of the folders in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = std::fs::read_dir(folder).unwrap();
    let files = paths
        .map(|path| path.unwrap().path())
        .filter(|path| path.is_file());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn a_model_of_burns_layers_trains_the_same_at_every_start() {
    let scratch = tempfile::tempdir().unwrap();
    let train = |out: &str, seed: &str| {
        let out = scratch.path().join(out);
        let folder = out.to_str().unwrap();
        let arguments = ["--device", "flex", "--epochs", "3", "--seed", seed];
        run(
            "custom_model",
            &[&arguments[..], &["--out", folder]].concat(),
        );
        history(&out)
    };
    let first = train("first", "1");
    assert_eq!(first.len(), 4);
    assert_eq!(train("second", "1"), first);
    assert_ne!(train("other", "2"), first);
}

#[test]
fn bundles_of_one_seed_are_the_same_bytes_and_those_with_an_average_are_others() {
    let scratch = tempfile::tempdir().unwrap();
    let table = scratch.path().join("table.csv");
    let rows = (0..120).map(|i| {
        let (x, color) = (i * 7 % 50, ["red", "green", "blue"][i % 3]);
        format!("{x},{color},{}\n", 2 * x + i % 3)
    });
    let text: String = rows.collect();
    std::fs::write(&table, format!("x,color,y\n{text}")).unwrap();
    let train = |out: &str, more: &[&str]| {
        let out = scratch.path().join(out);
        let [table, folder] = [&table, &out].map(|path| path.to_str().unwrap());
        let arguments = [table, "--target", "y", "--model", "mlp", "--epochs", "3"];
        let arguments = [&arguments, more, &["--device", "flex", "--out", folder]].concat();
        run("tabular", &arguments);
        (files(&out.join("bundle")), files(&out))
    };
    let (bundle, kept) = train("first", &[]);
    for name in ["features.json", "model.json", "model.safetensors"] {
        assert!(bundle.contains_key(name), "{name}");
    }
    let (again, kept_again) = train("second", &[]);
    assert!(again == bundle, "every file is the same to the byte");
    for name in ["config.json", "curves.svg"] {
        assert!(kept[name] == kept_again[name], "{name}");
    }

    let (average, kept) = train("average", &["--ema", "0.9"]);
    assert_ne!(average["model.safetensors"], bundle["model.safetensors"]);
    let config = String::from_utf8_lossy(&kept["config.json"]);
    assert!(config.contains("\"ema_decay\": 0.9"), "{config}");
}
