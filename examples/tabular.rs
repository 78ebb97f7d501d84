//! Any table: infer what its columns are, train, compare with the exact linear solution, keep a
//! bundle and a report.
//!
//! `cargo run --example tabular -- FILE --target NAME`

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use examples::read_args::{ReadArgs, print_notes};
use examples::table::{Model, Training, print_columns, train};
use examples::{Common, say};
use tinderbox::data::{Strategy, split};
use tinderbox::tables::{FeatureSpec, Inference, TargetSpec, Task, collect, stratified_by, take};

/// Categories with more different values than this get an embedding in an MLP.
const EMBED_ABOVE: usize = 12;

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum TaskName {
    Auto,
    Regression,
    Classification,
}

/// What inference is told; each may be given several times.
#[derive(clap::Args, Debug)]
struct Columns {
    /// A column that holds numbers, whatever it looks like.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    numeric: Vec<String>,
    /// A column that holds categories, whatever it looks like.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    category: Vec<String>,
    /// A column that holds days or moments.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    date: Vec<String>,
    /// A column that is left out.
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
    model: Model,
    /// How the columns are used, as TOML; inferred when absent.
    #[arg(long)]
    spec: Option<PathBuf>,
    #[command(flatten)]
    columns: Columns,
    /// Writes how the columns would be used as TOML, for --spec after editing, and stops.
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
    // The rows of the file that have a target.
    let mut rows: Vec<usize> = (0..table.height()).collect();
    if let Ok(target) = table.column(&args.target)
        && target.null_count() > 0
    {
        let known = target.is_not_null();
        rows.retain(|&row| known.get(row) == Some(true));
        say!(
            "{} rows without a target are left out",
            table.height() - rows.len()
        );
    }
    let frame = match rows.len() == table.height() {
        true => table.clone(),
        false => take(&table, &rows)?,
    };
    let task = match args.task {
        TaskName::Auto => Task::Auto,
        TaskName::Regression => Task::Regression,
        TaskName::Classification => Task::Classification,
    };

    // What is inferred looks at types only, so it may see all rows; statistics are fitted later, on
    // the training rows alone.
    let spec = match &args.spec {
        Some(path) => {
            let mut spec = FeatureSpec::load(path)?;
            let target = (spec.target).get_or_insert_with(|| TargetSpec::new([&args.target], task));
            ensure!(
                target.columns == [args.target.as_str()],
                "{}: the target is {:?}, but --target says {}; give the same name twice, or no target in the file",
                path.display(),
                target.columns,
                args.target
            );
            spec
        }
        None => {
            let mut inference = Inference::default()
                .task(task)
                .numeric(args.columns.numeric)
                .category(args.columns.category)
                .date(args.columns.date)
                .ignore(args.columns.ignore);
            if args.model == Model::Mlp {
                inference = inference.embed_above(EMBED_ABOVE);
            }
            FeatureSpec::infer_with(&frame, &args.target, &inference)
                .map_err(|error| error.of_rows(&rows))
                .with_context(of_file)?
        }
    };
    print_columns(&frame, &spec)?;
    print_notes(&format);
    if let Some(path) = &args.write_spec {
        tinderbox::write_atomic(path, spec.to_toml()?)?;
        say!("written: {}", path.display());
        return Ok(());
    }

    let common = &args.common;
    let fitted = spec.fit(&frame).map_err(|error| error.of_rows(&rows));
    let strategy = match fitted.with_context(of_file)?.classes() {
        Some(_) => stratified_by(&frame, &args.target)?,
        None => Strategy::Random,
    };
    ensure!(
        args.valid > 0.0 && args.valid < 1.0,
        "--valid {}: the share of the rows that is held out must be more than 0 and less than 1",
        args.valid
    );
    let shares = [1.0 - args.valid, args.valid];
    for small in strategy.small_classes(shares.len()) {
        say!(
            "class {} has too few rows to be validated on: all are for training",
            frame.column(&args.target)?.get(small[0])?.str_value()
        );
    }
    let seed = common.seed().child("split");
    let mut parts = split(frame.height(), &shares, seed, &strategy)?;
    // Rows of the file, as an error is to name them.
    for row in parts.iter_mut().flatten() {
        *row = rows[*row];
    }
    let plan = Training {
        name: "tabular",
        common,
        spec,
        format: Some(format),
        model: args.model,
    };
    let trained = train(plan, &table, [&parts[0], &parts[1]]).with_context(of_file)?;
    say!(
        "{} rows, {} training, {} validation",
        frame.height(),
        parts[0].len(),
        parts[1].len()
    );
    trained.print();
    Ok(())
}
