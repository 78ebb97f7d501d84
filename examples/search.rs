//! A search over the settings of any other example: the options of its command line are varied, and the
//! history in its run folder gives the score.
//!
//! A search that was interrupted continues with the same command and `--resume --out FOLDER`.
//! `cargo build --examples`, then
//! `cargo run --example search -- linear_regression --metric valid_rmse`

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use examples::{expected, say, unless_interrupted};
use tinderbox::prelude::*;
use tinderbox::train::{
    MonitorMode, Range, Search, SearchStrategy, SettingValue, Space, StepError, Trial,
};

#[derive(Parser)]
#[command(about = "Random search with successive halving over the options of another example.")]
struct Args {
    /// The example to search settings for.
    example: String,
    /// One of its options with a range (sampled on a logarithmic scale if it starts above 0) or with choices:
    /// lr=1e-4..1, batch-size=16,64.
    #[arg(
        long = "set",
        value_name = "OPTION=VALUES",
        value_parser = setting,
        default_values = ["lr=1e-4..1", "batch-size=16,64,256"]
    )]
    settings: Vec<(String, Range)>,
    /// The metric of the last epoch by which settings are compared.
    #[arg(long, default_value = "valid_loss")]
    metric: String,
    /// Maximize the metric, such as an accuracy.
    #[arg(long)]
    largest: bool,
    /// Number of settings to start with.
    #[arg(long, default_value_t = 9)]
    trials: usize,
    /// Trials in parallel, each a process with one thread; default: one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// Runs of every trial, each with its own seed, of which the median score counts.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    #[command(flatten)]
    common: examples::Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let program = std::env::current_exe()?.with_file_name(&args.example);
    ensure!(
        program.is_file(),
        "{} is not built: cargo build --example {}",
        program.display(),
        args.example
    );
    let run = args.common.run(&format!("search/{}", args.example))?;
    let mut space = Space::new();
    for (name, range) in &args.settings {
        space = space.with(name, range.clone());
    }

    let stop = StopFlag::on_ctrl_c()?;
    // Runs the example once with these options and returns the metric.
    let score = |options: &[String], epochs: usize, seed: Seed, name: &str| -> Result<f64> {
        let trials = run.folder().join("trials");
        std::fs::create_dir_all(&trials)?;
        let folder = unused(&trials, name);
        let log = folder.with_extension("log");
        let output = File::create(&log)?;
        let device = args.common.device.iter();
        let mut child = Command::new(&program)
            .args(options)
            .args(device.map(|device| format!("--device={device}")))
            .args([
                format!("--epochs={epochs}"),
                format!("--seed={}", seed.value()),
            ])
            .arg("--out")
            .arg(&folder)
            .env("RAYON_NUM_THREADS", "1")
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if stop.is_set() {
                child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        if !status.success() {
            let said = std::fs::read_to_string(&log)?;
            bail!("{}", said.lines().next_back().unwrap_or("it failed"));
        }
        last_metric(&folder, &args.metric)
    };

    let most = args.common.epochs.unwrap_or(27);
    let mut search = Search::new(SearchStrategy::SuccessiveHalving {
        trials: args.trials,
        min_budget: (most / 9).max(1),
        max_budget: most,
        factor: 3,
    });
    search.seed = args.common.seed();
    search.runs = args.runs;
    search.threads = args.threads.unwrap_or(search.threads);
    search.file = Some(run.folder().join("trials.jsonl"));
    search.resume = args.common.resume.is_some();
    search.data = format!("{} of {}", args.metric, args.example);
    search.stop = stop.clone();
    if args.largest {
        search.mode = MonitorMode::Maximize;
    }
    let options = |trial: &Trial<'_>| -> Result<Vec<String>> {
        let names = space.ranges().iter().map(|(name, _)| name);
        let option = |name: &String| -> Result<String> {
            Ok(match trial.settings.get(name)? {
                SettingValue::Number(value) => format!("--{name}={value}"),
                SettingValue::Text(text) => format!("--{name}={text}"),
            })
        };
        names.map(option).collect()
    };
    let report = unless_interrupted(search.run(&space, |trial| {
        let folder = format!("{}-{}-{:x}", trial.number, trial.budget, trial.seed.value());
        options(trial)
            .and_then(|options| score(&options, trial.budget, trial.seed, &folder))
            .map_err(StepError::from)
    }))?;
    say!("{}", report.to_markdown());
    tinderbox::write_atomic(run.folder().join("trials.md"), report.to_markdown())?;
    tinderbox::write_atomic(run.folder().join("trials.csv"), report.to_csv())?;
    for (name, _) in space.ranges() {
        let file = run.folder().join(format!("{name}.svg"));
        tinderbox::write_atomic(file, report.plot(name)?)?;
    }
    say!("table and plots: {}", run.folder().display());

    let best = report.best();
    say!("best: {}", best.settings);
    let seed = search.seed.child("run").at(0);
    let own = score(&[], best.budget, seed, "own")?;
    expected(
        &args.metric,
        format!("{own:.4} with the example's own settings"),
        best.score
            .map_or("none".into(), |score| format!("{score:.4}")),
    );
    Ok(())
}

/// A folder of this name that does not exist: a run that was killed may have left one.
fn unused(parent: &Path, name: &str) -> PathBuf {
    let mut folder = parent.join(name);
    for again in 2.. {
        if !folder.exists() {
            break;
        }
        folder = parent.join(format!("{name}-{again}"));
    }
    folder
}

/// `lr=1e-4..1` or `batch-size=16,64`.
pub fn setting(text: &str) -> Result<(String, Range)> {
    let (name, values) = text
        .split_once('=')
        .context("write an option and its values: lr=1e-4..1, or batch-size=16,64")?;
    let range = if let Some((low, high)) = values.split_once("..") {
        let (low, high) = (low.parse()?, high.parse()?);
        if low > 0.0 {
            Range::LogUniform { low, high }
        } else {
            Range::Uniform { low, high }
        }
    } else {
        let value = |text: &str| match text.parse::<f64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        };
        Range::Choice(values.split(',').map(value).collect())
    };
    Ok((name.to_owned(), range))
}

/// A metric of the last epoch in the history of a run folder.
pub fn last_metric(folder: &Path, metric: &str) -> Result<f64> {
    let path = folder.join("history.csv");
    let history = std::fs::read_to_string(&path)
        .with_context(|| format!("the example left no {}", path.display()))?;
    let mut lines = history.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = names.iter().position(|name| *name == metric);
    let place = place.with_context(|| {
        let names = names.join(", ");
        format!("no metric is called '{metric}'; the example has: {names}")
    })?;
    let value = lines
        .next_back()
        .and_then(|line| line.split(',').nth(place));
    let value = value.context("the example finished no epoch")?;
    value
        .parse()
        .with_context(|| format!("'{value}' is not a number"))
}
