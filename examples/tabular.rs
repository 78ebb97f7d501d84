//! Any table: infer how its columns are used, train, compare with the exact linear solution, and write a
//! bundle and a report.
//!
//! `cargo run --example tabular -- FILE --target NAME`

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use examples::read_args::{ReadArgs, print_columns, print_notes, print_trained};
use examples::{Common, say, unless_interrupted};
use polars::prelude::DataFrame;
use tinderbox::tables::{FeatureSpec, Inference, TargetSpec, Task, collect, take};
use tinderbox::tabular::{Model, Training};

/// Categories with more different values than this get an embedding in an MLP.
const EMBED_ABOVE: usize = 12;

#[derive(ValueEnum, Clone, Copy, Debug)]
enum TaskName {
    Auto,
    Regression,
    Classification,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ModelName {
    /// One layer: a weight for each feature.
    Linear,
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp,
}

/// How columns are used; each option may be given several times.
#[derive(clap::Args, Debug)]
struct Columns {
    /// A column of numbers, whatever its values look like.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    numeric: Vec<String>,
    /// A column of categories, whatever its values look like.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    category: Vec<String>,
    /// A column of dates or times.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    date: Vec<String>,
    /// A column that is not used.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    ignore: Vec<String>,
}

#[derive(Parser, Debug)]
#[command(about = "Trains a model of any table: CSV, TSV, .gz, Parquet, JSON lines, Arrow IPC.")]
struct Args {
    /// The file, a folder of files, or a pattern in quotes.
    file: PathBuf,
    /// The column to predict.
    #[arg(long)]
    target: String,
    /// Numbers or classes; auto decides by the type of the target.
    #[arg(long, value_enum, default_value = "auto")]
    task: TaskName,
    /// The model.
    #[arg(long, value_enum, default_value = "linear")]
    model: ModelName,
    /// How the columns are used, as TOML; inferred when absent.
    #[arg(long)]
    spec: Option<PathBuf>,
    #[command(flatten)]
    columns: Columns,
    /// Write how the columns would be used as TOML, to be edited and given as --spec, and stop.
    #[arg(long, value_name = "FILE")]
    write_spec: Option<PathBuf>,
    /// The share of the rows that is held out.
    #[arg(long, default_value_t = 0.2)]
    valid: f64,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (frame, format) = args.read.options()?.read_described(&args.file)?;
    let table = collect(&frame)?;
    let of_file = || args.file.display().to_string();
    let spec = spec(&args, &table)?;
    print_columns(&table, &spec)?;
    print_notes(&format);
    if let Some(path) = &args.write_spec {
        tinderbox::write_atomic(path, spec.to_toml()?)?;
        say!("written: {}", path.display());
        return Ok(());
    }
    ensure!(
        args.valid > 0.0 && args.valid < 1.0,
        "--valid {}: the share of the rows that is held out must be more than 0 and less than 1",
        args.valid
    );
    let training = Training::new(spec)
        .model(match args.model {
            ModelName::Linear => Model::Linear,
            ModelName::Mlp => Model::Mlp,
        })
        .validation_share(args.valid)
        .format(format);
    let training = args.common.tabular("tabular", training)?;
    let trained = unless_interrupted(training.fit_split(&table)).with_context(of_file)?;
    let [train, valid] = trained.rows;
    say!(
        "{} rows, {train} training, {valid} validation",
        train + valid
    );
    print_trained(&trained);
    Ok(())
}

/// How the columns are used: the file of `--spec`, or inferred from the types of the columns. Statistics
/// are fitted later, on the training rows alone.
fn spec(args: &Args, table: &DataFrame) -> Result<FeatureSpec> {
    let task = match args.task {
        TaskName::Auto => Task::Auto,
        TaskName::Regression => Task::Regression,
        TaskName::Classification => Task::Classification,
    };
    if let Some(path) = &args.spec {
        let mut spec = FeatureSpec::load(path)?;
        let target = (spec.target).get_or_insert_with(|| TargetSpec::new([&args.target], task));
        ensure!(
            target.columns == [args.target.as_str()],
            "{}: the target is {:?}, but --target is {}; give the same name twice, or no target in the file",
            path.display(),
            target.columns,
            args.target
        );
        return Ok(spec);
    }
    // Rows that have a target.
    let mut rows: Vec<usize> = (0..table.height()).collect();
    if let Ok(target) = table.column(&args.target) {
        let known = target.is_not_null();
        rows.retain(|&row| known.get(row) == Some(true));
    }
    let columns = &args.columns;
    let mut inference = Inference::default()
        .task(task)
        .numeric(columns.numeric.clone())
        .category(columns.category.clone())
        .date(columns.date.clone())
        .ignore(columns.ignore.clone());
    if args.model == ModelName::Mlp {
        inference = inference.embed_above(EMBED_ABOVE);
    }
    FeatureSpec::infer_with(&take(table, &rows)?, &args.target, &inference)
        .map_err(|error| error.of_rows(&rows))
        .with_context(|| args.file.display().to_string())
}
