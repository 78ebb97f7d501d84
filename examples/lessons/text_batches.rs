//! Language models: what they predict, how they are measured, and the two ways of cutting a text
//! into batches.
//!
//! Dive into Deep Learning, chapter "Language Models and the Dataset".
//! `cargo run --example text_batches`

use anyhow::Result;
use clap::Parser;
use examples::lesson::{Page, number};
use tinderbox::data::text::{Sampling, TextLoader};
use tinderbox::nn::lessons::cross_entropy;
use tinderbox::prelude::*;

/// Tokens in a window, windows in a batch.
const STEPS: usize = 5;
const ROWS: usize = 2;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("text_batches"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Batches of a text")?;
    page.text(
        "A language model gives each token a probability, given those before it. The text itself says\n\
         what is right: the target of every token is the token that follows.",
    )?;
    page.text(
        "The text here has 35 tokens, 0 to 34, so that a batch shows where it comes from. A window has\n\
         5 tokens, a batch 2 windows.",
    )?;
    let text: Vec<u32> = (0..35).collect();
    let loader = |sampling| TextLoader::new(&text[..], STEPS, ROWS, sampling);

    page.section("A sequential partition")?;
    page.text(
        "The text is cut into as many long rows as a batch has. Each batch takes the next window of\n\
         every row, so row 0 of a batch continues row 0 of the batch before, and a model may keep its\n\
         state. It must not keep the graph: a gradient would go back to the start of the book.",
    )?;
    let sequential = loader(Sampling::Sequential)?.last_batch(LastBatch::Drop);
    for (index, batch) in sequential.epoch(0, 0, device)?.enumerate() {
        let batch = batch?;
        page.show(&format!("sequential {index}: inputs"), &batch.inputs)?;
        page.show(&format!("sequential {index}: targets"), &batch.targets)?;
        page.show(&format!("sequential {index}: continues"), &batch.continues)?;
    }
    page.text("What is left at the end of the rows makes a shorter last batch, or is dropped:")?;
    let kept = loader(Sampling::Sequential)?.last_batch(LastBatch::Keep);
    page.show("batches, the last one kept", &kept.num_batches())?;
    page.show("targets, the last one kept", &kept.num_targets())?;
    page.show("batches, the last one dropped", &sequential.num_batches())?;
    page.show("targets, the last one dropped", &sequential.num_targets())?;

    page.section("Random windows")?;
    page.text(
        "Windows in random order: neighbors in a batch, and the batches themselves, have nothing to do\n\
         with each other, so a state has to start from zeros each time. The gradient is less biased,\n\
         but the model never learns to use more than one window.",
    )?;
    let random = loader(Sampling::Random)?.shuffle(seed);
    for (index, batch) in random.epoch(0, 0, device)?.enumerate() {
        let batch = batch?;
        page.show(&format!("random {index}: inputs"), &batch.inputs)?;
        let following = batch.inputs.clone() + 1;
        page.show(
            &format!("random {index}: targets follow"),
            &following.equal(batch.targets).all(),
        )?;
        page.show(&format!("random {index}: continues"), &batch.continues)?;
    }

    page.section("Where an epoch starts")?;
    page.text(
        "Without an offset every epoch would cut the same windows, and a token at the start of a window\n\
         would always be predicted without what stands before it. With a seed, each epoch starts at an\n\
         offset of its own, a pure function of the seed and the epoch.",
    )?;
    let shuffled = loader(Sampling::Sequential)?.shuffle(seed);
    let mut starts = Vec::new();
    for epoch in 0..6 {
        let first = shuffled.epoch(epoch, 0, device)?.next();
        let first = first
            .transpose()?
            .map(|batch| batch.inputs.slice([0..1, 0..1]));
        let start: Vec<i64> = match first {
            Some(first) => first.try_into_vec_as()?,
            None => Vec::new(),
        };
        starts.push(start[0] as f64);
    }
    page.show("first token of 6 epochs", &starts)?;

    page.section("Perplexity")?;
    page.text(
        "A model is measured by exp of the mean cross-entropy of the tokens: among how many tokens it\n\
         could as well be guessing. It is a mean over tokens, not over batches.",
    )?;
    let labels = || Tensor::<1, Int>::from_data([0, 1, 2], device);
    let perplexity = |probabilities: [[f32; 4]; 3]| {
        let probabilities = Tensor::from_data(probabilities, device);
        let mean: f64 = cross_entropy(probabilities, labels()).mean().into_scalar();
        mean.exp()
    };
    let certain = perplexity([
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
    ]);
    page.show("always right and certain", &certain)?;
    page.show(
        "all 4 tokens equally probable",
        &number(perplexity([[0.25; 4]; 3])),
    )?;
    let once_wrong = perplexity([
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
    ]);
    page.show("once certain and wrong", &once_wrong)?;
    page.text(
        "The pitfall: perplexities of different vocabularies cannot be compared. A model of words has\n\
         fewer, harder tokens than a model of characters.",
    )
}
