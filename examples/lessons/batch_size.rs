//! Batch size: its effect on time, gradient noise and result, and three ways to handle the last batch.
//!
//! Dive into Deep Learning, chapters "Linear Regression" and "Minibatch Stochastic Gradient Descent".
//! `cargo run --example batch_size`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::Timer;
use tinderbox::data::synthetic;
use tinderbox::plot::{self, Plot};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("batch_size"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Batch size")?;
    why_batches(page, device)?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
    time_and_result(page, device, &data, seed)?;
    noise_of_the_gradient(page, &data, seed)?;
    the_last_batch(page, device, &data, seed)
}

fn why_batches(page: &mut Page, device: &Device) -> Result<()> {
    page.section("Why batches at all")?;
    page.text("Adding two vectors of 10,000 numbers, one element at a time and in one operation:")?;
    let (a, b) = (
        Tensor::<1>::ones([10_000], device),
        Tensor::<1>::ones([10_000], device),
    );
    let mut timer = Timer::new();
    let parts: Vec<Tensor<1>> = (0..10_000)
        .map(|i| a.clone().slice(i..i + 1) + b.clone().slice(i..i + 1))
        .collect();
    let one_by_one = Tensor::cat(parts, 0).try_into_vec_as::<f32>()?;
    let slow = timer.stop().as_secs_f64();
    let at_once = (a + b).try_into_vec_as::<f32>()?;
    let fast = timer.stop().as_secs_f64();
    page.show("same result", &(one_by_one == at_once))?;
    page.show("one by one", &format!("{:.3} ms", 1e3 * slow))?;
    page.show("at once", &format!("{:.3} ms", 1e3 * fast))?;
    page.show("times faster", &format!("{:.0}", slow / fast))?;
    page.show("both together", &format!("{:.3} ms", 1e3 * timer.total()))
}

fn time_and_result(page: &mut Page, device: &Device, data: &Rows, seed: Seed) -> Result<()> {
    page.section("Does the batch size change the result?")?;
    page.text(
        "Three epochs with the same learning rate: large batches take few steps and do not converge.\n\
         With a learning rate that grows with the batch size, as far as it stays stable, they nearly\n\
         catch up. Small batches take more time for an epoch: every step has a fixed cost.",
    )?;
    let mut rows = Vec::new();
    for (batch_size, rate) in [
        (1, 0.03),
        (10, 0.03),
        (100, 0.03),
        (1000, 0.03),
        (100, 0.3),
        (1000, 0.9),
    ] {
        let mut timer = Timer::new();
        let loader = Loader::new(data.clone(), batch_size)?.shuffle(seed.child("order"));
        let fit = descend(&loader, rate, 3, None, device)?;
        let epoch = timer.stop().as_secs_f64() / 3.0;
        rows.push(vec![
            format!("{batch_size}, rate {rate}"),
            (3 * loader.num_batches()).to_string(),
            format!("{:.1}", 1e3 * epoch),
            format!("{:.6}", fit.loss(data)),
        ]);
    }
    page.table(&["batch size", "steps", "ms/epoch", "loss"], &rows)?;
    page.text(
        "The noise in the data alone gives a loss of about 0.00005, which is the lower limit.",
    )
}

fn noise_of_the_gradient(page: &mut Page, data: &Rows, seed: Seed) -> Result<()> {
    page.section("Noise")?;
    page.text(
        "The gradient of a batch is an estimate of the gradient over all examples. Its noise falls\n\
         with the square root of the batch size: half the noise takes four times the work.",
    )?;
    // At w = 0, b = 0 the gradient along w1 of half the squared error is the mean of -y x1.
    let slope = |row: usize| -f64::from(data.targets().row(row)[0] * data.features().row(row)[0]);
    let mut draw = seed.child("noise").rng();
    let mut rows = Vec::new();
    for batch_size in [1, 4, 16, 64, 256] {
        let guesses: Vec<f64> = (0..2000)
            .map(|_| {
                let drawn = (0..batch_size).map(|_| slope(draw.below(data.len() as u64) as usize));
                drawn.sum::<f64>() / batch_size as f64
            })
            .collect();
        let mean = guesses.iter().sum::<f64>() / 2000.0;
        let variance = guesses
            .iter()
            .map(|guess| (guess - mean).powi(2))
            .sum::<f64>()
            / 2000.0;
        let noise = variance.sqrt();
        rows.push(vec![
            batch_size.to_string(),
            format!("{mean:.2}"),
            format!("{noise:.3}"),
            format!("{:.2}", noise * f64::from(batch_size).sqrt()),
        ]);
        if [4, 64].contains(&batch_size) {
            let title = format!("2,000 batches of {batch_size}");
            let plot = Plot {
                x_range: Some((-25.0, 15.0)),
                ..Plot::new(title).labels("gradient along w1", "batches")
            };
            page.figure(
                &format!("noise_{batch_size}"),
                plot::histogram(&plot, &guesses, Some(40))?,
            )?;
        }
    }
    page.table(
        &["size", "mean gradient", "noise", "noise x sqrt(size)"],
        &rows,
    )
}

