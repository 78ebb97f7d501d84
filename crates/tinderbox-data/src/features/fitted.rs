use std::path::Path;
use std::sync::OnceLock;

use polars::prelude::PlHashMap;
use serde::{Deserialize, Serialize};

use super::columns::WordKind;
use super::target::FittedTarget;
use super::{DatePart, Encode, Missing, Unseen};
use crate::{DataError, Result};

/// The form that this version writes and reads.
const FORMAT: u32 = 1;

/// Everything that turns a frame into numbers: fitted by [`FeatureSpec::fit`](super::FeatureSpec::fit)
/// on training rows, stored beside the weights, applied to whatever comes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Features {
    pub(super) columns: Vec<FittedColumn>,
    pub(super) target: Option<FittedTarget>,
    outputs: Vec<Output>,
}

/// One feature: a column of [`TensorTable::features`](super::TensorTable).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The column of the frame that it is made from; of two crossed columns, both with × between.
    pub source: String,
    /// What its numbers mean.
    pub kind: OutputKind,
}

/// What the numbers of a feature mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// A quantity.
    Number,
    /// 1 where the row has this category, else 0.
    OneHot,
    /// An index below `size`, for an embedding.
    Index {
        /// Number of different indices, 0 for missing and unseen values included.
        size: usize,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    columns: Vec<FittedColumn>,
    target: Option<FittedTarget>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum FittedColumn {
    Numeric {
        name: String,
        missing_indicator: bool,
        number: Number,
    },
    Category {
        name: String,
        words: WordKind,
        coding: Coding,
    },
    Date {
        name: String,
        missing_indicator: bool,
        parts: Vec<(DatePart, Number)>,
    },
    Cross {
        names: [String; 2],
        words: [WordKind; 2],
        coding: Coding,
    },
}

/// From a number that may be missing to a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    pub impute: Option<f64>,
    pub steps: Vec<FittedStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FittedStep {
    Clip { low: Option<f64>, high: Option<f64> },
    Log1p,
    Scale { shift: f64, scale: f64 },
}

impl FittedStep {
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Clip { low, high } => {
                let value = low.map_or(value, |low| value.max(low));
                high.map_or(value, |high| value.min(high))
            }
            Self::Log1p => value.ln_1p(),
            Self::Scale { shift, scale } => (value - shift) / scale,
        }
    }
}

impl Number {
    /// The feature for a value, or what is wrong with the value.
    pub fn apply(&self, value: Option<f64>) -> Result<f32, String> {
        let present = value.filter(|value| !value.is_nan()).or(self.impute);
        let Some(mut value) = present else {
            return Err(
                "the value is missing; state impute = \"mean\", or leave the row out".into(),
            );
        };
        for step in &self.steps {
            value = step.apply(value);
        }
        match value as f32 {
            feature if feature.is_finite() => Ok(feature),
            _ => Err(format!(
                "{} becomes {value}; correct the value, or state a clip step before the others",
                present.unwrap_or(f64::NAN)
            )),
        }
    }
}

/// From a word that may be missing to a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coding {
    pub vocabulary: Vocabulary,
    pub encode: Encode,
    pub missing: Missing,
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
    pub fn code(&self, word: Option<&str>) -> Result<Code, String> {
        let Some(word) = word else {
            return match (self.missing, self.most_frequent) {
                (Missing::Category, _) => Ok(Code::Missing),
                (Missing::MostFrequent, Some(place)) => Ok(Code::Word(place)),
                (Missing::MostFrequent | Missing::Zeros, _) => Ok(Code::None),
                (Missing::Error, _) => Err(
                    "the value is missing; state missing = \"category\", or leave the row out"
                        .into(),
                ),
            };
        };
        if let Some(place) = self.vocabulary.place(word) {
            return Ok(Code::Word(place));
        }
        let rare = self
            .rare
            .as_ref()
            .is_some_and(|rare| rare.place(word).is_some());
        match (rare, self.unseen) {
            (true, _) => Ok(Code::Rare),
            (false, Unseen::Zeros) => Ok(Code::None),
            (false, Unseen::Rare) => Ok(Code::Rare),
            (false, Unseen::Error) => Err(format!(
                "category \"{word}\" is not among the {} of the training rows; state unseen = \"zeros\" or \"rare\", or correct it",
                self.vocabulary.words.len()
            )),
        }
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

    /// Writes the features of one row, which are zero before.
    pub fn write(&self, code: Code, features: &mut [f32]) {
        let words = self.vocabulary.words.len();
        let place = match code {
            Code::Word(place) => Some(place),
            Code::Rare => Some(words),
            Code::Missing if self.encode == Encode::OneHot => {
                Some(words + usize::from(self.rare.is_some()))
            }
            Code::Missing | Code::None => None,
        };
        match (self.encode, place) {
            (_, None) => {}
            (Encode::OneHot, Some(place)) => features[place] = 1.0,
            (Encode::Ordinal, Some(place)) => features[0] = (place + 1) as f32,
        }
    }

    fn outputs(&self, source: &str, outputs: &mut Vec<Output>) {
        let mut push = |name: String, kind| {
            outputs.push(Output {
                name,
                source: source.to_owned(),
                kind,
            });
        };
        let words = &self.vocabulary.words;
        if self.encode == Encode::Ordinal {
            let size = 1 + words.len() + usize::from(self.rare.is_some());
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

impl Features {
    pub(super) fn new(columns: Vec<FittedColumn>, target: Option<FittedTarget>) -> Result<Self> {
        let mut outputs = Vec::new();
        for column in &columns {
            column.outputs(&mut outputs);
        }
        if outputs.is_empty() {
            return Err(DataError::Spec {
                problem: "no column gives a feature; name at least one".into(),
            });
        }
        // A category may be called what another feature is called; names stay different.
        let mut once = std::collections::HashSet::new();
        for output in &mut outputs {
            while !once.insert(output.name.clone()) {
                output.name.push('_');
            }
        }
        Ok(Self {
            columns,
            target,
            outputs,
        })
    }

    /// The features in their order, with what they mean.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.outputs.len()
    }

    /// Names of the columns that a frame must have to be transformed, without the target.
    pub fn inputs(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for column in &self.columns {
            for name in column.names() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Names of the target columns.
    pub fn target_names(&self) -> Vec<&str> {
        self.target
            .as_ref()
            .map_or_else(Vec::new, FittedTarget::names)
    }

    /// Names of the classes, where classes are predicted.
    pub fn classes(&self) -> Option<&[String]> {
        self.target.as_ref()?.classes()
    }

    /// The fitted features as JSON, which [`Features::from_json`] reads back to the last bit.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| stored("the features", &error.to_string()))
    }

    /// Fitted features from JSON.
    ///
    /// # Errors
    ///
    /// Another version's form, damaged text, numbers or vocabularies that no fit could have given.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| stored("the features", &error.to_string()))
    }

    /// Writes the fitted features as a JSON file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(tinderbox_core::write_atomic(path, self.to_json()?)?)
    }

    /// Reads a JSON file that [`Features::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DataError::File {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text)
            .map_err(|error| stored(&path.display().to_string(), &error.to_string()))
    }
}

