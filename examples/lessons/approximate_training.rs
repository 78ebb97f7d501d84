//! Approximate training of word embeddings: negative sampling, hierarchical softmax, and the batches of word2vec.
//!
//! Dive into Deep Learning, chapters "Word Embedding (word2vec)", "Approximate Training", "The Dataset for Pretraining
//! Word Embeddings" and "Pretraining word2vec".
//! `cargo run --example approximate_training`

use anyhow::Result;
use clap::Parser;
use examples::lesson::{Page, number};
use tinderbox::data::fetch;
use tinderbox::data::text::{
    SkipGramConfig, SkipGrams, TokenRules, Vocab, VocabConfig, read_text, subsample,
};
use tinderbox::models::{SkipGramModelConfig, skip_gram_loss};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("approximate_training"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Approximate training of word embeddings")?;
    page.text(
        "The skip-gram model predicts the words around a center word from its vector. A softmax over\n\
         the vocabulary would be exact, and each step would compute with the vectors of all words.",
    )?;
    let text = read_text(fetch("time-machine")?.join("timemachine.txt"))?;
    let rules = TokenRules::COURSE_WORDS;
    let lines: Vec<String> = text
        .lines()
        .map(|line| rules.normalize(line).into_owned())
        .collect();
    let words: Vec<&str> = lines.iter().flat_map(|line| rules.split(line)).collect();
    let vocab = Vocab::fit(words.iter().copied(), &VocabConfig::default())?;
    let (size, depth) = (vocab.len(), (vocab.len() as f64).log2().ceil() as usize);
    page.table(
        &["method", "vectors for each word"],
        &[
            vec!["softmax".into(), size.to_string()],
            vec!["hierarchical softmax".into(), depth.to_string()],
            vec!["negative sampling".into(), "6".into()],
        ],
    )?;

    page.section("Hierarchical softmax")?;
    page.text(
        "The words are the leaves of a binary tree. At each inner node the probability of going left\n\
         is sigmoid(u · v), of going right 1 minus that. The probability of a word is the product along\n\
         its path, and the probabilities of all words sum to 1. Eight words, seven inner nodes:",
    )?;
    let mut rng = seed.child("tree").rng();
    let left: Vec<f64> = (0..7).map(|_| sigmoid(2.0 * rng.normal())).collect();
    let leaf = |word: usize| {
        (0..3).fold((0, 1.0), |(node, product), level| {
            match word >> (2 - level) & 1 {
                0 => (2 * node + 1, product * left[node]),
                _ => (2 * node + 2, product * (1.0 - left[node])),
            }
        })
    };
    let sum: f64 = (0..8).map(|word| leaf(word).1).sum();
    page.show("sum of the probabilities", &number(sum))?;

    page.section("Contexts")?;
    page.text("A center and the words at most two places away:")?;
    let (first, second): (Vec<u32>, Vec<u32>) = ((0..7).collect(), (7..10).collect());
    for (sentence, place) in [(&first, 2), (&second, 0), (&second, 1)] {
        let contexts = SkipGrams::contexts(sentence, place, 2);
        page.show(
            &format!("around {}", sentence[place]),
            &format!("{contexts:?}"),
        )?;
    }

    page.section("Sub-sampling")?;
    page.text(
        "The, of and a stand next to everything and say little. A word that is a share f of the text is\n\
         kept with a probability of sqrt(0.0001 / f). The book in pieces of 100 words:",
    )?;
    let ids: Vec<u32> = words.iter().map(|word| vocab.id(word)).collect();
    let sentences: Vec<Vec<u32>> = ids.chunks(100).map(<[u32]>::to_vec).collect();
    let kept = subsample(&sentences, vocab.counts(), 1e-4, seed.child("subsample"));
    let count = |sentences: &[Vec<u32>], word: &str| {
        let id = vocab.id(word);
        sentences
            .iter()
            .flatten()
            .filter(|&&other| other == id)
            .count()
    };
    let row = |word: &str| {
        let [before, after] =
            [&sentences, &kept].map(|sentences| count(sentences, word).to_string());
        vec![word.to_owned(), before, after]
    };
    page.table(
        &["word", "before", "after"],
        &[row("the"), row("traveller"), row("palace")],
    )?;

    page.section("Batches")?;
    page.text(
        "Each center has its own window of 1 to 5 words, and five noise words for each context word,\n\
         drawn by count^0.75 and never a context word. At most 10 contexts and 50 noise words: shorter\n\
         rows are padded.",
    )?;
    let config = SkipGramConfig::default();
    let data = SkipGrams::new(kept, vocab.counts(), config, seed.child("noise"))?;
    let loader = Loader::new(data, 512)?.shuffle(seed.child("order"));
    let batch = loader.epoch(0, 0, device)?.next();
    let batch = batch.ok_or_else(|| anyhow::anyhow!("the book has no batch"))??;
    page.show("centers", &batch.centers.dims())?;
    page.show("contexts and noise", &batch.words.dims())?;
    page.show("padding", &batch.padding.dims())?;
    page.show("labels", &batch.labels.dims())?;
    let contexts: f64 = batch.labels.clone().sum().into_scalar();
    let words: f64 = batch.padding.clone().bool_not().float().sum().into_scalar();
    page.show("words for each context word", &number(words / contexts))?;

    page.section("The loss")?;
    page.text(
        "A logistic regression: is this word from the window, or noise? The loss of a center is the\n\
         mean over its words without padding. Two centers, the second with two words:",
    )?;
    let logits = Tensor::<2>::from_data([[1.1, -2.2, 3.3, -4.4]; 2], device);
    let labels = Tensor::from_data([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], device);
    let padding = Tensor::from_data([[false; 4], [false, false, true, true]], device);
    for (row, loss) in skip_gram_loss(logits, labels, padding)
        .into_data()
        .iter::<f64>()
        .enumerate()
    {
        page.show(&format!("loss {}", row + 1), &format!("{loss:.4}"))?;
    }

    page.section("The pitfall: a mean over the padding")?;
    page.text(
        "A mean over all 60 places instead of the words would weigh centers with small windows less.\n\
         With initial vectors of nearly 0 every logit is 0 and the loss ln 2 = 0.6931; a mean over the\n\
         padding seems better without having learned anything:",
    )?;
    let shape = SkipGramModelConfig {
        vocabulary: size,
        size: 20,
    };
    let model = shape.init(seed.child("weights"), device)?;
    let logits = model.forward(batch.centers, batch.words);
    let loss: f64 = skip_gram_loss(logits.clone(), batch.labels, batch.padding.clone())
        .mean()
        .into_scalar();
    page.show("mean over the words", &format!("{loss:.3}"))?;
    let share = words / logits.shape().num_elements() as f64;
    page.show("mean over the padding too", &format!("{:.3}", loss * share))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
