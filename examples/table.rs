//! What the examples about tables share: from a specification and two frames to a trained model, its
//! scores, its bundle and its report.

use std::path::PathBuf;

use anyhow::{Context, Result};
use polars::prelude::DataFrame;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Frame, TableFormat, TargetStep, Targets, summarize, take};
use tinderbox::tabular::{Scores, TableNetwork, TableReport, exact_linear, role, solve_linear};
use tinderbox::train::{Accuracy, Auc, Interval, LogLoss, Task, evaluate};

use crate::{Common, say, unless_interrupted};

/// Which model to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Model {
    /// One layer: a weight a feature.
    Linear,
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp,
}

/// A training run of a model of a table.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// The run folder is below `runs/NAME`.
    pub name: &'a str,
    /// The command line.
    pub common: &'a Common,
    /// What becomes of the columns.
    pub spec: FeatureSpec,
    /// How the file was read, for the bundle to read others in the same way.
    pub format: Option<TableFormat>,
    /// Which model.
    pub model: Model,
}

/// Optimizer steps of a training run at the least, whatever the rows: a budget in epochs would be too
/// short for a small table.
const STEPS: usize = 3_000;

/// Epochs of a training run at the least: a large table has to be seen several times.
const EPOCHS: usize = 20;

/// How long and with which steps a model of a table is trained.
struct Settings {
    config: TrainConfig,
    batch_size: usize,
    /// Epochs without a better validation loss before training ends; the best epoch is kept.
    patience: Option<usize>,
    last: LastBatch,
}

impl Settings {
    /// The settings for so many training rows; what the command line says comes first.
    fn new(plan: &Training, rows: usize) -> Result<Self> {
        let common = plan.common;
        let batch_size = common
            .batch_size
            .unwrap_or((rows / 64).clamp(16, 1024))
            .min(rows);
        // A batch norm makes nothing of a last batch of one row.
        let (last, batches) = match plan.model {
            Model::Linear => (LastBatch::Keep, rows.div_ceil(batch_size.max(1))),
            Model::Mlp => (LastBatch::Drop, rows / batch_size.max(1)),
        };
        let epochs = STEPS.div_ceil(batches.max(1)).max(EPOCHS);
        // With a number of epochs the learning rate stays, so that a run can be resumed with more.
        let schedule = match common.epochs {
            Some(_) => RateSchedule::default(),
            None => RateSchedule::per_step(Schedule::cosine(epochs * batches)),
        };
        let (optimizer, learning_rate, patience) = match plan.model {
            Model::Linear => (OptimizerConfig::adam().into(), 0.02, None),
            Model::Mlp => (
                OptimizerConfig::adamw().into(),
                3e-3,
                Some((epochs / 4).max(10)),
            ),
        };
        Ok(Self {
            config: TrainConfig {
                epochs: common.epochs.unwrap_or(epochs),
                learning_rate: common.lr.unwrap_or(learning_rate),
                optimizer,
                schedule,
                seed: common.seed,
                ..TrainConfig::default()
            },
            batch_size,
            patience,
            last,
        })
    }
}

/// What a training leaves behind.
#[derive(Debug)]
pub struct Trained {
    /// The run folder.
    pub run: Run,
    /// The trained model.
    pub predictor: Predictor,
    /// Scores on training rows, on validation rows, and of the exact linear solution on both.
    pub scores: Vec<(&'static str, Scores)>,
    /// The page about the run.
    pub report: PathBuf,
}

impl Trained {
    /// A score of the trained model on the validation rows.
    pub fn valid(&self, name: &str) -> Result<f64> {
        self.score("validation", name)
    }

    /// A score of the exact linear solution on the validation rows.
    pub fn exact(&self, name: &str) -> Result<f64> {
        self.score("validation, exact linear", name)
    }

    fn score(&self, of: &str, name: &str) -> Result<f64> {
        let scores = self.scores.iter().find(|(what, _)| *what == of);
        let value = scores.and_then(|(_, scores)| scores.get(name));
        value.with_context(|| format!("there is no {name} of {of}"))
    }

