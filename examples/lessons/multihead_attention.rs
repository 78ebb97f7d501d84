//! Multi-head attention: several small attentions side by side.
//!
//! Dive into Deep Learning, chapter "Multi-Head Attention"; Vaswani et al. 2017.
//! `cargo run --example multihead_attention`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::nn::attention::{
    MultiheadAttentionConfig, causal_mask, dot_product_attention, length_mask,
};
use tinderbox::nn::count_parameters;
use tinderbox::plot::{self, Matrix, Plot};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("multihead_attention"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Multi-head attention")?;
    page.text(
        "One attention gives one set of weights for each query. Several heads give several: one may look\n\
         at the word before, another at the verb. Each head works on its own part of the numbers, so\n\
         the cost stays that of one.",
    )?;

    page.section("Heads by hand")?;
    page.text(
        "100 numbers and 5 heads: each head gets 20. Heads join the batch, so that one matrix product\n\
         computes all of them.",
    )?;
    let (size, heads) = (100, 5);
    let queries = random([2, 4, size], seed.child("queries"), device);
    let keys = random([2, 6, size], seed.child("keys"), device);
    page.show("queries", &queries.dims())?;
    let split = split_heads(queries.clone(), heads);
    page.show("queries of all heads", &split.dims())?;
    let joined = join_heads(split, heads);
    page.show(
        "joined again, the same numbers",
        &joined.equal(queries.clone()).all(),
    )?;
    let each = |one: Tensor<3>| split_heads(one, heads);
    let (means, _) = dot_product_attention(
        each(queries.clone()),
        each(keys.clone()),
        each(keys.clone()),
        None,
    );
    let together = join_heads(means, heads);
    let part = |one: &Tensor<3>| one.clone().narrow(2, 20, 20);
    let (second, _) = dot_product_attention(part(&queries), part(&keys), part(&keys), None);
    let off: f64 = (part(&together) - second).abs().max().into_scalar();
    page.show(
        "numbers 20 to 39 are the second head's own attention",
        &(off < 1e-5),
    )?;

    page.section("The layer")?;
    page.text(
        "The layer multiplies queries, keys and values by learned matrices before, and the joined result\n\
         after. Lengths 3 and 2 mask the keys that are padding.",
    )?;
    let layer = MultiheadAttentionConfig::new(size, heads).init(seed.child("layer"), device)?;
    let mask = length_mask(Tensor::<1, Int>::from_data([3, 2], device), 6);
    let (outputs, weights) = layer.forward(queries.clone(), keys.clone(), keys.clone(), Some(mask));
    page.show("outputs", &outputs.dims())?;
    page.show("weights", &weights.dims())?;
    for heads in [1, 5, 20] {
        let layer = MultiheadAttentionConfig::new(size, heads).init(seed, device)?;
        page.show(
            &format!("parameters with {heads} heads"),
            &count_parameters(&layer),
        )?;
    }
    let columns = (0..6).map(|key| key.to_string());
    let matrix = Matrix {
        rows: (1..=heads).map(|head| format!("head {head}")).collect(),
        columns: columns.collect(),
        values: weights
            .slice([0..1, 0..heads, 0..1, 0..6])
            .try_into_vec_as()?,
    };
    let plot = Plot {
        height: 260,
        ..Plot::new("Weights of the first query, 3 keys and padding").labels("keys", "")
    };
    page.figure("heads", plot::heat_map(&plot, &matrix)?)?;

    page.section("What may not be seen")?;
    page.text("A language model must not see the tokens that it is to predict: the causal mask.")?;
    let mask = causal_mask(4, 4, device);
    page.show("masked: query by key", &mask.clone().squeeze_dim::<2>(0))?;
    let forward = |inputs: &Tensor<3>| {
        let [x, y, z] = [inputs.clone(), inputs.clone(), inputs.clone()];
        layer.forward(x, y, z, Some(mask.clone())).0
    };
    let changed = queries
        .clone()
        .slice_assign([0..2, 3..4, 0..size], Tensor::ones([2, 1, size], device));
    let off = (forward(&queries) - forward(&changed))
        .abs()
        .max_dim(2)
        .max_dim(0);
    let off: Vec<f64> = off.try_into_vec_as()?;
    let moved: Vec<String> = off.iter().map(|off| (*off > 1e-6).to_string()).collect();
    page.show(
        "changed by another last token, step by step",
        &moved.join(" "),
    )?;

    page.section("The pitfall: sizes and heads")?;
    page.text(
        "The numbers must divide evenly among the heads; more heads make each of them smaller.",
    )?;
    let refused = MultiheadAttentionConfig::new(100, 3).init(seed, device);
    page.show(
        "3 heads of 100 numbers",
        &refused
            .err()
            .map_or("accepted".into(), |error| error.to_string()),
    )
}

/// `[batch, steps, size]` to `[batch * heads, steps, size / heads]`.
fn split_heads(tensor: Tensor<3>, heads: usize) -> Tensor<3> {
    let [batch, steps, size] = tensor.dims();
    let tensor = tensor.reshape([batch, steps, heads, size / heads]);
    tensor
        .swap_dims(1, 2)
        .reshape([batch * heads, steps, size / heads])
}

/// The inverse of [`split_heads`].
fn join_heads(tensor: Tensor<3>, heads: usize) -> Tensor<3> {
    let [rows, steps, part] = tensor.dims();
    let tensor = tensor.reshape([rows / heads, heads, steps, part]);
    tensor
        .swap_dims(1, 2)
        .reshape([rows / heads, steps, part * heads])
}

fn random(shape: [usize; 3], seed: Seed, device: &Device) -> Tensor<3> {
    let mut rng = seed.rng();
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|_| rng.normal() as f32).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}
