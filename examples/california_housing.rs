//! Regression with a category and missing values: the median house value of a district.
//!
//! Data: the California census of 1990, 20,640 rows, 8 numbers and the distance to the ocean as a
//! category; 207 values are missing. Fetched once.
//! `cargo run --example california_housing`

use anyhow::Result;
use clap::Parser;
use examples::read_args::{print_columns, print_trained};
use examples::{expected, unless_interrupted};
use tinderbox::data::fetch;
use tinderbox::tables::{FeatureSpec, read};
use tinderbox::tabular::{Model, Training};

/// The share of the rows for validation, and that for the test.
const SHARE: f64 = 0.2;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("california-housing")?.join("housing.csv.gz"))?.collect()?;

    // Types alone decide how the columns are used; statistics are fitted on the training rows.
    let spec = FeatureSpec::infer(&frame, "median_house_value")?;
    print_columns(&frame, &spec)?;
    let training = Training::new(spec)
        .model(Model::Mlp)
        .validation_share(SHARE)
        .test_share(SHARE);
    let training = args.tabular("california_housing", training)?;
    let trained = unless_interrupted(training.fit_split(&frame))?;

    print_trained(&trained);
    let (exact, rmse) = (trained.exact("rmse")?, trained.test("rmse")?);
    let line = format!("below the exact linear {exact:.0} dollars");
    expected("test RMSE", line, format!("{rmse:.0}"));
    Ok(())
}
