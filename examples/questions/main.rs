//! The questions that students of the course asked, each answered by a small experiment.
//!
//! `cargo run --example questions` answers all, `… -- memory` one of them.

use std::path::Path;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use examples::lesson::Page;
use tinderbox::prelude::*;

mod learning_rate;
mod mean_or_sum;
mod memory;
mod newton;
mod squared_loss;
mod when_to_stop;

#[derive(Parser)]
#[command(about = "The questions that students of the course asked, answered by experiments.")]
struct Args {
    /// The question to answer; default: all.
    question: Option<Question>,
    #[command(flatten)]
    common: examples::Common,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Question {
    /// Why the squared and not the absolute loss?
    SquaredLoss,
    /// Why the mean over the batch and not the sum?
    MeanOrSum,
    /// How do I find a learning rate?
    LearningRate,
    /// Why first-order methods and not Newton's?
    Newton,
    /// What if the data does not fit in memory?
    Memory,
    /// When do I stop?
    WhenToStop,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = args.common.device()?;
    let folder = args
        .common
        .out
        .clone()
        .unwrap_or_else(|| "runs/questions".into());
    let page = &mut args.common.page("questions");
    answer(page, args.question, &device, args.common.seed(), &folder)
}

/// Answers one question or all. Four more are answered in lessons: whether the batch size changes the
/// result and what to do with the last batch in `batch_size`; what detach is for and why gradients are
/// cleared in `autograd`.
fn answer(
    page: &mut Page,
    question: Option<Question>,
    device: &Device,
    seed: Seed,
    folder: &Path,
) -> Result<()> {
    page.title("Students' questions")?;
    let asked = |one: Question| question.is_none_or(|question| question == one);
    if asked(Question::SquaredLoss) {
        squared_loss::answer(page)?;
    }
    if asked(Question::MeanOrSum) {
        mean_or_sum::answer(page, device, seed)?;
    }
    if asked(Question::LearningRate) {
        learning_rate::answer(page, device, seed)?;
    }
    if asked(Question::Newton) {
        newton::answer(page, seed)?;
    }
    if asked(Question::Memory) {
        memory::answer(page, device, seed, folder)?;
    }
    if asked(Question::WhenToStop) {
        when_to_stop::answer(page, device, seed)?;
    }
    Ok(())
}
