//! Tokenizers trained on a few words.

use tinderbox::data::DataError;
use tinderbox::data::text::{PretrainedTokenizer, TokenizerKind};

type Result<T> = std::result::Result<T, DataError>;

const TEXTS: [&str; 3] = [
    "low lower lowest low low lower",
    "new newer newest new newest",
    "wide wider widest Größe größe",
];

fn train(kind: TokenizerKind, size: usize) -> Result<PretrainedTokenizer> {
    PretrainedTokenizer::train(kind, TEXTS.iter(), size)
}

#[test]
fn byte_pairs_give_every_text_back() {
    let tokenizer = train(TokenizerKind::Bpe, 280).unwrap();
    assert!(tokenizer.vocabulary() > 265 && tokenizer.vocabulary() <= 280);
    for text in [
        TEXTS[0],
        "Größe, 我 and ünknown words",
        " spaces  and\nlines",
    ] {
        let ids = tokenizer.encode(text, true).unwrap();
        assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    }
    // Words of 30 bytes become few tokens.
    let ids = tokenizer.encode(TEXTS[0], false).unwrap();
    assert!(ids.len() < 20, "{ids:?}");
    assert_eq!(tokenizer.id("<|endoftext|>"), Some(0));
    let again = train(TokenizerKind::Bpe, 280).unwrap();
    assert_eq!(again.to_json().unwrap(), tokenizer.to_json().unwrap());
}

#[test]
fn word_pieces_have_berts_tokens_and_files_open_again() {
    let tokenizer = train(TokenizerKind::WordPiece, 60).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_json().unwrap()).unwrap();
    let open = PretrainedTokenizer::open(&path).unwrap();
    assert_eq!(open.to_json().unwrap(), tokenizer.to_json().unwrap());
    assert_eq!(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(|name| open.id(name).unwrap()),
        [0, 1, 2, 3, 4]
    );
    let ids = open.encode("LOWER newest", true).unwrap();
    assert_eq!((ids[0], *ids.last().unwrap()), (2, 3));
    assert_eq!(open.decode(&ids).unwrap(), "lower newest");
    assert_eq!(open.encode("我", false).unwrap(), [1], "unknown");
}

#[test]
fn sizes_and_texts_that_give_no_tokenizer_are_refused() {
    let message = |result: Result<PretrainedTokenizer>| result.unwrap_err().to_string();
    assert!(message(train(TokenizerKind::Bpe, 100)).contains("257 at least"));
    assert!(message(train(TokenizerKind::WordPiece, 8)).contains("8 tokens are too few"));
    let empty = [""; 2].iter();
    let empty = PretrainedTokenizer::train(TokenizerKind::WordPiece, empty, 100);
    assert!(message(empty).contains("no words"));
}