fn stored(what: &str, problem: &str) -> DataError {
    DataError::Stored {
        what: what.to_owned(),
        problem: problem.to_owned(),
    }
}

impl FittedColumn {
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Numeric { name, .. } | Self::Category { name, .. } | Self::Date { name, .. } => {
                vec![name]
            }
            Self::Cross { names, .. } => names.iter().map(String::as_str).collect(),
        }
    }

    fn outputs(&self, outputs: &mut Vec<Output>) {
        let indicator = |name: &str| Output {
            name: format!("{name}_missing"),
            source: name.to_owned(),
            kind: OutputKind::OneHot,
        };
        match self {
            Self::Numeric {
                name,
                missing_indicator,
                ..
            } => {
                outputs.push(Output {
                    name: name.clone(),
                    source: name.clone(),
                    kind: OutputKind::Number,
                });
                outputs.extend(missing_indicator.then(|| indicator(name)));
            }
            Self::Date {
                name,
                missing_indicator,
                parts,
            } => {
                outputs.extend(parts.iter().map(|(part, _)| Output {
                    name: format!("{name}_{}", part.name()),
                    source: name.clone(),
                    kind: OutputKind::Number,
                }));
                outputs.extend(missing_indicator.then(|| indicator(name)));
            }
            Self::Category { name, coding, .. } => coding.outputs(name, outputs),
            Self::Cross {
                names: [a, b],
                coding,
                ..
            } => coding.outputs(&format!("{a}×{b}"), outputs),
        }
    }

    fn check(&self) -> Result<(), String> {
        let number = |number: &Number| {
            let steps = number.steps.iter().all(|step| match *step {
                FittedStep::Scale { shift, scale } => {
                    shift.is_finite() && scale.is_finite() && scale != 0.0
                }
                FittedStep::Clip { low, high } => {
                    [low, high].into_iter().flatten().all(|end| !end.is_nan())
                }
                FittedStep::Log1p => true,
            });
            match steps && number.impute.is_none_or(f64::is_finite) {
                true => Ok(()),
                false => Err("a number that cannot be".to_owned()),
            }
        };
        match self {
            Self::Numeric { number: n, .. } => number(n),
            Self::Date { parts, .. } => parts.iter().try_for_each(|(_, part)| number(part)),
            Self::Category { coding, .. } | Self::Cross { coding, .. } => {
                let words = &coding.vocabulary.words;
                let once: std::collections::HashSet<_> = words.iter().collect();
                match once.len() == words.len()
                    && coding.most_frequent.is_none_or(|place| place < words.len())
                    && (coding.rare.is_some() || coding.unseen != Unseen::Rare)
                {
                    true => Ok(()),
                    false => Err("a vocabulary that cannot be".to_owned()),
                }
            }
        }
    }
}

impl From<Features> for Stored {
    fn from(features: Features) -> Self {
        Self {
            format: FORMAT,
            columns: features.columns,
            target: features.target,
        }
    }
}

impl TryFrom<Stored> for Features {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if stored.format != FORMAT {
            return Err(format!(
                "the features have format {}, this version reads format {FORMAT}; fit them again, or use the version that wrote them",
                stored.format
            ));
        }
        for column in &stored.columns {
            column.check().map_err(|problem| {
                format!(
                    "column {:?} holds {problem}; the file was changed",
                    column.names()
                )
            })?;
        }
        Self::new(stored.columns, stored.target).map_err(|error| error.to_string())
    }
}
