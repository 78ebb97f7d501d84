//! Linear regression with nothing but tensors: the model, the loss and the update by hand.
//!
//! Dive into Deep Learning, chapter "Linear Regression Implementation from Scratch".
//! `cargo run --release --example linear_regression_scratch`

use anyhow::Result;
use clap::Parser;
use examples::expected;
use tinderbox::data::synthetic;
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let epochs = args.epochs.unwrap_or(3);
    let batch_size = args.batch_size.unwrap_or(10);
    let lr = args.lr.unwrap_or(0.03);
    let plain = args.device()?;
    // Tensors made on this device remember how they came to be, so that they can be differentiated.
    let device = plain.clone().autodiff();

    // 1000 examples of y = 2 x1 - 3.4 x2 + 4.2, and a little noise.
    let truth = ([2.0, -3.4], 4.2);
    let data = synthetic::linear(&truth.0, truth.1, 0.01, 1000, args.seed().child("data"))?;
    let all_inputs = data.features().clone().into_tensor(&plain);
    let all_targets = data.targets().clone().into_tensor(&plain);
    let loader = Loader::new(data, batch_size)?.shuffle(args.seed().child("order"));

    // Two weights near zero and a bias of zero.
    let mut draw = args.seed().child("weights").rng();
    let first = [[0.01 * draw.normal() as f32], [0.01 * draw.normal() as f32]];
    let mut w = Tensor::<2>::from_data(first, &device).require_grad();
    let mut b = Tensor::<1>::from_data([0.0f32], &device).require_grad();

    let mut last = f64::NAN;
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
            let dw = w.grad(&gradients).expect("w took part in the loss");
            let db = b.grad(&gradients).expect("b took part in the loss");
            w = Tensor::from_inner(w.inner() - dw * step).require_grad();
            b = Tensor::from_inner(b.inner() - db * step).require_grad();
        }
        let predicted = all_inputs.clone().matmul(w.clone().inner()) + b.clone().inner().unsqueeze();
        let error = predicted - all_targets.clone();
        last = (error.square().mean() * 0.5).into_scalar::<f64>();
        println!("epoch {}, loss {last:.6}", epoch + 1);
    }

    let w = w.try_into_vec_as::<f32>()?;
    let b = b.try_into_vec_as::<f32>()?[0];
    println!("w error: [{:.2e}, {:.2e}]", truth.0[0] - f64::from(w[0]), truth.0[1] - f64::from(w[1]));
    println!("b error: {:.2e}", truth.1 - f64::from(b));
    // p5 to p95 of 175 published runs with the default settings; the noise alone gives 0.00005.
    expected("loss after 3 epochs", "0.000047 to 0.000054", format!("{last:.6}"));
    Ok(())
}
