//! Why the mean over the batch and not the sum?

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::prelude::*;
use tinderbox::train::Divide;

/// With a sum, the batch size is a hidden factor of the learning rate.
pub fn answer(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.section("Why the mean over the batch and not the sum?")?;
    page.text(
        "So that the learning rate means the same for every batch size. A sum over 100 examples is\n\
         100 times the mean, and so is its step. On the course's 1,000 examples, rate 0.03, three\n\
         epochs, half the squared error afterwards:",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
    let whole = Loader::for_evaluation(data.clone(), 1000)?;
    let mut rows = Vec::new();
    for batch_size in [1, 10, 50, 100] {
        let loader = Loader::new(data.clone(), batch_size)?.shuffle(seed.child("order"));
        let mut row = vec![batch_size.to_string()];
        for divide in [Divide::Examples, Divide::Nothing] {
            let model = LinearRegressionConfig::new(2).init(seed.child("weights"), device)?;
            let config = TrainConfig {
                epochs: 3,
                learning_rate: 0.03,
                divide,
                ..TrainConfig::default()
            };
            let task = Regression {
                loss: Loss::HalfSquared,
            };
            let fitted = Trainer::new(config)?.fit(model, &task, &loader, Some(&whole))?;
            let last = fitted
                .history
                .last()
                .and_then(|record| record.get("valid_loss"));
            row.push(format!(
                "{:.2e}",
                last.context("the whole data set is measured")?
            ));
        }
        rows.push(row);
    }
    page.table(&["batch size", "mean", "sum"], &rows)?;
    page.text(
        "The sum is the mean with a rate 0.03 x batch size: good for 10, at its limit for 50, and past\n\
         2 / curvature = 2 the loss grows with every step. What must not happen is to divide twice,\n\
         once in the loss and once in the update.",
    )
}
