//! Linear regression with nothing but tensors: the model, the loss and the update by hand.
//!
//! Dive into Deep Learning, chapter "Linear Regression Implementation from Scratch".
//! `cargo run --example linear_regression_scratch`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{expected, say};
use tinderbox::data::synthetic;
use tinderbox::prelude::*;

/// The true parameters of the data: y = 2 x1 - 3.4 x2 + 4.2, and a little noise.
pub const TRUTH: ([f64; 2], f64) = ([2.0, -3.4], 4.2);

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let learned = train(
        args.epochs.unwrap_or(3),
        args.batch_size.unwrap_or(10),
        args.lr.unwrap_or(0.03),
        args.seed(),
        &args.device()?,
    )?;
    for (epoch, loss) in learned.losses.iter().enumerate() {
        say!("epoch {}, loss {loss:.6}", epoch + 1);
    }
    let [w1, w2] = learned.w;
    say!(
        "w error: [{:.2e}, {:.2e}]",
        TRUTH.0[0] - w1,
        TRUTH.0[1] - w2
    );
    say!("b error: {:.2e}", TRUTH.1 - learned.b);
    // p5 to p95 of 175 published runs with the default settings; the noise alone gives 0.00005.
    let last = learned.losses.last().context("at least one epoch")?;
    expected(
        "loss after 3 epochs",
        "0.000047 to 0.000054",
        format!("{last:.6}"),
    );
    Ok(())
}

/// The result of training.
pub struct Learned {
    /// Half the mean squared error over all examples, after each epoch.
    pub losses: Vec<f64>,
    /// The weights.
    pub w: [f64; 2],
    /// The bias.
    pub b: f64,
}

pub fn train(
    epochs: usize,
    batch_size: usize,
    lr: f64,
    seed: Seed,
    plain: &Device,
) -> Result<Learned> {
    // Tensors made on this device record the operations that made them, so that they can be differentiated.
    let device = plain.clone().autodiff();

    let data = synthetic::linear(&TRUTH.0, TRUTH.1, 0.01, 1000, seed.child("data"))?;
    let all_inputs = data.features().clone().into_tensor(plain);
    let all_targets = data.targets().clone().into_tensor(plain);
    let loader = Loader::new(data, batch_size)?.shuffle(seed.child("order"));

    // Two weights near zero and a bias of zero.
    let mut draw = seed.child("weights").rng();
    let first = [[0.01 * draw.normal() as f32], [0.01 * draw.normal() as f32]];
    let mut w = Tensor::<2>::from_data(first, &device).require_grad();
    let mut b = Tensor::<1>::from_data([0.0f32], &device).require_grad();

    let mut losses = Vec::new();
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch, 0, &device)? {
            let Batch { inputs, targets } = batch?;
            let examples = targets.dims()[0];
            // The model: a matrix product. The loss: half the squared error, summed over the batch.
            let predicted = inputs.matmul(w.clone()) + b.clone().unsqueeze();
            let loss = (predicted - targets).square().sum() * 0.5;
            let gradients = loss.backward();
            // The update: down the gradient, divided by the examples of THIS batch (the last one may
            // be shorter). `inner` leaves the graph, `require_grad` starts a new one: this is why
            // gradients need no clearing here.
            let step = lr / examples as f64;
            let dw = w.grad(&gradients).context("w took part in the loss")?;
            let db = b.grad(&gradients).context("b took part in the loss")?;
            w = Tensor::from_inner(w.inner() - dw * step).require_grad();
            b = Tensor::from_inner(b.inner() - db * step).require_grad();
        }
        let predicted =
            all_inputs.clone().matmul(w.clone().inner()) + b.clone().inner().unsqueeze();
        let error = predicted - all_targets.clone();
        losses.push((error.square().mean() * 0.5).into_scalar());
    }

    let w = w.try_into_vec_as::<f32>()?;
    let b = b.try_into_vec_as::<f32>()?;
    Ok(Learned {
        losses,
        w: [w[0].into(), w[1].into()],
        b: b[0].into(),
    })
}
