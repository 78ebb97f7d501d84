//! Programs that are interrupted, whose output has no reader, or that use the same folder.
#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tinderbox::data::fetch;

/// The program of an example, which `cargo test` builds with the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().and_then(Path::parent).unwrap();
    let program = programs.join("examples").join(name);
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

fn works(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Runs a program whose output has no reader.
fn unread(command: &mut Command) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{command:?}: {said}"
    );
}

#[test]
fn programs_that_print_end_quietly_when_their_output_has_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    unread(&mut example("models"));
    unread(example("models").args(["--summary", "lenet"]));
    unread(example("models").arg("--help"));
    unread(example("tensors").arg("--out").arg(out("tensors")));
    unread(example("schedules").arg("--out").arg(out("schedules")));
    unread(example("linear_regression_scratch").args(["--epochs", "1"]));
    assert!(out("schedules").join("cosine.svg").is_file());
}

#[test]
fn training_continues_to_its_bundle_when_its_output_has_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let table = fetch("penguins").unwrap().join("penguins.csv");
    let run = folder.path().join("tabular");
    let mut tabular = example("tabular");
    tabular
        .arg(&table)
        .args(["--target", "species", "--model", "linear"])
        .args(["--epochs", "3"]);
    unread(tabular.arg("--out").arg(&run));
    for file in ["bundle/model.safetensors", "history.csv", "report.html"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let predictions = folder.path().join("predictions.csv");
    let mut predict = example("predict");
    predict.arg(run.join("bundle")).arg(&table);
    unread(predict.arg("--out").arg(&predictions));
    let predictions = std::fs::read_to_string(predictions).unwrap();
    assert_eq!(predictions.lines().count(), 345);
}

/// A program that would run for long.
struct Training(Child);

impl Training {
    /// Starts a training run of hours, and waits for its first checkpoint.
    fn start(command: &mut Command, out: &Path) -> Self {
        command.args(["--epochs", "1000000"]).arg("--out").arg(out);
        let written = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "ckpt"))
        };
        let checkpoints = || std::fs::read_dir(out.join("checkpoints"));
        Self::until(command, || {
            checkpoints().is_ok_and(|mut entries| entries.any(written))
        })
    }

    fn until(command: &mut Command, ready: impl Fn() -> bool) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let training = Self(child.spawn().unwrap());
        let began = Instant::now();
        while !ready() {
            assert!(began.elapsed() < Duration::from_secs(60), "{command:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        training
    }

    fn signal(mut self, signal: &str) -> Output {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let pipes = (self.0.stdout.take(), self.0.stderr.take());
        pipes.0.unwrap().read_to_end(&mut stdout).unwrap();
        pipes.1.unwrap().read_to_end(&mut stderr).unwrap();
        Output {
            stdout,
            stderr,
            status: self.0.wait().unwrap(),
        }
    }
}

impl Drop for Training {
    /// A test that fails leaves no training run behind.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_interrupted_training_run_says_how_to_resume_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut pictures = example("softmax_regression");
    pictures.args(["--limit", "100", "--batch-size", "10"]);
    let programs = [
        (
            "-INT",
            130,
            "linear_regression",
            example("linear_regression"),
        ),
        ("-TERM", 143, "custom_model", example("custom_model")),
        ("-INT", 130, "softmax_regression", pictures),
    ];
    for (signal, code, name, mut program) in programs {
        let out = folder.path().join(name);
        let output = Training::start(&mut program, &out).signal(signal);
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{name}: {printed}{said}");
        assert_eq!(said, "", "{name}");
        let last = printed.lines().next_back().unwrap();
        assert!(
            last.starts_with("interrupted in epoch "),
            "{name}: {printed}"
        );
        let (_, checkpoint) = last.split_once("--resume=").unwrap();
        assert!(Path::new(checkpoint).is_file(), "{name}: {printed}");
        assert!(!printed.contains("expected"), "{name}: {printed}");
        for file in ["bundle", "confusion.svg"] {
            assert!(!out.join(file).exists(), "{name}: {file}");
        }
    }
}

#[test]
fn an_interrupted_search_says_how_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tune");
    let trials = || std::fs::read_to_string(out.join("trials.jsonl")).unwrap_or_default();
    let mut tune = example("tune");
    tune.args(["--epochs", "5400", "--out"]).arg(&out);
    let tune = Training::until(&mut tune, || trials().lines().count() > 2);
    let output = tune.signal("-TERM");
    assert_eq!(output.status.code(), Some(143));
    let printed = text(&output.stdout);
    let done = trials().lines().count() - 1;
    let line = format!(
        "the search was interrupted after {done} runs of trials; continue with the same command \
         and --resume --out {}",
        out.display()
    );
    assert_eq!(printed.lines().next_back(), Some(&*line), "{printed}");
    assert!(!out.join("trials.csv").exists());
}

#[test]
fn a_folder_in_which_a_program_trains_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let first = Training::start(&mut example("linear_regression"), &out);
    let config = std::fs::read(out.join("config.json")).unwrap();
    for resume in [None, Some("--resume")] {
        let mut second = example("linear_regression");
        second.args(["--epochs", "2", "--lr", "0.5"]).args(resume);
        let output = second.arg("--out").arg(&out).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let holder = format!("is in use by process {}", first.0.id());
        assert!(said.contains(&holder), "{said}");
        assert!(said.contains(out.to_str().unwrap()), "{said}");
    }
    assert_eq!(std::fs::read(out.join("config.json")).unwrap(), config);
    // The history of a run can be read while it trains.
    let history = std::fs::read_to_string(out.join("history.csv")).unwrap();
    assert!(history.lines().count() > 1, "{history}");
}

/// All columns of `trials.csv` except the seconds.
fn trials(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("trials.csv")).unwrap();
    let cut = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(cells.len() - 2);
        cells.join(",")
    };
    text.lines().map(cut).collect()
}

#[test]
fn tune_takes_any_table_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let table = fetch("penguins").unwrap().join("penguins.csv");
    let tune = |target: &str, name: &str, resume: Option<&str>| {
        let mut command = example("tune");
        command.arg(&table).args(["--target", target]).args(resume);
        command.args(["--trials", "6", "--epochs", "3", "--device", "flex"]);
        command.arg("--out").arg(folder.path().join(name));
        command
    };
    let printed = works(&mut tune("species", "classes", None));
    let line = printed.lines().next_back().unwrap();
    assert!(
        line.starts_with("accuracy on the test rows: expected about "),
        "{printed}"
    );
    let printed = works(&mut tune("body_mass_g", "numbers", None));
    let line = printed.lines().next_back().unwrap();
    assert!(
        line.starts_with("RMSE on the test rows: expected below "),
        "{printed}"
    );

    // As if the search had been killed when it wrote its fifth trial.
    let out = folder.path().join("classes");
    let whole = trials(&out);
    let file = out.join("trials.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    let kept: Vec<&str> = lines.split_inclusive('\n').take(5).collect();
    let half = &lines[..kept.concat().len() + 20];
    std::fs::write(&file, half).unwrap();
    std::fs::remove_file(out.join("trials.csv")).unwrap();
    works(&mut tune("species", "classes", Some("--resume")));
    assert_eq!(trials(&out), whole);
    let again = std::fs::read_to_string(&file).unwrap();
    assert!(
        again.starts_with(&kept.concat()),
        "finished trials are not repeated"
    );

    let output = tune("island", "classes", Some("--resume"))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("differs in"),
        "{said}"
    );
    let output = tune("species", "classes", None).output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("continue it with --resume"), "{said}");
}
