//! From the value of a category column to a number.

use std::sync::OnceLock;

use polars::prelude::PlHashMap;
use serde::{Deserialize, Serialize};
use tinderbox_data::Slot;

use super::output::{Output, OutputKind};
use super::spec::{Encode, Missing, Unseen};

/// How the values of a category column, or of a crossed pair, are encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coding {
    pub vocabulary: Vocabulary,
    pub encode: Encode,
    pub missing: Missing,
    /// Whether a value was missing in a training row.
    pub missing_seen: bool,
    pub unseen: Unseen,
    /// The categories of the training rows that share one feature, where rare ones do.
    pub rare: Option<Vocabulary>,
    /// Index of the most frequent category, which replaces missing values.
    pub most_frequent: Option<usize>,
}

/// The code of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    /// The category at this place of the vocabulary.
    Category(usize),
    Rare,
    Missing,
    /// No category: all zeros.
    None,
}

impl Coding {
    /// The code of a value. A kind of value that no training row had gets [`Code::None`]: its weight
    /// would be whatever the model started with.
    pub fn code(&self, category: Option<&str>) -> Result<Code, String> {
        let Some(category) = category else {
            return match (self.missing, self.most_frequent) {
                (Missing::Category, _) if self.missing_seen => Ok(Code::Missing),
                (Missing::MostFrequent, Some(place)) => Ok(Code::Category(place)),
                (Missing::Category | Missing::MostFrequent | Missing::Zeros, _) => Ok(Code::None),
                (Missing::Error, _) => Err(
                    "the value is missing; state missing = \"category\", or leave the row out"
                        .into(),
                ),
            };
        };
        if let Some(place) = self.vocabulary.place(category) {
            return Ok(Code::Category(place));
        }
        let rare = self.rare.as_ref();
        if rare.is_some_and(|rare| rare.place(category).is_some()) {
            return Ok(Code::Rare);
        }
        match self.unseen {
            Unseen::Rare if self.has_rare() => Ok(Code::Rare),
            Unseen::Rare | Unseen::Zeros => Ok(Code::None),
            Unseen::Error => Err(format!(
                "category \"{category}\" is not among the {} of the training rows; state unseen = \"zeros\" or \"rare\", or correct it",
                self.vocabulary.categories.len()
            )),
        }
    }

    /// Whether a training row had this category.
    pub fn knows(&self, category: &str) -> bool {
        let rare = self.rare.as_ref();
        self.vocabulary.place(category).is_some()
            || rare.is_some_and(|rare| rare.place(category).is_some())
    }

    /// Whether a training row had a rare category.
    fn has_rare(&self) -> bool {
        (self.rare.as_ref()).is_some_and(|rare| !rare.categories.is_empty())
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        match self.encode {
            Encode::Ordinal => 1,
            Encode::OneHot => {
                self.vocabulary.categories.len()
                    + usize::from(self.rare.is_some())
                    + usize::from(self.missing == Missing::Category)
            }
        }
    }

    /// The meaning of the number of the category in a narrow row.
    pub fn slot(&self) -> Slot {
        match self.encode {
            Encode::Ordinal => Slot::Number,
            Encode::OneHot => Slot::OneHot(self.width()),
        }
    }

    /// The number of a code in a narrow row.
    pub fn number(&self, code: Code) -> f32 {
        let categories = self.vocabulary.categories.len();
        let place = match code {
            Code::Category(place) => Some(place),
            Code::Rare => Some(categories),
            Code::Missing if self.encode == Encode::OneHot => {
                Some(categories + usize::from(self.rare.is_some()))
            }
            Code::Missing | Code::None => None,
        };
        place.map_or(0.0, |place| (place + 1) as f32)
    }

    pub fn outputs(&self, source: &str, outputs: &mut Vec<Output>) {
        let mut push = |name: String, kind| {
            outputs.push(Output {
                name,
                source: source.to_owned(),
                kind,
            });
        };
        let categories = &self.vocabulary.categories;
        if self.encode == Encode::Ordinal {
            let size = 1 + categories.len() + usize::from(self.has_rare());
            return push(source.to_owned(), OutputKind::Index { size });
        }
        for category in categories {
            push(
                format!("{source}_{}", category.replace(PAIR, "×")),
                OutputKind::OneHot,
            );
        }
        if self.rare.is_some() {
            push(format!("{source}_rare"), OutputKind::OneHot);
        }
        if self.missing == Missing::Category {
            push(format!("{source}_nan"), OutputKind::OneHot);
        }
    }
}

/// Two crossed categories as one string; missing if one of them is.
pub(super) fn pair<'a>(
    a: Option<&str>,
    b: Option<&str>,
    buffer: &'a mut String,
) -> Option<&'a str> {
    let (a, b) = (a?, b?);
    buffer.clear();
    buffer.push_str(a);
    buffer.push(PAIR);
    buffer.push_str(b);
    Some(buffer)
}

/// Separates two crossed categories: the unit separator, which text files do not hold.
pub(super) const PAIR: char = '\u{1f}';

/// Different categories in a fixed order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(super) struct Vocabulary {
    pub categories: Vec<String>,
    places: OnceLock<PlHashMap<String, usize>>,
}

impl Vocabulary {
    pub fn place(&self, category: &str) -> Option<usize> {
        let places = self.places.get_or_init(|| {
            let categories = self.categories.iter().cloned().enumerate();
            categories
                .map(|(place, category)| (category, place))
                .collect()
        });
        places.get(category).copied()
    }

    /// Whether some categories are whole numbers, and all of those are written in the usual way: without
    /// leading zeros or a plus sign.
    pub fn digits_are_numbers(&self) -> bool {
        let parts = self
            .categories
            .iter()
            .flat_map(|category| category.split(PAIR));
        let mut numbers = parts.filter_map(|part| Some((part, part.trim().parse::<i128>().ok()?)));
        let mut some = false;
        numbers.all(|(part, number)| {
            some = true;
            part == number.to_string()
        }) && some
    }
}

impl From<Vec<String>> for Vocabulary {
    fn from(categories: Vec<String>) -> Self {
        Self {
            categories,
            places: OnceLock::new(),
        }
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.categories
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.categories == other.categories
    }
}
