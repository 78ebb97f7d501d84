use burn::tensor::Device;
use proptest::prelude::*;
use tempfile::TempDir;
use tinderbox_core::Seed;

use super::*;
use crate::text::{
    Normalization, Sampling, TextLoader, TokenRules, TokenUnit, VocabConfig, read_text,
};
use crate::{Batches, LastBatch};

const NORMALIZATIONS: [Normalization; 4] = [
    Normalization::None,
    Normalization::Letters,
    Normalization::LettersByLine,
    Normalization::Sentences,
];

struct Place {
    scratch: TempDir,
}

impl Place {
    fn with(text: &[u8]) -> Self {
        let place = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::write(place.text(), text).unwrap();
        place
    }

    fn text(&self) -> PathBuf {
        self.scratch.path().join("text.txt")
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("corpus")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn write(&self, rules: TokenRules) -> Result<Corpus> {
        let tokenizer = Tokenizer::fit_file(rules, self.text(), &VocabConfig::default())?;
        Corpus::write(self.folder(), self.text(), &tokenizer)
    }

    /// Names of what lies beside the text.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.scratch.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "text.txt").collect()
    }
}

const TEXT: &[u8] =
    "The Time Machine, by H. G. Wells [1898]\n\nI\r\n  it's caf\u{e9}!\n".as_bytes();

#[test]
fn a_loader_gives_the_batches_of_the_text_in_memory() {
    let place = Place::with(TEXT);
    let written = place.write(TokenRules::CHARACTERS).unwrap();
    let opened = Corpus::open(place.folder()).unwrap();
    assert_eq!(written.tokenizer(), opened.tokenizer());
    let memory = opened.tokenizer().encode(&read_text(place.text()).unwrap());
    assert_eq!(opened.ids().iter().collect::<Vec<_>>(), memory);
    assert_eq!(
        std::fs::metadata(place.file("tokens.bin")).unwrap().len(),
        2 * memory.len() as u64
    );
    let device = Device::flex();
    let numbers = |loader: &TextLoader, epoch| -> Vec<Vec<i64>> {
        let batches = loader.epoch(epoch, 1, &device).unwrap();
        let both = batches.flat_map(|batch| {
            let batch = batch.unwrap();
            [batch.inputs, batch.targets]
        });
        both.map(|ids| ids.into_data().iter::<i64>().collect())
            .collect()
    };
    for sampling in [Sampling::Random, Sampling::Sequential] {
        let [in_memory, mapped] =
            [memory.clone().into(), opened.ids().clone()].map(|ids: TokenIds| {
                let loader = TextLoader::new(ids, 5, 3, sampling).unwrap();
                loader.shuffle(Seed::new(7)).last_batch(LastBatch::Wrap)
            });
        assert_eq!(mapped.identity().unwrap(), in_memory.identity().unwrap());
        for epoch in 0..3 {
            assert_eq!(numbers(&mapped, epoch), numbers(&in_memory, epoch));
        }
    }
    let part = opened.ids().part(10..30).unwrap();
    assert_eq!(part.digest(), TokenIds::from(&memory[10..30]).digest());
}

#[test]
fn many_tokens_take_four_bytes() {
    let words: String = (0..70_000).map(|number| format!("w{number} ")).collect();
    let place = Place::with(words.as_bytes());
    let corpus = place.write(TokenRules::WORDS).unwrap();
    let expected: Vec<u32> = (1..=70_000).collect();
    assert_eq!(corpus.ids().iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        std::fs::metadata(place.file("tokens.bin")).unwrap().len(),
        280_000
    );
}