fn the_last_batch(page: &mut Page, device: &Device, data: &Rows, seed: Seed) -> Result<()> {
    page.section("What to do with the last batch")?;
    page.text(
        "1,000 examples make 10 batches of 96, and 40 examples are left. Keep the short batch, drop\n\
         it, or wrap: fill it up with examples of this epoch that were used already.",
    )?;
    let policies = [
        ("keep", LastBatch::Keep),
        ("drop", LastBatch::Drop),
        ("wrap", LastBatch::Wrap),
    ];
    let mut rows = Vec::new();
    for (name, policy) in policies {
        let loader = Loader::new(data.clone(), 96)?
            .shuffle(seed.child("order"))
            .last_batch(policy);
        let (mut batches, mut examples, mut last) = (0, 0, 0);
        for batch in loader.epoch(0, 0, device)? {
            last = batch?.targets.dims()[0];
            batches += 1;
            examples += last;
        }
        let fit = descend(&loader, 0.3, 6, None, device)?;
        let error = (fit.w[0] - 2.0).abs().max((fit.w[1] + 3.4).abs());
        rows.push(vec![
            name.to_owned(),
            batches.to_string(),
            examples.to_string(),
            last.to_string(),
            format!("{:.4}", last as f64 / 96.0),
            format!("{:.6}", fit.loss(data)),
            format!("{error:.5}"),
        ]);
    }
    let columns = [
        "policy",
        "batches",
        "examples",
        "in the last",
        "its scale / 96",
        "loss",
        "w error",
    ];
    page.table(&columns, &rows)?;
    page.text(
        "The pitfall is the divisor. If the sum is always divided by 96, the gradient of the short\n\
         batch is scaled by 0.4167. If it is divided by its own 40 examples, it is a mean like all\n\
         others, but each of its examples counts 2.4 times. Both are valid choices; the mean loss of\n\
         the frameworks is the second. After six epochs the difference is below the noise.",
    )?;
    let short = Loader::new(data.clone(), 96)?;
    let own = descend(&short, 0.3, 6, None, device)?;
    let fixed = descend(&short, 0.3, 6, Some(96), device)?;
    page.show(
        "loss, divided by its own examples",
        &format!("{:.6}", own.loss(data)),
    )?;
    page.show(
        "loss, divided by 96 always",
        &format!("{:.6}", fixed.loss(data)),
    )
}

/// A plane y = w1 x1 + w2 x2 + b.
struct Plane {
    w: Vec<f64>,
    b: f64,
}

impl Plane {
    /// Half the mean squared error.
    fn loss(&self, data: &Rows) -> f64 {
        let error = |row: usize| {
            let x = data.features().row(row);
            let planned = self.w[0] * f64::from(x[0]) + self.w[1] * f64::from(x[1]) + self.b;
            planned - f64::from(data.targets().row(row)[0])
        };
        (0..data.len()).map(|row| error(row).powi(2)).sum::<f64>() / 2.0 / data.len() as f64
    }
}

/// Minibatch SGD from 0 on half the squared error, divided by `divisor` or by the number of examples in the batch.
fn descend(
    loader: &Loader<Rows>,
    rate: f64,
    epochs: usize,
    divisor: Option<usize>,
    device: &Device,
) -> Result<Plane> {
    let device = device.clone().autodiff();
    let mut w = Tensor::<2>::zeros([2, 1], &device).require_grad();
    let mut b = Tensor::<2>::zeros([1, 1], &device).require_grad();
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch, 0, &device)? {
            let Batch { inputs, targets } = batch?;
            let divisor = divisor.unwrap_or(targets.dims()[0]) as f64;
            let loss = (inputs.matmul(w.clone()) + b.clone() - targets)
                .square()
                .sum()
                * 0.5;
            let gradients = loss.backward();
            let dw = w.grad(&gradients).context("w takes part in the loss")?;
            let db = b.grad(&gradients).context("b takes part in the loss")?;
            w = Tensor::from_inner(w.inner() - dw * (rate / divisor)).require_grad();
            b = Tensor::from_inner(b.inner() - db * (rate / divisor)).require_grad();
        }
    }
    Ok(Plane {
        w: w.try_into_vec_as::<f64>()?,
        b: b.try_into_scalar()?,
    })
}
