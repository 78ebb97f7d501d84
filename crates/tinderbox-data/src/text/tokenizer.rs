use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::read::read_pieces;
use super::{TokenRules, Vocab, VocabConfig};
use crate::Result;

/// From text to token ids and back: the rules and the vocabulary of a model.
///
/// A bundle keeps it as `vocab.json`, so that a prefix is treated as the training text was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tokenizer {
    rules: TokenRules,
    vocab: Vocab,
}

impl Tokenizer {
    /// A tokenizer with these parts.
    pub fn new(rules: TokenRules, vocab: Vocab) -> Self {
        Self { rules, vocab }
    }

    /// A tokenizer whose vocabulary comes from this text, which must be training text only.
    ///
    /// # Errors
    /// A text without tokens, unknown or reserved tokens that are empty or given twice.
    pub fn fit(rules: TokenRules, training_text: &str, config: &VocabConfig) -> Result<Self> {
        let normalized = rules.normalize(training_text);
        let vocab = Vocab::fit(rules.split(&normalized), config)?;
        Ok(Self { rules, vocab })
    }

    /// The same of a file that is read line by line: one that is larger than memory.
    ///
    /// # Errors
    /// A file that cannot be read, that holds no text or is not UTF-8; those of [`fit`](Self::fit).
    pub fn fit_file(
        rules: TokenRules,
        training_file: impl AsRef<Path>,
        config: &VocabConfig,
    ) -> Result<Self> {
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        read_pieces(training_file.as_ref(), rules, |piece| {
            for token in rules.split(piece) {
                match counts.get_mut(token) {
                    Some((_, count)) => *count += 1,
                    None => {
                        counts.insert(token.to_owned(), (counts.len(), 1));
                    }
                }
            }
            Ok(())
        })?;
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, (first, count))| (std::cmp::Reverse(*count), *first));
        let counts = counts.into_iter().map(|(token, (_, count))| (token, count));
        let vocab = Vocab::of_counts(counts, config)?;
        Ok(Self { rules, vocab })
    }

    /// The ids of a text's tokens; 0 for those that the vocabulary does not have.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let normalized = self.rules.normalize(text);
        self.ids(&normalized).collect()
    }

    /// The ids of a text that the rules have normalized.
    pub(super) fn ids(&self, normalized: &str) -> impl Iterator<Item = u32> {
        let tokens = self.rules.split(normalized).into_iter();
        tokens.map(|token| self.vocab.id(token))
    }

    /// The tokens of a text that the vocabulary does not have, each once.
    pub fn unknown_in(&self, text: &str) -> Vec<String> {
        let normalized = self.rules.normalize(text);
        let mut unknown: Vec<String> = Vec::new();
        for token in self.rules.split(&normalized) {
            if self.vocab.get(token).is_none() && !unknown.iter().any(|seen| seen == token) {
                unknown.push(token.to_owned());
            }
        }
        unknown
    }

    /// The text of these ids; an id that is not in the vocabulary reads as the unknown token.
    pub fn decode(&self, ids: &[u32]) -> String {
        let unknown = self.vocab.tokens()[Vocab::UNKNOWN as usize].as_str();
        let tokens = ids
            .iter()
            .map(|&id| self.vocab.token(id).unwrap_or(unknown));
        self.rules.join(tokens)
    }

    /// How a text becomes tokens.
    pub fn rules(&self) -> TokenRules {
        self.rules
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_text_becomes_the_unknown_token_and_is_reported() {
        let rules = TokenRules::CHARACTERS;
        let tokenizer = Tokenizer::fit(rules, "abca", &VocabConfig::default()).unwrap();
        assert_eq!(tokenizer.encode("axbya"), [1, 0, 2, 0, 1]);
        assert_eq!(tokenizer.unknown_in("axbyax"), ["x", "y"]);
        assert_eq!(tokenizer.decode(&[1, 0, 9, 3]), "a<unk><unk>c");
        let text = serde_json::to_string(&tokenizer).unwrap();
        assert_eq!(serde_json::from_str::<Tokenizer>(&text).unwrap(), tokenizer);
    }

    #[test]
    fn normalization_is_part_of_it() {
        let rules = TokenRules::COURSE_WORDS;
        let text = "Time, time!\nTRAVELLER";
        let tokenizer = Tokenizer::fit(rules, text, &VocabConfig::default()).unwrap();
        assert_eq!(tokenizer.vocab().tokens(), ["<unk>", "time", "traveller"]);
        assert_eq!(tokenizer.encode("(Traveller) space TIME"), [2, 0, 1]);
        assert_eq!(tokenizer.decode(&[2, 1]), "traveller time");
    }
}
