//! How do I find a learning rate?

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::prelude::*;
use tinderbox::train::LrFinder;

/// A learning-rate range test, then a few values near its suggestion.
pub fn answer(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.section("How do I find a learning rate?")?;
    page.text(
        "Increase it from step to step and record the loss: first it stays, then it falls, then it\n\
         diverges. Take a learning rate where the loss falls fastest. That takes a hundred steps; then\n\
         try a third of it, and three times as much.",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
    let loader = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    let whole = Loader::for_evaluation(data, 1000)?;
    let model = LinearRegressionConfig::new(2).init(seed.child("weights"), device)?;
    let task = Regression {
        loss: Loss::HalfSquared,
    };
    let config = TrainConfig::default();
    let search = LrFinder {
        lowest: 1e-4,
        ..LrFinder::default()
    }
    .search(&model, &task, &config, &loader)?;
    let found = search.suggestion.context("the loss falls at some rate")?;
    page.show("rate where the loss falls fastest", &format!("{found:.3}"))?;
    page.figure("learning_rate", search.plot()?)?;

    let mut rows = Vec::new();
    for rate in [0.0003, 0.003, 0.03, 0.3, found / 3.0, found, 3.0 * found] {
        let config = TrainConfig {
            epochs: 3,
            learning_rate: rate,
            ..TrainConfig::default()
        };
        let trainer = Trainer::new(config)?;
        // A loss that is not a number stops training with an error that names the step.
        let loss = match trainer.fit(model.clone(), &task, &loader, Some(&whole)) {
            Ok(fitted) => {
                let last = fitted
                    .history
                    .last()
                    .and_then(|record| record.get("valid_loss"));
                format!("{:.2e}", last.context("the whole data set is measured")?)
            }
            Err(_) => "not a number".to_owned(),
        };
        rows.push(vec![format!("{rate:.4}"), loss]);
    }
    page.table(&["rate", "loss after 3 epochs"], &rows)
}
