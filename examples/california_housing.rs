//! Regression with a category and missing values: the median house value of a district.
//!
//! Data: the California census of 1990, 20,640 rows, 8 numbers and the distance to the ocean as a
//! word; 207 values are missing. Fetched once.
//! `cargo run --example california_housing`

use anyhow::Result;
use clap::Parser;
use examples::expected;
use examples::table::{Model, Training, print_columns, train};
use tinderbox::data::{Strategy, fetch, split};
use tinderbox::tables::{FeatureSpec, read, take};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("california-housing")?.join("housing.csv.gz"))?.collect()?;
    let seed = args.seed().child("split");
    let parts = split(frame.height(), &[0.8, 0.2], seed, &Strategy::Random)?;
    let training = take(&frame, &parts[0])?;
    let spec = FeatureSpec::infer(&training, "median_house_value")?;
    print_columns(&training, &spec)?;
    let plan = Training {
        name: "california_housing",
        common: &args,
        spec,
        format: None,
        model: Model::Mlp,
    };
    let trained = train(plan, &frame, [&parts[0], &parts[1]])?;
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
