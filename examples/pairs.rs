//! Pairs of sentences to learn translating from, and the sentences by which the course judges.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tinderbox::data::text::{parse_pairs, read_text};
use tinderbox::data::{fetch, read_zip};

/// Pairs that the course learns from; its argument says 600.
pub const COURSE_PAIRS: usize = 601;

/// The sentences that the course translates, and its reference for each.
pub const COURSE_SENTENCES: [[&str; 2]; 4] = [
    ["go .", "va !"],
    ["i lost .", "j'ai perdu ."],
    ["he's calm .", "il est calme ."],
    ["i'm home .", "je suis chez moi ."],
];

/// The pairs of a file (a sentence, a tab and its translation in a line), or of the catalog's `fra-eng`.
pub fn read(data: &str) -> Result<Vec<[String; 2]>> {
    let file = Path::new(data);
    if file.exists() {
        return Ok(parse_pairs(&read_text(file)?, file)?);
    }
    if data != "fra-eng" {
        bail!("there is no file {data}, and the catalog's pairs of sentences are fra-eng");
    }
    let zip = fetch(data)?.join("fra-eng.zip");
    let text = String::from_utf8(read_zip(&zip, "fra.txt")?).context("fra.txt is not UTF-8")?;
    Ok(parse_pairs(&text, &zip)?)
}
