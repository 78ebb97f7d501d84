//! A training run that is killed, interrupted, or out of disk space loses nothing.
//!
//! This program starts itself again as a child that trains (`--child FOLDER`), and interrupts it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Loader, synthetic};
use tinderbox_nn::Dropout;
use tinderbox_train::{
    Callback, EpochRecord, Flow, Interval, Monitor, Predictions, Progress, RegressionMetric,
    RegressionMetrics, Resume, Run, Step, StepError, StopFlag, StopReason, TrainConfig, TrainError,
    Trainer,
};

const EPOCHS: usize = 120;
const KILLS: u64 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--child") {
        return child(Path::new(&arguments[at + 1]));
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let undisturbed = scratch.path().join("undisturbed");
    finish(&undisturbed);

    killed(&scratch.path().join("killed"), &undisturbed);
    println!("test killed {KILLS} times, resumed to the same bits ... ok");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = scratch.path().join(signal);
        signalled(signal, code, &folder);
        if signal == "-INT" {
            finish(&folder);
            assert_same(&folder, &undisturbed);
        }
        println!("test kill {signal} writes a checkpoint and ends with code {code} ... ok");
    }
    in_use(&scratch.path().join("in-use"));
    println!("test a folder in which a process trains is refused to others ... ok");
    reader_gone(&scratch.path().join("pipe"), &undisturbed);
    println!("test training continues when its output has no reader ... ok");
    disk_full(&scratch.path().join("full"), &undisturbed);
    println!("test a failed write leaves the last checkpoint usable ... ok");
    println!("test result: ok. 6 passed; 0 failed; 0 ignored");
}

/// A network with dropout: its random state must survive a resume too.
#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

fn step(model: &Net, batch: Batch) -> Result<Step<Predictions>, StepError> {
    let count = batch.targets.dims()[0];
    let hidden = burn::tensor::activation::relu(model.hidden.forward(batch.inputs));
    let predicted: Tensor<2> = model.output.forward(model.dropout.forward(hidden));
    let loss = (predicted.clone() - batch.targets.clone()).square().mean();
    Ok(Step::mean(loss, count).with_output(Predictions {
        predicted,
        targets: batch.targets,
    }))
}

/// The bits of all weights.
fn bits(model: &Net) -> Vec<u8> {
    let layers = [&model.hidden, &model.output];
    let numbers = layers.into_iter().flat_map(|layer| {
        let bias = layer.bias.as_ref().expect("a bias").val();
        let weight = layer.weight.val().try_into_vec_as::<f32>().expect("f32");
        weight
            .into_iter()
            .chain(bias.try_into_vec_as::<f32>().expect("f32"))
    });
    numbers.flat_map(f32::to_le_bytes).collect()
}

/// Keeps the weights of the last epoch, which a training run with a best epoch does not return.
struct KeepLast(PathBuf);

impl Callback<Net> for KeepLast {
    fn on_epoch_end(&mut self, record: &EpochRecord, model: &Net) -> Result<Flow, StepError> {
        if record.epoch == EPOCHS {
            std::fs::write(&self.0, bits(model))?;
        }
        Ok(Flow::Continue)
    }
}

/// Trains in this folder until the end or until it is stopped, then exits.
fn child(folder: &Path) {
    let (text, code) = match train(folder) {
        Ok(ended) => (format!("ended: {ended:?}"), 0),
        Err(error) => {
            let stop = StopFlag::on_ctrl_c().expect("a handler");
            let code = stop.exit_code().unwrap_or(1);
            (format!("error: {error}"), code)
        }
    };
    // The output may have no reader.
    let _ = writeln!(std::io::stdout(), "{text}");
    std::process::exit(code);
}

fn train(folder: &Path) -> Result<StopReason, TrainError> {
    let device = Device::flex();
    let data = synthetic::linear(&[2.0, -3.4, 0.5, 1.0], 4.2, 0.1, 500, Seed::new(1))?;
    let valid = synthetic::linear(&[2.0, -3.4, 0.5, 1.0], 4.2, 0.1, 100, Seed::new(2))?;
    let loader = Loader::new(data, 16)?.shuffle(Seed::new(3));
    let valid = Loader::for_evaluation(valid, 64)?;
    device.seed(5);
    let model = Net {
        hidden: LinearConfig::new(4, 16).init(&device),
        dropout: Dropout::new(0.2),
        output: LinearConfig::new(16, 1).init(&device),
    }
    .materialize();
    let config = TrainConfig {
        epochs: EPOCHS,
        learning_rate: 0.01,
        seed: 4,
        optimizer: tinderbox_optim::OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    let run = Run::open(folder)?;
    let begun = std::fs::read_dir(run.checkpoints()).is_ok_and(|mut files| files.next().is_some());
    let trainer = Trainer::new(config)?
        .metric(RegressionMetrics::new(&[RegressionMetric::Mae]))
        .callback(Progress::lines(std::io::stdout()))
        .callback(KeepLast(folder.join("last.weights")))
        .monitor(Monitor::min("valid_loss"))
        .checkpoint(Interval::Steps(7), 2)
        .stop_flag(StopFlag::on_ctrl_c()?)
        .run(run)
        .resume(if begun { Resume::Latest } else { Resume::No });
    let fitted = trainer.fit(model, &step, &loader, Some(&valid))?;
    let fitted = fitted.finished()?;
    std::fs::write(folder.join("best.weights"), bits(&fitted.model)).expect("a file");
    Ok(fitted.stop_reason)
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .arg("--child")
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process")
}

/// Waits until a child trains: until its first checkpoint is there.
fn wait_for_checkpoint(folder: &Path) {
    let checkpoints = folder.join("checkpoints");
    for _ in 0..600 {
        let files = std::fs::read_dir(&checkpoints)
            .into_iter()
            .flatten()
            .flatten();
        if files
            .map(|file| file.path())
            .any(|path| path.extension().is_some_and(|e| e == "ckpt"))
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no checkpoint after 30 seconds");
}

/// Lets a child train to the end.
fn finish(folder: &Path) {
    let output = start(folder).wait_with_output().expect("a child's output");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("ended: Finished"),
        "{text}"
    );
}

/// The last checkpoint of a run.
fn last(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder.join("checkpoints")).expect("checkpoints");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "ckpt")
    });
    files.sort();
    files.pop().expect("at least one checkpoint")
}

