//! Speed: the criterion benches, their PyTorch twins if asked, and the ratios of one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

/// `cargo xtask bench [--against-pytorch] [--save]`
#[derive(clap::Args)]
pub struct Args {
    /// Run the PyTorch twins too, in a virtual environment of their own.
    #[arg(long)]
    against_pytorch: bool,
    /// Write the table to benchmarks/results.
    #[arg(long)]
    save: bool,
    /// Benches whose name contains this.
    #[arg(long, default_value = "")]
    filter: String,
}

/// One line of a twin's output, or of a bench that measures memory: a time or a peak of memory.
#[derive(Deserialize)]
struct Figure {
    name: String,
    median: Option<f64>,
    megabytes: Option<f64>,
}

/// Seconds and megabytes by name.
#[derive(Default)]
struct Figures {
    seconds: BTreeMap<String, f64>,
    megabytes: BTreeMap<String, f64>,
}

impl Figures {
    /// Adds what a program printed, a JSON object a line.
    fn add(&mut self, program: &str, text: &str) -> Result<()> {
        for line in text.lines() {
            let figure: Figure =
                serde_json::from_str(line).with_context(|| format!("{program} printed: {line}"))?;
            if let Some(seconds) = figure.median {
                self.seconds.insert(figure.name.clone(), seconds);
            }
            if let Some(megabytes) = figure.megabytes {
                self.megabytes.insert(figure.name, megabytes);
            }
        }
        Ok(())
    }
}

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    let filter = &args.filter;
    cmd!(shell, "cargo bench --package benchmarks -- {filter}").run()?;
    let mut ours = Figures {
        seconds: criterion_medians(&target_folder(&shell)?.join("criterion"))?,
        ..Figures::default()
    };
    let peaks = cmd!(
        shell,
        "cargo bench --package benchmarks --bench tables -- --memory {filter}"
    );
    ours.add("benches/tables.rs", &peaks.read()?)?;
    let twins = match args.against_pytorch {
        true => pytorch(&shell)?,
        false => Figures::default(),
    };
    let mut table =
        String::from("| bench | ours | PyTorch | PyTorch / ours |\n| --- | ---: | ---: | ---: |\n");
    let times = (&ours.seconds, &twins.seconds, time as fn(f64) -> String);
    let peaks = (
        &ours.megabytes,
        &twins.megabytes,
        memory as fn(f64) -> String,
    );
    for (ours, twins, text) in [times, peaks] {
        for (name, value) in ours {
            if !name.contains(filter.as_str()) {
                continue;
            }
            let (theirs, ratio) = match twins.get(name) {
                Some(twin) => (text(*twin), format!("{:.1} x", twin / value)),
                None => ("".into(), "".into()),
            };
            table += &format!("| {name} | {} | {theirs} | {ratio} |\n", text(*value));
        }
    }
    println!("\nmedian seconds a step (a gather, a row of a prediction), peak memory:\n\n{table}");
    if args.save {
        let date = cmd!(shell, "date +%F").read()?;
        let machine = machine();
        let cores = std::thread::available_parallelism()?;
        let path = PathBuf::from(format!("benchmarks/results/{date}.md"));
        let text = format!(
            "# {date}\n\n{machine}, {cores} cores. Median time a step and peak memory, both sides in one run of \
             `cargo xtask bench --against-pytorch --save`.\n\n{table}"
        );
        tinderbox::write_atomic(&path, text)?;
        println!("written: {}", path.display());
    }
    Ok(())
}

fn target_folder(shell: &Shell) -> Result<PathBuf> {
    let text = cmd!(shell, "cargo metadata --format-version 1 --no-deps")
        .quiet()
        .read()?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder
        .context("cargo metadata names no target folder")?
        .into())
}

/// Criterion's medians, in seconds an element where a throughput in elements was set.
fn criterion_medians(folder: &Path) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            if !path.is_dir() {
                continue;
            }
            if path.file_name().is_some_and(|name| name == "new") {
                let read = |name: &str| -> Result<serde_json::Value> {
                    Ok(serde_json::from_slice(&std::fs::read(path.join(name))?)?)
                };
                let (estimates, bench) = (read("estimates.json")?, read("benchmark.json")?);
                let nanos = estimates["median"]["point_estimate"].as_f64();
                let elements = bench["throughput"]["Elements"].as_f64().unwrap_or(1.0);
                if let (Some(nanos), Some(name)) = (nanos, bench["full_id"].as_str()) {
                    found.insert(name.to_string(), nanos * 1e-9 / elements);
                }
            } else {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

/// Runs every twin in benchmarks/pytorch, in a virtual environment below the target folder.
fn pytorch(shell: &Shell) -> Result<Figures> {
    let environment = target_folder(shell)?.join("pytorch");
    let python = environment.join("bin/python");
    if !python.is_file() {
        cmd!(shell, "python3 -m venv {environment}").run()?;
    }
    cmd!(
        shell,
        "{python} -m pip install --quiet -r benchmarks/pytorch/requirements.txt"
    )
    .run()?;
    let mut twins = Figures::default();
    for entry in shell.read_dir("benchmarks/pytorch")? {
        if entry.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let text = cmd!(shell, "{python} {entry}").read()?;
        twins.add(&entry.display().to_string(), &text)?;
    }
    Ok(twins)
}

/// The processor's name.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split(": ").nth(1));
    name.unwrap_or("unknown processor").to_string()
}

fn memory(megabytes: f64) -> String {
    format!("{megabytes:.0} MB")
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:.3} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
