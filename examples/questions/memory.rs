//! What if the data does not fit in memory?

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::{BatchIterator, DataError, synthetic};
use tinderbox::optim::Loss;
use tinderbox::prelude::*;

/// Read it in pieces, shuffle in a buffer, train as before.
pub fn answer(page: &mut Page, device: &Device, seed: Seed, folder: &Path) -> Result<()> {
    page.section("What if the data does not fit in memory?")?;
    page.text(
        "Then it is read in every epoch, and only a buffer of it is held: a batch is drawn from the\n\
         buffer at random, and what was drawn is replaced by what comes next in the file. The order\n\
         is not as random as that of all examples, but random enough for a file that is not sorted.",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 4000, seed.child("data"))?;
    let file = folder.join("examples.csv");
    tinderbox::write_atomic_with(&file, |out| {
        for row in 0..data.len() {
            let x = data.features().row(row);
            writeln!(out, "{},{},{}", x[0], x[1], data.targets().row(row)[0])?;
        }
        Ok(())
    })?;
    let stream = Stream {
        file,
        rows: 4000,
        batch_size: 10,
        buffer: 200,
        seed: seed.child("order"),
    };
    let memory = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    let whole = Loader::for_evaluation(data, 4000)?;

    let from_memory = train(&memory, &whole, device, seed);
    let from_file = train(&stream, &whole, device, seed);
    // Removed before an error is passed on, so that nothing is left behind.
    std::fs::remove_file(&stream.file)?;
    page.show("rows in the file", &stream.rows)?;
    page.show("rows held at a time", &(stream.buffer + stream.batch_size))?;
    page.show("loss, all in memory", &format!("{:.6}", from_memory?))?;
    page.show("loss, from the file", &format!("{:.6}", from_file?))?;
    page.text(
        "The pitfall is a sorted file: with all of one class first, a buffer shuffles nothing. Write\n\
         it in random order once. Means and standard deviations need a pass of their own, before.",
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
    let last = fitted
        .history
        .last()
        .and_then(|record| record.get("valid_loss"));
    last.context("the whole data set is measured")
}

/// Batches from a file of three numbers a line, of which only a buffer is held.
struct Stream {
    file: PathBuf,
    rows: usize,
    batch_size: usize,
    buffer: usize,
    seed: Seed,
}

impl Batches for Stream {
    type Batch = Batch;

    fn examples(&self) -> Option<usize> {
        Some(self.rows)
    }

    fn batches(&self) -> Option<usize> {
        Some(self.rows.div_ceil(self.batch_size))
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Batch>, DataError> {
        let wrong = |problem: String| DataError::Format {
            path: self.file.clone(),
            problem,
        };
        let file = File::open(&self.file).map_err(|error| wrong(error.to_string()))?;
        let mut lines = BufReader::new(file).lines();
        let mut next_row = move || {
            let line = lines.next()?;
            let row = line.map_err(|error| error.to_string()).and_then(|line| {
                let numbers: Result<Vec<f32>, _> = line.split(',').map(str::parse).collect();
                numbers.map_err(|error| format!("'{line}': {error}"))
            });
            Some(row)
        };
        let mut draw = self.seed.at(epoch as u64).rng();
        let mut buffer: Vec<Vec<f32>> = Vec::with_capacity(self.buffer + 1);
        let device = device.clone();
        let batches = std::iter::from_fn(move || {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            while targets.len() < self.batch_size {
                while buffer.len() < self.buffer {
                    match next_row() {
                        Some(Ok(row)) => buffer.push(row),
                        Some(Err(problem)) => return Some(Err(wrong(problem))),
                        None => break,
                    }
                }
                if buffer.is_empty() {
                    break;
                }
                let row = buffer.swap_remove(draw.below(buffer.len() as u64) as usize);
                inputs.extend_from_slice(&row[..2]);
                targets.push(row[2]);
            }
            let count = targets.len();
            (count > 0).then(|| {
                Ok(Batch {
                    inputs: Values::new(inputs, 2)?.into_tensor(&device),
                    targets: Values::new(targets, 1)?.into_tensor(&device),
                })
            })
        });
        Ok(Box::new(batches.skip(skip)))
    }
}
