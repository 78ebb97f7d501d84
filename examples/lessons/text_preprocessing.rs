//! Text preprocessing: from a book to token ids, and how often words occur.
//!
//! Dive into Deep Learning, chapters "Text Preprocessing" and "Language Models and the Dataset".
//! `cargo run --example text_preprocessing`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::fetch;
use tinderbox::data::text::{
    TokenRules, Tokenizer, Vocab, VocabConfig, count_ngrams, count_tokens, read_text,
};
use tinderbox::plot::{self, Plot, Scale, Series};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("text_preprocessing"))
}

pub fn lesson(page: &mut Page) -> Result<()> {
    page.title("Text preprocessing")?;
    page.text(
        "A model computes with numbers. A text becomes numbers in three steps: it is normalized, cut\n\
         into tokens, and each token is replaced by its number in a vocabulary.",
    )?;
    let text = read_text(fetch("time-machine")?.join("timemachine.txt"))?;

    page.section("Reading and normalizing")?;
    page.text(
        "The Time Machine by H. G. Wells. The course keeps letters only, in lower case; everything\n\
         else becomes a space. That is crude: \"it's\" becomes two words.",
    )?;
    let rules = TokenRules::COURSE_WORDS;
    let line = |number: usize| text.lines().nth(number).unwrap_or_default();
    page.show("lines", &text.lines().count())?;
    for number in [0, 10] {
        page.show(&format!("line {number}"), line(number))?;
        page.show(
            &format!("line {number}, normalized"),
            &*rules.normalize(line(number)),
        )?;
    }

    page.section("Tokens: words or characters")?;
    let normalized = rules.normalize(&text);
    let words = rules.split(&normalized);
    let characters = TokenRules::COURSE_CHARACTERS.normalize(&text);
    page.table(
        &["tokens", "number", "kinds"],
        &[
            vec![
                "words".into(),
                words.len().to_string(),
                count_tokens(words.iter().copied()).len().to_string(),
            ],
            vec![
                "characters".into(),
                characters.len().to_string(),
                count_tokens(characters.chars()).len().to_string(),
            ],
        ],
    )?;
    page.text(
        "Words make short sequences and a large vocabulary; characters make long sequences and a\n\
         small one, in which no token is ever unknown.",
    )?;

    page.section("A vocabulary")?;
    page.text(
        "Numbers are given by frequency: 0 is the unknown token, 1 the most frequent word. Sorted\n\
         like this, rare words can be left out by their number.",
    )?;
    let tokenizer = Tokenizer::fit(rules, &text, &VocabConfig::default())?;
    page.show("first tokens", &tokenizer.vocab().tokens()[..10].join(" "))?;
    for number in [0, 10] {
        let ids = tokenizer.encode(line(number));
        page.show(&format!("line {number} as ids"), &format!("{ids:?}"))?;
    }
    let of_characters = Tokenizer::fit(
        TokenRules::COURSE_CHARACTERS,
        &text,
        &VocabConfig::default(),
    )?;
    let vocabulary = of_characters.vocab().len();
    page.show("characters in the vocabulary, with <unk>", &vocabulary)?;

    page.section("The pitfall: a vocabulary of all the text")?;
    page.text(
        "A vocabulary is a fitted statistic. Made of training and held-out text together, no held-out\n\
         word is unknown, and the measured loss is better than it will be on new text.",
    )?;
    let (train, held_out) = words.split_at(words.len() / 10 * 9);
    let vocab = Vocab::fit(train.iter().copied(), &VocabConfig::default())?;
    let unknown = held_out.iter().filter(|word| vocab.get(word).is_none());
    let share = unknown.count() as f64 / held_out.len() as f64;
    page.show(
        "held-out words that the training text lacks",
        &format!("{:.1} %", 100.0 * share),
    )?;

    page.section("How often words occur")?;
    let unigrams = count_tokens(words.iter().copied());
    let rows: Vec<Vec<String>> = unigrams[..10]
        .iter()
        .map(|(word, count)| vec![word.to_string(), count.to_string()])
        .collect();
    page.table(&["word", "times"], &rows)?;
    let [bigrams, trigrams] = [2, 3].map(|n| count_ngrams(&words, n));
    for (name, counts) in [("two words", &bigrams), ("three words", &trigrams)] {
        for (words, count) in &counts[..2] {
            page.show(&format!("{name}: {}", words.join(" ")), count)?;
        }
    }
    page.text(
        "On two logarithmic axes, frequency over rank is nearly a straight line (Zipf 1935): a few\n\
         words are everywhere, and most words occur once. Sequences of words obey the same law, with\n\
         a flatter line. Counting n-grams is therefore no good model of language: nearly all\n\
         sequences of a new text were never counted.",
    )?;
    let frequencies = |name: &str, counts: Vec<usize>| {
        let ranked = counts.into_iter().zip(1u32..);
        Series::new(
            name,
            ranked.map(|(count, rank)| (f64::from(rank), count as f64)),
        )
    };
    let curves = [
        frequencies("words", unigrams.iter().map(|one| one.1).collect()),
        frequencies("two words", bigrams.iter().map(|one| one.1).collect()),
        frequencies("three words", trigrams.iter().map(|one| one.1).collect()),
    ];
    for curve in &curves {
        page.show(
            &format!("{}: slope of the line", curve.name),
            &format!("{:.2}", slope(&curve.points[9..1000])),
        )?;
        let once = curve.points.iter().filter(|point| point.1 == 1.0).count();
        let share = 100.0 * once as f64 / curve.points.len() as f64;
        page.show(
            &format!("{}: kinds that occur once", curve.name),
            &format!("{share:.0} %"),
        )?;
    }
    let plot = Plot {
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        ..Plot::new("Frequencies in The Time Machine").labels("rank", "times")
    };
    page.figure("zipf", plot::line(&plot, &curves)?)
}

/// The slope of the straight line through the logarithms (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = logs.iter().map(|point| point.1).sum::<f64>() / count;
    let cross: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    cross / logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}
