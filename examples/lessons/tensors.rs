//! Tensors: n-dimensional arrays, the data type of every network.
//!
//! Dive into Deep Learning, chapter "Preliminaries: Data Manipulation".
//! `cargo run --example tensors`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::burn::tensor::s;
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("tensors"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Tensors")?;
    page.text(
        "A tensor is an array of numbers with any number of axes. The number of axes (the rank) is\n\
         part of its type, Tensor<2>; their lengths (the shape) are known at run time.",
    )?;

    page.section("Making tensors")?;
    let x = Tensor::<1, Int>::arange(0..12, device);
    page.show("arange(0..12)", &x)?;
    page.show("its shape", &x.dims())?;
    page.show("number of its elements", &x.shape().num_elements())?;
    // A reshape moves no data; -1 stands for the length that fits.
    let grid = x.clone().reshape([3, 4]);
    page.show("x as 3 x 4", &grid)?;
    page.show(
        "x as 3 x (-1), the same",
        &x.reshape([3, -1]).equal(grid).all(),
    )?;
    page.show("zeros of 2 x 3 x 4", &Tensor::<3>::zeros([2, 3, 4], device))?;
    page.show("ones of 2 x 3 x 4", &Tensor::<3>::ones([2, 3, 4], device))?;
    // Random numbers come from an explicit seed, so that a run can be repeated.
    let mut draw = seed.rng();
    let random: Vec<f32> = (0..12).map(|_| draw.normal() as f32).collect();
    let random = Tensor::<2>::from_data(TensorData::new(random, [3, 4]), device);
    page.show("12 draws from N(0, 1)", &random)?;
    let literal = [
        [2.0f32, 1.0, 4.0, 3.0],
        [1.0, 2.0, 3.0, 4.0],
        [4.0, 3.0, 2.0, 1.0],
    ];
    let literal = Tensor::<2>::from_data(literal, device);
    page.show("a literal", &literal)?;

    page.section("Arithmetic, element by element")?;
    let x = Tensor::<1>::from_data([1.0f32, 2.0, 4.0, 8.0], device);
    let y = Tensor::<1>::from_data([2.0f32, 2.0, 2.0, 2.0], device);
    // An operation consumes its tensors: `clone` keeps one for later, and copies no data.
    page.show("x + y", &(x.clone() + y.clone()))?;
    page.show("x - y", &(x.clone() - y.clone()))?;
    page.show("x * y", &(x.clone() * y.clone()))?;
    page.show("x / y", &(x.clone() / y.clone()))?;
    page.show("x ** y", &x.clone().powf(y))?;
    page.show("exp(x)", &x.exp())?;

    page.section("Joining, comparing, summing")?;
    let x = Tensor::<1, Int>::arange(0..12, device)
        .float()
        .reshape([3, 4]);
    let both = vec![x.clone(), literal.clone()];
    page.show("X above Y (axis 0)", &Tensor::cat(both.clone(), 0))?;
    page.show("X beside Y (axis 1)", &Tensor::cat(both, 1))?;
    page.show("X == Y", &x.clone().equal(literal.clone()))?;
    page.show("X < Y", &x.clone().lower(literal))?;
    page.show("sum of X", &x.clone().sum())?;
    page.show("mean of X", &x.clone().mean())?;
    // A sum over an axis keeps it with length 1, ready for broadcasting; squeeze removes it.
    page.show("sum of X over axis 0, kept", &x.clone().sum_dim(0))?;
    page.show("sum of X over axis 0", &x.clone().sum_dim(0).squeeze::<1>())?;
    page.show(
        "mean of X over axis 1",
        &x.clone().mean_dim(1).squeeze::<1>(),
    )?;

    page.section("Broadcasting, and a mistake that it hides")?;
    let a = Tensor::<1, Int>::arange(0..3, device).reshape([3, 1]);
    let b = Tensor::<1, Int>::arange(0..2, device).reshape([1, 2]);
    page.show("3 x 1 plus 1 x 2", &(a + b))?;
    page.text(
        "An axis of length 1 is repeated. That is convenient, but it hides mistakes: predictions of\n\
         shape 3 x 1 minus targets of shape 1 x 3 are nine numbers, and their mean looks like a loss.",
    )?;
    let predicted = Tensor::<2>::from_data([[1.0f32], [2.0], [3.0]], device);
    let column = Tensor::<2>::from_data([[1.0f32], [2.0], [3.0]], device);
    let row = column.clone().reshape([1, 3]);
    let loss = |targets: Tensor<2>| (predicted.clone() - targets).square().mean();
    page.show("loss of a perfect prediction", &loss(column))?;
    page.show("the same with the targets in a row", &loss(row))?;
    // Tensor<1> minus Tensor<2> does not compile: the rank is part of the type, so the compiler finds
    // at least a forgotten axis.

    page.section("Reading and writing parts")?;
    page.show("the last row", &x.clone().slice(s![-1, ..]))?;
    page.show("rows 1 to 2", &x.clone().slice(1..3))?;
    let x = x.slice_fill(s![1, 2], 9.0);
    page.show("row 1 after X[1, 2] = 9", &x.clone().slice(1..2))?;
    let x = x.slice_fill(s![0..2, ..], 12.0);
    page.show("X after X[0..2, ..] = 12", &x)?;

    page.section("What shares memory and what copies")?;
    page.text(
        "In NumPy and PyTorch, Z = X gives one array two names: a write to one changes the other.\n\
         In Burn a tensor is a value: a clone shares the memory until one of the two changes.",
    )?;
    let original = Tensor::<1>::zeros([3], device);
    let alias = original.clone();
    let written = alias.slice_fill(0..1, 7.0);
    page.show("the clone, written to", &written)?;
    page.show("the original", &original)?;
    // `x = x + y` consumes x, so that its memory can be reused for the result. Burn needs no other
    // notation for operations in place, and they cannot break a gradient.
    let mut total = Tensor::<1>::zeros([3], device);
    for _ in 0..3 {
        total = total + written.clone();
    }
    page.show("three times added", &total)?;

    page.section("Back to ordinary numbers")?;
    let host: Vec<f32> = total.try_into_vec_as()?;
    page.show("as a Vec<f32>", &format!("{host:?}"))?;
    let again = Tensor::<1>::from_data(host.as_slice(), device);
    page.show("and back", &again)?;
    // Reading waits for the device. Once in an epoch is fine; once for every batch slows a GPU down.
    let a = Tensor::<1>::from_data([3.5f32], device);
    page.show("[3.5] as a float", &a.clone().try_into_scalar::<f64>()?)?;
    page.show(
        "[3.5] as an integer",
        &(a.try_into_scalar::<f64>()? as usize),
    )
}
