//! The course's competition: prices of houses in Ames from 79 columns, by a linear model.
//!
//! Dive into Deep Learning, chapter "Predicting House Prices on Kaggle": 331 features, Adam with
//! learning rate 5, batches of 64, 100 epochs, 5 folds. The course fits means, deviations and
//! categories on training and test rows together; here that is compared with statistics of the training
//! rows only.
//! `cargo run --example house_prices`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{expected, say, unless_interrupted};
use polars::prelude::{DataFrame, UnionArgs, by_name, concat, lit};
use tinderbox::data::{Strategy, fetch, k_fold};
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, Features, read, take};
use tinderbox::tabular::Predicted;
use tinderbox::train::Metric;

/// Number of folds.
const FOLDS: usize = 5;
/// Number of passes over the training data.
const EPOCHS: usize = 100;
/// Rows whose mean gradient makes one step.
const BATCH_SIZE: usize = 64;
/// A large learning rate, because prices are not standardized here.
const LEARNING_RATE: f64 = 5.0;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let device = args.device()?;
    let folder = fetch("house-prices")?;
    let train = read(folder.join("kaggle_house_pred_train.csv"))?;
    let test = read(folder.join("kaggle_house_pred_test.csv"))?;
    // As in the course: means, deviations and categories are those of both tables.
    let inputs = train.clone().drop(by_name(["SalePrice"], true, false));
    let types = UnionArgs {
        to_supertypes: true,
        ..UnionArgs::default()
    };
    let both = concat([inputs, test.clone()], types)?.with_column(lit(0.0).alias("SalePrice"));
    let (train, both) = (train.collect()?, both.collect()?);
    let spec = FeatureSpec::infer(&train, "SalePrice")?;
    let together = spec.fit(&both)?;
    expected("columns of both tables", 331, together.width());

    let config = TrainConfig {
        epochs: args.epochs.unwrap_or(EPOCHS),
        learning_rate: args.lr.unwrap_or(LEARNING_RATE),
        optimizer: OptimizerConfig::adam().into(),
        seed: args.seed,
        ema_decay: args.ema,
        ..TrainConfig::default()
    };
    let batch_size = args.batch_size.unwrap_or(BATCH_SIZE);
    let fold = |features: Fit| folds(&train, features, &config, batch_size, &device);
    let leaky = fold(Fit::Given(&together))?;
    let honest = fold(Fit::TrainingRows(&spec))?;
    say!("log-RMSE of {FOLDS} folds          training  validation");
    say!(
        "statistics of all rows        {:.4}    {:.4}",
        leaky.0,
        leaky.1
    );
    say!(
        "statistics of training rows   {:.4}    {:.4}",
        honest.0,
        honest.1
    );

    // The submission: one model, trained on all rows that have a price.
    let run = args.run("house_prices")?;
    run.write_config(&config)?;
    let features = spec.fit(&train)?;
    let (model_config, network) = fit(&features, &train, &config, batch_size, &device)?;
    model_config.save(run.bundle(), &network, &features)?;
    let predictor = Predictor::open(run.bundle(), &device)?;
    let Predicted::Numbers(prices) = predictor.predict(&test)? else {
        anyhow::bail!("prices are numbers");
    };
    let test = test.collect()?;
    let ids = test.column("Id")?.i64()?;
    let mut csv = String::from("Id,SalePrice\n");
    for (id, price) in ids.iter().zip(prices.as_slice()) {
        csv += &format!(
            "{},{price}\n",
            id.context("a row of the test table has no Id")?
        );
    }
    let submission = run.folder().join("submission.csv");
    tinderbox::write_atomic(&submission, csv)?;
    say!("submission: {}", submission.display());

    // p5 to p95 of 108 published runs.
    expected(
        "training log-RMSE as in the course",
        "0.1652 to 0.1658",
        format!("{:.4}", leaky.0),
    );
    expected(
        "validation log-RMSE as in the course",
        "0.1702 to 0.1710",
        format!("{:.4}", leaky.1),
    );
    expected(
        "validation log-RMSE without leak",
        "0.1689 to 0.1698 (seeds 0 to 3)",
        format!("{:.4}", honest.1),
    );
    Ok(())
}

/// The rows that the statistics of the features are computed from.
#[derive(Clone, Copy)]
pub enum Fit<'a> {
    /// The features are fitted already.
    Given(&'a Features),
    /// The training rows of each fold.
    TrainingRows(&'a FeatureSpec),
}

/// Mean log-RMSE over the folds: on the training rows, and on the rows held out.
pub fn folds(
    frame: &DataFrame,
    fit_on: Fit,
    config: &TrainConfig,
    batch_size: usize,
    device: &Device,
) -> Result<(f64, f64)> {
    // The course splits the rows in the order of the file.
    let folds = k_fold(frame.height(), FOLDS, Seed::new(0), &Strategy::Consecutive)?;
    let (mut train_sum, mut valid_sum) = (0.0, 0.0);
    for fold in &folds {
        let (train, valid) = (take(frame, &fold.train)?, take(frame, &fold.valid)?);
        let features = match fit_on {
            Fit::Given(features) => features.clone(),
            Fit::TrainingRows(spec) => spec.fit(&train)?,
        };
        let (config, network) = fit(&features, &train, config, batch_size, device)?;
        let predictor = Predictor::new(features, config, network, device)?;
        train_sum += log_rmse(&predictor, &train)?;
        valid_sum += log_rmse(&predictor, &valid)?;
    }
    Ok((train_sum / FOLDS as f64, valid_sum / FOLDS as f64))
}

/// The linear model of the course: prices in dollars, squared error, PyTorch's initial weights.
fn fit(
    features: &Features,
    train: &DataFrame,
    config: &TrainConfig,
    batch_size: usize,
    device: &Device,
) -> Result<(TableConfig, tinderbox::tabular::TableNetwork)> {
    let seed = Seed::new(config.seed);
    let rows = features.transform(train)?.regression()?;
    let model = TableConfig::Linear(LinearRegressionConfig {
        // U(±1/√331)
        initializer: Initializer::PYTORCH,
        ..LinearRegressionConfig::new(features.width())
    });
    let loader = Loader::new(rows, batch_size)?.shuffle(seed.child("order"));
    let network = model.init(seed.child("weights"), device)?;
    let task = Regression::default();
    let trainer = Trainer::new(config.clone())?.stop_flag(StopFlag::on_ctrl_c()?);
    let fitted = trainer.fit(network, &task, &loader, None)?;
    Ok((model, unless_interrupted(fitted.finished())?.model))
}

fn log_rmse(predictor: &Predictor, frame: &DataFrame) -> Result<f64> {
    let truth = predictor.features().transform(frame)?.regression()?;
    let predicted = predictor.predict(frame)?;
    let mut metric = RegressionMetrics::new(&[RegressionMetric::LogRmse]);
    metric.add(predicted.values().as_slice(), truth.targets().as_slice(), 1);
    let (_, value) = metric.values().remove(0);
    Ok(value)
}
