//! How one column, or a pair of columns, becomes features.

use serde::{Deserialize, Serialize};

use super::steps::{DatePart, Encode, Impute, Missing, Step, Unseen};

/// Training rows that a category must have to keep a feature in [`ColumnSpec::one_hot_frequent`].
pub(crate) const FREQUENT: u64 = 5;

/// How one column, or a pair of crossed columns, is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnSpec {
    /// A column of numbers or booleans.
    Numeric(NumericSpec),
    /// A column of text, whole numbers or booleans that are categories.
    Category(CategorySpec),
    /// A column of dates, or of dates with a time.
    Date(DateSpec),
    /// The pairs of values of two category columns.
    Cross(CrossSpec),
    /// A column of free text.
    Text(TextSpec),
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericSpec {
    /// Name of the column.
    pub name: String,
    /// What replaces a missing value, before the steps.
    #[serde(default)]
    pub impute: Impute,
    /// Whether a second feature is 1 where the value is missing, else 0; it is always 0 if no training
    /// row had a missing value.
    #[serde(default)]
    pub missing_indicator: bool,
    /// Steps applied to the values, in this order; at most one of them scales.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A column of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategorySpec {
    /// Name of the column.
    pub name: String,
    /// How a category is encoded.
    #[serde(default)]
    pub encode: Encode,
    /// How a missing value is encoded.
    #[serde(default)]
    pub missing: Missing,
    /// How a category that no training row has is encoded.
    #[serde(default)]
    pub unseen: Unseen,
    /// Categories with fewer training rows than this share one category.
    #[serde(default)]
    pub rare_below: usize,
    /// At most this many, the most frequent ones, keep a category of their own; all others share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_most_frequent: Option<usize>,
}

/// The pairs of values of two category columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossSpec {
    /// Names of the two columns.
    pub columns: [String; 2],
    /// How a pair is encoded.
    #[serde(default)]
    pub encode: Encode,
    /// How a pair with a missing value is encoded.
    #[serde(default)]
    pub missing: Missing,
    /// How a pair that no training row has is encoded.
    #[serde(default)]
    pub unseen: Unseen,
    /// Pairs with fewer training rows than this share one category.
    #[serde(default)]
    pub rare_below: usize,
    /// At most this many, the most frequent ones, keep a category of their own; all others share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_most_frequent: Option<usize>,
}

/// A column of dates, or of dates with a time; times with a time zone are taken in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateSpec {
    /// Name of the column.
    pub name: String,
    /// The parts that become features, one each.
    pub parts: Vec<DatePart>,
    /// What replaces a missing part, before the steps.
    #[serde(default)]
    pub impute: Impute,
    /// Whether another feature is 1 where the value is missing, else 0; it is always 0 if no training
    /// row had a missing value.
    #[serde(default)]
    pub missing_indicator: bool,
    /// Steps applied to every part, in this order; at most one of them scales.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A column of free text: reviews, descriptions, messages.
///
/// Without an encoder the words of a text are hashed into buckets (Weinberger et al. 2009), and a bucket has the
/// feature `(1 + ln count) idf` (Salton and Buckley 1988), with `idf = ln((1 + rows) / (1 + rows with the bucket)) + 1`
/// of the training rows; the features of a row have length 1. Words are runs of two or more letters and digits in lower
/// case, and single Chinese or Japanese characters. These are the numbers of scikit-learn's `HashingVectorizer`
/// (`alternate_sign=False`) and `TfidfTransformer` (`sublinear_tf=True`).
///
/// A missing text is one without words: all zeros, and for an encoder an empty text. A number is a word as it is
/// written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Name of the column.
    pub name: String,
    /// The number of buckets: the most features that the words give.
    #[serde(default = "buckets")]
    pub width: usize,
    /// The longest run of words that has a bucket: with 2, `not good` is one as well as `not` and `good`.
    #[serde(default = "ngrams")]
    pub ngrams: usize,
    /// The training rows that must have a bucket for it to be a feature.
    #[serde(default = "min_rows")]
    pub min_rows: usize,
    /// The encoder whose vectors are the features instead of words, by the name of the
    /// [`TextEncoder`](crate::TextEncoder): a folder of Hugging Face. They are standardized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// Whether another feature is 1 where the text is missing, else 0; it is always 0 if no training row had a
    /// missing text.
    #[serde(default)]
    pub missing_indicator: bool,
}

fn buckets() -> usize {
    512
}

fn ngrams() -> usize {
    1
}

fn min_rows() -> usize {
    2
}

impl ColumnSpec {
    /// The columns of the frame that it uses.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Numeric(spec) => vec![&spec.name],
            Self::Category(spec) => vec![&spec.name],
            Self::Date(spec) => vec![&spec.name],
            Self::Cross(spec) => spec.columns.iter().map(String::as_str).collect(),
            Self::Text(spec) => vec![&spec.name],
        }
    }

    /// A numeric column: missing values become the mean, then all values are standardized.
    pub fn numeric(name: impl Into<String>) -> Self {
        Self::Numeric(NumericSpec {
            name: name.into(),
            impute: Impute::Mean,
            missing_indicator: false,
            steps: vec![Step::Standardize],
        })
    }

    /// A one-hot column, with a feature for missing values and zeros for unseen ones.
    pub fn one_hot(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::OneHot,
            missing: Missing::Category,
            unseen: Unseen::Zeros,
            rare_below: 0,
            keep_most_frequent: None,
        })
    }

    /// A one-hot column of many categories: those with 5 training rows or more have a feature each,
    /// 4,000 of them at most; all others, and unseen ones, share one.
    pub fn one_hot_frequent(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::OneHot,
            missing: Missing::Category,
            unseen: Unseen::Rare,
            rare_below: FREQUENT as usize,
            keep_most_frequent: Some(4000),
        })
    }

    /// A column of free text, as the weights of its words in 512 buckets.
    pub fn text(name: impl Into<String>) -> Self {
        Self::Text(TextSpec {
            name: name.into(),
            width: buckets(),
            ngrams: ngrams(),
            min_rows: min_rows(),
            encoder: None,
            missing_indicator: false,
        })
    }

    /// An index for an embedding, 0 for missing and unseen values.
    pub fn ordinal(name: impl Into<String>) -> Self {
        Self::Category(CategorySpec {
            name: name.into(),
            encode: Encode::Ordinal,
            missing: Missing::Category,
            unseen: Unseen::Zeros,
            rare_below: 0,
            keep_most_frequent: None,
        })
    }
}
