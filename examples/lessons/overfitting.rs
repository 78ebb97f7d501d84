//! Underfitting and overfitting: polynomials of three degrees on the same data.
//!
//! Dive into Deep Learning, chapter "Underfitting and Overfitting".
//! `cargo run --example overfitting`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::synthetic;
use tinderbox::optim::{Loss, least_squares};
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let epochs = args.epochs.unwrap_or(400);
    lesson(
        &mut args.page("overfitting"),
        &args.device()?,
        args.seed(),
        epochs,
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed, epochs: usize) -> Result<()> {
    page.title("Underfitting and overfitting")?;
    page.text(
        "y = 5 + 1.2 x - 3.4 x^2/2! + 5.6 x^3/3! + N(0, 0.1): 100 examples to train and 100 to\n\
         test. The noise alone gives a squared error of 0.01. Column j is x^j / j!, so that high powers\n\
         do not become huge; a model of degree d has the first d + 1 columns.",
    )?;
    let data = synthetic::polynomial(&[5.0, 1.2, -3.4, 5.6], 20, 0.1, 200, seed.child("data"))?;
    let half = |range: std::ops::Range<usize>| data.gather(&range.collect::<Vec<_>>());
    let (train, test) = (half(0..100), half(100..200));

    let mut rows = Vec::new();
    let mut fits = Vec::new();
    for (degree, verdict) in [(3, "fits"), (1, "underfits"), (19, "overfits")] {
        let train = first_columns(&train, degree + 1)?;
        let test = first_columns(&test, degree + 1)?;
        let loader = Loader::new(train.clone(), 10)?.shuffle(seed.child("order"));
        let whole = Loader::for_evaluation(test.clone(), 100)?;
        // The column of ones is the bias already.
        let config = LinearRegressionConfig {
            bias: false,
            ..LinearRegressionConfig::new(degree + 1)
        };
        let model = config.init(seed.child("weights"), device)?;
        let config = TrainConfig {
            epochs,
            learning_rate: 0.01,
            ..TrainConfig::default()
        };
        let task = Regression {
            loss: Loss::Squared,
        };
        let fitted = Trainer::new(config)?.fit(model, &task, &loader, Some(&whole))?;
        let weights: Vec<f64> = fitted.model.linear.weight.val().try_into_vec_as()?;

        page.section(&format!("Degree {degree} {verdict}"))?;
        let last = fitted.history.last().context("there was an epoch")?;
        let metric = |name| last.get(name).context("both losses are measured");
        let (train_loss, test_loss) = (metric("train_loss")?, metric("valid_loss")?);
        let shown: Vec<String> = weights.iter().take(5).map(|w| format!("{w:.2}")).collect();
        page.show(
            &format!("degree {degree}: first weights"),
            &format!("[{}]", shown.join(", ")),
        )?;
        rows.push(vec![
            format!("degree {degree}"),
            format!("{train_loss:.4}"),
            format!("{test_loss:.4}"),
        ]);
        let curve = |name, label| Series::new(label, fitted.history.series(name));
        let curves = [curve("train_loss", "train"), curve("valid_loss", "test")];
        let title = format!("Degree {degree} {verdict}");
        let plot = Plot {
            y_scale: Scale::Log,
            ..Plot::new(title).labels("epoch", "squared error")
        };
        page.figure(&format!("degree_{degree}"), plot::curves(&plot, &curves)?)?;
        fits.push((format!("degree {degree}"), weights));
    }

    page.section("Side by side")?;
    page.table(&["model", "train", "test"], &rows)?;
    let points = (0..100).map(|row| {
        (
            f64::from(train.features().row(row)[1]),
            f64::from(train.targets().row(row)[0]),
        )
    });
    let cloud = Series::new("training examples", points);
    let lines: Vec<Series> = fits
        .iter()
        .map(|(name, weights)| Series::function(name, (-2.6, 2.6), 101, |x| polynomial(weights, x)))
        .collect();
    let plot = Plot {
        x_range: Some((-2.6, 2.6)),
        y_range: Some((-30.0, 25.0)),
        ..Plot::new("Three polynomials on the same examples").labels("x", "y")
    };
    page.figure("fits", plot::scatter(&plot, &[cloud], &lines)?)?;

    page.section("The pitfall: stopping early regularizes")?;
    page.text(
        "In so few epochs, SGD from small weights hardly changes the weights of high powers, so degree\n\
         19 overfits little. The exact solution for 60 examples shows the full effect: a better fit on\n\
         the training examples, and huge errors outside their range.",
    )?;
    for degree in [3, 19] {
        let few = first_columns(&train.gather(&(0..60).collect::<Vec<_>>()), degree + 1)?;
        let test = first_columns(&test, degree + 1)?;
        let (x, y) = (few.features().as_slice(), few.targets().as_slice());
        let exact = least_squares(x, degree + 1, y, 1)?;
        let predicted = exact.predict(test.features().as_slice())?;
        let errors = predicted
            .iter()
            .zip(test.targets().as_slice())
            .map(|(p, y)| (p - f64::from(*y)).powi(2));
        page.show(
            &format!("degree {degree}, exact, train"),
            &format!("{:.2e}", exact.mse[0]),
        )?;
        page.show(
            &format!("degree {degree}, exact, test"),
            &format!("{:.2e}", errors.sum::<f64>() / 100.0),
        )?;
    }
    Ok(())
}

/// The same examples with the first columns only.
fn first_columns(data: &Rows, columns: usize) -> Result<Rows> {
    let rows = (0..data.len()).flat_map(|row| &data.features().row(row)[..columns]);
    let features = Values::new(rows.copied().collect(), columns)?;
    Ok(Rows::new(features, data.targets().clone())?)
}

/// The sum of w_j x^j / j!.
fn polynomial(weights: &[f64], x: f64) -> f64 {
    let (mut sum, mut term) = (0.0, 1.0);
    for (power, weight) in weights.iter().enumerate() {
        if power > 0 {
            term *= x / power as f64;
        }
        sum += weight * term;
    }
    sum
}
