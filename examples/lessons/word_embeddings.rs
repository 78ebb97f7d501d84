//! Word embeddings: words as vectors, similar words, analogies, and embeddings as the first layer of a model.
//!
//! Dive into Deep Learning, chapters "Word Similarity and Analogy" and "Word Embedding with Global Vectors".
//! `cargo run --example word_embeddings`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::fetch;
use tinderbox::data::text::{Vocab, VocabConfig, WordVectors};
use tinderbox::nn::{embed, pretrained_embedding};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("word_embeddings"), &args.device()?)
}

pub fn lesson(page: &mut Page, device: &Device) -> Result<()> {
    page.title("Word embeddings")?;
    page.text(
        "A one-hot vector says which word it is and nothing else: any two words are equally far apart.\n\
         An embedding is a short vector of learned numbers, in which words that occur in the same\n\
         contexts are near each other. These vectors were learned by GloVe from 6 billion words.",
    )?;
    let path = fetch("glove-6b-50d")?.join("glove.6B.50d.first40k.txt.gz");
    let glove = WordVectors::read(path, None)?;
    page.show("words", &glove.len())?;
    page.show("numbers of a vector", &glove.size())?;
    page.show("id of beautiful", &(glove.id("beautiful") as usize))?;

    page.section("Similar words")?;
    page.text("The cosine of the angle between two vectors: 1 for the same direction.")?;
    for word in ["chip", "baby", "beautiful"] {
        page.show(word, &pairs(&glove.similar(word, 3)?))?;
    }

    page.section("Analogies")?;
    page.text(
        "Differences of vectors have a meaning too: man is to woman as son is to ... Nearest to\n\
         woman - man + son is:",
    )?;
    for (a, b, c) in [
        ("man", "woman", "son"),
        ("beijing", "china", "tokyo"),
        ("bad", "worst", "big"),
        ("do", "did", "go"),
    ] {
        let found = glove.analogy(a, b, c, 1)?;
        page.show(&format!("{a} : {b} = {c}"), found[0].0)?;
    }

    page.section("The pitfall: the words that went in")?;
    page.text(
        "The three words of the question must be left out. Otherwise the nearest word is often one of\n\
         them, since the sum of the other two vectors is small:",
    )?;
    let vector = |word: &str| glove.get(word).unwrap_or_default().to_vec();
    let (bad, worst, big) = (vector("bad"), vector("worst"), vector("big"));
    let sum: Vec<f32> = (0..glove.size())
        .map(|at| worst[at] - bad[at] + big[at])
        .collect();
    page.show(
        "bad : worst = big, none left out",
        glove.nearest_to(&sum, 1, &[])[0].0,
    )?;

    page.section("As the first layer of a model")?;
    page.text(
        "A model has its own vocabulary; its embedding starts from the vectors of these words, and\n\
         words without a vector from 0. A frozen embedding is not trained: right for little data.",
    )?;
    let words = ["the", "film", "was", "gorgeous", "xyzzy"];
    let vocab = Vocab::fit(words, &VocabConfig::default())?;
    let (rows, found) = glove.of_vocab(&vocab);
    page.show("tokens of the vocabulary", &vocab.len())?;
    page.show("tokens with a vector", &found)?;
    let device = device.clone().autodiff();
    for (name, trained) in [("frozen", false), ("trained", true)] {
        let layer = pretrained_embedding(rows.clone(), glove.size(), trained, &device);
        let ids = Tensor::<2, Int>::from_data([[1, 2, 3, 4]], &device);
        let vectors = embed(&layer, ids);
        page.show(&format!("{name}: shape of a sentence"), &vectors.dims())?;
        let has = match trained {
            true => layer.weight.val().grad(&vectors.sum().backward()).is_some(),
            false => vectors.is_require_grad() || layer.weight.is_require_grad(),
        };
        page.show(&format!("{name}: has a gradient"), &has)?;
    }
    Ok(())
}

/// `chips 0.856, intel 0.749`
fn pairs(words: &[(&str, f32)]) -> String {
    let words = words
        .iter()
        .map(|(word, cosine)| format!("{word} {cosine:.3}"));
    words.collect::<Vec<_>>().join(", ")
}
