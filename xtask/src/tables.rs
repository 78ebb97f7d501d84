//! `cargo xtask tables`: our models of tables, boosted trees and the authors' RealMLP on the same rows of public tables.
//!
//! `xtask/python/tables.py` writes tables and splits, and fits the models of others.

mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use examples::say;
use serde::{Deserialize, Serialize};
use tinderbox::tables::{FeatureSpec, Inference, ReadOptions, Task, collect};
use tinderbox::tabular::{Model, Parts, Scores, Training};
use xshell::{Shell, cmd};

use summary::Summary;

/// Categories with more different values than this get an embedding in a network, as in the example `tabular`.
const EMBED_ABOVE: usize = 12;

const SCRIPT: &str = "xtask/python/tables.py";

/// `cargo xtask tables [--tables NAME…] [--seeds N] [--methods NAME…] [--minutes M] [--save]`
#[derive(clap::Args)]
pub struct Args {
    /// The tables; all of the script by default.
    #[arg(long, num_args = 1..)]
    tables: Vec<String>,
    /// Random splits of each table.
    #[arg(long, default_value_t = 5)]
    seeds: usize,
    /// Our models and those of others, by the names that are printed; all by default.
    #[arg(long, num_args = 1..)]
    methods: Vec<String>,
    /// The budget of `auto` on each table.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Where tables, splits and finished cells are kept; a run continues there.
    #[arg(long, default_value = "target/tables")]
    out: PathBuf,
    /// Print what is finished, and fit nothing.
    #[arg(long)]
    show: bool,
    /// Write the result to benchmarks/results.
    #[arg(long)]
    save: bool,
}

/// What is predicted in a table.
#[derive(Clone, Debug, Deserialize)]
struct About {
    target: String,
    classes: bool,
    development: bool,
    rows: usize,
    columns: usize,
}

/// The result of a model on the test rows of a split.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cell {
    /// RMSE, or 1 - AUC.
    score: f64,
    /// The time to fit.
    seconds: f64,
}

/// Our models by name; of `auto` the candidates.
fn ours(name: &str) -> Option<Vec<Model>> {
    let networks = || {
        Model::ALL
            .iter()
            .copied()
            .filter(|&model| model != Model::Trees)
    };
    match name {
        AUTO => Some(networks().collect()),
        AUTO_TREES => Some(Model::ALL.to_vec()),
        _ => {
            let found = Model::ALL.iter().find(|model| model.name() == name);
            found.map(|&model| vec![model])
        }
    }
}

const AUTO: &str = "auto, networks";
const AUTO_TREES: &str = "auto, with trees";
const OTHERS: [&str; 6] = [
    "HistGradientBoosting",
    "random forest",
    "LightGBM",
    "XGBoost",
    "CatBoost",
    "pytabkit RealMLP",
];

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("xtask lies in the repository")?;
    shell.change_dir(root);
    if !cfg!(feature = "trees") {
        // The same command again, with boosted trees.
        let given = std::env::args_os().skip(1);
        return Ok(cmd!(
            shell,
            "cargo run --quiet --package xtask --features trees -- {given...}"
        )
        .run()?);
    }
    let mut all: Vec<String> = Model::ALL.iter().map(|model| model.name().into()).collect();
    all.extend([AUTO, AUTO_TREES].map(String::from));
    all.extend(OTHERS.map(String::from));
    for method in &args.methods {
        ensure!(
            all.contains(method),
            "no model is called '{method}'; there are: {}",
            all.join(", ")
        );
    }
    let methods = match args.methods.is_empty() {
        true => all,
        false => args.methods.clone(),
    };
    let out = root.join(&args.out);
    if !args.show {
        let python = std::env::var_os("TINDERBOX_PYTHON").unwrap_or_else(|| "python3".into());
        let seeds = args.seeds.to_string();
        let mut named: Vec<&str> = Vec::new();
        if !args.tables.is_empty() {
            named.push("--tables");
            named.extend(args.tables.iter().map(String::as_str));
        }
        let named_of = named.clone();
        cmd!(
            shell,
            "{python} {SCRIPT} collect {out} --seeds {seeds} {named_of...}"
        )
        .run()?;
        let others: Vec<&String> = methods.iter().filter(|name| ours(name).is_none()).collect();
        if !others.is_empty() {
            let fit = cmd!(
                shell,
                "{python} {SCRIPT} fit {out} --seeds {seeds} {named...}"
            );
            fit.arg("--methods").args(others).run()?;
        }
    }
    let mut tables = Vec::new();
    for (name, about) in described(&out)? {
        if args.tables.is_empty() || args.tables.contains(&name) {
            tables.push((name, about));
        }
    }
    if !args.show {
        for seed in 0..args.seeds {
            for (name, about) in &tables {
                fit(&out, name, about, seed, &methods, args.minutes)?;
            }
        }
    }
    let summary = Summary::read(&out, &tables, &methods, args.seeds)?;
    let (machine, cores) = (
        crate::bench::machine(),
        std::thread::available_parallelism()?,
    );
    let text = format!(
        "{machine}, {cores} cores. `cargo xtask tables --seeds {} --minutes {}`.\n\n{summary}",
        args.seeds, args.minutes
    );
    say!("{text}");
    if args.save {
        let date = cmd!(shell, "date +%F").read()?;
        let path = root.join(format!("benchmarks/results/{date}-tables.md"));
        tinderbox::write_atomic(&path, format!("# {date}, tables\n\n{text}"))?;
        say!("written: {}", path.display());
    }
    Ok(())
}

