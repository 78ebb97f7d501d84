//! The criterion benches, the same in PyTorch, and the ratios of one run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::pytorch;

/// Benches of training on images start with this: they count images, not seconds.
const IMAGES: &str = "images/";

/// One line that a PyTorch program or a bench of memory prints: a time or a peak of memory.
#[derive(Deserialize)]
struct Line {
    name: String,
    median: Option<f64>,
    megabytes: Option<f64>,
}

/// Median seconds and peak megabytes by name.
#[derive(Default)]
pub struct Results {
    /// For one step, one gather or one image.
    seconds: BTreeMap<String, f64>,
    megabytes: BTreeMap<String, f64>,
}

impl Results {
    /// Adds the output of a program: one JSON object on each line.
    pub fn add(&mut self, program: &str, text: &str) -> Result<()> {
        for line in text.lines() {
            let line: Line =
                serde_json::from_str(line).with_context(|| format!("{program} printed: {line}"))?;
            if let Some(seconds) = line.median {
                self.seconds.insert(line.name.clone(), seconds);
            }
            if let Some(megabytes) = line.megabytes {
                self.megabytes.insert(line.name, megabytes);
            }
        }
        Ok(())
    }
}

/// The results of one run.
#[derive(Default)]
pub struct Measured {
    ours: Results,
    pytorch: Results,
    /// The part of the training time spent waiting for data, by name.
    shares: BTreeMap<String, f64>,
}

/// Runs the benches whose name contains `filter`, and their PyTorch versions if there is a Python for them.
pub fn measure(
    shell: &Shell,
    target: &Path,
    python: Option<&Path>,
    filter: &str,
) -> Result<Measured> {
    let started = SystemTime::now();
    // The profile and the features of `cargo test --workspace`: what is measured is what a user runs, and no
    // dependency is built for the benches alone.
    let build = "--profile dev --workspace";
    let build: &Vec<&str> = &build.split(' ').collect();
    cmd!(shell, "cargo bench {build...} --bench * -- {filter}").run()?;
    let peaks = cmd!(
        shell,
        "cargo bench {build...} --bench tables --bench images -- --memory {filter}"
    );
    let mut ours = Results {
        seconds: criterion_medians(&target.join("criterion"), started)?,
        ..Results::default()
    };
    ours.add("cargo bench", &peaks.read()?)?;
    Ok(Measured {
        ours,
        pytorch: match python {
            Some(python) => pytorch::run(shell, python, filter)?,
            None => Results::default(),
        },
        shares: shares(&target.join("tmp/shares.json"), started)?,
    })
}

impl Measured {
    /// Median seconds of our benches, by name.
    pub fn seconds(&self) -> &BTreeMap<String, f64> {
        &self.ours.seconds
    }

    /// Median seconds of PyTorch's versions, by name.
    pub fn pytorch_seconds(&self) -> &BTreeMap<String, f64> {
        &self.pytorch.seconds
    }

    /// One bench that was measured, for tests.
    #[cfg(test)]
    pub fn of(name: &str, ours: f64, theirs: Option<f64>) -> Self {
        let mut measured = Self::default();
        measured.ours.seconds.insert(name.to_string(), ours);
        let theirs = theirs.map(|theirs| (name.to_string(), theirs));
        measured.pytorch.seconds.extend(theirs);
        measured
    }

    /// The results as Markdown tables.
    pub fn tables(&self) -> String {
        let seconds = &self.ours.seconds;
        let is_image = |name: &str| name.starts_with(IMAGES);
        let (images, others): (Vec<_>, Vec<_>) = seconds.iter().partition(|one| is_image(one.0));
        let mut text = String::new();
        if !others.is_empty() || !self.ours.megabytes.is_empty() {
            text += "Median seconds for one step (one gather, one predicted row), and peak memory:\n\n\
                     | bench | ours | PyTorch | PyTorch / ours |\n| --- | ---: | ---: | ---: |\n";
            for (name, value) in others {
                let theirs = self.pytorch.seconds.get(name).copied();
                text += &row(name, *value, theirs, time);
            }
            for (name, value) in &self.ours.megabytes {
                let theirs = self.pytorch.megabytes.get(name).copied();
                text += &row(name, *value, theirs, memory);
            }
            text += "\n";
        }
        if !images.is_empty() {
            text += "Images per second, the whole training loop with its loader:\n\n\
                     | bench | ours | PyTorch, tensors in memory | PyTorch, DataLoader | \
                     ours / tensors | ours / DataLoader |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: |\n";
            for (name, seconds) in images {
                let theirs = |name: &str| self.pytorch.seconds.get(name).copied();
                let (memory, loader) = (theirs(name), theirs(&format!("{name} (DataLoader)")));
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
            text += "Share of the training time spent waiting for data:\n\n\
                     | training run | waiting |\n| --- | ---: |\n";
            for (name, share) in &self.shares {
                text += &format!("| {name} | {:.2} % |\n", 100.0 * share);
            }
            text += "\n";
        }
        text.trim_end().to_string() + "\n"
    }
}

/// Criterion's medians, in seconds for one element if the bench sets a throughput in elements. Files older than
/// `started` come from another run and are skipped.
fn criterion_medians(folder: &Path, started: SystemTime) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    // Criterion makes the folder with the first bench.
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

/// The file that the bench `shares` wrote, unless it comes from another run.
fn shares(file: &Path, started: SystemTime) -> Result<BTreeMap<String, f64>> {
    match file.is_file() && is_newer(file, started)? {
        true => Ok(serde_json::from_slice(&std::fs::read(file)?)?),
        false => Ok(BTreeMap::new()),
    }
}

fn is_newer(file: &Path, than: SystemTime) -> Result<bool> {
    Ok(std::fs::metadata(file)?.modified()? >= than)
}

/// The value, or an empty cell.
fn cell(value: Option<f64>, form: fn(f64) -> String) -> String {
    value.map(form).unwrap_or_default()
}

fn ratio(theirs: Option<f64>, ours: f64) -> String {
    theirs
        .map(|theirs| format!("{:.2} x", theirs / ours))
        .unwrap_or_default()
}

/// A line of the table: ours, PyTorch's, and the ratio.
fn row(name: &str, ours: f64, theirs: Option<f64>, form: fn(f64) -> String) -> String {
    let (theirs, ratio) = (cell(theirs, form), ratio(theirs, ours));
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
    fn each_bench_is_compared_with_pytorch() {
        let mut pytorch = Results::default();
        let printed = [
            r#"{"name": "linear/10x2", "median": 2e-4, "best": 1e-4}"#,
            r#"{"name": "images/lenet", "median": 1e-4}"#,
            r#"{"name": "images/lenet (DataLoader)", "median": 2e-4}"#,
            r#"{"name": "tables/flights memory", "megabytes": 1200}"#,
        ];
        pytorch.add("training.py", &printed.join("\n")).unwrap();
        let measured = Measured {
            ours: Results {
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
    fn results_of_an_earlier_run_are_skipped() {
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
    fn output_that_is_not_json_names_the_program() {
        let error = Results::default().add("images.py", "warm").unwrap_err();
        assert_eq!(error.to_string(), "images.py printed: warm");
    }
}
