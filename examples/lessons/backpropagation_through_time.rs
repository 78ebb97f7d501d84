//! Back-propagation through time: why gradients explode or vanish, and what truncation costs.
//!
//! Dive into Deep Learning, chapter "Backpropagation Through Time"; Bengio, Simard, Frasconi 1994;
//! Pascanu, Mikolov, Bengio 2013.
//! `cargo run --example backpropagation_through_time`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::{Page, number};
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;

/// Steps of a sequence, units of a state.
const STEPS: usize = 50;
const UNITS: usize = 16;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let mut page = args.page("backpropagation_through_time");
    lesson(&mut page, &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Back-propagation through time")?;
    page.text(
        "A recurrent network uses the same weights at every step, so the gradient of a weight is a sum\n\
         over all steps, and each term is a product with one factor for every step it goes back.",
    )?;
    let graph = device.clone().autodiff();

    page.section("A sum over steps")?;
    page.text(
        "The smallest network: h(t) = w h(t-1) + x(t), from h(0) = 1. After three steps\n\
         h = w^3 + w^2 x1 + w x2 + x3, so dh/dw = 3 w^2 + 2 w x1 + x2. With w = 0.5 and x = 1, 2, 3:",
    )?;
    let small = |steps_back: usize| -> Result<f64> {
        let w = Tensor::<1>::from_data([0.5], &graph).require_grad();
        let mut h = Tensor::<1>::ones([1], &graph);
        for (step, x) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            // Truncated: what is further back is a constant.
            if 3 - step <= steps_back {
                h = w.clone() * h + x;
            } else {
                h = (w.clone() * h + x).detach();
            }
        }
        let gradient = w.grad(&h.backward()).context("h depends on w")?;
        Ok(gradient.into_scalar())
    };
    page.show("dh/dw", &small(3)?)?;
    page.show("by the formula", &(3.0 * 0.5 * 0.5 + 2.0 * 0.5 * 1.0 + 2.0))?;
    page.text(
        "Truncated after two steps, the state before them counts as a constant. The gradient is cheaper\n\
         and biased towards what was recent:",
    )?;
    page.show("dh/dw over the last two steps", &small(2)?)?;
    page.show("dh/dw over the last step alone", &small(1)?)?;

    page.section("A product over steps")?;
    page.text("How much h(0) still matters after t steps of h(t) = w h(t-1) is w^t:")?;
    let powers = [0.9f64, 1.0, 1.1].map(|w| {
        let row = [10, 50, 100].map(|t| number(w.powi(t)));
        std::iter::once(w.to_string())
            .chain(row)
            .collect::<Vec<_>>()
    });
    page.table(&["w", "10 steps", "50 steps", "100 steps"], &powers)?;

    page.section("Exploding and vanishing gradients")?;
    page.text(&format!(
        "{UNITS} units without inputs. The matrix of the state is orthogonal, times a factor: each step\n\
         back multiplies the gradient by this factor exactly. With tanh the gradient also shrinks\n\
         where the units are saturated, and cannot explode as long as they are.",
    ))?;
    let orthogonal = orthogonal(UNITS, seed.child("matrix"));
    let mut curves = Vec::new();
    let mut rows = Vec::new();
    for (factor, tanh) in [
        (0.9, false),
        (1.0, false),
        (1.1, false),
        (1.0, true),
        (1.5, true),
    ] {
        let scaled: Vec<f32> = orthogonal.iter().map(|x| (x * factor) as f32).collect();
        let matrix = Tensor::<2>::from_data(TensorData::new(scaled, [UNITS, UNITS]), &graph);
        let sizes = sensitivities(&matrix, tanh, seed.child("start"), &graph)?;
        let name = format!("factor {factor}{}", if tanh { ", tanh" } else { "" });
        let back = |steps: usize| number(sizes[steps - 1]);
        rows.push(vec![name.clone(), back(1), back(10), back(STEPS)]);
        let points = sizes.iter().zip(1u32..);
        curves.push(Series::new(
            name,
            points.map(|(size, t)| (f64::from(t), *size)),
        ));
    }
    page.table(&["network", "1 back", "10 back", "50 back"], &rows)?;
    let plot = Plot {
        y_scale: Scale::Log,
        ..Plot::new("Gradient of the last state").labels("steps back", "length of the gradient")
    };
    page.figure("gradients", plot::line(&plot, &curves)?)?;
    page.text(
        "Against exploding gradients, clipping is enough: the direction is right, the length is not.\n\
         Against vanishing gradients it does nothing, because what is gone cannot be scaled up again:\n\
         that is what the gates of a GRU and an LSTM are for.",
    )?;
    page.text(
        "The pitfall: a loss that falls shows neither. A network whose gradient vanishes learns what\n\
         the last few steps tell, and looks healthy. Look at the lengths of gradients.",
    )
}

/// The length of the gradient of a random combination of the last state, as far back as each step.
fn sensitivities(matrix: &Tensor<2>, tanh: bool, seed: Seed, graph: &Device) -> Result<Vec<f64>> {
    let random = |name: &str, size: f64| {
        let mut rng = seed.child(name).rng();
        let numbers: Vec<f64> = (0..UNITS).map(|_| rng.normal()).collect();
        let length = numbers.iter().map(|x| x * x).sum::<f64>().sqrt();
        let numbers = numbers.into_iter().map(|x| (size * x / length) as f32);
        Tensor::<2>::from_data(
            TensorData::new(numbers.collect::<Vec<_>>(), [1, UNITS]),
            graph,
        )
    };
    let mut sizes = Vec::with_capacity(STEPS);
    for back in 1..=STEPS {
        // Forward to the step in question, then `back` steps whose start is what is looked at.
        let mut state = random("state", 1.0);
        let step = |state: Tensor<2>| {
            let next = state.matmul(matrix.clone());
            if tanh { next.tanh() } else { next }
        };
        for _ in back..STEPS {
            state = step(state);
        }
        let start = state.detach().require_grad();
        let mut state = start.clone();
        for _ in 0..back {
            state = step(state);
        }
        let seen = (state * random("weights", 1.0)).sum();
        let gradient = start.grad(&seen.backward()).context("the state is used")?;
        sizes.push(gradient.square().sum().sqrt().into_scalar());
    }
    Ok(sizes)
}

/// A random orthogonal matrix, row after row (Gram and Schmidt).
fn orthogonal(size: usize, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
    while rows.len() < size {
        let mut row: Vec<f64> = (0..size).map(|_| rng.normal()).collect();
        for done in &rows {
            let dot: f64 = row.iter().zip(done).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(done).for_each(|(a, b)| *a -= dot * b);
        }
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        rows.push(row.iter().map(|x| x / length).collect());
    }
    rows.concat()
}
