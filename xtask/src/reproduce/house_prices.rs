//! Chapter "Predicting House Prices on Kaggle": a linear model on 331 features.
//!
//! Squared error of raw prices, Adam with learning rate 5, batch size 64, 100 epochs; five consecutive folds; the
//! metric is the root mean squared error of the logarithms, with prices below 1 taken as 1. As in the chapter, numbers
//! are standardized over the training *and* the test table, which leaks information (though no labels); in your own
//! work fit on the training rows alone.

use anyhow::{Result, ensure};
use tinderbox::data::{Strategy, fetch, k_fold};
use tinderbox::prelude::*;
use tinderbox::tables::{ColumnSpec, ColumnType, FeatureSpec, ReadOptions};

use super::{Experiment, SeedRun, Work, at_most};

pub const EXPERIMENTS: &[Experiment] = &[Experiment {
    name: "kaggle-house-price",
    seeds: (15, 3),
    bands: &[
        at_most("train, mean of 5 folds", 0.1652, 0.1655, 0.1658),
        at_most("valid, mean of 5 folds", 0.1702, 0.1706, 0.1710),
        at_most("train, all rows", 0.1622, 0.1625, 0.1628),
    ],
    work: Work::Measure(house_prices),
}];

fn house_prices(run: &SeedRun) -> Result<Vec<f64>> {
    let data = table()?;
    let seed = Seed::new(run.seed);
    let all: Vec<usize> = (0..data.len()).collect();
    let (mut train, mut valid) = (0.0, 0.0);
    for fold in &k_fold(data.len(), 5, seed, &Strategy::Consecutive)? {
        let model = fit(&data.gather(&fold.train), seed, &run.device)?;
        train += log_rmse(&model, &data.gather(&fold.train), &run.device)? / 5.0;
        valid += log_rmse(&model, &data.gather(&fold.valid), &run.device)? / 5.0;
    }
    let model = fit(&data.gather(&all), seed, &run.device)?;
    Ok(vec![train, valid, log_rmse(&model, &data, &run.device)?])
}

/// The training table as 331 features and raw prices.
fn table() -> Result<Rows> {
    let folder = fetch("house-prices")?;
    // "None" is a value here (no masonry), and only "NA" is a missing one.
    let mut options = ReadOptions::default().null_values(["NA"]);
    let train = options
        .read(folder.join("kaggle_house_pred_train.csv"))?
        .collect()?;
    let mut spec = FeatureSpec::infer(&train, "SalePrice")?;
    // A column of whole numbers in one table has gaps in the other: both are read as numbers.
    for column in &spec.columns {
        if let ColumnSpec::Numeric(numeric) = column {
            options = options.column_type(&numeric.name, ColumnType::Float);
        }
    }
    let train = options
        .read(folder.join("kaggle_house_pred_train.csv"))?
        .collect()?;
    let test = options
        .read(folder.join("kaggle_house_pred_test.csv"))?
        .collect()?;
    let prices = spec.fit(&train)?.transform(&train)?.regression()?;
    let both = train.drop("SalePrice")?.vstack(&test)?;
    spec.target = None;
    let features = spec.fit(&both)?;
    ensure!(
        features.width() == 331,
        "331 features, but there are {}",
        features.width()
    );
    Ok(Rows::new(
        features.transform(&train)?.features,
        prices.targets().clone(),
    )?)
}

fn fit(data: &Rows, seed: Seed, device: &Device) -> Result<LinearRegression> {
    let width = data.features().width();
    let loader = Loader::new(data.clone(), 64)?.shuffle(seed.child("order"));
    let config = LinearRegressionConfig {
        initializer: Initializer::Uniform {
            bound: 1.0 / (width as f64).sqrt(),
        },
        ..LinearRegressionConfig::new(width)
    };
    let model = config.init(seed.child("weights"), device)?;
    let config = TrainConfig {
        epochs: 100,
        learning_rate: 5.0,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    Ok(Trainer::new(config)?
        .fit(model, &Regression::default(), &loader, None)?
        .model)
}

/// The root of the mean squared difference of the logarithms of predicted and true prices.
fn log_rmse(model: &LinearRegression, data: &Rows, device: &Device) -> Result<f64> {
    let predicted = model.predict(data.features().clone().into_tensor(device))?;
    let predicted: Vec<f32> = predicted.try_into_vec_as()?;
    let pairs = predicted.iter().zip(data.targets().as_slice());
    let errors = pairs.map(|(p, y)| (f64::from(*p).max(1.0).ln() - f64::from(*y).ln()).powi(2));
    Ok((errors.sum::<f64>() / data.len() as f64).sqrt())
}
