//! BERT: what goes in, what is masked, what comes out, and the two losses it is pretrained with.
//!
//! Dive into Deep Learning, chapters "Bidirectional Encoder Representations from Transformers", "The Dataset for
//! Pretraining BERT" and "Pretraining BERT".
//! `cargo run --example bert_inputs`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::text::{MaskedPairs, Vocab, VocabConfig, wikitext_paragraphs};
use tinderbox::models::{BertConfig, BertInputs, BertPretraining, pretraining_losses};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("bert_inputs"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("BERT's inputs and losses")?;
    page.text(
        "A language model reads from left to right. BERT reads both directions, so it cannot be asked\n\
         for the next word: it would see it. It is asked for words that are masked, and whether one\n\
         sentence follows another. No labels are needed for that, only text.",
    )?;

    page.section("One input of two sentences")?;
    page.text(
        "<cls> stands for the whole pair, <sep> ends a sentence; each token has a type, 0 in the first\n\
         sentence and 1 in the second. The vector of a token is the sum of three: of the token, its type,\n\
         its place.",
    )?;
    let text = examples::words::read("wikitext-2")?;
    let paragraphs = wikitext_paragraphs(&text);
    let words = paragraphs.iter().flatten().flatten().map(String::as_str);
    let config = VocabConfig {
        min_frequency: 5,
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let vocab = Vocab::fit(words, &config)?;
    page.show("reserved tokens", &vocab.tokens()[..5].join(" "))?;
    let ids = |sentence: &Vec<String>| sentence.iter().map(|word| vocab.id(word)).collect();
    let paragraphs = paragraphs
        .iter()
        .map(|paragraph| paragraph.iter().map(ids).collect());
    let paragraphs: Vec<Vec<Vec<u32>>> = paragraphs.collect();
    let pairs = MaskedPairs::new(&paragraphs, 64, &vocab, seed.child("pairs"))?;
    let loader = Loader::new(pairs, 512)?.shuffle(seed.child("order"));
    page.show("pairs", &loader.num_examples())?;
    let batch = loader
        .epoch(0, 0, device)?
        .next()
        .context("there are pairs")??;
    let numbers = |tensor: Tensor<2, Int>| -> Vec<usize> {
        tensor
            .narrow(0, 0, 1)
            .into_data()
            .iter::<i64>()
            .map(|id| id as usize)
            .collect()
    };
    let lengths: Vec<i64> = batch.lengths.to_data().iter::<i64>().collect();
    let (tokens, types) = (numbers(batch.tokens.clone()), numbers(batch.types.clone()));
    let own = lengths[0] as usize;
    let words: Vec<&str> = tokens[..own]
        .iter()
        .filter_map(|&id| vocab.token(id as u32))
        .collect();
    page.show("tokens", &words.join(" "))?;
    page.show(
        "types",
        &types[..own]
            .iter()
            .map(ToString::to_string)
            .collect::<String>(),
    )?;

    page.section("Masked tokens")?;
    page.text(
        "15 % of the tokens are asked for. 80 % of these become <mask>; 10 % a random word and 10 % stay,\n\
         since a model that is used later never sees <mask> and must not rely on it.",
    )?;
    let (places, labels) = (
        numbers(batch.positions.clone()),
        numbers(batch.labels.clone()),
    );
    for (&place, &label) in places.iter().zip(&labels).filter(|(place, _)| **place > 0) {
        let word = |id: usize| vocab.token(id as u32).unwrap_or("?");
        page.show(
            &format!("place {place}, {}", word(tokens[place])),
            word(label),
        )?;
    }
    let asked: f64 = batch.weights.clone().sum().into_scalar();
    let all: i64 = lengths.iter().sum();
    page.show("share of the tokens", &format!("{:.3}", asked / all as f64))?;

    page.section("A batch")?;
    page.show("tokens and types", &batch.tokens.dims())?;
    page.show("lengths", &batch.lengths.dims())?;
    page.show("places, labels and weights", &batch.positions.dims())?;
    page.show("is it the next sentence", &batch.next.dims())?;

    page.section("What comes out")?;
    page.text("Two texts of 8 tokens, three of which are asked for, and 10,000 words:")?;
    let config = BertConfig {
        feed_forward: 1024,
        heads: 4,
        layers: 2,
        dropout: 0.2,
        ..BertConfig::base(10_000)
    };
    let model = BertPretraining::new(&config, seed.child("weights"), device)?;
    let ids = Tensor::<1, Int>::arange(100..116, device).reshape([2, 8]);
    let inputs = BertInputs {
        tokens: ids,
        types: None,
        lengths: Tensor::from_data([8, 8], device),
    };
    let places = Tensor::<2, Int>::from_data([[1, 5, 2], [6, 1, 5]], device);
    let (vectors, tokens, next) = model.forward(inputs, places);
    page.show("vectors of the tokens", &vectors.dims())?;
    page.show("logits of the asked tokens", &tokens.dims())?;
    page.show("logits of the next sentence", &next.dims())?;

    page.section("The losses")?;
    page.text(
        "A cross-entropy over the vocabulary and one over two classes; their sum is trained. Before\n\
         training they are those of guessing: ln 10000 = 9.21 and ln 2 = 0.69.",
    )?;
    let labels = Tensor::<2, Int>::from_data([[7, 8, 9], [10, 20, 30]], device);
    let is_next = || Tensor::<1, Int>::from_data([0, 1], device);
    let losses = |weights: [[f32; 3]; 2]| {
        let masked = (labels.clone(), Tensor::from_data(weights, device));
        pretraining_losses((tokens.clone(), next.clone()), masked, is_next())
    };
    let [masked, pair] = losses([[1.0; 3]; 2]);
    page.show(
        "masked tokens",
        &format!("{:.2}", masked.into_scalar::<f64>()),
    )?;
    page.show(
        "next sentence",
        &format!("{:.2}", pair.into_scalar::<f64>()),
    )?;

    page.section("The pitfall: places that are padding")?;
    page.text(
        "Short texts have less than 10 asked tokens, the rest of the row is padding with the weight 0.\n\
         Dividing by all places makes the loss of short texts small, for no merit of the model:",
    )?;
    let short = [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
    let [right, _] = losses(short);
    let right: f64 = right.into_scalar();
    page.show("divided by the weights", &format!("{right:.2}"))?;
    page.show(
        "divided by the places",
        &format!("{:.2}", right * 3.0 / 6.0),
    )
}
