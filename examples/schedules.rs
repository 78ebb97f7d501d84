//! Learning rates over time: every schedule as a curve.
//!
//! Dive into Deep Learning, section "Learning Rate Scheduling": its five schedules over 30 epochs with its
//! settings, then those of other papers.
//! `cargo run --example schedules`

use anyhow::Result;
use clap::Parser;
use examples::{expected, say};
use tinderbox::optim::{Plateau, PlateauConfig};
use tinderbox::plot::{self, Plot, Series};
use tinderbox::prelude::*;

/// Epochs that the curves show; schedules here count epochs.
pub const EPOCHS: usize = 30;

/// The section's schedules: name, base learning rate, schedule.
pub fn course() -> Vec<(&'static str, f64, Schedule)> {
    let cosine = |length| Schedule::cosine(length).end(0.01);
    vec![
        ("constant", 0.3, Schedule::Constant),
        ("square root", 0.1, Schedule::SquareRoot),
        ("multi-step", 0.5, Schedule::multi_step([15, 30], 0.5)),
        ("cosine", 0.3, cosine(20).into()),
        ("warm-up and cosine", 0.3, cosine(15).after_warmup(5).into()),
    ]
}

/// Schedules that the section leaves out, each from a learning rate of 0.3.
pub fn beyond() -> Vec<(&'static str, f64, Schedule)> {
    let polynomial = Schedule::polynomial_decay(25).power(2.0).end(0.01);
    let chain = Schedule::chain()
        .part(10, Schedule::Constant)
        .part(20, Schedule::linear(20, 1.0, 0.0));
    let schedules: [(&str, Schedule); 7] = [
        ("step", Schedule::step(8, 0.5)),
        ("factor", Schedule::factor(0.9).min_rate(0.02).into()),
        ("polynomial", Schedule::polynomial(0.1, 0.5)),
        ("polynomial with an end", polynomial.into()),
        ("one-cycle", Schedule::one_cycle(EPOCHS).into()),
        (
            "warm restarts",
            Schedule::warm_restarts(5).multiplier(2).into(),
        ),
        ("constant, then straight down", chain.into()),
    ];
    schedules
        .map(|(name, schedule)| (name, 0.3, schedule))
        .into()
}

/// The plateau rule depends on a metric and has no curve of its own: here it gets a loss that stops falling.
fn plateau(base: f64) -> Result<Series> {
    let mut rule = Plateau::new(PlateauConfig::default().factor(0.5).patience(3))?;
    let rates = (0..EPOCHS).map(|epoch| {
        let rate = rule.rate(base);
        rule.observe((-0.5 * epoch as f64).exp().max(0.01));
        rate
    });
    let rates: Vec<f64> = rates.collect();
    Ok(Series::by_epoch("plateau", rates))
}

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let run = args.run("schedules")?;
    for (file, title, schedules) in [
        ("course", "The schedules of the course", course()),
        ("beyond", "And some more", beyond()),
    ] {
        let mut curves = Vec::new();
        for (name, base, schedule) in schedules {
            schedule.check()?;
            let base = args.lr.unwrap_or(base);
            let curve = schedule.curve(EPOCHS, base);
            say!(
                "{name}: {:.4} … {:.4} … {:.4}",
                curve[0],
                curve[EPOCHS / 2],
                curve[EPOCHS - 1]
            );
            curves.push(Series::by_epoch(name, curve));
        }
        if file == "beyond" {
            curves.push(plateau(args.lr.unwrap_or(0.3))?);
        }
        let plot = Plot::new(title).labels("epoch", "learning rate");
        for series in &curves {
            let plot = Plot::new(&series.name).labels("epoch", "learning rate");
            let name = series.name.replace([' ', ','], "_");
            let svg = plot::line(&plot, std::slice::from_ref(series))?;
            tinderbox::write_atomic(run.folder().join(format!("{name}.svg")), svg)?;
        }
        let svg = plot::line(&plot, &curves)?;
        tinderbox::write_atomic(run.folder().join(format!("{file}.svg")), svg)?;
    }
    say!("figures: {}", run.folder().display());
    let (_, base, cosine) = &course()[3];
    // Halfway from 0.3 to 0.01.
    expected(
        "cosine after 10 of 20 epochs",
        0.155,
        format!("{:.3}", cosine.rate(10, *base)),
    );
    Ok(())
}
