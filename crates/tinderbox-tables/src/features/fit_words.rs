use polars::prelude::{PlHashMap, PlHashSet};

use super::coding::{Coding, Vocabulary};
use super::columns::WordKind;
use super::spec::{Encode, Missing, Unseen};
use crate::{DataError, Result};

/// How often each word occurs.
pub(super) struct Counts {
    counts: PlHashMap<String, u64>,
    missing: u64,
    limit: usize,
}

/// What a specification says about the categories of a column or a cross.
pub(super) struct Wanted {
    pub encode: Encode,
    pub missing: Missing,
    pub unseen: Unseen,
    pub rare_below: usize,
    pub keep_most_frequent: Option<usize>,
}

impl Counts {
    pub fn new(limit: usize) -> Self {
        Self {
            counts: PlHashMap::default(),
            missing: 0,
            limit,
        }
    }

    pub fn add(&mut self, column: &str, word: Option<&str>, times: u64) -> Result<()> {
        let Some(word) = word else {
            self.missing += times;
            return Ok(());
        };
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
    pub fn words(&self, kind: WordKind, keep: impl Fn(&str, u64) -> bool) -> Vec<String> {
        let kept = self
            .counts
            .iter()
            .filter(|(word, count)| keep(word, **count));
        let mut words: Vec<String> = kept.map(|(word, _)| word.clone()).collect();
        match kind {
            WordKind::Integer => {
                words.sort_by_cached_key(|word| word.parse::<i128>().unwrap_or_default())
            }
            WordKind::Text | WordKind::Boolean => words.sort(),
        }
        words
    }

    /// The coding of these words; none where every value was missing.
    pub fn finish(self, kind: WordKind, wanted: Wanted) -> Option<Coding> {
        if self.counts.is_empty() {
            return None;
        }
        let limit = wanted.rare_below as u64;
        let kept = wanted
            .keep_most_frequent
            .map(|most| self.most_frequent(kind, most));
        let keep = |word: &str, count: u64| {
            count >= limit && kept.as_ref().is_none_or(|kept| kept.contains(word))
        };
        let vocabulary = Vocabulary::from(self.words(kind, keep));
        let rare = limit > 0 || kept.is_some();
        let rare = rare.then(|| self.words(kind, |word, count| !keep(word, count)).into());
        let most_frequent = (vocabulary.words.iter().enumerate())
            .max_by(|a, b| self.counts[a.1].cmp(&self.counts[b.1]).then(b.0.cmp(&a.0)))
            .map(|(place, _)| place);
        Some(Coding {
            most_frequent: most_frequent.filter(|_| wanted.missing == Missing::MostFrequent),
            vocabulary,
            encode: wanted.encode,
            missing: wanted.missing,
            missing_seen: self.missing > 0,
            unseen: wanted.unseen,
            rare,
        })
    }

    /// The most frequent words; of equally frequent ones the first in their order.
    fn most_frequent(&self, kind: WordKind, most: usize) -> PlHashSet<String> {
        let mut words = self.words(kind, |_, _| true);
        words.sort_by_key(|word| std::cmp::Reverse(self.counts[word]));
        words.truncate(most);
        words.into_iter().collect()
    }
}
