use std::sync::OnceLock;

use polars::prelude::PlHashMap;
use serde::{Deserialize, Serialize};

use super::{Encode, Missing, Output, OutputKind, Unseen};
use tinderbox_data::Slot;

/// From a word that may be missing to a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coding {
    pub vocabulary: Vocabulary,
    pub encode: Encode,
    pub missing: Missing,
    /// Whether a value was missing in a training row.
    pub missing_seen: bool,
    pub unseen: Unseen,
    /// The words of the training rows that share one category, if rare ones do.
    pub rare: Option<Vocabulary>,
    /// Place of the most frequent word, for missing ones.
    pub most_frequent: Option<usize>,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    /// The word at this place of the vocabulary.
    Word(usize),
    Rare,
    Missing,
    /// No category at all.
    None,
}

impl Coding {
    /// The category of a word. One that no training row had is none at all: its weight would be
    /// whatever the model started with.
    pub fn code(&self, word: Option<&str>) -> Result<Code, String> {
        let Some(word) = word else {
            return match (self.missing, self.most_frequent) {
                (Missing::Category, _) if self.missing_seen => Ok(Code::Missing),
                (Missing::MostFrequent, Some(place)) => Ok(Code::Word(place)),
                (Missing::Category | Missing::MostFrequent | Missing::Zeros, _) => Ok(Code::None),
                (Missing::Error, _) => Err(
                    "the value is missing; state missing = \"category\", or leave the row out"
                        .into(),
                ),
            };
        };
        if let Some(place) = self.vocabulary.place(word) {
            return Ok(Code::Word(place));
        }
        let rare = self.rare.as_ref();
        if rare.is_some_and(|rare| rare.place(word).is_some()) {
            return Ok(Code::Rare);
        }
        match self.unseen {
            Unseen::Rare if self.has_rare() => Ok(Code::Rare),
            Unseen::Rare | Unseen::Zeros => Ok(Code::None),
            Unseen::Error => Err(format!(
                "category \"{word}\" is not among the {} of the training rows; state unseen = \"zeros\" or \"rare\", or correct it",
                self.vocabulary.words.len()
            )),
        }
    }

    /// Whether a training row had this word.
    pub fn knows(&self, word: &str) -> bool {
        let rare = self.rare.as_ref();
        self.vocabulary.place(word).is_some() || rare.is_some_and(|rare| rare.place(word).is_some())
    }

    /// Whether a training row had a rare word.
    fn has_rare(&self) -> bool {
        (self.rare.as_ref()).is_some_and(|rare| !rare.words.is_empty())
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        match self.encode {
            Encode::Ordinal => 1,
            Encode::OneHot => {
                self.vocabulary.words.len()
                    + usize::from(self.rare.is_some())
                    + usize::from(self.missing == Missing::Category)
            }
        }
    }

    /// What the one number is that stands for the category in a narrow row.
    pub fn slot(&self) -> Slot {
        match self.encode {
            Encode::Ordinal => Slot::Number,
            Encode::OneHot => Slot::OneHot(self.width()),
        }
    }

    /// The number of a category in a narrow row.
    pub fn number(&self, code: Code) -> f32 {
        let words = self.vocabulary.words.len();
        let place = match code {
            Code::Word(place) => Some(place),
            Code::Rare => Some(words),
            Code::Missing if self.encode == Encode::OneHot => {
                Some(words + usize::from(self.rare.is_some()))
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
        let words = &self.vocabulary.words;
        if self.encode == Encode::Ordinal {
            let size = 1 + words.len() + usize::from(self.has_rare());
            return push(source.to_owned(), OutputKind::Index { size });
        }
        for word in words {
            push(
                format!("{source}_{}", word.replace(PAIR, "×")),
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

/// What stands between two crossed words; no text file has it inside a word.
pub(super) const PAIR: char = '\u{1f}';

/// Different words in a fixed order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(super) struct Vocabulary {
    pub words: Vec<String>,
    places: OnceLock<PlHashMap<String, usize>>,
}

impl Vocabulary {
    pub fn place(&self, word: &str) -> Option<usize> {
        let places = self.places.get_or_init(|| {
            let words = self.words.iter().cloned().enumerate();
            words.map(|(place, word)| (word, place)).collect()
        });
        places.get(word).copied()
    }

    /// Whether some words are whole numbers, and all of those are written as numbers are: without
    /// zeros or signs before them.
    pub fn digits_are_numbers(&self) -> bool {
        let parts = self.words.iter().flat_map(|word| word.split(PAIR));
        let mut numbers = parts.filter_map(|part| Some((part, part.trim().parse::<i128>().ok()?)));
        let mut some = false;
        numbers.all(|(part, number)| {
            some = true;
            part == number.to_string()
        }) && some
    }
}

impl From<Vec<String>> for Vocabulary {
    fn from(words: Vec<String>) -> Self {
        Self {
            words,
            places: OnceLock::new(),
        }
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.words
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}