#[test]
fn a_corpus_that_was_cut_off_or_changed_is_refused() {
    let place = Place::with(TEXT);
    let count = place.write(TokenRules::CHARACTERS).unwrap().ids().len() as u64;
    let (ids, vocab) = (place.file("tokens.bin"), place.file("vocab.json"));
    let whole = std::fs::read(&ids).unwrap();
    let open = || Corpus::open(place.folder()).unwrap_err();
    for length in [0, 1, whole.len() - 2] {
        std::fs::write(&ids, &whole[..length]).unwrap();
        let error = open();
        assert!(
            matches!(error, DataError::CorpusSize { expected, found, .. }
                if expected == 2 * count && found == length as u64),
            "{error:?}"
        );
        let said = error.to_string();
        assert!(
            said.contains("delete the folder") && said.contains("write the corpus again"),
            "{said}"
        );
    }
    let mut other = whole.clone();
    other[6] ^= 1;
    std::fs::write(&ids, &other).unwrap();
    assert!(matches!(open(), DataError::CorpusDigest { path, .. } if path == ids));
    std::fs::write(&ids, &whole).unwrap();
    let text = std::fs::read_to_string(&vocab).unwrap();
    std::fs::write(&vocab, text.replace("\"T\"", "\"Z\"")).unwrap();
    assert!(matches!(open(), DataError::CorpusDigest { path, .. } if path == vocab));
    std::fs::write(&vocab, text).unwrap();
    assert!(Corpus::open(place.folder()).is_ok());

    let manifest = place.file("corpus.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    for (from, to) in [("\"version\": 1", "\"version\": 9"), ("{", "")] {
        std::fs::write(&manifest, text.replace(from, to)).unwrap();
        let error = open().to_string();
        assert!(error.contains("write the corpus again"), "{error}");
    }
    std::fs::remove_file(&manifest).unwrap();
    assert!(matches!(open(), DataError::File { path, .. } if path == manifest));
}

#[test]
fn a_text_that_cannot_be_read_leaves_nothing() {
    let tokenizer =
        Tokenizer::fit(TokenRules::CHARACTERS, "abc\n", &VocabConfig::default()).unwrap();
    for (bytes, part) in [
        (&b"abc\ncab\nca\xe9b\n"[..], "byte 10 (0xe9)"),
        (b"", "no text"),
        (b" \n\n", "no text"),
    ] {
        let place = Place::with(bytes);
        let write = || Corpus::write(place.folder(), place.text(), &tokenizer);
        let error = write().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        let error = Tokenizer::fit_file(
            TokenRules::CHARACTERS,
            place.text(),
            &VocabConfig::default(),
        );
        assert!(error.unwrap_err().to_string().contains(part));
        assert!(place.left().is_empty(), "{:?}", place.left());
    }
    // Digits are nothing to rules that keep letters.
    let place = Place::with(b"1898\n");
    let rules = TokenRules::COURSE_WORDS;
    let tokenizer = Tokenizer::fit(rules, "abc", &VocabConfig::default()).unwrap();
    let error = Corpus::write(place.folder(), place.text(), &tokenizer).unwrap_err();
    assert!(error.to_string().contains("no token"), "{error}");
    assert!(place.left().is_empty());
}

#[test]
fn a_corpus_is_never_overwritten() {
    let place = Place::with(TEXT);
    place.write(TokenRules::CHARACTERS).unwrap();
    std::fs::write(place.text(), "another text").unwrap();
    let error = place.write(TokenRules::CHARACTERS).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    assert!(Corpus::open(place.folder()).is_ok());
    assert_eq!(place.left(), ["corpus"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Line by line is the same as at once, for all rules.
    #[test]
    fn a_stream_has_the_tokens_of_the_text(
        text in "\u{feff}?[ aZ.,!\u{e9}\u{130}\u{3a3}\u{a0}\r\n]{0,40}x[ aZ.,!?\r\n]{0,40}",
        normalization in prop::sample::select(&NORMALIZATIONS[..]),
        words: bool,
    ) {
        let unit = if words { TokenUnit::Word } else { TokenUnit::Character };
        let rules = TokenRules { normalization, unit };
        let place = Place::with(text.as_bytes());
        let text = read_text(place.text()).unwrap();
        let in_memory = Tokenizer::fit(rules, &text, &VocabConfig::default()).unwrap();
        let corpus = place.write(rules).unwrap();
        prop_assert_eq!(corpus.tokenizer(), &in_memory);
        prop_assert_eq!(corpus.ids().iter().collect::<Vec<_>>(), in_memory.encode(&text));
    }
}
