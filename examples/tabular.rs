//! Any table: infer how its columns are used, train, compare with the exact linear solution, score on rows
//! that decided nothing, and write a bundle and a report.
//!
//! `cargo run --example tabular -- FILE --target NAME`

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use examples::read_args::{
    ReadArgs, open_encoder, print_bundle, print_columns, print_notes, print_trained,
    warn_of_cut_texts,
};
use examples::{Common, say, unless_interrupted};
use polars::prelude::DataFrame;
use tinderbox::tables::{FeatureSpec, Inference, Lags, TargetSpec, Task, collect, take};
use tinderbox::tabular::{Model, SplitBy, Training};

/// Categories with more different values than this get an embedding in a network.
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
    /// RealMLP: an MLP with tuned defaults.
    Realmlp,
    /// TabM: an ensemble of MLPs that share most weights.
    Tabm,
    /// A transformer over the columns.
    FtTransformer,
    /// Boosted decision trees; build with --features trees.
    Trees,
    /// All of them within --minutes (below one for small tables, at most 5); the best are averaged.
    Auto,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ClassWeights {
    /// Every row counts the same.
    None,
    /// Rows / (classes x rows of the class).
    Balanced,
}

impl Args {
    /// The past of the target and of other columns.
    fn lags(&self) -> Option<Lags> {
        let Split {
            time,
            lags,
            windows,
            lag_column,
            ..
        } = &self.split;
        let time = time
            .as_ref()
            .filter(|_| !(lags.is_empty() && windows.is_empty()))?;
        let columns = std::iter::once(&self.target).chain(lag_column);
        let past = Lags::new(time, columns.cloned());
        Some(past.steps(lags.clone()).windows(windows.clone()))
    }

    fn model(&self) -> ModelName {
        let default = match self.split.folds {
            Some(_) => ModelName::Realmlp,
            None => ModelName::Auto,
        };
        self.model.unwrap_or(default)
    }
}

impl ModelName {
    /// One model; `None` for all.
    fn one(self) -> Option<Model> {
        match self {
            Self::Linear => Some(Model::Linear),
            Self::Mlp => Some(Model::Mlp),
            Self::Realmlp => Some(Model::RealMlp),
            Self::Tabm => Some(Model::TabM),
            Self::FtTransformer => Some(Model::FtTransformer),
            Self::Trees => Some(Model::Trees),
            Self::Auto => None,
        }
    }
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
    /// A column of free text, whatever its values look like.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    text: Vec<String>,
    /// A column that is not used.
    #[arg(long, value_name = "COLUMN", conflicts_with = "spec")]
    ignore: Vec<String>,
}

