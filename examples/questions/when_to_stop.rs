//! When do I stop?

use anyhow::{Context, Result};
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::Loss;
use tinderbox::plot::{self, Plot, Series};
use tinderbox::prelude::*;

/// Early stopping: when the validation loss has not improved for some epochs.
pub fn answer(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.section("When do I stop?")?;
    page.text(
        "When the loss on validation examples does not fall any more. Here with 50 inputs, 60 examples\n\
         and much noise: the training loss keeps falling, while the validation loss rises again. The\n\
         patience covers noisy epochs, and the best weights are kept.",
    )?;
    let weights = [0.2; 50];
    let data = synthetic::linear(&weights, 1.0, 1.0, 560, seed.child("data"))?;
    let part = |range: std::ops::Range<usize>| data.gather(&range.collect::<Vec<_>>());
    let train = Loader::new(part(0..60), 10)?.shuffle(seed.child("order"));
    let valid = Loader::for_evaluation(part(60..160), 100)?;
    let test = Loader::for_evaluation(part(160..560), 400)?;
    let task = Regression {
        loss: Loss::Squared,
    };
    let fit = |patience: Option<usize>, epochs: usize| -> Result<_> {
        let model = LinearRegressionConfig::new(50).init(seed.child("weights"), device)?;
        let config = TrainConfig {
            epochs,
            learning_rate: 0.02,
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::new(config)?;
        if let Some(epochs) = patience {
            trainer = trainer.monitor(Monitor::min("valid_loss").patience(epochs));
        }
        Ok(trainer.fit(model, &task, &train, Some(&valid))?)
    };
    let all = fit(None, 400)?;
    let stopped = fit(Some(20), 400)?;
    let (best, loss) = stopped.best.context("an epoch was the best")?;
    page.show("epochs without stopping", &all.history.epochs.len())?;
    page.show(
        "epochs with a patience of 20",
        &stopped.history.epochs.len(),
    )?;
    page.show("best epoch", &best)?;
    page.show("its validation loss", &format!("{loss:.3}"))?;
    // The validation loss was used to choose the epoch, so it is too optimistic. A test set that is
    // used only once gives an unbiased loss.
    page.show(
        "test loss without stopping",
        &format!("{:.3}", squared_error(&all.model, &test, device)?),
    )?;
    page.show(
        "test loss of the best weights",
        &format!("{:.3}", squared_error(&stopped.model, &test, device)?),
    )?;
    let curve = |figure, name| Series::new(name, all.history.series(figure));
    let lines = [
        curve("train_loss", "train"),
        curve("valid_loss", "validation"),
    ];
    let plot = Plot {
        y_range: Some((0.0, 7.0)),
        ..Plot::new("Training for too long").labels("epoch", "squared error")
    };
    page.figure("when_to_stop", plot::curves(&plot, &lines)?)
}

/// The mean squared error on all examples of a loader.
fn squared_error(model: &LinearRegression, data: &Loader<Rows>, device: &Device) -> Result<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for batch in data.epoch(0, 0, device)? {
        let Batch { inputs, targets } = batch?;
        count += targets.dims()[0];
        let error = model.forward(inputs) - targets;
        sum += error.square().sum().try_into_scalar::<f64>()?;
    }
    Ok(sum / count as f64)
}