    /// Prints all scores, a line each set of rows.
    pub fn print(&self) {
        for (of, scores) in &self.scores {
            let numbers: Vec<String> = scores
                .0
                .iter()
                .map(|(name, value)| format!("{name} {value:.4}"))
                .collect();
            say!("{of:<26} {}", numbers.join("  "));
        }
        say!("bundle  {}", self.run.bundle().display());
        say!("report  {}", self.report.display());
    }
}

/// Prints what becomes of each column.
pub fn print_columns(frame: &impl Frame, spec: &FeatureSpec) -> Result<()> {
    let schema = frame.columns()?;
    let names: Vec<&str> = schema.iter_names().map(|name| name.as_str()).collect();
    say!("{:<24} {:<14} {:>8}  used as", "column", "type", "missing");
    for column in summarize(frame, &names)? {
        let (name, dtype, missing) = (&column.name, &column.dtype, column.missing);
        say!("{name:<24} {dtype:<14} {missing:>8}  {}", role(spec, name));
    }
    Ok(())
}

/// Fits the features on the training rows, trains, scores, and writes bundle and report.
///
/// `rows` are the rows of the table to train on, and those to validate on. Numbers to predict are
/// standardized, after the steps of the specification; scores are in the units of the table all the
/// same. Unless the command line gives a number of epochs, a linear model is also solved exactly, and
/// what training found is kept only if it is clearly better on the validation rows.
pub fn train(plan: Training, table: &DataFrame, rows: [&[usize]; 2]) -> Result<Trained> {
    let settings = Settings::new(&plan, rows[0].len())?;
    let (common, seed, mut spec) = (plan.common, plan.common.seed(), plan.spec);
    let device = common.device()?;
    let (train, valid) = (&take(table, rows[0])?, &take(table, rows[1])?);
    let fit = |spec: &FeatureSpec| spec.fit(train).map_err(|error| error.of_rows(rows[0]));
    let mut features = fit(&spec)?;
    let target = spec
        .target
        .as_mut()
        .context("the specification names no target")?;
    if features.classes().is_none() && !target.transform.contains(&TargetStep::Standardize) {
        target.transform.push(TargetStep::Standardize);
        features = fit(&spec)?;
    }
    if let Some(format) = plan.format {
        features = features.with_format(format);
    }
    for column in features.left_out() {
        say!("{} is left out: {}", column.name, column.reason);
    }
    let numbers = |frame: &DataFrame, rows: &[usize]| {
        (features.transform(frame)).map_err(|error| error.of_rows(rows))
    };
    let (train_table, valid_table) = (numbers(train, rows[0])?, numbers(valid, rows[1])?);

    let config = match plan.model {
        Model::Linear => TableConfig::linear(&features)?,
        Model::Mlp => TableConfig::Mlp(TabularMlpConfig {
            dropout: 0.1,
            ..TableConfig::mlp(&features)?
        }),
    };
    let network = config.init(seed.child("weights"), &device)?;
    let solved = match (plan.model, common.epochs) {
        (Model::Linear, None) => solve_linear(&train_table, &device)?,
        _ => None,
    };
    let run = common.run(plan.name)?;
    let mut watch = Monitor::min("valid_loss");
    watch.patience = settings.patience;
    // A checkpoint may take longer than an epoch of a small table.
    let every = Interval::Epochs(settings.config.epochs.div_ceil(20));
    let (order, evaluated) = (seed.child("order"), 1024);
    let (fitted, network) = if let Targets::Classes(_) = train_table.targets {
        let loader = Loader::new(train_table.clone().classification()?, settings.batch_size)?;
        let valid = Loader::for_evaluation(valid_table.clone().classification()?, evaluated)?;
        let mut trainer = common.trainer(settings.config, &run)?;
        if common.checkpoint_steps.is_none() {
            trainer = trainer.checkpoint(every, 2);
        }
        let task = Classification::default();
        let fitted = trainer
            .metric(Accuracy::default())
            .metric(LogLoss::default())
            .metric(Auc::default())
            .monitor(watch)
            .fit(
                network,
                &task,
                &loader.shuffle(order).last_batch(settings.last),
                Some(&valid),
            )?;
        let fitted = unless_interrupted(fitted.finished())?;
        let network = better(&fitted.model, solved, &task, &valid)?;
        (fitted, network)
    } else {
        let loader = Loader::new(train_table.clone().regression()?, settings.batch_size)?;
        let valid = Loader::for_evaluation(valid_table.clone().regression()?, evaluated)?;
        let mut trainer = common.trainer(settings.config, &run)?;
        if common.checkpoint_steps.is_none() {
            trainer = trainer.checkpoint(every, 2);
        }
        let task = Regression::default();
        let fitted = trainer
            .metric(RegressionMetrics::new(&[RegressionMetric::R2]))
            .monitor(watch)
            .fit(
                network,
                &task,
                &loader.shuffle(order).last_batch(settings.last),
                Some(&valid),
            )?;
        let fitted = unless_interrupted(fitted.finished())?;
        let network = better(&fitted.model, solved, &task, &valid)?;
        (fitted, network)
    };

    config.save(run.bundle(), &network, &features)?;
    let predictor = Predictor::new(features, network, &device)?;
    let mut scores = vec![
        ("training", Scores::of(&predictor, &train_table)?),
        ("validation", Scores::of(&predictor, &valid_table)?),
    ];
    // The exact solution takes rows x columns² multiplications: seconds below this, minutes above.
    let width = train_table.features.width() as f64;
    if train_table.features.rows() as f64 * width * width < 2e10 {
        let exact = exact_linear(&predictor, &train_table, &[&train_table, &valid_table])?;
        let names = ["training, exact linear", "validation, exact linear"];
        scores.extend(names.into_iter().zip(exact));
    }

    let names = train.get_column_names();
    let names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
    let targets = predictor.features().target_names().join(", ");
    let report = TableReport {
        title: &format!("Predicting {targets}"),
        spec: &spec,
        columns: &summarize(train, &names)?,
        history: &fitted.history,
        predictor: &predictor,
        valid,
        scores: &scores,
        seed: seed.child("importance"),
    };
    let report = run.write_report(&report.build()?)?;
    Ok(Trained {
        run,
        predictor,
        scores,
        report,
    })
}

/// The exact solution, unless training found a model whose validation loss is lower by more than the
/// standard error of a mean of squares, √(2 / rows) of it: an exact solution of too many columns, or of
/// classes that nothing mixes, can be far worse on other rows.
fn better<B, T: Task<TableNetwork, B>>(
    trained: &TableNetwork,
    solved: Option<TableNetwork>,
    task: &T,
    valid: &dyn Batches<Batch = B>,
) -> Result<TableNetwork> {
    let Some(solved) = solved else {
        return Ok(trained.clone());
    };
    let loss = |network: &TableNetwork| evaluate(network, task, valid, &mut []);
    let (by_training, exact) = (loss(trained)?, loss(&solved)?);
    let error = (2.0 / valid.examples().unwrap_or(1) as f64).sqrt();
    let (kept, network) = match exact <= by_training * (1.0 + error) {
        true => ("exact solution", solved),
        false => ("trained model", trained.clone()),
    };
    let why = match kept {
        "exact solution" if exact > by_training => ", a difference that chance explains",
        _ => "",
    };
    say!(
        "the {kept} is kept: validation loss {exact:.6} exactly, {by_training:.6} by training{why}"
    );
    Ok(network)
}
