//! Training by real processes: `mpirun` starts this program again (`--rank FOLDER`), and ranks are killed, slowed
//! down and started differently.
//!
//! `cargo test --workspace --features examples/mpi --test processes`

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Loader, synthetic};
use tinderbox_mpi::MpiCommunicator;
use tinderbox_nn::{Dropout, seeded, weights_digest};
use tinderbox_train::{
    Communicator, Fitted, Interval, Resume, Run, Step, StepError, TrainConfig, Trainer,
};

/// 250 examples in batches of 24 make 11 steps an epoch.
const EPOCHS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--rank") {
        let folder = arguments.next().expect("a folder");
        let how: Vec<String> = arguments.collect();
        if let Err(error) = rank(Path::new(&folder), &how) {
            eprintln!("{error}");
            std::process::exit(1);
        }
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = |name: &str| scratch.path().join(name);

    let undisturbed = trained(3, &folder("undisturbed"), &[]);
    assert_eq!(trained(3, &folder("again"), &[]).1, undisturbed.1);
    println!("test the same ranks give the same bits ... ok");

    let alone = trained(1, &folder("alone"), &[]);
    assert_eq!(alone.0.len(), undisturbed.0.len());
    for (ours, theirs) in undisturbed.0.iter().zip(&alone.0) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
    println!("test three ranks follow the losses of one process ... ok");

    let slow = trained(3, &folder("slow"), &["slow"]);
    assert_eq!(slow.1, undisturbed.1);
    println!("test a slow rank only slows ... ok");

    for (name, resumed_by) in [("killed", 3), ("fewer", 2)] {
        let killed = folder(name);
        let output = start(3, &killed, &["killed"]);
        let kill = std::fs::metadata(killed.join("kill")).expect("the killed rank wrote it");
        let kill = kill.modified().expect("the time of a file");
        let ended = SystemTime::now().duration_since(kill);
        assert!(ended.expect("later") < Duration::from_secs(10));
        let text = failed(&output);
        assert!(
            text.contains("lost the connection to the other ranks"),
            "{text}"
        );
        assert!(text.contains("resume from the last checkpoint"), "{text}");
        assert!(text.contains("step-000000020.ckpt"), "{text}");
        let resumed = trained(resumed_by, &killed, &["resume"]);
        if resumed_by == 3 {
            assert_eq!(resumed.1, undisturbed.1);
        }
        for (ours, theirs) in resumed.0.iter().zip(&undisturbed.0) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
    println!(
        "test after SIGKILL of a rank all end, and a resumed run ends as an undisturbed one ... ok"
    );

    for (how, what) in [
        (
            "other settings",
            "learning rate: 0.01 on rank 0, and 0.1 here",
        ),
        ("other data", "training data"),
    ] {
        let text = failed(&start(2, &folder(how), &[how]));
        assert!(
            text.contains("rank 1 was not started like rank 0"),
            "{text}"
        );
        assert!(text.contains(what), "{text}");
    }
    println!("test ranks with different settings or data refuse to train ... ok");

    let text = failed(&start(3, &folder("failing"), &["failing"]));
    assert!(text.contains("rank 1 failed, so all ranks end"), "{text}");
    assert!(text.contains("a bad row"), "{text}");
    let text = failed(&start(3, &folder("early"), &["early"]));
    assert!(text.contains("no data on this machine"), "{text}");
    println!("test an error on one rank ends all of them ... ok");

    // Rank 0 may not write to files from step 34 on, as on a full disk.
    let full = folder("full");
    let text = failed(&start(3, &full, &["full"]));
    assert!(text.contains("rank 0 failed, so all ranks end"), "{text}");
    assert!(text.contains("File too large"), "{text}");
    assert_eq!(trained(3, &full, &["resume"]).1, undisturbed.1);
    println!(
        "test a disk that is full ends all ranks, and the last checkpoint can be resumed ... ok"
    );
    println!("test result: ok. 7 passed; 0 failed; 0 ignored");
}

