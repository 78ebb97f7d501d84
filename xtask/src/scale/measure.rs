//! Two ranks of one thread against one process of two threads, on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use examples::say;

/// A training run of an example.
struct Experiment {
    model: &'static str,
    example: &'static str,
    options: &'static [&'static str],
    /// Trained parameters.
    parameters: usize,
}

/// Three epochs are measured, and the first is left out.
const EXPERIMENTS: [Experiment; 3] = [
    Experiment {
        model: "LeNet, Fashion-MNIST",
        example: "lenet",
        options: &["--limit", "10000", "--epochs", "4"],
        parameters: 61_706,
    },
    Experiment {
        model: "MLP, Fashion-MNIST",
        example: "mlp",
        options: &["--limit", "30000", "--epochs", "4"],
        parameters: 784 * 256 + 256 + 256 * 10 + 10,
    },
    Experiment {
        model: "linear, a million flights",
        example: "streaming_flights",
        options: &["--epochs", "4", "--parts", "2"],
        // Two airports of each flight, one-hot, three numbers, a bias.
        parameters: 485,
    },
];

/// Measures all of them; the programs must have been built with the feature `mpi`.
pub fn run(out: &Path) -> Result<()> {
    let this = std::env::current_exe()?;
    let programs = this.parent().context("this program lies in a folder")?;
    say!("seconds of an epoch, validation included: the median of three");
    say!(
        "{:<26} {:>11} {:>14} {:>21} {:>21} {:>11}",
        "model",
        "parameters",
        "bytes a step",
        "one rank, 2 threads",
        "two ranks, 1 thread",
        "efficiency"
    );
    for experiment in &EXPERIMENTS {
        let program = programs.join("examples").join(experiment.example);
        let folder = |name: &str| out.join(format!("{}-{name}", experiment.example));
        let mut alone = Command::new(&program);
        alone.env("RAYON_NUM_THREADS", "2");
        let alone = epoch(alone, experiment, &folder("threads"))?;
        let mut ranks = Command::new("mpirun");
        ranks
            .args(["-n", "2", "--oversubscribe", "--bind-to", "core"])
            .args(["-x", "RAYON_NUM_THREADS=1"])
            .arg(&program)
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let ranks = epoch(ranks, experiment, &folder("ranks"))?;
        say!(
            "{:<26} {:>11} {:>14} {alone:>21.2} {ranks:>21.2} {:>9.0} %",
            experiment.model,
            experiment.parameters,
            // Of two ranks each sends all of its gradients once: half to be summed, half as sums.
            4 * experiment.parameters,
            100.0 * alone / ranks
        );
    }
    Ok(())
}

/// The median seconds of an epoch after the first.
fn epoch(mut command: Command, experiment: &Experiment, folder: &PathBuf) -> Result<f64> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    command.args(experiment.options).arg("--out").arg(folder);
    let output = command.output().with_context(|| {
        format!(
            "cannot start {}; build it with: cargo build --workspace --features examples/mpi --examples",
            experiment.example
        )
    })?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        experiment.example,
        String::from_utf8_lossy(&output.stderr)
    );
    let history = std::fs::read_to_string(folder.join("history.jsonl"))?;
    let mut seconds = Vec::new();
    for line in history.lines().skip(1) {
        let record: serde_json::Value = serde_json::from_str(line)?;
        seconds.extend(record["seconds"].as_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.get(seconds.len() / 2).copied();
    middle.context("the run has too few epochs")
}
