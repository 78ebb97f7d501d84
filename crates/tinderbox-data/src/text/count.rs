use std::collections::HashMap;
use std::hash::Hash;

/// How often each token occurs, the most frequent first; of equal ones the one that occurs first.
///
/// ```
/// # use tinderbox_data::text::count_tokens;
/// assert_eq!(count_tokens(["b", "a", "c", "a"]), [("a", 2), ("b", 1), ("c", 1)]);
/// ```
pub fn count_tokens<T: Hash + Eq + Copy>(tokens: impl IntoIterator<Item = T>) -> Vec<(T, usize)> {
    let mut places: HashMap<T, usize> = HashMap::new();
    let mut counts: Vec<(T, usize)> = Vec::new();
    for token in tokens {
        let place = *places.entry(token).or_insert(counts.len());
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((token, 1)),
        }
    }
    // A stable sort: equal counts stay in the order of their first occurrence.
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

/// How often each sequence of `n` tokens occurs, in the order of [`count_tokens`].
///
/// Nothing for `n` of 0, or more than there are tokens.
///
/// ```
/// # use tinderbox_data::text::count_ngrams;
/// let words = ["to", "be", "or", "not", "to", "be"];
/// assert_eq!(count_ngrams(&words, 2)[0], (&["to", "be"][..], 2));
/// ```
pub fn count_ngrams<T: Hash + Eq>(tokens: &[T], n: usize) -> Vec<(&[T], usize)> {
    match n {
        0 => Vec::new(),
        n => count_tokens(tokens.windows(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch;
    use crate::text::{Normalization, TokenRules, Tokenizer, VocabConfig, read_text};

    #[test]
    fn no_ngrams_of_nothing() {
        assert!(count_ngrams(&["a"], 0).is_empty());
        assert!(count_ngrams(&["a"], 2).is_empty());
    }

    /// The counts that the course prints for The Time Machine.
    #[test]
    fn counts_of_the_time_machine() {
        let folder = fetch("time-machine").unwrap_or_else(|error| {
            panic!("{error}; `cargo xtask fetch time-machine` downloads the data set")
        });
        let text = read_text(folder.join("timemachine.txt")).unwrap();
        assert_eq!(text.lines().count(), 3221);

        let rules = TokenRules::COURSE_WORDS;
        let normalized = rules.normalize(&text);
        let words = rules.split(&normalized);
        let expected = [
            ("the", 2261),
            ("i", 1267),
            ("and", 1245),
            ("of", 1155),
            ("a", 816),
            ("to", 695),
            ("was", 552),
            ("in", 541),
            ("that", 443),
            ("my", 440),
        ];
        assert_eq!(count_tokens(words.iter().copied())[..10], expected);
        let bigrams = count_ngrams(&words, 2);
        assert_eq!(bigrams[0], (&["of", "the"][..], 309));
        assert_eq!(bigrams[1], (&["in", "the"][..], 169));
        let trigrams = count_ngrams(&words, 3);
        assert_eq!(trigrams[0], (&["the", "time", "traveller"][..], 59));

        let characters = TokenRules::COURSE_CHARACTERS;
        let tokenizer = Tokenizer::fit(characters, &text, &VocabConfig::default()).unwrap();
        assert_eq!(tokenizer.vocab().len(), 28);
        assert_eq!(tokenizer.vocab().tokens()[..4], ["<unk>", " ", "e", "t"]);
        assert_eq!(tokenizer.encode(&text).len(), 170_580);
        let whole = TokenRules {
            normalization: Normalization::Letters,
            ..characters
        };
        assert_eq!(whole.split(&whole.normalize(&text)).len(), 173_428);
    }
}