/// Starts as many ranks of this program; one is a process without `mpirun`.
fn start(ranks: usize, folder: &Path, how: &[&str]) -> Output {
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = match ranks {
        1 => Command::new(&program),
        _ => {
            let mut mpirun = Command::new("mpirun");
            mpirun.args([
                "--oversubscribe",
                "--bind-to",
                "none",
                "-n",
                &ranks.to_string(),
            ]);
            // A write beyond the limit of a file's size is then an error, as on a full disk, and no signal.
            mpirun.args(["sh", "-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
            mpirun.arg(&program);
            // In a container the gate is root.
            mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
            mpirun.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            mpirun
        }
    };
    command.arg("--rank").arg(folder).args(how);
    command.output().expect("mpirun is installed")
}

/// The metrics and the digest of the weights of a run that ends well.
fn trained(ranks: usize, folder: &Path, how: &[&str]) -> (Vec<f64>, String) {
    let output = start(ranks, folder, how);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read_to_string(folder.join("result")).expect("rank 0 wrote it");
    let mut lines = text.lines();
    let digest = lines.next().expect("a digest").to_owned();
    let bits = |line: &str| f64::from_bits(line.parse().expect("a number"));
    (lines.map(bits).collect(), digest)
}

/// What a run that fails has printed.
fn failed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    text
}

#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

/// One rank.
fn rank(folder: &Path, how: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let ranks = MpiCommunicator::start()?;
    let second = ranks.rank() == 1;
    let only = |name: &str| second && how.iter().any(|how| how == name);
    if only("early") {
        return Err("no data on this machine".into());
    }
    let device = Device::flex();
    let model = seeded(Seed::new(1), &device, |device| Net {
        hidden: LinearConfig::new(2, 32).init(device),
        dropout: Dropout::new(0.1),
        output: LinearConfig::new(32, 1).init(device),
    });
    let noise = if only("other data") { 0.2 } else { 0.1 };
    let rows = synthetic::linear(&[2.0, -3.4], 4.2, noise, 250, Seed::new(2))?;
    let loader = Loader::new(rows, 24)?.shuffle(Seed::new(3));
    let steps = Cell::new(0);
    let task = |model: &Net, batch: Batch| -> Result<Step, StepError> {
        steps.set(steps.get() + 1);
        if only("slow") && steps.get() <= 10 {
            std::thread::sleep(Duration::from_millis(100));
        }
        if steps.get() == 34 && only("failing") {
            return Err("a bad row".into());
        }
        let hidden = model
            .dropout
            .forward(model.hidden.forward(batch.inputs).tanh());
        if steps.get() == 34 && ranks.rank() == 0 && how.iter().any(|how| how == "full") {
            let own = format!("--pid={}", std::process::id());
            let limited = Command::new("prlimit").args([&own, "--fsize=0"]).status()?;
            assert!(limited.success());
        }
        if steps.get() == 34 && only("killed") {
            std::fs::write(folder.join("kill"), "")?;
            let own = std::process::id().to_string();
            Command::new("kill").args(["-KILL", &own]).status()?;
        }
        let error = model.output.forward(hidden) - batch.targets;
        let examples = error.dims()[0];
        Ok(Step::mean(error.square().mean(), examples))
    };
    let config = TrainConfig {
        epochs: EPOCHS,
        learning_rate: if only("other settings") { 0.1 } else { 0.01 },
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config)?
        .checkpoint(Interval::Steps(10), 2)
        .communicator(ranks.clone());
    if ranks.rank() == 0 {
        let resumes = how.iter().any(|how| how == "resume");
        let (run, resume) = match resumes {
            true => (Run::open(folder)?, Resume::Latest),
            false => (Run::create(folder)?, Resume::No),
        };
        trainer = trainer.run(run).resume(resume);
    }
    let fitted = trainer.fit(model, &task, &loader, Some(&loader))?;
    if ranks.rank() == 0 {
        write(&fitted, folder.join("result"))?;
    }
    ranks.finish();
    Ok(())
}

fn write(fitted: &Fitted<Net>, path: PathBuf) -> std::io::Result<()> {
    let mut text = format!("{:016x}\n", weights_digest(&fitted.model));
    for record in &fitted.history.epochs {
        for (_, value) in &record.metrics {
            text += &format!("{}\n", value.to_bits());
        }
    }
    std::fs::write(path, text)
}
