//! Byte-pair encoding: parts of words as tokens, from scratch.
//!
//! Dive into Deep Learning, chapter "Subword Embedding".
//! `cargo run --example byte_pair_encoding`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::fetch;
use tinderbox::data::text::{TokenRules, count_tokens, read_text};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("byte_pair_encoding"))
}

pub fn lesson(page: &mut Page) -> Result<()> {
    page.title("Byte-pair encoding")?;
    page.text(
        "A vocabulary of words knows nothing of a word it has not seen, and sees no relation between\n\
         fast and faster. One of characters makes long sequences. Byte-pair encoding lies between:\n\
         frequent words are one token, rare ones several (Sennrich et al. 2016).",
    )?;

    page.section("Learning the parts")?;
    page.text(
        "The text is these words with their counts; _ marks the end of a word. Start from single\n\
         characters. Again and again, the pair of neighbours that occurs most often becomes a new\n\
         symbol; of equal ones the first.",
    )?;
    let words = [("fast_", 4), ("faster_", 3), ("tall_", 5), ("taller_", 4)];
    let mut text = words
        .map(|(word, count)| (characters(word), count))
        .to_vec();
    let merges = learn(&mut text, 10);
    page.show("merges", &merges.join(" "))?;
    for (parts, _) in &text {
        page.show(&parts.concat(), &parts.join(" "))?;
    }

    page.section("Using them on new words")?;
    page.text("From the left, always the longest symbol that fits. Neither word was in the text:")?;
    let mut symbols: Vec<String> = ('a'..='z').map(String::from).collect();
    symbols.push("_".into());
    symbols.extend(merges);
    for word in ["tallest_", "fatter_"] {
        page.show(word, &segment(word, &symbols).join(" "))?;
    }

    page.section("A whole book")?;
    page.text("The Time Machine, as the number of merges grows:")?;
    let book = read_text(fetch("time-machine")?.join("timemachine.txt"))?;
    let rules = TokenRules::COURSE_WORDS;
    let normalized = rules.normalize(&book);
    let counts = count_tokens(rules.split(&normalized));
    let counted = counts
        .iter()
        .map(|(word, count)| (characters(&format!("{word}_")), *count));
    let mut text: Vec<(Vec<String>, usize)> = counted.collect();
    let mut rows = Vec::new();
    let (mut done, mut last) = (0, Vec::new());
    for merges in [0, 50, 200] {
        last = learn(&mut text, merges - done);
        done = merges;
        let tokens: usize = text.iter().map(|(parts, count)| parts.len() * count).sum();
        rows.push(vec![
            merges.to_string(),
            (27 + merges).to_string(),
            tokens.to_string(),
        ]);
    }
    page.table(&["merges", "symbols", "tokens"], &rows)?;
    page.show("the last merges", &last[last.len() - 5..].join(" "))?;

    page.section("The pitfall: a symbol that nobody learned")?;
    page.text(
        "A character that was not in the training text has no symbol, and becomes the unknown token.\n\
         GPT-2 therefore starts from the 256 bytes, of which every text consists:",
    )?;
    page.show("café_", &segment("café_", &symbols).join(" "))?;
    page.show("bytes of é", &format!("{:?}", "é".as_bytes()))
}

fn characters(word: &str) -> Vec<String> {
    word.chars().map(String::from).collect()
}

/// Merges the most frequent pairs of a text of words in parts, with their counts; returns the new symbols.
fn learn(words: &mut [(Vec<String>, usize)], merges: usize) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..merges {
        // The pairs in the order in which they occur first.
        let mut places = std::collections::HashMap::new();
        let mut pairs: Vec<([String; 2], usize)> = Vec::new();
        for (parts, count) in words.iter() {
            for pair in parts.windows(2) {
                let pair = [pair[0].clone(), pair[1].clone()];
                let place = *places.entry(pair.clone()).or_insert_with(|| {
                    pairs.push((pair, 0));
                    pairs.len() - 1
                });
                pairs[place].1 += count;
            }
        }
        // `max_by_key` returns the last of equal ones.
        let Some(([first, second], _)) = pairs.into_iter().rev().max_by_key(|(_, count)| *count)
        else {
            break;
        };
        let merged = format!("{first}{second}");
        for (parts, _) in words.iter_mut() {
            let mut place = 0;
            while place + 1 < parts.len() {
                if parts[place] == first && parts[place + 1] == second {
                    parts[place] = merged.clone();
                    parts.remove(place + 1);
                }
                place += 1;
            }
        }
        made.push(merged);
    }
    made
}

/// A word in the longest symbols from the left; a character without a symbol is unknown.
fn segment(word: &str, symbols: &[String]) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    let (mut parts, mut start) = (Vec::new(), 0);
    while start < characters.len() {
        let fits = (start + 1..=characters.len()).rev().find_map(|end| {
            let part: String = characters[start..end].iter().collect();
            symbols.contains(&part).then_some((part, end))
        });
        let (part, end) = fits.unwrap_or(("<unk>".into(), start + 1));
        parts.push(part);
        start = end;
    }
    parts
}
