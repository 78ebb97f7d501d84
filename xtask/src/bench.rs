//! Speed: the criterion benches, their PyTorch twins if asked, and the ratios of one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use examples::say;
use serde::Deserialize;
use xshell::{Shell, cmd};

/// A Python that has `benchmarks/pytorch/requirements.txt`, instead of a virtual environment of our own.
const PYTHON_VARIABLE: &str = "TINDERBOX_PYTHON";

/// What the names of image trainings begin with: their elements are images, not steps.
const IMAGES: &str = "images/";

/// `cargo xtask bench [--against-pytorch] [--save]`
#[derive(clap::Args)]
pub struct Args {
    /// Run the PyTorch twins too, with the Python that TINDERBOX_PYTHON names, else in a virtual environment of
    /// their own.
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
    /// Of a step, a gather, an image.
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

/// What was measured.
#[derive(Default)]
struct Measured {
    ours: Figures,
    pytorch: Figures,
    /// The part of a training's time that is waiting for data, by name.
    shares: BTreeMap<String, f64>,
}

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    // Wherever in the repository this is started.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("xtask lies in the repository")?;
    shell.change_dir(root);
    let target = target_folder(&shell)?;
    let started = SystemTime::now();
    let filter = &args.filter;
    cmd!(shell, "cargo bench --package benchmarks -- {filter}").run()?;
    let python = match args.against_pytorch {
        true => Some(python(&shell, &target)?),
        false => None,
    };
    let peaks = cmd!(
        shell,
        "cargo bench --package benchmarks --bench tables -- --memory {filter}"
    );
    let mut ours = Figures {
        seconds: criterion_medians(&target.join("criterion"), started)?,
        ..Figures::default()
    };
    ours.add("benches/tables.rs", &peaks.read()?)?;
    let measured = Measured {
        ours,
        pytorch: match &python {
            Some(python) => twins(&shell, python, filter)?,
            None => Figures::default(),
        },
        shares: shares(&target.join("tmp/shares.json"), started)?,
    };
    let tables = measured.tables();
    say!("\n{tables}");
    if args.save {
        let date = cmd!(shell, "date +%F").read()?;
        let other = match &python {
            Some(python) => format!(", {}", pytorch_version(&shell, python)?),
            None => String::new(),
        };
        let (machine, cores) = (machine(), std::thread::available_parallelism()?);
        let mut command = String::from("cargo xtask bench");
        for (given, option) in [
            (args.against_pytorch, "--against-pytorch"),
            (true, "--save"),
        ] {
            if given {
                command += &format!(" {option}");
            }
        }
        // A part of the benches must not take the place of a whole run.
        let mut name = date.clone();
        if !filter.is_empty() {
            command += &format!(" --filter {filter}");
            name += &format!("-{}", filter.replace(|c: char| !c.is_alphanumeric(), "-"));
        }
        let path = root.join("benchmarks/results").join(name + ".md");
        let text = format!(
            "# {date}\n\n{machine}, {cores} cores{other}. Medians of one run of `{command}`.\n\n{tables}"
        );
        tinderbox::write_atomic(&path, text)?;
        say!("written: {}", path.display());
    }
    Ok(())
}

impl Measured {
    fn tables(&self) -> String {
        let seconds = &self.ours.seconds;
        let is_image = |name: &str| name.starts_with(IMAGES);
        let (images, others): (Vec<_>, Vec<_>) = seconds.iter().partition(|one| is_image(one.0));
        let mut text = String::new();
        if !others.is_empty() || !self.ours.megabytes.is_empty() {
            text += "Median seconds a step (a gather, a row of a prediction), peak memory:\n\n\
                     | bench | ours | PyTorch | ours is smaller by |\n| --- | ---: | ---: | ---: |\n";
            for (name, value) in others {
                let twin = self.pytorch.seconds.get(name).copied();
                text += &row(name, *value, twin, time);
            }
            for (name, value) in &self.ours.megabytes {
                let twin = self.pytorch.megabytes.get(name).copied();
                text += &row(name, *value, twin, memory);
            }
            text += "\n";
        }
        if !images.is_empty() {
            text += "Images a second, the whole training loop with its loader:\n\n\
                     | bench | ours | PyTorch, tensors in memory | PyTorch, DataLoader | \
                     ours is faster by, than tensors | than the DataLoader |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: |\n";
            for (name, seconds) in images {
                let twin = |name: &str| self.pytorch.seconds.get(name).copied();
                let (memory, loader) = (twin(name), twin(&format!("{name} (DataLoader)")));
                text += &format!(
                    "| {name} | {} | {} | {} | {} | {} |\n",
                    rate(*seconds),
                    cell(memory, rate),
                    cell(loader, rate),
                    ratio(memory, *seconds),
                    ratio(loader, *seconds),
                );
            }
            text += "\n";
        }
        if !self.shares.is_empty() {
            text += "Waiting for data, as a part of the training's time:\n\n\
                     | training | waiting |\n| --- | ---: |\n";
            for (name, share) in &self.shares {
                text += &format!("| {name} | {:.2} % |\n", 100.0 * share);
            }
            text += "\n";
        }
        text.trim_end().to_string() + "\n"
    }
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

/// Criterion's medians, in seconds an element where a throughput in elements was set. What was written before this
/// run started is of another one.
fn criterion_medians(folder: &Path, started: SystemTime) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    // Before the first bench there is none.
    let mut folders = Vec::from_iter(folder.is_dir().then(|| folder.to_path_buf()));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            if !path.is_dir() {
                continue;
            }
            if path.file_name().is_some_and(|name| name == "new") {
                if !is_newer(&path.join("estimates.json"), started)? {
                    continue;
                }
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

/// What the bench `shares` wrote in this run.
fn shares(file: &Path, started: SystemTime) -> Result<BTreeMap<String, f64>> {
    match file.is_file() && is_newer(file, started)? {
        true => Ok(serde_json::from_slice(&std::fs::read(file)?)?),
        false => Ok(BTreeMap::new()),
    }
}

fn is_newer(file: &Path, than: SystemTime) -> Result<bool> {
    Ok(std::fs::metadata(file)?.modified()? >= than)
}

/// A Python with PyTorch: the one that the variable names, else of a virtual environment below the target folder.
fn python(shell: &Shell, target: &Path) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PYTHON_VARIABLE).filter(|name| !name.is_empty()) {
        let python = PathBuf::from(named);
        let found = cmd!(shell, "{python} -c 'import torch'").quiet().run();
        found.with_context(|| {
            let named = python.display();
            format!("{PYTHON_VARIABLE} names {named}, which has no PyTorch; install benchmarks/pytorch/requirements.txt there, or unset it")
        })?;
        return Ok(python);
    }
    let environment = target.join("pytorch");
    let python = environment.join("bin/python");
    if !python.is_file() {
        cmd!(shell, "python3 -m venv {environment}").run()?;
    }
    let requirements = "benchmarks/pytorch/requirements.txt";
    cmd!(shell, "{python} -m pip install --quiet -r {requirements}").run()?;
    Ok(python)
}

