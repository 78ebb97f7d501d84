//! Classification with missing values: the species of a penguin from its measurements.
//!
//! Data: Palmer penguins, 344 rows, 19 missing values; it ships with this repository.
//! `cargo run --example penguins`

use anyhow::Result;
use clap::Parser;
use examples::read_args::{print_columns, print_trained};
use examples::{expected, unless_interrupted};
use tinderbox::data::fetch;
use tinderbox::tables::{FeatureSpec, read};
use tinderbox::tabular::{Model, Training};

/// The share of the rows of every species for validation, and that for the test.
const SHARE: f64 = 0.2;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let frame = read(fetch("penguins")?.join("penguins.csv"))?.collect()?;

    // Types alone decide how the columns are used; statistics are fitted on the training rows.
    let spec = FeatureSpec::infer(&frame, "species")?;
    print_columns(&frame, &spec)?;
    let training = Training::new(spec)
        .model(Model::Linear)
        .validation_share(SHARE)
        .test_share(SHARE);
    let training = args.tabular("penguins", training)?;
    let trained = unless_interrupted(training.fit_split(&frame))?;

    print_trained(&trained);
    let accuracy = trained.test("accuracy")?;
    expected("test accuracy", "0.97 to 1.00", format!("{accuracy:.4}"));
    Ok(())
}
