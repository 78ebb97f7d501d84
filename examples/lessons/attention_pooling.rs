//! Attention pooling: a mean of values, weighted by how near a query is to each key.
//!
//! Dive into Deep Learning, chapter "Attention Pooling: Nadaraya-Watson Kernel Regression"; Nadaraya
//! 1964, Watson 1964.
//! `cargo run --example attention_pooling`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::nn::attention::masked_softmax;
use tinderbox::plot::{self, Matrix, Plot, Series};
use tinderbox::prelude::*;

/// Training examples, queries to answer.
const EXAMPLES: usize = 50;
const QUERIES: usize = 50;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("attention_pooling"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Attention pooling")?;
    page.text(
        "50 examples of y = 2 sin(x) + x^0.8 + N(0, 0.5) on [0, 5). What is y at a new x? Queries are\n\
         the new x, keys the x of the examples, values their y; the answer is a weighted mean of the\n\
         values. Without noise the answers would be 2 sin(x) + x^0.8.",
    )?;
    let truth = |x: f64| 2.0 * x.sin() + x.powf(0.8);
    let mut rng = seed.child("data").rng();
    let mut keys: Vec<f64> = (0..EXAMPLES).map(|_| 5.0 * rng.uniform()).collect();
    keys.sort_by(f64::total_cmp);
    let values: Vec<f64> = keys
        .iter()
        .map(|&x| truth(x) + 0.5 * rng.normal())
        .collect();
    let queries: Vec<f64> = (0..QUERIES)
        .map(|i| 5.0 * i as f64 / QUERIES as f64)
        .collect();
    let column = |numbers: &[f64], on: &Device| {
        let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
        Tensor::<1>::from_data(numbers.as_slice(), on).reshape([1, -1, 1])
    };
    let error = |answers: &[f64]| {
        let squares = answers
            .iter()
            .zip(&queries)
            .map(|(y, &x)| (y - truth(x)).powi(2));
        squares.sum::<f64>() / QUERIES as f64
    };

    page.section("All examples alike")?;
    let mean = values.iter().sum::<f64>() / EXAMPLES as f64;
    let average = vec![mean; QUERIES];
    page.show("mean: squared error", &format!("{:.3}", error(&average)))?;

    page.section("Near examples count more")?;
    page.text(
        "The weights are softmax(-(query - key)^2 / 2): attention without anything to learn. The\n\
         course's small case of a weighted mean first, weights of 0.1 and the values 0 to 19 in two\n\
         rows:",
    )?;
    let weights = Tensor::<3>::full([2, 1, 10], 0.1, device);
    let twenty = Tensor::<1, Int>::arange(0..20, device)
        .float()
        .reshape([2, 10, 1]);
    page.show("weighted means", &weights.matmul(twenty).reshape([2]))?;
    let answer = |w: f64| -> Result<(Vec<f64>, Vec<f64>)> {
        let (q, k) = (column(&queries, device), column(&keys, device));
        let weights = kernel(q, k, Tensor::full([1, 1, 1], w, device));
        let answers = weights.clone().matmul(column(&values, device));
        Ok((answers.try_into_vec_as()?, weights.try_into_vec_as()?))
    };
    let (near, weights) = answer(1.0)?;
    let sums = weights.chunks(EXAMPLES).map(|row| row.iter().sum::<f64>());
    let off = sums.map(|sum| (sum - 1.0).abs()).fold(0.0, f64::max);
    page.show("each query's weights sum to 1", &(off < 1e-5))?;
    page.show("near: squared error", &format!("{:.3}", error(&near)))?;

    page.section("A width that is learned")?;
    page.text(
        "softmax(-((query - key) w)^2 / 2): a large w looks at the nearest examples only. It is learned\n\
         by predicting each example from the others. The pitfall is an example that may look at\n\
         itself: then the best w is infinite, and the noise is learned by heart.",
    )?;
    let (w, losses) = learned(&column(&keys, device), &column(&values, device), true)?;
    let (narrow, narrow_weights) = answer(w)?;
    page.show("w", &format!("{w:.1}"))?;
    page.show("loss before", &format!("{:.3}", losses[0]))?;
    page.show("loss after", &format!("{:.3}", losses[losses.len() - 1]))?;
    page.show("learned: squared error", &format!("{:.3}", error(&narrow)))?;
    let (itself, _) = learned(&column(&keys, device), &column(&values, device), false)?;
    let (heart, _) = answer(itself)?;
    page.show("w, examples see themselves", &format!("{itself:.1}"))?;
    page.show(
        "examples see themselves: squared error",
        &format!("{:.3}", error(&heart)),
    )?;

    let line = |name: &str, answers: &[f64]| {
        Series::new(name, queries.iter().copied().zip(answers.iter().copied()))
    };
    let lines = [
        Series::function("truth", (0.0, 5.0), 101, truth),
        line("mean", &average),
        line("near", &near),
        line("learned", &narrow),
    ];
    let examples = Series::new("examples", keys.iter().copied().zip(values.iter().copied()));
    let plot = Plot::new("Attention pooling").labels("x", "y");
    page.figure("pooling", plot::scatter(&plot, &[examples], &lines)?)?;
    for (name, title, values) in [
        ("weights_near", "w = 1", weights),
        ("weights_learnt", "w learned", narrow_weights),
    ] {
        let name_of = |x: &f64| format!("{x:.1}");
        let matrix = Matrix {
            rows: queries.iter().map(name_of).collect(),
            columns: keys.iter().map(name_of).collect(),
            values,
        };
        let plot = Plot {
            height: 560,
            ..Plot::new(format!("Weights, {title}")).labels("keys: sorted examples", "queries")
        };
        page.figure(name, plot::heat_map(&plot, &matrix)?)?;
    }
    Ok(())
}

/// softmax(-((query - key) w)^2 / 2): queries `[1, queries, 1]` and keys `[1, keys, 1]` to
/// `[1, queries, keys]`.
fn kernel(queries: Tensor<3>, keys: Tensor<3>, w: Tensor<3>) -> Tensor<3> {
    let distances = (queries - keys.swap_dims(1, 2)) * w;
    masked_softmax(distances.square() / -2.0, None)
}

/// The width that predicts each example best from the others, and the loss of every step.
fn learned(keys: &Tensor<3>, values: &Tensor<3>, without_itself: bool) -> Result<(f64, Vec<f64>)> {
    let graph = keys.device().autodiff();
    let [keys, values] = [keys, values].map(|one| Tensor::from_inner(one.clone()));
    let mut w = Tensor::<3>::ones([1, 1, 1], &graph).require_grad();
    let mut losses = Vec::new();
    for _ in 0..100 {
        let distances = (keys.clone() - keys.clone().swap_dims(1, 2)) * w.clone();
        let own = Tensor::<2>::eye(EXAMPLES, &graph).unsqueeze::<3>().bool();
        let weights = masked_softmax(distances.square() / -2.0, without_itself.then_some(own));
        let error = weights.matmul(values.clone()) - values.clone();
        let loss = error.square().mean();
        let gradient = w
            .grad(&loss.backward())
            .context("w takes part in the loss")?;
        losses.push(loss.into_scalar());
        w = Tensor::from_inner(w.inner() - gradient * 5.0).require_grad();
    }
    Ok((w.into_scalar(), losses))
}