/// The tables of a folder, those with the fewest rows first.
fn described(out: &Path) -> Result<Vec<(String, About)>> {
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(out).with_context(|| out.display().to_string())? {
        let path = entry?.path();
        if let Ok(text) = std::fs::read_to_string(path.join("meta.json")) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let about: About = serde_json::from_str(&text).with_context(|| name.clone())?;
            tables.push((name, about));
        }
    }
    tables.sort_by(|a, b| (a.1.rows, &a.0).cmp(&(b.1.rows, &b.0)));
    Ok(tables)
}

fn cell(out: &Path, table: &str, seed: usize, method: &str) -> PathBuf {
    out.join(format!("cells/{table}/{seed}/{method}.json"))
}

/// Fits our models that are not finished for this split.
fn fit(
    out: &Path,
    name: &str,
    about: &About,
    seed: usize,
    methods: &[String],
    minutes: f64,
) -> Result<()> {
    let todo = methods
        .iter()
        .filter(|method| !cell(out, name, seed, method).exists());
    let todo: Vec<_> = todo
        .filter_map(|method| Some((method, ours(method)?)))
        .collect();
    if todo.is_empty() {
        return Ok(());
    }
    let table = collect(&ReadOptions::default().read(out.join(name).join("table.csv"))?)?;
    #[derive(Deserialize)]
    struct Rows {
        train: Vec<usize>,
        valid: Vec<usize>,
        test: Vec<usize>,
    }
    let path = out.join(name).join(format!("seed-{seed}.json"));
    let rows: Rows = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let parts = Parts {
        train: rows.train,
        valid: rows.valid,
        test: rows.test,
    };
    for (method, models) in todo {
        let task = match about.classes {
            true => Task::Classification,
            false => Task::Regression,
        };
        let mut inference = Inference::default().task(task);
        if models[..] != [Model::Linear] {
            inference = inference.embed_above(EMBED_ABOVE);
        }
        let spec = FeatureSpec::infer_with(&table, &about.target, &inference)?;
        let training = Training::new(spec)
            .model(models[0])
            .seed(seed as u64)
            .compare_with_trees(false)
            .candidates(models.clone())
            .minutes(minutes);
        let start = Instant::now();
        let scores = match models.len() {
            1 => training.fit_parts(&table, parts.clone())?.test_scores,
            _ => {
                let auto = training.fit_auto_parts(&table, parts.clone())?;
                let test = auto.scores.lines.iter().find(|(part, _)| *part == "test");
                test.map(|(_, scores)| scores.clone())
            }
        };
        let found = Cell {
            score: score(&scores.context("no test rows")?, about.classes)?,
            seconds: start.elapsed().as_secs_f64(),
        };
        say!(
            "{name} {seed} {method} {:.4} {:.1} s",
            found.score,
            found.seconds
        );
        let path = cell(out, name, seed, method);
        tinderbox::write_atomic(path, serde_json::to_string(&found)?)?;
    }
    Ok(())
}

fn score(scores: &Scores, classes: bool) -> Result<f64> {
    let found = match classes {
        true => scores.get("auc").map(|area| 1.0 - area),
        false => scores.get("rmse"),
    };
    found.context("no score")
}
