//! Classification with missing values: the species of a penguin from its measurements.
//!
//! Data: Palmer penguins, 344 rows, 19 missing values; it ships with this repository.
//! `cargo run --release --example penguins`

use anyhow::Result;
use clap::Parser;
use examples::expected;
use examples::table::{Model, Training, print_columns, train};
use tinderbox::data::{FeatureSpec, Strategy, fetch, read, split, take};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("penguins")?.join("penguins.csv"))?.collect()?;
    // Every species has the same share of the rows held out.
    let species = Strategy::stratified(&frame, "species")?;
    let parts = split(
        frame.height(),
        &[0.75, 0.25],
        args.seed().child("split"),
        &species,
    )?;
    let (training, valid) = (take(&frame, &parts[0])?, take(&frame, &parts[1])?);

    let spec = FeatureSpec::infer(&training, "species")?;
    print_columns(&training, &spec)?;
    let plan = Training {
        name: "penguins",
        common: &args,
        spec,
        format: None,
        model: Model::Linear,
        config: TrainConfig {
            epochs: args.epochs.unwrap_or(100),
            learning_rate: args.lr.unwrap_or(0.05),
            optimizer: OptimizerConfig::by_name("adam")?,
            seed: args.seed,
            ..TrainConfig::default()
        },
        batch_size: args.batch_size.unwrap_or(32),
        patience: 20,
    };
    let trained = train(plan, &training, &valid)?;
    trained.print();
    expected(
        "validation accuracy",
        "0.97 to 1.00",
        format!("{:.4}", trained.valid("accuracy")?),
    );
    Ok(())
}
