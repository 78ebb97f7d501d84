//! Minibatch SGD by hand.

use anyhow::{Context, Result, ensure};
use tinderbox::nn::lessons::{accuracy, cross_entropy, softmax};
use tinderbox::prelude::*;
use tinderbox::train::{EpochRecord, History, Mean};

use super::{Data, SeedRun, Settings};

/// Minibatch SGD. `network` returns the logits of images; in training it also gets a seed for its random draws.
pub fn train<const N: usize>(
    settings: &Settings,
    data: &Data,
    run: &SeedRun,
    mut parameters: [Tensor<2>; N],
    mut network: impl FnMut(&[Tensor<2>; N], Tensor<4>, Option<Seed>) -> Tensor<2>,
) -> Result<History> {
    let device = run.device.clone().autodiff();
    let seed = Seed::new(run.seed);
    let (train, test) = data.loaders(settings.batch_size, seed)?;
    let mut history = History::default();
    for epoch in 0..settings.epochs {
        let started = std::time::Instant::now();
        let draws = seed.child("draws").at(epoch as u64);
        let (mut losses, mut right, mut tested) =
            (Mean::default(), Mean::default(), Mean::default());
        for (step, batch) in train.epoch(epoch, 0, &device)?.enumerate() {
            let Batch { inputs, targets } = batch?;
            let examples = targets.dims()[0];
            let logits = network(&parameters, inputs, Some(draws.at(step as u64)));
            right.add(accuracy(logits.clone(), targets.clone()), examples);
            // The mean over the examples of this batch: the last one is shorter.
            let loss = cross_entropy(softmax(logits), targets).mean();
            let gradients = loss.backward();
            for parameter in &mut parameters {
                let gradient = parameter.grad(&gradients);
                let gradient = gradient.context("every parameter takes part in the loss")?;
                let moved = parameter.clone().inner() - gradient * settings.learning_rate;
                *parameter = Tensor::from_inner(moved).require_grad();
            }
            let loss: f64 = loss.into_scalar();
            ensure!(
                loss.is_finite(),
                "the loss is {loss} in epoch {}, step {}",
                epoch + 1,
                step + 1
            );
            losses.add(loss, examples);
        }
        for batch in test.epoch(0, 0, &device)? {
            let Batch { inputs, targets } = batch?;
            let logits = network(&parameters, inputs, None);
            tested.add(accuracy(logits, targets.clone()), targets.dims()[0]);
        }
        let metric = |name: &str, mean: Mean| (name.to_string(), mean.value());
        history.epochs.push(EpochRecord {
            epoch: epoch + 1,
            step: (epoch + 1) * train.num_batches(),
            learning_rate: settings.learning_rate,
            metrics: vec![
                metric("train_loss", losses),
                metric("train_accuracy", right),
                metric("valid_accuracy", tested),
            ],
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    Ok(history)
}
