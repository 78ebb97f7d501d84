//! Linear regression three ways: by hand, with the framework, and exactly.
//!
//! Dive into Deep Learning, chapter "Linear Neural Networks for Regression".
//! `cargo run --example linear_regression_exact`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::{Loss, least_squares, newton};
use tinderbox::plot::{self, Plot, Series, Spacing, Surface};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("linear_regression_exact"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Linear regression, three ways")?;
    page.text(
        "1,000 examples of y = 2 x1 - 3.4 x2 + 4.2 + noise, where the noise is N(0, 0.01). Its mean\n\
         square is 0.0001, which is about the smallest possible loss (0.00005 with the half).",
    )?;
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
    let x = data.features().as_slice();
    let y = data.targets().as_slice();
    let mse = |w: [f64; 2], b: f64| {
        let errors = x
            .chunks(2)
            .zip(y)
            .map(|(x, y)| w[0] * f64::from(x[0]) + w[1] * f64::from(x[1]) + b - f64::from(*y));
        errors.map(|error| error * error).sum::<f64>() / y.len() as f64
    };
    let loader = Loader::new(data.clone(), 10)?.shuffle(seed.child("order"));
    page.show("features", &[data.len(), data.features().width()])?;
    page.show("labels", &[data.len(), data.targets().width()])?;
    let first = loader.epoch(0, 0, device)?.next();
    let Batch { inputs, targets } = first.context("an epoch has a batch")??;
    page.show("features of a batch", &inputs.dims())?;
    page.show("labels of a batch", &targets.dims())?;

    page.section("By hand: half the squared error, rate 0.03")?;
    let mut draw = seed.child("weights").rng();
    let first = [0.01 * draw.normal(), 0.01 * draw.normal()];
    let mut path = vec![(first[0], first[1])];
    let graph = device.clone().autodiff();
    let mut w = Tensor::<2>::from_data([[first[0]], [first[1]]], &graph).require_grad();
    let mut b = Tensor::<2>::zeros([1, 1], &graph).require_grad();
    let (mut numbers, mut bias) = (first, 0.0);
    for epoch in 0..3 {
        for batch in loader.epoch(epoch, 0, &graph)? {
            let Batch { inputs, targets } = batch?;
            let loss = (inputs.matmul(w.clone()) + b.clone() - targets)
                .square()
                .mean()
                * 0.5;
            let gradients = loss.backward();
            let dw = w.grad(&gradients).context("w takes part in the loss")?;
            let db = b.grad(&gradients).context("b takes part in the loss")?;
            w = Tensor::from_inner(w.inner() - dw * 0.03).require_grad();
            b = Tensor::from_inner(b.inner() - db * 0.03).require_grad();
            let now: Vec<f64> = w.clone().inner().try_into_vec_as()?;
            numbers = [now[0], now[1]];
            path.push((now[0], now[1]));
        }
        bias = b.clone().inner().try_into_scalar()?;
        page.show(
            &format!("half the mean squared error after epoch {}", epoch + 1),
            &format!("{:.6}", 0.5 * mse(numbers, bias)),
        )?;
    }
    let scratch = (numbers, bias);

    page.section("With the framework: the squared error without the half")?;
    // The same learning rate takes steps twice as long: d/dw of e^2 is 2 e de/dw, of e^2 / 2 only
    // e de/dw. Libraries differ in this, so a learning rate belongs to a loss.
    let model = LinearRegressionConfig::new(2).init(seed.child("weights"), device)?;
    let config = TrainConfig {
        epochs: 3,
        learning_rate: 0.03,
        ..TrainConfig::default()
    };
    let task = Regression {
        loss: Loss::Squared,
    };
    let whole = Loader::for_evaluation(data.clone(), 1000)?;
    let fitted = Trainer::new(config)?.fit(model, &task, &loader, Some(&whole))?;
    for record in &fitted.history.epochs {
        let loss = record
            .get("valid_loss")
            .context("the whole data set was measured")?;
        page.show(
            &format!("mean squared error after epoch {}", record.epoch),
            &format!("{loss:.6}"),
        )?;
    }
    let layer = fitted.model.linear;
    let bias = layer.bias.context("the model has a bias")?.val();
    let w: Vec<f64> = layer.weight.val().try_into_vec_as()?;
    let framework = ([w[0], w[1]], bias.try_into_scalar::<f64>()?);

    page.section("Exactly")?;
    let exact = least_squares(x, 2, y, 1)?;
    let exact = ([exact.weights[0], exact.weights[1]], exact.bias[0]);
    let row = |name: &str, (w, b): ([f64; 2], f64)| {
        vec![
            name.to_owned(),
            format!("{:.4}", w[0]),
            format!("{:.4}", w[1]),
            format!("{b:.4}"),
            format!("{:.3e}", mse(w, b)),
        ]
    };
    let rows = [
        row("truth", ([2.0, -3.4], 4.2)),
        row("by hand", scratch),
        row("framework", framework),
        row("exact", exact),
    ];
    page.table(&["solution", "w1", "w2", "b", "squared error"], &rows)?;
    // The true weights have a larger error than the exact solution, which also fits the noise.

    page.section("Why linear regression has a formula and other models have none")?;
    page.text(
        "The loss is quadratic in w1, w2 and b, and its gradient is linear: gradient = 0 is a system\n\
         of linear equations. One Newton step solves it from any start. With a nonlinear model, such\n\
         as tanh(w x), the gradient is not linear: there is no formula, only iteration.",
    )?;
    let linear = after_one_newton_step(|x, w| (x * w, x))?;
    let nonlinear = after_one_newton_step(|x, w| {
        let t = (x * w).tanh();
        (t, x * (1.0 - t * t))
    })?;
    page.show("slope after one Newton step, w x", &format!("{linear:.6}"))?;
    page.show(
        "slope after one Newton step, tanh(w x)",
        &format!("{nonlinear:.6}"),
    )?;

    let surface = Surface::from_fn((-0.5, 3.0), (-4.5, 0.5), |w1, w2| mse([w1, w2], 4.2))?;
    let plot = Plot::new("The loss over w1 and w2, and the path of SGD").labels("w1", "w2");
    let path = Series::new("by hand", path);
    page.figure(
        "surface",
        plot::contour(&plot, &surface, (10, Spacing::Linear), &[path])?,
    )?;
    let points = x
        .chunks(2)
        .zip(y)
        .map(|(x, y)| (f64::from(x[1]), f64::from(*y)));
    let cloud = Series::new("examples", points);
    let ([_, w2], b) = exact;
    let line = Series::function("fitted, at x1 = 0", (-3.0, 3.0), 2, |x2| w2 * x2 + b);
    let plot = Plot::new("The second feature and the label").labels("x2", "y");
    page.figure("fit", plot::scatter(&plot, &[cloud], &[line])?)?;
    let residual = |(x, y): (&[f32], &f32)| {
        f64::from(*y) - exact.0[0] * f64::from(x[0]) - exact.0[1] * f64::from(x[1]) - exact.1
    };
    let residuals: Vec<f64> = x.chunks(2).zip(y).map(residual).collect();
    let plot = Plot::new("The residuals are the noise, N(0, 0.01)")
        .labels("label minus prediction", "examples");
    page.figure("residuals", plot::histogram(&plot, &residuals, None)?)
}

/// The slope of the loss after one Newton step from w = 0.2 that fits one weight to three points.
/// `model` returns the prediction for (x, w) and its derivative with respect to w.
fn after_one_newton_step(model: impl Fn(f64, f64) -> (f64, f64)) -> Result<f64> {
    let points = [(0.5, 0.3), (1.0, 0.9), (2.0, 0.8)];
    let slope = |w: f64| {
        let parts = points.map(|(x, y)| {
            let (predicted, derivative) = model(x, w);
            (predicted - y) * derivative
        });
        parts.iter().sum::<f64>()
    };
    let bend = |w: f64| (slope(w + 1e-4) - slope(w - 1e-4)) / 2e-4;
    let trace = newton(1.0, |_| 0.0, |[w]| [slope(w)], |[w]| [[bend(w)]], [0.2], 1)?;
    Ok(slope(trace.last()[0]).abs())
}
