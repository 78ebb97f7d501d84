//! Automatic differentiation: gradients without deriving them by hand.
//!
//! Dive into Deep Learning, chapter "Preliminaries: Automatic Differentiation".
//! `cargo run --example autograd`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("autograd"), &args.device()?)
}

pub fn lesson(page: &mut Page, device: &Device) -> Result<()> {
    page.title("Automatic differentiation")?;
    page.text(
        "Every operation on a tensor that requires a gradient is recorded in a graph. From the result,\n\
         `backward` follows this graph back to the inputs and applies the chain rule.",
    )?;
    // Tensors on this device record the operations that made them, if they depend on a tensor that
    // requires a gradient.
    let device = device.clone().autodiff();
    let start = || Tensor::<1>::from_data([0.0f32, 1.0, 2.0, 3.0], &device).require_grad();

    page.section("A gradient")?;
    let x = start();
    let y = x.clone().dot(x.clone()) * 2.0;
    page.show("2 x·x", &y)?;
    let first = gradient(&y, &x)?;
    page.show("its gradient", &first)?;
    page.show("equal to 4 x", &first.equal(x.clone().inner() * 4.0).all())?;

    page.section("Why gradients are cleared")?;
    // In Burn every `backward` returns its own gradients, so there is nothing to clear. It consumes
    // the graph: compute y again to differentiate it again.
    page.show(
        "then d sum(x)/dx, not mixed with the first",
        &gradient(&x.clone().sum(), &x)?,
    )?;
    page.text(
        "PyTorch adds each new gradient to the old one until zero_grad is called. Without that call,\n\
         gradient descent on x^2 does not converge: old gradients push x past the minimum.",
    )?;
    let descend = |forget: bool| {
        let (mut x, mut slope) = (10.0, 0.0);
        let mut path = vec![x];
        for _ in 0..60 {
            slope = if forget { slope + 2.0 * x } else { 2.0 * x };
            x -= 0.1 * slope;
            path.push(x);
        }
        path
    };
    let (cleared, added_up) = (descend(false), descend(true));
    let row = |step: usize| {
        vec![
            step.to_string(),
            format!("{:.4}", cleared[step]),
            format!("{:.4}", added_up[step]),
        ]
    };
    page.table(
        &["step", "cleared", "added up"],
        &[0, 5, 10, 20, 40, 60].map(row),
    )?;
    // Adding up on purpose is gradient accumulation: several small batches make one large step.

    page.section("Many outputs")?;
    // `backward` of a tensor with many elements is that of their sum.
    let y = x.clone() * x.clone();
    page.show("gradient of sum(x * x)", &gradient(&y.sum(), &x)?)?;

    page.section("What detach is for")?;
    page.text(
        "detach turns a value into a constant: no gradient flows to what it was computed from. Use\n\
         it for targets that the model computes itself, for running means and for logged values.",
    )?;
    let y = x.clone() * x.clone();
    let u = y.clone().detach();
    let z = u.clone() * x.clone();
    let through_constant = gradient(&z.sum(), &x)?;
    page.show("gradient of sum(detach(x * x) * x)", &through_constant)?;
    page.show(
        "equal to x * x, as if that were a number",
        &through_constant.equal(u.inner()).all(),
    )?;
    page.show(
        "x * x itself can still be differentiated",
        &gradient(&y.sum(), &x)?,
    )?;
    let cube = x.clone() * x.clone() * x.clone();
    page.show("without detach", &gradient(&cube.sum(), &x)?)?;

    page.section("Loops and branches")?;
    // The graph is recorded while the program runs, so loops and branches need no special care.
    let mut all = true;
    for start in [0.37f32, -1.6, 12.0] {
        let a = Tensor::<1>::from_data([start], &device).require_grad();
        let d = doubled_until_large(a.clone())?;
        let slope = gradient(&d, &a)?;
        let ratio = d.inner() / a.inner();
        page.show(
            &format!("a = {start}: gradient and d / a"),
            &Tensor::cat(vec![slope.clone(), ratio.clone()], 0),
        )?;
        all &= slope.equal(ratio).all().try_into_scalar::<bool>()?;
    }
    page.show("equal, since d is a straight line in a", &all)?;

    page.section("Checking a gradient")?;
    page.text(
        "A gradient can be checked with finite differences: change one input a little and compare\n\
         the outputs. Here for log(exp(x1) + ... + exp(x4)); the differences are computed in f64.",
    )?;
    let x = start();
    let by_graph = gradient(&x.clone().exp().sum().log(), &x)?.try_into_vec_as::<f64>()?;
    let f = |x: &[f64]| x.iter().map(|x| x.exp()).sum::<f64>().ln();
    let point = [0.0, 1.0, 2.0, 3.0];
    let by_difference: Vec<f64> = (0..4)
        .map(|i| {
            let moved = |h: f64| {
                let mut x = point;
                x[i] += h;
                f(&x)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        })
        .collect();
    page.show("by the graph", &by_graph)?;
    page.show("by differences", &by_difference)?;
    let off = by_graph
        .iter()
        .zip(&by_difference)
        .map(|(a, b)| (a - b).abs());
    page.show(
        "largest difference below 1e-6",
        &(off.fold(0.0, f64::max) < 1e-6),
    )
}

/// The gradient of y with respect to x.
fn gradient(y: &Tensor<1>, x: &Tensor<1>) -> Result<Tensor<1>> {
    x.grad(&y.backward())
        .context("y does not depend on x, or x does not require a gradient")
}

/// Doubles until the norm is 1000; then multiplies by 100 if the sum is negative.
fn doubled_until_large(a: Tensor<1>) -> Result<Tensor<1>> {
    let mut b = a * 2.0;
    while b.clone().square().sum().sqrt().try_into_scalar::<f64>()? < 1000.0 {
        b = b * 2.0;
    }
    let positive = b.clone().sum().try_into_scalar::<f64>()? > 0.0;
    Ok(if positive { b } else { b * 100.0 })
}
