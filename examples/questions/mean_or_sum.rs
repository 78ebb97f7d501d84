//! Why the mean over the batch and not the sum?

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::prelude::*;
use tinderbox::train::LossReduction;

/// With a sum, the learning rate is multiplied by the batch size.
pub fn answer(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.section("Why the mean over the batch and not the sum?")?;
    page.text(
        "With the mean, the same learning rate fits every batch size. A sum over 100 examples is 100\n\
         times the mean, and its step is 100 times as long. Half the squared error on the course's\n\
         1,000 examples after three epochs with learning rate 0.03:",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
    let whole = Loader::for_evaluation(data.clone(), 1000)?;
    let mut rows = Vec::new();
    for batch_size in [1, 10, 50, 100] {
        let loader = Loader::new(data.clone(), batch_size)?.shuffle(seed.child("order"));
        let mut row = vec![batch_size.to_string()];
        for loss_reduction in [LossReduction::Mean, LossReduction::Sum] {
            let model = LinearRegressionConfig::new(2).init(seed.child("weights"), device)?;
            let config = TrainConfig {
                epochs: 3,
                learning_rate: 0.03,
                loss_reduction,
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
        "The sum is the mean with the learning rate 0.03 x batch size: good for 10, at the limit for\n\
         50, and above 2 / curvature = 2 the loss grows in every step. Do not divide twice, once in the\n\
         loss and once in the update.",
    )
}
