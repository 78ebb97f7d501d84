//! Linear algebra: the operations that a layer of a network applies to its inputs.
//!
//! Dive into Deep Learning, chapter "Preliminaries: Linear Algebra".
//! `cargo run --example linear_algebra`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::burn::tensor::s;
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("linear_algebra"), &args.device()?)
}

pub fn lesson(page: &mut Page, device: &Device) -> Result<()> {
    page.title("Linear algebra")?;
    let floats = |end: i64| Tensor::<1, Int>::arange(0..end, device).float();

    page.section("Scalars and vectors")?;
    // A scalar is a tensor of one element.
    let (x, y) = (
        Tensor::<1>::from_data([3.0f32], device),
        Tensor::from_data([2.0f32], device),
    );
    page.show("3 + 2", &(x.clone() + y.clone()))?;
    page.show("3 * 2", &(x.clone() * y.clone()))?;
    page.show("3 / 2", &(x.clone() / y.clone()))?;
    page.show("3 ** 2", &x.powf(y))?;
    let x = floats(4);
    page.show("x", &x)?;
    page.show("x[3]", &x.clone().slice(3..4))?;
    page.show("length of x", &x.dims()[0])?;

    page.section("Matrices")?;
    let a = floats(20).reshape([5, 4]);
    page.show("A", &a)?;
    page.show("A transposed", &a.clone().transpose())?;
    page.show(
        "transposed twice is A",
        &a.clone().transpose().transpose().equal(a.clone()).all(),
    )?;
    let b = Tensor::<2>::from_data(
        [[1.0f32, 2.0, 3.0], [2.0, 0.0, 4.0], [3.0, 4.0, 5.0]],
        device,
    );
    page.show("B is symmetric", &b.clone().equal(b.transpose()).all())?;
    let cube = floats(24).reshape([2, 3, 4]);
    page.show("2 + a tensor of 2 x 3 x 4", &(cube.clone() + 2.0))?;
    page.show("shape of 2 * it", &(cube * 2.0).dims())?;
    page.show("A + A", &(a.clone() + a.clone()))?;
    // `*` is the Hadamard product, element by element; `matmul` is the matrix product.
    page.show("A * A, element by element", &(a.clone() * a.clone()))?;

    page.section("Sums along an axis")?;
    page.show("sum of x", &x.clone().sum())?;
    page.show("shape of A", &a.dims())?;
    page.show("sum of A", &a.clone().sum())?;
    page.show(
        "sum over the rows (axis 0)",
        &a.clone().sum_dim(0).squeeze::<1>(),
    )?;
    page.show(
        "sum over the columns (axis 1)",
        &a.clone().sum_dim(1).squeeze::<1>(),
    )?;
    page.show("sum over both", &a.clone().sum_dims(&[0, 1]).reshape([1]))?;
    page.show("mean of A", &a.clone().mean())?;
    let elements = a.shape().num_elements() as f64;
    page.show("its sum divided by 20", &(a.clone().sum() / elements))?;
    page.show("mean over the rows", &a.clone().mean_dim(0).squeeze::<1>())?;
    // With the axis kept, the shapes broadcast: 5 x 4 by 5 x 1. Squeezed to 5 they would not.
    let share = a.clone() / a.clone().sum_dim(1);
    page.show("sums of the rows, axis kept", &a.clone().sum_dim(1))?;
    page.show(
        "each row divided by its sum, first",
        &share.clone().slice(s![0, ..]),
    )?;
    page.show(
        "each row divided by its sum, last",
        &share.slice(s![-1, ..]),
    )?;
    page.show("running sum down the rows", &a.clone().cumsum(0))?;

    page.section("Products")?;
    let ones = Tensor::<1>::ones([4], device);
    page.show("dot product of x and ones", &x.clone().dot(ones.clone()))?;
    page.show("the same as sum(x * ones)", &(x.clone() * ones).sum())?;
    // The vector becomes a matrix of one column for `matmul`, and a vector again after it.
    let av = a
        .clone()
        .matmul(x.unsqueeze_dim::<2>(1))
        .squeeze_dim::<1>(1);
    page.show("A times x", &av)?;
    page.show(
        "A times ones of 4 x 3",
        &a.matmul(Tensor::ones([4, 3], device)),
    )?;

    page.section("Norms: how large is a vector?")?;
    let u = Tensor::<1>::from_data([3.0f32, -4.0], device);
    page.show("L2 norm of [3, -4]", &u.clone().square().sum().sqrt())?;
    page.show("L1 norm of [3, -4]", &u.abs().sum())?;
    page.show(
        "Frobenius norm of ones of 4 x 9",
        &Tensor::<2>::ones([4, 9], device).square().sum().sqrt(),
    )?;
    page.text("Weight decay adds the squared L2 norm of the weights to the loss: see weight_decay.")
}
