//! Attention scoring functions: masks, additive attention, scaled dot products.
//!
//! Dive into Deep Learning, chapter "Attention Scoring Functions".
//! `cargo run --example attention_scores`

use anyhow::Result;
use clap::Parser;
use examples::lesson::{Page, number};
use tinderbox::burn::tensor::Bool;
use tinderbox::nn::attention::{
    AdditiveAttention, dot_product_attention, length_mask, masked_softmax,
};
use tinderbox::plot::{self, Matrix, Plot};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("attention_scores"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Attention scoring functions")?;
    page.text(
        "A score says how well a query fits a key. Softmax turns the scores of all keys into weights,\n\
         and the weights mix the values.",
    )?;

    page.section("Masked softmax")?;
    page.text(
        "Keys beyond the length of a sequence are padding: their scores become -1,000,000 before the\n\
         softmax, so that their weights are exactly 0. Two batches of two queries and four keys, with\n\
         lengths 2 and 3:",
    )?;
    let scores = random([2, 2, 4], seed.child("scores"), device);
    let lengths = Tensor::<1, Int>::from_data([2, 3], device);
    let weights = masked_softmax(scores.clone(), Some(length_mask(lengths, 4)));
    page.show("weights", &weights)?;
    let beyond = [
        weights.clone().slice([0..1, 0..2, 2..4]).sum(),
        weights.slice([1..2, 0..2, 3..4]).sum(),
    ];
    page.show("weight of the padding", &Tensor::cat(beyond.into(), 0))?;
    page.text(
        "Why not minus infinity? A row whose keys are all masked would divide 0 by 0. With a finite\n\
         number its weights are equal, and no NaN spreads through the model:",
    )?;
    let all: Tensor<3, Bool> = Tensor::<3, Int>::ones([1, 1, 4], device).bool();
    let none = masked_softmax(scores.slice([0..1, 0..1, 0..4]), Some(all));
    page.show("everything masked", &none.reshape([4]))?;

    page.section("Additive attention")?;
    page.text(
        "w tanh(query W + key U): queries and keys may have different sizes. All keys are equal here,\n\
         so all scores are, and the result is the mean of the values within the length: values 0 to 39\n\
         in ten rows of four, lengths 2 and 6.",
    )?;
    let keys = Tensor::<3>::ones([2, 10, 2], device);
    let values = Tensor::<1, Int>::arange(0..40, device).float();
    let values = values.reshape([1, 10, 4]).repeat_dim(0, 2);
    let mask = || Some(length_mask(Tensor::<1, Int>::from_data([2, 6], device), 10));
    let queries = random([2, 1, 20], seed.child("additive"), device);
    let layer = AdditiveAttention::new(20, 2, 8, 0.0, seed.child("weights"), device);
    let (means, weights) = layer.forward(queries, keys.clone(), values.clone(), mask());
    page.show("additive", &rounded(means))?;
    let matrix = Matrix {
        rows: vec!["length 2".into(), "length 6".into()],
        columns: (0..10).map(|key| key.to_string()).collect(),
        values: weights.try_into_vec_as()?,
    };
    let plot = Plot {
        height: 200,
        ..Plot::new("Weights of equal keys").labels("keys", "")
    };
    page.figure("equal_keys", plot::heat_map(&plot, &matrix)?)?;

    page.section("Scaled dot products")?;
    page.text("query · key / sqrt(size): nothing to learn, and one matrix product for all pairs.")?;
    let queries = random([2, 1, 2], seed.child("dot"), device);
    let (means, _) = dot_product_attention(queries, keys, values, mask());
    page.show("dot product", &rounded(means))?;

    page.section("The pitfall: dot products without the root")?;
    page.text(
        "The dot product of two vectors of n random numbers has a variance of n. Softmax of large\n\
         scores is nearly one-hot and its gradient nearly 0; divided by sqrt(n) the scores keep a\n\
         variance of 1, whatever n is. 64 queries, 64 keys:",
    )?;
    let mut rows = Vec::new();
    for size in [4, 64, 1024] {
        let [queries, keys] =
            ["q", "k"].map(|name| random([1, 64, size], seed.child(name), device));
        let scores = queries.matmul(keys.transpose());
        let variance: f64 = scores.clone().square().mean().into_scalar();
        let largest = |scores: Tensor<3>| -> f64 {
            masked_softmax(scores, None).max_dim(2).mean().into_scalar()
        };
        let scaled = scores.clone() / (size as f64).sqrt();
        rows.push(vec![
            size.to_string(),
            format!("{variance:.0}"),
            format!("{:.2}", largest(scores)),
            format!("{:.2}", largest(scaled)),
        ]);
    }
    page.table(
        &["size", "variance", "largest weight", "with the root"],
        &rows,
    )?;
    page.show("equal weights would be", &number(1.0 / 64.0))
}

fn random(shape: [usize; 3], seed: Seed, device: &Device) -> Tensor<3> {
    let mut rng = seed.rng();
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|_| rng.normal() as f32).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Without the rounding errors of f32.
fn rounded(tensor: Tensor<3>) -> Tensor<3> {
    (tensor * 1e4).round() / 1e4
}
