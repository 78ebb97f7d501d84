//! Dropout: random zeros in the activations, so that no unit relies on a single other unit.
//!
//! Dive into Deep Learning, chapter "Dropout"; Srivastava et al. 2014.
//! `cargo run --example dropout_demo`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::models::image::DropoutMlpConfig;
use tinderbox::nn::lessons::dropout;
use tinderbox::plot::{self, Plot};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("dropout_demo"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Dropout")?;
    page.text(
        "In training, each activation is set to 0 with probability p, drawn again for every example\n\
         and every step. The other activations are divided by 1 - p.",
    )?;

    page.section("What it does to activations")?;
    let x = Tensor::<1, Int>::arange(0..16, device)
        .float()
        .reshape([2, 8]);
    let dropped = |p: f64| dropout(x.clone(), p, seed.child("mask"));
    page.show("p = 0", &dropped(0.0))?;
    page.show("p = 1", &dropped(1.0))?;
    let half = dropped(0.5);
    page.show("p = 0.5", &half)?;
    let doubled = half.clone().equal(x.clone() * 2.0);
    let gone_or_doubled = half.equal_elem(0.0).bool_or(doubled).all();
    page.show("p = 0.5: each is gone or doubled", &gone_or_doubled)?;

    page.section("Why divide by 1 - p")?;
    page.text(
        "A unit that sums 100 activations of 1 receives 100. With dropout it receives a random number\n\
         whose mean is still 100, so that the same weights work in training and in prediction. Without\n\
         the division the mean would be 100 (1 - p), and the weights would have to be scaled later.",
    )?;
    let mut rows = Vec::new();
    for p in [0.2f64, 0.5, 0.8] {
        let ones = Tensor::<2>::ones([2000, 100], device);
        let sums = dropout(ones, p, seed.child("sums")).sum_dim(1);
        let sums: Vec<f64> = sums.try_into_vec_as()?;
        let mean = sums.iter().sum::<f64>() / 2000.0;
        let squares = sums.iter().map(|sum| (sum - mean).powi(2));
        let spread = (squares.sum::<f64>() / 2000.0).sqrt();
        rows.push(vec![
            p.to_string(),
            format!("{mean:.1}"),
            format!("{:.1}", mean * (1.0 - p)),
            format!("{spread:.1}"),
            format!("{:.1}", (100.0 * p / (1.0 - p)).sqrt()),
        ]);
        if p == 0.5 {
            let plot = Plot::new("Sums of 100 activations, p = 0.5").labels("sum", "of 2,000");
            page.figure("sums", plot::histogram(&plot, &sums, Some(21))?)?;
        }
    }
    let columns = ["p", "mean", "not divided", "spread", "in theory"];
    page.table(&columns, &rows)?;
    page.text("The spread is sqrt(100 p / (1 - p)). This noise is what regularizes the network.")?;

    page.section("In training and in prediction")?;
    page.text(
        "The course's network, 784-256-256-10 with p = 0.2 and 0.5, receives one image twice. In\n\
         training mode the masks are random, and the two outputs differ. For prediction `valid` turns\n\
         dropout off; a trainer returns its model in this mode. If your own training loop forgets it,\n\
         predictions are random and less accurate.",
    )?;
    let graph = device.clone().autodiff();
    let model = DropoutMlpConfig::new([1, 28, 28], 10).init(seed.child("weights"), device)?;
    let model = model.train();
    // A trainer does this in every step, so that the masks depend on the seed and the step alone.
    tinderbox::seed_layers(seed.child("layers"));
    let image = |on: &Device| Tensor::<4>::ones([1, 1, 28, 28], on);
    let answer = || model.forward(image(&graph)).inner();
    page.show(
        "in training: twice the same",
        &answer().equal(answer()).all(),
    )?;
    let model = model.valid();
    let answer = || model.forward(image(device));
    page.show(
        "afterwards: twice the same",
        &answer().equal(answer()).all(),
    )
}
