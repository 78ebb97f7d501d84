//! Classification with missing values: the species of a penguin from its measurements.
//!
//! Data: Palmer penguins, 344 rows, 19 missing values; it ships with this repository.
//! `cargo run --example penguins`

use anyhow::Result;
use clap::Parser;
use examples::expected;
use examples::table::{Model, Training, print_columns, train};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::tables::{FeatureSpec, read, stratified_by, take};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("penguins")?.join("penguins.csv"))?.collect()?;
    // Every species has the same share of the rows held out.
    let species = stratified_by(&frame, "species")?;
    let parts = split(
        frame.height(),
        &[0.75, 0.25],
        args.seed().child("split"),
        &species,
    )?;
    let training = take(&frame, &parts[0])?;
    let spec = FeatureSpec::infer(&training, "species")?;
    print_columns(&training, &spec)?;
    let plan = Training {
        name: "penguins",
        common: &args,
        spec,
        format: None,
        model: Model::Linear,
    };
    let trained = train(plan, &frame, [&parts[0], &parts[1]])?;
    trained.print();
    expected(
        "validation accuracy",
        "0.97 to 1.00",
        format!("{:.4}", trained.valid("accuracy")?),
    );
    Ok(())
}
