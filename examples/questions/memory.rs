//! What if the data does not fit in memory?

use std::path::Path;

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, StreamLoader, read};

/// Rows in the shuffle buffer.
const BUFFER: usize = 200;

/// Two numeric columns, not scaled, and the target.
const SPEC: &str = r#"
    [target]
    columns = ["y"]

    [[column]]
    name = "x1"
    kind = "numeric"

    [[column]]
    name = "x2"
    kind = "numeric"
"#;

/// Reads the file in pieces, shuffles in a buffer, and trains as from memory.
pub fn answer(page: &mut Page, device: &Device, seed: Seed, folder: &Path) -> Result<()> {
    page.section("What if the data does not fit in memory?")?;
    page.text(
        "Read the file again in every epoch, and keep only a buffer in memory: each new row replaces a\n\
         random row of the buffer, which goes into a batch. The order is less random than a full\n\
         shuffle, but random enough if the file is not sorted.",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 4000, seed.child("data"))?;
    let file = folder.join("examples.csv");
    tinderbox::write_atomic_with(&file, |out| {
        writeln!(out, "x1,x2,y")?;
        for row in 0..data.len() {
            let x = data.features().row(row);
            writeln!(out, "{},{},{}", x[0], x[1], data.targets().row(row)[0])?;
        }
        Ok(())
    })?;
    let memory = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    let whole = Loader::for_evaluation(data, 4000)?;
    let from_memory = train(&memory, &whole, device, seed)?;

    // `read` reads lazily; the statistics take one pass over the file.
    let frame = read(&file)?;
    let features = FeatureSpec::from_toml(SPEC)?.fit(&frame)?;
    let stream = StreamLoader::<Values>::new(frame, features, 10)?;
    let stream = stream.shuffle(seed.child("order"), BUFFER);
    let from_file = train(&stream, &whole, device, seed)?;
    std::fs::remove_file(&file)?;

    page.show(
        "rows in the file",
        &stream.examples().context("the rows were counted")?,
    )?;
    page.show("rows in the buffer", &BUFFER)?;
    page.show("loss, all in memory", &format!("{from_memory:.6}"))?;
    page.show("loss, from the file", &format!("{from_file:.6}"))?;
    page.text(
        "The pitfall is a sorted file: if all rows of one class come first, a small buffer cannot mix\n\
         them. Write such a file in random order once.",
    )
}

/// Half the squared error after an epoch.
fn train(
    batches: &dyn Batches<Batch = Batch>,
    whole: &Loader<Rows>,
    device: &Device,
    seed: Seed,
) -> Result<f64> {
    let model = LinearRegressionConfig::new(2).init(seed.child("weights"), device)?;
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 0.03,
        ..TrainConfig::default()
    };
    let task = Regression {
        loss: Loss::HalfSquared,
    };
    let fitted = Trainer::new(config)?.fit(model, &task, batches, Some(whole))?;
    let last = fitted.history.last();
    last.and_then(|record| record.get("valid_loss"))
        .context("the whole data set is measured")
}
