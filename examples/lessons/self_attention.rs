//! Self-attention and positional encodings: a sequence that looks at itself, and where its steps are.
//!
//! Dive into Deep Learning, chapter "Self-Attention and Positional Encoding"; Vaswani et al. 2017.
//! `cargo run --example self_attention`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::nn::attention::MultiheadAttentionConfig;
use tinderbox::nn::positional_encoding;
use tinderbox::plot::{self, Matrix, Plot, Series};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("self_attention"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Self-attention and positions")?;
    page.text(
        "In self-attention queries, keys and values are the same sequence: every step looks at every\n\
         step. Two of them are one step of computation apart, however far apart they stand; in a\n\
         recurrent network it is their distance.",
    )?;

    page.section("A sequence that looks at itself")?;
    let layer = MultiheadAttentionConfig::new(100, 5).init(seed.child("layer"), device)?;
    let inputs = {
        let mut rng = seed.child("inputs").rng();
        let numbers: Vec<f32> = (0..2 * 4 * 100).map(|_| rng.normal() as f32).collect();
        Tensor::<3>::from_data(TensorData::new(numbers, [2, 4, 100]), device)
    };
    let attend = |x: &Tensor<3>| layer.forward(x.clone(), x.clone(), x.clone(), None).0;
    page.show("inputs", &inputs.dims())?;
    page.show("outputs", &attend(&inputs).dims())?;

    page.section("The cost")?;
    page.text(
        "Multiplications of one layer for n steps of d numbers, the operations that must follow one\n\
         after the other, and the longest path between two steps; k is the size of a kernel:",
    )?;
    let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    page.table(
        &["layer", "cost", "in sequence", "path"],
        &[
            row(["convolution", "k n d^2", "1", "n / k"]),
            row(["recurrent", "n d^2", "n", "n"]),
            row(["self-attention", "n^2 d", "1", "1"]),
        ],
    )?;

    page.section("The pitfall: order does not matter")?;
    page.text(
        "A weighted mean has no order. With the steps in reverse, self-attention gives the same outputs\n\
         in reverse: to it \"the dog bites the man\" and \"the man bites the dog\" are the same set.",
    )?;
    let distance = |a: Tensor<3>, b: Tensor<3>| -> f64 { (a - b).abs().max().into_scalar() };
    let reversed = distance(attend(&inputs.clone().flip([1])), attend(&inputs).flip([1]));
    page.show("reversed inputs, reversed outputs", &(reversed < 1e-5))?;
    let positions = positional_encoding(0, 4, 100, device).unsqueeze::<3>();
    let placed = |x: Tensor<3>| attend(&(x + positions.clone()));
    let reversed = distance(
        placed(inputs.clone().flip([1])),
        placed(inputs.clone()).flip([1]),
    );
    page.show("the same with positions added", &(reversed < 1e-5))?;

    page.section("Positional encoding")?;
    page.text(
        "To each step is added a vector that tells its position: pairs of sine and cosine, each pair\n\
         slower than the one before. 60 positions, 32 numbers:",
    )?;
    let encoding = positional_encoding(0, 60, 32, device);
    page.show(
        "position 0, first four",
        &encoding.clone().slice([0..1, 0..4]),
    )?;
    page.show(
        "position 1, first four",
        &encoding.clone().slice([1..2, 0..4]),
    )?;
    let numbers: Vec<f64> = encoding.clone().try_into_vec_as()?;
    let curve = |column: usize| {
        let places = (0..60).map(|step| (step as f64, numbers[step * 32 + column]));
        Series::new(format!("column {column}"), places)
    };
    let plot = Plot::new("Positional encoding").labels("position", "");
    page.figure("columns", plot::line(&plot, &[6, 7, 8, 9].map(curve))?)?;
    let matrix = Matrix {
        rows: (0..60).map(|step| step.to_string()).collect(),
        columns: (0..32).map(|column| column.to_string()).collect(),
        values: numbers,
    };
    let plot = Plot {
        height: 560,
        ..Plot::new("Positional encoding").labels("column", "position")
    };
    page.figure("encoding", plot::heat_map(&plot, &matrix)?)?;
    page.text(
        "It is a counter like the binary numbers, whose last digit changes at every step, the one\n\
         before at every second step, and so on:",
    )?;
    let binary: Vec<String> = (0..8).map(|number| format!("{number:03b}")).collect();
    page.show("0 to 7 in binary", &binary.join(" "))?;

    page.section("Distances")?;
    page.text(
        "A shift by k turns each pair by an angle that depends on k alone, so a layer can learn to look\n\
         k steps back wherever it is. The dot product of two positions depends on their distance:",
    )?;
    let dots = encoding.clone().matmul(encoding.transpose());
    let dot = |a: usize, b: usize| -> Result<f64> {
        let one: Vec<f64> = dots.clone().slice([a..a + 1, b..b + 1]).try_into_vec_as()?;
        Ok(one[0])
    };
    for (a, b) in [(0, 0), (0, 5), (20, 25), (0, 30), (25, 55)] {
        page.show(
            &format!("position {a} · position {b}"),
            &format!("{:.3}", dot(a, b)?),
        )?;
    }
    let shift = |position: usize| -> Result<f64> {
        // The pair of columns 2 and 3, turned by the angle of 5 steps.
        let angle = 5.0 / 10_000f64.powf(2.0 / 32.0);
        let at = |position: usize| -> Result<Vec<f64>> {
            Ok(positional_encoding(position, 1, 32, device)
                .slice([0..1, 2..4])
                .try_into_vec_as()?)
        };
        let (from, to) = (at(position)?, at(position + 5)?);
        let turned = from[0] * angle.cos() + from[1] * angle.sin();
        Ok((turned - to[0]).abs())
    };
    page.show(
        "a shift by 5 is a turn, at 3 and at 40",
        &(shift(3)? < 1e-5 && shift(40)? < 1e-5),
    )
}
