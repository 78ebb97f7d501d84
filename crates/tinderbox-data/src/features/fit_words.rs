use polars::prelude::PlHashMap;

use super::coding::{Coding, Vocabulary};
use super::columns::WordKind;
use super::fit::all_missing;
use super::spec::{Encode, Missing, Unseen};
use crate::{DataError, Result};

/// How often each word occurs.
pub(super) struct Counts {
    counts: PlHashMap<String, u64>,
    limit: usize,
}

impl Counts {
    pub fn new(limit: usize) -> Self {
        Self {
            counts: PlHashMap::default(),
            limit,
        }
    }

    pub fn add(&mut self, column: &str, word: Option<&str>, times: u64) -> Result<()> {
        let Some(word) = word else { return Ok(()) };
        if let Some(count) = self.counts.get_mut(word) {
            *count += times;
            return Ok(());
        }
        if self.counts.len() == self.limit {
            return Err(DataError::Column {
                column: column.to_owned(),
                problem: format!(
                    "has more than {} different values, so it is hardly a category; leave it out, or raise max_categories",
                    self.limit
                ),
            });
        }
        self.counts.insert(word.to_owned(), times);
        Ok(())
    }

    /// All words in a fixed order: numbers by value, text by letter.
    pub fn words(&self, kind: WordKind, keep: impl Fn(u64) -> bool) -> Vec<String> {
        let kept = self.counts.iter().filter(|(_, count)| keep(**count));
        let mut words: Vec<String> = kept.map(|(word, _)| word.clone()).collect();
        match kind {
            WordKind::Integer => {
                words.sort_by_cached_key(|word| word.parse::<i128>().unwrap_or_default())
            }
            WordKind::Text | WordKind::Boolean => words.sort(),
        }
        words
    }

    pub fn finish(
        self,
        name: &str,
        kind: WordKind,
        (encode, missing, unseen): (Encode, Missing, Unseen),
        rare_below: usize,
    ) -> Result<Coding> {
        if self.counts.is_empty() {
            return Err(all_missing(name));
        }
        let limit = rare_below as u64;
        let vocabulary = Vocabulary::from(self.words(kind, |count| count >= limit));
        let rare = (rare_below > 0).then(|| self.words(kind, |count| count < limit).into());
        let most_frequent = (vocabulary.words.iter().enumerate())
            .max_by(|a, b| self.counts[a.1].cmp(&self.counts[b.1]).then(b.0.cmp(&a.0)))
            .map(|(place, _)| place);
        Ok(Coding {
            most_frequent: most_frequent.filter(|_| missing == Missing::MostFrequent),
            vocabulary,
            encode,
            missing,
            unseen,
            rare,
        })
    }
}
