//! What if the data does not fit in memory?

use std::path::Path;

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, StreamLoader, read};

/// Rows that wait to be drawn from.
const BUFFER: usize = 200;

/// Two columns of numbers as they are, and what is to be predicted.
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

/// Read it in pieces, shuffle in a buffer, train as before.
pub fn answer(page: &mut Page, device: &Device, seed: Seed, folder: &Path) -> Result<()> {
    page.section("What if the data does not fit in memory?")?;
    page.text(
        "Then it is read anew in every epoch, and only a buffer of it is held: each row that comes in\n\
         takes the place of a random one, which goes out into a batch. The order is not as random as\n\
         that of all examples, but random enough for a file that is not sorted.",
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

    // `read` has read nothing yet: a frame is a plan, and statistics are one pass over the file.
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
        "The pitfall is a sorted file: with all of one class first, a small buffer shuffles nothing.\n\
         Write it in random order once.",
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