/// Which rows are trained on, which decide, and which are scored.
#[derive(clap::Args, Debug)]
struct Split {
    /// The share of the rows that decide when training stops and which weights and models are kept.
    #[arg(long, default_value_t = 0.2)]
    valid: f64,
    /// The share of the rows that are scored once, at the end; 0 for none.
    #[arg(long, default_value_t = 0.2)]
    test: f64,
    /// Train a model for each of K folds of the rows, scored on the fold; the bundle averages them.
    #[arg(long, value_name = "K")]
    folds: Option<usize>,
    /// A column of dates, times or whole numbers: the latest rows are the test rows.
    #[arg(long, value_name = "COLUMN", conflicts_with = "group")]
    time: Option<String>,
    /// Take the values of the target so many rows before, in the order of --time, as features: 1,7.
    #[arg(long, value_name = "ROWS", value_delimiter = ',', requires = "time")]
    lags: Vec<usize>,
    /// Take the means of the target over so many rows before as features: 7,28.
    #[arg(long, value_name = "ROWS", value_delimiter = ',', requires = "time")]
    windows: Vec<usize>,
    /// A column whose past is taken too; may be given several times.
    #[arg(long, value_name = "COLUMN", requires = "time")]
    lag_column: Vec<String>,
    /// A column whose equal values stay together, such as the patient of a measurement. It is not a feature.
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
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
    /// The model; auto by default, and realmlp with --folds.
    #[arg(long, value_enum)]
    model: Option<ModelName>,
    /// A column that says how much each row counts, in training and in the scores. It is not a feature.
    #[arg(long, value_name = "COLUMN")]
    weights: Option<String>,
    /// Let all classes count the same in training, however many rows they have.
    #[arg(long, value_enum, default_value = "none")]
    class_weights: ClassWeights,
    /// How the columns are used, as TOML; inferred when absent.
    #[arg(long)]
    spec: Option<PathBuf>,
    /// Encode free text with this encoder, a folder of Hugging Face (build with --features tokenizers); without
    /// it, by the weights of words.
    #[arg(long, value_name = "FOLDER", conflicts_with = "spec")]
    encoder: Option<PathBuf>,
    #[command(flatten)]
    columns: Columns,
    /// Write how the columns would be used as TOML, to be edited and given as --spec, and stop.
    #[arg(long, value_name = "FILE")]
    write_spec: Option<PathBuf>,
    #[command(flatten)]
    split: Split,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (frame, format) = args.read.options()?.read_described(&args.file)?;
    let of_file = || args.file.display().to_string();
    let mut table = collect(&frame)?;
    let lags = args.lags();
    if let Some(lags) = &lags {
        table = lags.add(&table).with_context(of_file)?;
    }
    let mut spec = spec(&args, &table)?;
    print_columns(&table, &spec)?;
    print_notes(&format);
    if let Some(path) = &args.write_spec {
        tinderbox::write_atomic(path, spec.to_toml()?)?;
        say!("written: {}", path.display());
        return Ok(());
    }
    if let [folder, others @ ..] = &spec.encoders()[..] {
        ensure!(
            others.is_empty(),
            "{folder} and {}: all columns of text need the same encoder",
            others.join(", ")
        );
        let encoder = open_encoder(folder.as_ref(), args.common.device.as_deref())?;
        spec = spec.with_encoder(encoder);
    }
    let split = &args.split;
    ensure!(
        split.valid > 0.0 && split.test >= 0.0 && split.valid + split.test < 1.0,
        "--valid {} --test {}: the share of validation rows must be more than 0, that of test rows at least \
         0, and their sum less than 1",
        split.valid,
        split.test
    );
    let by = match (&split.time, &split.group) {
        (Some(column), _) => SplitBy::Time(column.clone()),
        (_, Some(column)) => SplitBy::Group(column.clone()),
        _ => SplitBy::Random,
    };
    let training = Training::new(spec)
        .model(args.model().one().unwrap_or_default())
        .validation_share(split.valid)
        .test_share(split.test)
        .split_by(by)
        .format(format);
    let training = training.balanced_classes(args.class_weights == ClassWeights::Balanced);
    let training = match lags {
        Some(lags) => training.lags(lags),
        None => training,
    };
    let training = match &args.weights {
        Some(column) => training.weights(column),
        None => training,
    };
    let training = args.common.tabular("tabular", training)?;
    match (split.folds, args.model().one()) {
        (Some(folds), Some(_)) => {
            let trained = training.fit_folds(&table, folds);
            let trained = unless_interrupted(trained).with_context(of_file)?;
            say!("{trained}");
            warn_of_cut_texts(&trained.predictor);
            print_bundle(trained.run.as_ref());
        }
        (Some(_), None) => bail!(
            "--folds with --model auto: choose a model for the folds, or leave out --folds: auto averages \
             models already"
        ),
        (None, None) => {
            let trained = unless_interrupted(training.fit_auto(&table)).with_context(of_file)?;
            say!("{}", parts(trained.rows));
            say!("{trained}");
            warn_of_cut_texts(&trained.predictor);
            print_bundle(trained.run.as_ref());
        }
        (None, Some(_)) => {
            let trained = unless_interrupted(training.fit_split(&table)).with_context(of_file)?;
            say!("{}", parts(trained.rows));
            warn_of_cut_texts(&trained.predictor);
            print_trained(&trained);
        }
    }
    Ok(())
}

/// Number of rows of each part.
fn parts([train, valid, test]: [usize; 3]) -> String {
    let all = train + valid + test;
    match test {
        0 => format!("{all} rows, {train} training, {valid} validation"),
        _ => format!("{all} rows, {train} training, {valid} validation, {test} test"),
    }
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
        .text(columns.text.clone())
        .ignore(columns.ignore.clone());
    if let Some(folder) = &args.encoder {
        let whole = folder.canonicalize();
        inference = inference.encoder(whole.as_ref().unwrap_or(folder).display().to_string());
    }
    // No row of the validation and the test is of a group that was trained on, and weights are no feature.
    for column in [&args.split.group, &args.weights].into_iter().flatten() {
        if !columns.ignore.contains(column) {
            inference = inference.ignore([column.clone()]);
        }
    }
    if args.model() != ModelName::Linear {
        inference = inference.embed_above(EMBED_ABOVE);
    }
    FeatureSpec::infer_with(&take(table, &rows)?, &args.target, &inference)
        .map_err(|error| error.of_rows(&rows))
        .with_context(|| args.file.display().to_string())
}
