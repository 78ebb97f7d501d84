//! Weight decay: a penalty on large weights, against overfitting.
//!
//! Dive into Deep Learning, chapter "Weight Decay".
//! `cargo run --example weight_decay`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::ridge;
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("weight_decay"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Weight decay")?;
    page.text(
        "y = 0.05 + 0.01 (x1 + ... + x200) + N(0, 0.01): 200 weights and only 20 examples. Infinitely\n\
         many weights fit 20 examples exactly; nearly all of them predict new examples badly.",
    )?;
    let data = synthetic::high_dimensional(200, 120, seed.child("data"))?;
    let part = |range: std::ops::Range<usize>| data.gather(&range.collect::<Vec<_>>());
    let (train, test) = (part(0..20), part(20..120));
    let loader = Loader::new(train.clone(), 5)?.shuffle(seed.child("order"));
    let graph = device.clone().autodiff();

    page.section("The effect")?;
    let mut rows = Vec::new();
    for decay in [0.0, 3.0] {
        let mut draw = seed.child("weights").rng();
        let first: Vec<f32> = (0..200).map(|_| draw.normal() as f32).collect();
        let mut w = Tensor::<2>::from_data(TensorData::new(first, [200, 1]), &graph).require_grad();
        let mut b = Tensor::<2>::zeros([1, 1], &graph).require_grad();
        let loss = |data: &Rows, w: &Tensor<2>, b: &Tensor<2>| -> Result<f64> {
            let x = data.features().clone().into_tensor(device);
            let y = data.targets().clone().into_tensor(device);
            let error = x.matmul(w.clone().inner()) + b.clone().inner() - y;
            Ok((error.square().mean() * 0.5).try_into_scalar()?)
        };
        let (mut on_train, mut on_test) = (Vec::new(), Vec::new());
        for epoch in 0..100 {
            for batch in loader.epoch(epoch, 0, &graph)? {
                let Batch { inputs, targets } = batch?;
                let error = inputs.matmul(w.clone()) + b.clone() - targets;
                // The penalty is on the weights and not on the bias, which cannot overfit.
                let penalty = w.clone().square().sum() * (0.5 * decay);
                let gradients = (error.square().mean() * 0.5 + penalty).backward();
                let dw = w.grad(&gradients).context("w takes part in the loss")?;
                let db = b.grad(&gradients).context("b takes part in the loss")?;
                w = Tensor::from_inner(w.inner() - dw * 0.003).require_grad();
                b = Tensor::from_inner(b.inner() - db * 0.003).require_grad();
            }
            // The reported loss does not contain the penalty.
            on_train.push(loss(&train, &w, &b)?);
            on_test.push(loss(&test, &w, &b)?);
        }
        let norm: f64 = w.clone().inner().square().sum().sqrt().try_into_scalar()?;
        let last = |losses: &[f64]| format!("{:.3e}", losses[losses.len() - 1]);
        rows.push(vec![
            format!("lambda {decay}"),
            last(&on_train),
            last(&on_test),
            format!("{norm:.3}"),
        ]);
        let curves = [
            Series::by_epoch("train", on_train),
            Series::by_epoch("test", on_test),
        ];
        let title = format!("Weight decay, lambda = {decay}");
        let plot = Plot {
            y_scale: Scale::Log,
            ..Plot::new(title).labels("epoch", "half squared error")
        };
        page.figure(&format!("lambda_{decay}"), plot::curves(&plot, &curves)?)?;
    }

    let columns = ["weight decay", "train", "test", "norm of w"];
    page.table(&columns, &rows)?;
    page.text(
        "Without decay the training loss is nearly 0 and the test loss is huge: in every direction that\n\
         the 20 examples do not determine, the weights keep their random initial values. Decay shrinks\n\
         these directions: the training loss is larger, the test loss much smaller.",
    )?;

    page.section("The exact solution")?;
    page.text(
        "For linear regression, weight decay has an exact solution too: ridge regression. The mean over\n\
         20 examples of half the squared error, plus lambda / 2 |w|^2, equals 1 / 40 of the sum of\n\
         squared errors plus 20 lambda |w|^2.",
    )?;
    let rows: Vec<Vec<String>> = [1e-3, 0.03, 1.0, 3.0, 30.0]
        .into_iter()
        .map(|decay| {
            let (x, y) = (train.features().as_slice(), train.targets().as_slice());
            let exact = ridge(x, 200, y, 1, 20.0 * decay)?;
            let predicted = exact.predict(test.features().as_slice())?;
            let errors = predicted.iter().zip(test.targets().as_slice());
            let test_loss = errors
                .map(|(p, y)| (p - f64::from(*y)).powi(2))
                .sum::<f64>()
                / 200.0;
            let norm = exact.weights.iter().map(|w| w * w).sum::<f64>().sqrt();
            Ok(vec![
                decay.to_string(),
                format!("{:.3e}", 0.5 * exact.mse[0]),
                format!("{test_loss:.3e}"),
                format!("{norm:.3}"),
            ])
        })
        .collect::<Result<_>>()?;
    page.table(&["lambda, exact", "train", "test", "norm of w"], &rows)?;
    page.text(
        "Even the smallest lambda works here, since the exact solution is 0 in every direction that no\n\
         example determines. The difficulty for SGD was its random start: after 400 steps with lambda\n\
         3, a factor of 0.991^400 = 0.027 of it is left. A start near 0 is half of the solution.",
    )?;
    page.text(
        "Choose lambda on validation data, which is used neither to train nor to test, like the epoch\n\
         to stop at in `questions -- when_to_stop`.",
    )
}