/// Both runs ended with the same weights (of the last and of the best epoch) and metrics.
fn assert_same(folder: &Path, other: &Path) {
    assert_eq!(last(folder).file_name(), last(other).file_name());
    for name in ["last.weights", "best.weights"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).expect("weights");
        assert_eq!(read(folder).len(), 4 * (4 * 16 + 16 + 16 + 1));
        assert_eq!(read(folder), read(other), "{name} differ");
    }
    assert_eq!(metrics(folder), metrics(other));
}

/// The history without the wall time.
fn metrics(folder: &Path) -> Vec<String> {
    let csv = std::fs::read_to_string(folder.join("history.csv")).expect("a history");
    let lines: Vec<String> = csv
        .lines()
        .map(|line| line.rsplit_once(',').expect("columns").0.to_string())
        .collect();
    assert_eq!(lines.len(), EPOCHS + 1);
    lines
}

fn killed(folder: &Path, undisturbed: &Path) {
    let mut moments = Seed::new(6).rng();
    for kill in 0..KILLS {
        let mut child = start(folder);
        std::thread::sleep(Duration::from_millis(20 + moments.below(80)));
        let running = child.try_wait().expect("a status").is_none();
        assert!(running, "training ended before kill {kill}: make it longer");
        child.kill().expect("SIGKILL");
        child.wait().expect("a dead child");
    }
    finish(folder);
    assert_same(folder, undisturbed);
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.expect("the program kill").success());
}

fn signalled(signal: &str, code: i32, folder: &Path) {
    let child = start(folder);
    wait_for_checkpoint(folder);
    send(signal, &child);
    let output = child.wait_with_output().expect("a child's output");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{text}");
    // Both the display and the error report it.
    let checkpoint = last(folder);
    let resume = format!("--resume={}", checkpoint.display());
    for start in ["interrupted in epoch", "error: interrupted in epoch"] {
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{text}"));
        assert!(line.ends_with(&resume), "{text}");
    }
    assert!(!folder.join("best.weights").exists(), "it is not finished");
}

/// Names and bytes of all files of a run.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for part in [folder.to_path_buf(), folder.join("checkpoints")] {
        for entry in std::fs::read_dir(part).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                files.push((path.clone(), std::fs::read(path).expect("a file")));
            }
        }
    }
    files.sort();
    files
}

fn in_use(folder: &Path) {
    let mut first = start(folder);
    wait_for_checkpoint(folder);
    // It holds the folder, and is paused so that it does not write during the comparison.
    send("-STOP", &first);
    let before = contents(folder);
    let second = start(folder).wait_with_output().expect("a child's output");
    let text = String::from_utf8_lossy(&second.stdout);
    let holder = format!("{} is in use by process {}", folder.display(), first.id());
    assert_eq!(second.status.code(), Some(1), "{text}");
    assert!(text.contains(&holder), "{text}");
    assert!(contents(folder) == before, "it wrote something");
    first.kill().expect("SIGKILL");
    first.wait().expect("a dead child");
}

fn reader_gone(folder: &Path, undisturbed: &Path) {
    let mut child = start(folder);
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    lines.read_line(&mut line).expect("a line");
    assert!(line.starts_with("epoch   1/120 "), "{line}");
    drop(lines);
    assert!(child.wait().expect("a status").success());
    assert_same(folder, undisturbed);
}

/// A limit on the size of files simulates a full disk: the write fails half-way.
fn disk_full(folder: &Path, undisturbed: &Path) {
    let mut child = start(folder);
    wait_for_checkpoint(folder);
    child.kill().expect("SIGKILL");
    child.wait().expect("a dead child");
    let before = std::fs::read(last(folder)).expect("a checkpoint");
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 2; exec \"$0\" --child \"$1\"",
        ])
        .arg(std::env::current_exe().expect("this program"))
        .arg(folder)
        .output()
        .expect("a child's output");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("error: cannot write ") && text.contains(".ckpt"),
        "{text}"
    );
    assert!(
        text.contains("nothing that was saved before is lost"),
        "{text}"
    );
    assert_eq!(std::fs::read(last(folder)).expect("a checkpoint"), before);
    let litter = std::fs::read_dir(folder.join("checkpoints")).expect("a folder");
    for file in litter {
        let name = file.expect("a file").file_name();
        assert!(
            name.to_string_lossy().ends_with(".ckpt"),
            "litter: {name:?}"
        );
    }
    finish(folder);
    assert_same(folder, undisturbed);
}
