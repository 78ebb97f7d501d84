//! Regression with a category and missing values: the median house value of a district.
//!
//! Data: the California census of 1990, 20,640 rows, 8 numbers and the distance to the ocean as a
//! word; 207 values are missing. Fetched once.
//! `cargo run --release --example california_housing`

use anyhow::Result;
use clap::Parser;
use examples::expected;
use examples::table::{Model, Training, print_columns, train};
use tinderbox::data::{FeatureSpec, Strategy, fetch, read, split, take};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("california-housing")?.join("housing.csv.gz"))?.collect()?;
    let seed = args.seed().child("split");
    let parts = split(frame.height(), &[0.8, 0.2], seed, &Strategy::Random)?;
    let (training, valid) = (take(&frame, &parts[0])?, take(&frame, &parts[1])?);

    let spec = FeatureSpec::infer(&training, "median_house_value")?;
    print_columns(&training, &spec)?;
    let plan = Training {
        name: "california_housing",
        common: &args,
        spec,
        format: None,
        model: Model::Mlp,
        config: TrainConfig {
            epochs: args.epochs.unwrap_or(30),
            learning_rate: args.lr.unwrap_or(3e-3),
            optimizer: OptimizerConfig::by_name("adamw")?,
            seed: args.seed,
            ..TrainConfig::default()
        },
        batch_size: args.batch_size.unwrap_or(256),
        patience: 8,
    };
    let trained = train(plan, &training, &valid)?;
    trained.print();
    expected(
        "validation RMSE",
        format!(
            "below the exact linear {:.0} dollars",
            trained.exact("rmse")?
        ),
        format!("{:.0}", trained.valid("rmse")?),
    );
    Ok(())
}
