use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::count_tokens;
use crate::{DataError, Result};

/// The settings of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VocabConfig {
    /// Tokens that occur less often are left out.
    pub min_frequency: usize,
    /// The token for everything that is not in the vocabulary; its id is 0.
    pub unknown: String,
    /// Tokens with a meaning of their own, `<pad>`, `<bos>`, `<eos>`: ids from 1 on, in this order.
    pub reserved: Vec<String>,
}

impl Default for VocabConfig {
    fn default() -> Self {
        Self {
            min_frequency: 1,
            unknown: "<unk>".into(),
            reserved: Vec::new(),
        }
    }
}

/// The tokens that a model knows, each with its id.
///
/// Ids: 0 for the unknown token, then the reserved tokens, then the others, the most frequent
/// first (of equal ones the one that occurs first), as in the course. It is a fitted statistic: made from the
/// training text alone and saved with the model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Vocab {
    tokens: Vec<String>,
    counts: Vec<usize>,
    ids: HashMap<String, u32>,
}

impl PartialEq for Vocab {
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens && self.counts == other.counts
    }
}

/// A vocabulary in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    tokens: Vec<String>,
    counts: Vec<usize>,
}

impl Vocab {
    /// The vocabulary of a text.
    ///
    /// # Errors
    /// No tokens; an unknown or reserved token that is empty or given twice.
    pub fn fit<'a>(
        tokens: impl IntoIterator<Item = &'a str>,
        config: &VocabConfig,
    ) -> Result<Self> {
        let counted = count_tokens(tokens).into_iter();
        Self::of_counts(
            counted.map(|(token, count)| (token.to_owned(), count)),
            config,
        )
    }

    /// The vocabulary of tokens that were counted, the most frequent first.
    pub(super) fn of_counts(
        counted: impl IntoIterator<Item = (String, usize)>,
        config: &VocabConfig,
    ) -> Result<Self> {
        let mut special: HashMap<&str, usize> = std::iter::once(&config.unknown)
            .chain(&config.reserved)
            .map(|token| (token.as_str(), 0))
            .collect();
        let mut rest = Vec::new();
        let mut any = false;
        for (token, count) in counted {
            any = true;
            match special.get_mut(token.as_str()) {
                Some(times) => *times = count,
                None if count >= config.min_frequency => rest.push((token, count)),
                None => {}
            }
        }
        if !any {
            return Err(text_error(
                "there are no tokens to make a vocabulary of; give it the training text",
            ));
        }
        let first = std::iter::once(&config.unknown).chain(&config.reserved);
        let first = first.map(|token| (token.clone(), special[token.as_str()]));
        let (tokens, counts) = first.chain(rest).unzip();
        Stored { tokens, counts }.try_into()
    }

    /// Number of tokens, with the unknown and the reserved ones.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token; never true for a fitted vocabulary.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The id of a token; 0 for one that is not in the vocabulary.
    pub fn id(&self, token: &str) -> u32 {
        self.get(token).unwrap_or(Self::UNKNOWN)
    }

    /// The id of a token in the vocabulary.
    pub fn get(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The id of the unknown token.
    pub const UNKNOWN: u32 = 0;

    /// The token with this id.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// All tokens in the order of their ids.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// How often each token occurred in the training text, in the order of their ids.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }
}

impl TryFrom<Stored> for Vocab {
    type Error = DataError;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { tokens, counts } = stored;
        if tokens.is_empty() || tokens.len() != counts.len() {
            return Err(text_error(format!(
                "the vocabulary has {} tokens and {} counts; it needs at least one token, and a count for each",
                tokens.len(),
                counts.len()
            )));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (token, id) in tokens.iter().zip(0u32..) {
            if token.is_empty() {
                return Err(text_error(format!("token {id} of the vocabulary is empty")));
            }
            if ids.insert(token.clone(), id).is_some() {
                return Err(text_error(format!(
                    "the token {token:?} is in the vocabulary twice; unknown and reserved tokens must differ"
                )));
            }
        }
        Ok(Self {
            tokens,
            counts,
            ids,
        })
    }
}

impl From<Vocab> for Stored {
    fn from(vocab: Vocab) -> Self {
        Self {
            tokens: vocab.tokens,
            counts: vocab.counts,
        }
    }
}

fn text_error(problem: impl Into<String>) -> DataError {
    DataError::Text {
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 9] = ["go", ".", "i", "lost", ".", "i", "go", ".", "<pad>"];

    fn config(min_frequency: usize, reserved: &[&str]) -> VocabConfig {
        VocabConfig {
            min_frequency,
            reserved: reserved.iter().map(|&token| token.into()).collect(),
            ..VocabConfig::default()
        }
    }

    #[test]
    fn ids_are_those_of_the_course() {
        let vocab = Vocab::fit(WORDS, &config(2, &["<pad>", "<bos>", "<eos>"])).unwrap();
        assert_eq!(
            vocab.tokens(),
            ["<unk>", "<pad>", "<bos>", "<eos>", ".", "go", "i"]
        );
        assert_eq!(vocab.counts(), [0, 1, 0, 0, 3, 2, 2]);
        assert_eq!((vocab.id("go"), vocab.id("lost")), (5, Vocab::UNKNOWN));
        assert_eq!((vocab.get("lost"), vocab.token(4)), (None, Some(".")));
        assert_eq!(vocab.token(7), None);
    }

    #[test]
    fn a_file_gives_the_same_vocabulary_and_a_damaged_one_an_error() {
        let vocab = Vocab::fit(WORDS, &VocabConfig::default()).unwrap();
        let text = serde_json::to_string(&vocab).unwrap();
        let read: Vocab = serde_json::from_str(&text).unwrap();
        assert_eq!(read, vocab);
        assert_eq!(read.id("lost"), vocab.id("lost"));
        for (from, to, what) in [
            ("\"lost\"", "\"go\"", "twice"),
            ("\"lost\",", "", "counts"),
            ("\"lost\"", "\"\"", "empty"),
        ] {
            let damaged = serde_json::from_str::<Vocab>(&text.replace(from, to));
            let error = damaged.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn no_text_and_reserved_tokens_given_twice_are_refused() {
        let error = Vocab::fit([], &VocabConfig::default()).unwrap_err();
        assert!(error.to_string().contains("no tokens"), "{error}");
        let error = Vocab::fit(WORDS, &config(1, &["<pad>", "<unk>"])).unwrap_err();
        assert!(error.to_string().contains("\"<unk>\""), "{error}");
    }
}