fn pytorch_version(shell: &Shell, python: &Path) -> Result<String> {
    let say =
        "import torch; print(f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads')";
    Ok(cmd!(shell, "{python} -c {say}").quiet().read()?)
}

/// Runs every twin in benchmarks/pytorch.
fn twins(shell: &Shell, python: &Path, filter: &str) -> Result<Figures> {
    let mut twins = Figures::default();
    for entry in shell.read_dir("benchmarks/pytorch")? {
        if entry.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let text = cmd!(shell, "{python} {entry} {filter}").read()?;
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

/// What was measured, or an empty cell.
fn cell(value: Option<f64>, form: fn(f64) -> String) -> String {
    value.map(form).unwrap_or_default()
}

fn ratio(twin: Option<f64>, ours: f64) -> String {
    twin.map(|twin| format!("{:.2} x", twin / ours))
        .unwrap_or_default()
}

/// A line of the table: ours, the twin's, and how many times as much that is.
fn row(name: &str, ours: f64, twin: Option<f64>, form: fn(f64) -> String) -> String {
    let (theirs, ratio) = (cell(twin, form), ratio(twin, ours));
    format!("| {name} | {} | {theirs} | {ratio} |\n", form(ours))
}

fn memory(megabytes: f64) -> String {
    format!("{megabytes:.0} MB")
}

fn rate(seconds: f64) -> String {
    format!("{:.0}", 1.0 / seconds)
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:.3} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), *value))
            .collect()
    }

    #[test]
    fn twins_stand_beside_their_benches() {
        let mut pytorch = Figures::default();
        let printed = [
            r#"{"name": "linear/10x2", "median": 2e-4, "best": 1e-4}"#,
            r#"{"name": "images/lenet", "median": 1e-4}"#,
            r#"{"name": "images/lenet (DataLoader)", "median": 2e-4}"#,
            r#"{"name": "tables/flights memory", "megabytes": 1200}"#,
        ];
        pytorch.add("a twin", &printed.join("\n")).unwrap();
        let measured = Measured {
            ours: Figures {
                seconds: named(&[
                    ("loader/gather", 4e-5),
                    ("linear/10x2", 2e-5),
                    ("images/lenet", 4e-4),
                ]),
                megabytes: named(&[("tables/flights memory", 400.0)]),
            },
            pytorch,
            shares: named(&[("share/images/lenet", 0.0123)]),
        };
        let tables = measured.tables();
        for line in [
            "| linear/10x2 | 20.00 µs | 200.00 µs | 10.00 x |",
            "| loader/gather | 40.00 µs |  |  |",
            "| tables/flights memory | 400 MB | 1200 MB | 3.00 x |",
            "| images/lenet | 2500 | 10000 | 5000 | 0.25 x | 0.50 x |",
            "| share/images/lenet | 1.23 % |",
        ] {
            assert!(tables.contains(line), "{line} is not in\n{tables}");
        }
    }

    #[test]
    fn what_an_earlier_run_left_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let bench = folder.path().join("group/bench/new");
        std::fs::create_dir_all(&bench).unwrap();
        let write = |name, text| std::fs::write(bench.join(name), text).unwrap();
        write("estimates.json", r#"{"median": {"point_estimate": 3e6}}"#);
        write(
            "benchmark.json",
            r#"{"full_id": "group/bench", "throughput": {"Elements": 3}}"#,
        );
        let before = SystemTime::now() - std::time::Duration::from_secs(60);
        let medians = criterion_medians(folder.path(), before).unwrap();
        assert_eq!(medians, named(&[("group/bench", 1e-3)]));
        let after = SystemTime::now() + std::time::Duration::from_secs(60);
        assert!(criterion_medians(folder.path(), after).unwrap().is_empty());
    }

    #[test]
    fn a_twin_that_prints_something_else_is_named() {
        let error = Figures::default().add("images.py", "warm").unwrap_err();
        assert_eq!(error.to_string(), "images.py printed: warm");
    }
}
