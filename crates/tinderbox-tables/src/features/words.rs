//! The words of a text, and the bucket of each.

/// The words of a text in lower case: runs of two or more letters, digits and underscores, as scikit-learn's
/// `CountVectorizer` has them. Every Chinese or Japanese character is a word of its own.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        if (letter.is_alphanumeric() || letter == '_') && !is_word(letter) {
            word.push(letter);
            continue;
        }
        if word.chars().nth(1).is_some() {
            words.push(word.clone());
        }
        word.clear();
        if is_word(letter) {
            words.push(letter.to_string());
        }
    }
    words
}

/// The number of words of a text, for telling free text from a category: parts between blanks that contain a
/// letter; two Chinese or Japanese characters count as one. `a-b-c`, a path or an address is one word.
pub(super) fn count(text: &str) -> f64 {
    let parts = text.split_whitespace();
    let parts = parts.filter(|part| {
        part.chars()
            .any(|letter| letter.is_alphabetic() && !is_word(letter))
    });
    let characters = text.chars().filter(|&letter| is_word(letter));
    parts.count() as f64 + characters.count() as f64 / 2.0
}

/// Whether a character is written without blanks around words.
fn is_word(letter: char) -> bool {
    matches!(letter,
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2fa1f}')
}

/// Calls `each` with the bucket, below `width`, of every run of 1 to `longest` words.
pub(super) fn buckets(text: &str, width: usize, longest: usize, mut each: impl FnMut(usize)) {
    let words = words(text);
    for length in 1..=longest {
        for run in words.windows(length) {
            let hash = murmur3(run.join(" ").as_bytes()) as i32;
            each(hash.unsigned_abs() as usize % width);
        }
    }
}

/// MurmurHash3, 32 bits, seed 0 (Appleby 2011, public domain), which scikit-learn's `HashingVectorizer` uses.
fn murmur3(bytes: &[u8]) -> u32 {
    let scramble = |block: u32| {
        let block = block.wrapping_mul(0xcc9e_2d51).rotate_left(15);
        block.wrapping_mul(0x1b87_3593)
    };
    let mut hash = 0u32;
    let (blocks, rest) = bytes.as_chunks::<4>();
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash ^= scramble(u32::from_le_bytes(last));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_scikit_learn() {
        let found = words("Don't PAY 12 for a_b, Größe x 3!");
        assert_eq!(found, ["don", "pay", "12", "for", "a_b", "größe"]);
        assert_eq!(words("我喜欢 TV剧"), ["我", "喜", "欢", "tv", "剧"]);
        assert!(words("a , !").is_empty());
    }

    #[test]
    fn words_are_counted_by_blanks() {
        assert_eq!(count("not bad at all"), 4.0);
        assert_eq!(count("550e8400-e29b-41d4-a716-446655440000"), 1.0);
        assert_eq!(count("+49 30 1234567"), 0.0);
        assert_eq!(count("我喜欢这部电影"), 3.5);
    }

    #[test]
    fn hashes_of_known_texts() {
        // sklearn.utils.murmurhash3_32(text, 0, positive=True)
        let known = [
            ("", 0),
            ("a", 1009084850),
            ("good", 115441729),
            ("not good", 4183720645),
            ("größe", 3822294591),
        ];
        for (text, hash) in known {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text}");
        }
    }
}
