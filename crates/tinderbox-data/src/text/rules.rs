use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The unit of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUnit {
    /// A character (a Unicode scalar value).
    Character,
    /// A word: the text between white space.
    Word,
}

/// The normalization of a text before it is cut into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// Nothing.
    #[default]
    None,
    /// Every run of characters other than the letters A to Z becomes one space; lower case (the course, version 1.0).
    Letters,
    /// The same line by line, with no space at the ends of a line. Lines of characters follow each
    /// other without a space between them (the course, version 0, whose results are published).
    LettersByLine,
    /// Lower case, a space before each of `, . ! ?` that has none, and plain spaces in place of those
    /// that do not break a line (the course, for translation).
    Sentences,
}

/// How a text becomes tokens; it is saved with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRules {
    /// The normalization, which is done first.
    #[serde(default)]
    pub normalization: Normalization,
    /// The unit of a token.
    pub unit: TokenUnit,
}

impl TokenRules {
    /// Every character as it is.
    pub const CHARACTERS: Self = Self {
        normalization: Normalization::None,
        unit: TokenUnit::Character,
    };
    /// Every word as it is.
    pub const WORDS: Self = Self {
        normalization: Normalization::None,
        unit: TokenUnit::Word,
    };
    /// The characters of The Time Machine as the course takes them: 170,580, of 27 kinds.
    pub const COURSE_CHARACTERS: Self = Self {
        normalization: Normalization::LettersByLine,
        unit: TokenUnit::Character,
    };
    /// The words of The Time Machine as the course takes them.
    pub const COURSE_WORDS: Self = Self {
        normalization: Normalization::LettersByLine,
        unit: TokenUnit::Word,
    };

    /// The words of sentences to translate as the course takes them.
    pub const COURSE_SENTENCES: Self = Self {
        normalization: Normalization::Sentences,
        unit: TokenUnit::Word,
    };

    /// The text as it is cut.
    pub fn normalize<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.normalization {
            Normalization::None => Cow::Borrowed(text),
            Normalization::Letters => Cow::Owned(letters(text)),
            Normalization::Sentences => Cow::Owned(sentences(text)),
            Normalization::LettersByLine => {
                let lines = text.lines().map(letters);
                let mut joined = String::with_capacity(text.len());
                for line in lines {
                    if self.unit == TokenUnit::Word && !joined.is_empty() {
                        joined.push(' ');
                    }
                    joined.push_str(line.trim_matches(' '));
                }
                Cow::Owned(joined)
            }
        }
    }

    /// A line of a text as [`normalize`](Self::normalize) makes it of the whole text, given the last
    /// character that came out before it.
    pub(super) fn normalize_after<'a>(&self, last: Option<char>, line: &'a str) -> Cow<'a, str> {
        match (self.normalization, last) {
            (Normalization::Letters | Normalization::Sentences, Some(last)) => {
                let mut normalized = self.normalize(&format!("{last}{line}")).into_owned();
                normalized.drain(..last.len_utf8());
                Cow::Owned(normalized)
            }
            _ => self.normalize(line),
        }
    }

    /// The tokens of a text that [`normalize`](Self::normalize) gave.
    pub fn split<'a>(&self, normalized: &'a str) -> Vec<&'a str> {
        match self.unit {
            TokenUnit::Character => normalized.split_inclusive(|_| true).collect(),
            TokenUnit::Word => normalized.split_whitespace().collect(),
        }
    }

    /// Joins tokens to a text: words with a space between them.
    pub fn join<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> String {
        let between = match self.unit {
            TokenUnit::Character => "",
            TokenUnit::Word => " ",
        };
        let mut text = String::new();
        for (place, token) in tokens.into_iter().enumerate() {
            if place > 0 {
                text.push_str(between);
            }
            text.push_str(token);
        }
        text
    }
}

/// Every run of characters other than letters as one space, the letters in lower case.
fn letters(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphabetic() {
            kept.push(character.to_ascii_lowercase());
        } else if !kept.ends_with(' ') {
            kept.push(' ');
        }
    }
    kept
}

/// Lower case, with punctuation on its own.
fn sentences(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ',' | '.' | '!' | '?') && !kept.is_empty() && !kept.ends_with(' ') {
            kept.push(' ');
        }
        match character {
            '\u{a0}' | '\u{202f}' => kept.push(' '),
            _ => kept.extend(character.to_lowercase()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "The Time Machine, by H. G. Wells [1898]\n\n\nI\n  \u{2014}it's\r\n";

    #[test]
    fn rules_of_the_course() {
        let characters = TokenRules::COURSE_CHARACTERS.normalize(TEXT);
        assert_eq!(characters, "the time machine by h g wellsiit s");
        let words = TokenRules::COURSE_WORDS;
        let normalized = words.normalize(TEXT);
        assert_eq!(
            words.split(&normalized),
            [
                "the", "time", "machine", "by", "h", "g", "wells", "i", "it", "s"
            ]
        );
        let whole = TokenRules {
            normalization: Normalization::Letters,
            ..TokenRules::CHARACTERS
        };
        assert_eq!(
            whole.normalize(TEXT),
            "the time machine by h g wells i it s "
        );
    }

    #[test]
    fn punctuation_of_sentences_is_on_its_own() {
        let rules = TokenRules::COURSE_SENTENCES;
        let normalized = rules.normalize("Va\u{202f}! Ça va, Tom?\nI'm OK...");
        assert_eq!(
            rules.split(&normalized),
            [
                "va", "!", "ça", "va", ",", "tom", "?", "i'm", "ok", ".", ".", "."
            ]
        );
    }

    #[test]
    fn characters_are_not_bytes_and_tokens_join_to_the_text() {
        for (rules, text, count) in [
            (TokenRules::CHARACTERS, "é→a\n", 4),
            (TokenRules::WORDS, "été à la mer", 4),
        ] {
            let tokens = rules.split(text);
            assert_eq!(tokens.len(), count);
            assert_eq!(rules.join(tokens), text);
        }
        assert!(TokenRules::CHARACTERS.split("").is_empty());
    }
}
