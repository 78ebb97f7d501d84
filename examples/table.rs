//! What the examples about tables share: from a specification and two frames to a trained model, its
//! scores, its bundle and its report.

use std::path::PathBuf;

use anyhow::{Context, Result};
use polars::prelude::DataFrame;
use tinderbox::data::{FeatureSpec, Frame, TableFormat, TargetStep, Targets, summarise};
use tinderbox::prelude::*;
use tinderbox::tabular::{Scores, TableReport, exact_linear, role};
use tinderbox::train::{Accuracy, Auc, LogLoss};

use crate::{Common, say, unless_interrupted};

/// Which model to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Model {
    /// One layer: a weight a feature.
    Linear,
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp,
}

/// A training of a model of a table.
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
    /// Epochs, learning rate and optimizer.
    pub config: TrainConfig,
    /// Examples in a batch; as many as there are, where there are fewer.
    pub batch_size: usize,
    /// Epochs without a better validation loss before training ends; the best epoch is kept.
    pub patience: usize,
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
    for column in summarise(frame, &names)? {
        let (name, dtype, missing) = (&column.name, &column.dtype, column.missing);
        say!("{name:<24} {dtype:<14} {missing:>8}  {}", role(spec, name));
    }
    Ok(())
}

/// Fits the features on the training rows, trains, scores, and writes bundle and report.
///
/// Numbers to predict are standardised unless the specification transforms them; scores are in the
/// units of the table all the same.
pub fn train(plan: Training, train: &impl Frame, valid: &DataFrame) -> Result<Trained> {
    let (common, seed, mut spec) = (plan.common, plan.common.seed(), plan.spec);
    let device = common.device()?;
    let mut features = spec.fit(train)?;
    let target = spec
        .target
        .as_mut()
        .context("the specification names no target")?;
    if features.classes().is_none() && target.transform.is_empty() {
        target.transform.push(TargetStep::Standardise);
        features = spec.fit(train)?;
    }
    if let Some(format) = plan.format {
        features = features.with_format(format);
    }
    for column in features.left_out() {
        crate::say!("{} is left out: {}", column.name, column.reason);
    }
    let (train_table, valid_table) = (features.transform(train)?, features.transform(valid)?);

    let config = match plan.model {
        Model::Linear => TableConfig::linear(&features)?,
        Model::Mlp => TableConfig::Mlp(TabularMlpConfig {
            dropout: 0.1,
            ..TableConfig::mlp(&features)?
        }),
    };
    let network = config.init(seed.child("weights"), &device)?;
    let run = common.run(plan.name)?;
    let batch_size = plan.batch_size.min(train_table.features.rows());
    // A batch norm makes nothing of a last batch of one row.
    let last = match plan.model {
        Model::Linear => LastBatch::Keep,
        Model::Mlp => LastBatch::Drop,
    };
    let watch = Watch::smallest("valid_loss").patience(plan.patience);
    let (order, rows) = (seed.child("order"), 1024);
    let fitted = if let Targets::Classes(_) = train_table.targets {
        let loader = Loader::new(train_table.clone().classification()?, batch_size)?;
        let valid = Loader::for_evaluation(valid_table.clone().classification()?, rows)?;
        common
            .trainer(plan.config, &run)?
            .metric(Accuracy::default())
            .metric(LogLoss::default())
            .metric(Auc::default())
            .watch(watch)
            .fit(
                network,
                &Classification::default(),
                &loader.shuffle(order).last_batch(last),
                Some(&valid),
            )?
    } else {
        let loader = Loader::new(train_table.clone().regression()?, batch_size)?;
        let valid = Loader::for_evaluation(valid_table.clone().regression()?, rows)?;
        common
            .trainer(plan.config, &run)?
            .metric(RegressionMetrics::new(&[RegressionMetric::R2]))
            .watch(watch)
            .fit(
                network,
                &Regression::default(),
                &loader.shuffle(order).last_batch(last),
                Some(&valid),
            )?
    };

    let fitted = unless_interrupted(fitted.finished())?;
    config.save(run.bundle(), &fitted.model, &features)?;
    let predictor = Predictor::new(features, fitted.model, &device)?;
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

    let schema = train.columns()?;
    let names: Vec<&str> = schema.iter_names().map(|name| name.as_str()).collect();
    let targets = predictor.features().target_names().join(", ");
    let report = TableReport {
        title: &format!("Predicting {targets}"),
        spec: &spec,
        columns: &summarise(train, &names)?,
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
