//! Data preprocessing: from a file with missing values and categories to a tensor of numbers.
//!
//! Dive into Deep Learning, chapter "Preliminaries: Data Preprocessing".
//! `cargo run --example preprocessing`

use std::path::Path;

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use polars::prelude::*;
use tinderbox::data::Values;
use tinderbox::prelude::Device;
use tinderbox::tables::{FeatureSpec, read};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| "runs/preprocessing".into());
    lesson(&mut args.page("preprocessing"), &args.device()?, &folder)
}

pub fn lesson(page: &mut Page, device: &Device, folder: &Path) -> Result<()> {
    page.title("Data preprocessing")?;

    page.section("A file")?;
    // Four houses. The file writes NA for a missing value. A reader has to know such markers, and
    // Tinderbox's knows this one and a few others; otherwise NA would be text, and so would be the
    // whole column of numbers.
    let text = "NumRooms,Alley,Price\nNA,Pave,127500\n2,NA,106000\n4,NA,178100\nNA,NA,140000\n";
    let file = folder.join("house_tiny.csv");
    tinderbox::write_atomic(&file, text)?;
    let houses = read(&file)?.collect()?;
    page.show("rows and columns", &[houses.height(), houses.width()])?;
    page.show("NumRooms", &column_text(&houses, "NumRooms")?)?;
    page.show("Alley", &column_text(&houses, "Alley")?)?;
    page.show("Price", &column_text(&houses, "Price")?)?;

    page.section("Missing numbers: the mean of the others")?;
    // Only numeric columns have a mean. Compute it from the training rows alone: a mean that includes
    // the test rows leaks information about them.
    let filled = houses
        .clone()
        .lazy()
        .with_column(col("NumRooms").cast(DataType::Float64));
    let filled = filled.with_column(col("NumRooms").fill_null(col("NumRooms").mean()));
    let filled = filled.collect()?;
    page.show("NumRooms, filled", &column_text(&filled, "NumRooms")?)?;

    page.section("Categories: a column for each, and one for \"missing\"")?;
    // Missing is a category of its own: an empty alley may mean that the house has none.
    let one_hot = filled.lazy().select([
        col("NumRooms"),
        col("Alley")
            .eq(lit("Pave"))
            .fill_null(lit(false))
            .cast(DataType::Float64)
            .alias("Alley_Pave"),
        col("Alley")
            .is_null()
            .cast(DataType::Float64)
            .alias("Alley_nan"),
        col("Price").cast(DataType::Float64),
    ]);
    let one_hot = one_hot.collect()?;
    page.show("Alley_Pave", &column_text(&one_hot, "Alley_Pave")?)?;
    page.show("Alley_nan", &column_text(&one_hot, "Alley_nan")?)?;

    page.section("A tensor")?;
    // A table stores column after column, a tensor row after row.
    let inputs = ["NumRooms", "Alley_Pave", "Alley_nan"];
    let by_hand = row_major(&one_hot, &inputs)?;
    let prices = row_major(&one_hot, &["Price"])?;
    page.show("X", &by_hand.clone().into_tensor(device))?;
    page.show("y", &prices.into_tensor(device).reshape([4]))?;

    page.section("The same with a feature spec")?;
    page.text(
        "Every house to predict for needs the same steps, with the same mean and the same columns. A\n\
         feature spec describes them once, is fitted once, and is saved with the model.",
    )?;
    let spec = FeatureSpec::from_toml(SPEC)?;
    let features = spec.fit(&houses)?;
    let rows = features.transform(&houses)?.regression()?;
    let names = features.outputs().iter().map(|output| output.name.as_str());
    page.show("columns", &names.collect::<Vec<_>>().join(", "))?;
    page.show("equal to X by hand", &(*rows.features() == by_hand))?;
    // A new house: its missing number becomes the mean of the four, and an unknown category becomes a
    // row of zeros. By hand it would have become one more column, which no model could use.
    let next = df!("NumRooms" => [None::<i64>], "Alley" => ["Gravel"])?;
    let next = features.transform(&next)?.features;
    page.show("a new house", &next.into_tensor(device))?;

    page.section("Another file")?;
    page.text(
        "Later editions of the course have a roof instead of the alley. One name in the spec changes.",
    )?;
    let text = "NumRooms,RoofType,Price\nNA,NA,127500\n2,NA,106000\n4,Slate,178100\nNA,NA,140000\n";
    tinderbox::write_atomic(&file, text)?;
    let roofs = read(&file)?.collect()?;
    let features = FeatureSpec::from_toml(&SPEC.replace("Alley", "RoofType"))?.fit(&roofs)?;
    let rows = features.transform(&roofs)?.regression()?;
    page.show("X with roofs", &rows.features().clone().into_tensor(device))
}

/// How columns become features, as in a TOML file.
const SPEC: &str = r#"
    [target]
    columns = ["Price"]

    [[column]]
    name = "NumRooms"
    kind = "numeric"
    impute = "mean"

    [[column]]
    name = "Alley"
    kind = "category"
"#;

/// The values of a column as text.
fn column_text(frame: &DataFrame, column: &str) -> Result<String> {
    let column = frame.column(column)?;
    let values: PolarsResult<Vec<String>> = (0..column.len())
        .map(|row| Ok(column.get(row)?.str_value().into_owned()))
        .collect();
    Ok(format!("[{}]", values?.join(", ")))
}

/// Numeric columns without missing values as rows of f32.
fn row_major(frame: &DataFrame, columns: &[&str]) -> Result<Values> {
    let mut values = vec![0.0; frame.height() * columns.len()];
    for (index, name) in columns.iter().enumerate() {
        let column = frame.column(name)?.f64()?;
        for (row, value) in column.iter().enumerate() {
            values[row * columns.len() + index] = value.unwrap_or(f64::NAN) as f32;
        }
    }
    Ok(Values::new(values, columns.len())?)
}
