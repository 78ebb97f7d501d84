//! How often each category occurs in the training rows.

use polars::prelude::{PlHashMap, PlHashSet};

use super::coding::{Coding, Vocabulary};
use super::spec::{Encode, Missing, Unseen};
use super::values::CategoryKind;
use crate::{DataError, Result};

/// Why a column without values gives no feature.
pub(super) const NO_VALUE: &str = "it has no value in any training row";

/// The number of rows of each category of a column.
pub(super) struct Counts {
    counts: PlHashMap<String, u64>,
    missing: u64,
    limit: usize,
}

/// How a specification encodes the categories of a column or a cross.
pub(super) struct CodingOptions {
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

    pub fn add(&mut self, column: &str, category: Option<&str>, times: u64) -> Result<()> {
        let Some(category) = category else {
            self.missing += times;
            return Ok(());
        };
        if let Some(count) = self.counts.get_mut(category) {
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
        self.counts.insert(category.to_owned(), times);
        Ok(())
    }

    /// The categories to keep in a fixed order: numbers by value, text by character.
    pub fn in_order(&self, kind: CategoryKind, keep: impl Fn(&str, u64) -> bool) -> Vec<String> {
        let kept = self
            .counts
            .iter()
            .filter(|(category, count)| keep(category, **count));
        let mut categories: Vec<String> = kept.map(|(category, _)| category.clone()).collect();
        match kind {
            CategoryKind::Integer => categories
                .sort_by_cached_key(|category| category.parse::<i128>().unwrap_or_default()),
            CategoryKind::Text | CategoryKind::Boolean => categories.sort(),
        }
        categories
    }

    /// The coding of these categories; the reason where they give no feature that differs between rows.
    pub fn finish(self, kind: CategoryKind, options: CodingOptions) -> Result<Coding, String> {
        if self.counts.is_empty() {
            return Err(NO_VALUE.to_owned());
        }
        let limit = options.rare_below as u64;
        let kept = options
            .keep_most_frequent
            .map(|most| self.most_frequent(kind, most));
        let keep = |category: &str, count: u64| {
            count >= limit && kept.as_ref().is_none_or(|kept| kept.contains(category))
        };
        let vocabulary = Vocabulary::from(self.in_order(kind, keep));
        if vocabulary.categories.is_empty() && self.missing == 0 {
            return Err(format!(
                "each of its {} values has fewer than {limit} training rows, so all would be one category",
                self.counts.len()
            ));
        }
        let rare = limit > 0 || kept.is_some();
        let rare = rare.then(|| {
            self.in_order(kind, |category, count| !keep(category, count))
                .into()
        });
        let most_frequent = (vocabulary.categories.iter().enumerate())
            .max_by(|a, b| self.counts[a.1].cmp(&self.counts[b.1]).then(b.0.cmp(&a.0)))
            .map(|(place, _)| place);
        Ok(Coding {
            most_frequent: most_frequent.filter(|_| options.missing == Missing::MostFrequent),
            vocabulary,
            encode: options.encode,
            missing: options.missing,
            missing_seen: self.missing > 0,
            unseen: options.unseen,
            rare,
        })
    }

    /// The most frequent categories; of equally frequent ones the first in their order.
    fn most_frequent(&self, kind: CategoryKind, most: usize) -> PlHashSet<String> {
        let mut categories = self.in_order(kind, |_, _| true);
        categories.sort_by_key(|category| std::cmp::Reverse(self.counts[category]));
        categories.truncate(most);
        categories.into_iter().collect()
    }
}
