use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tinderbox_core::nearest;

use super::Vocab;
use crate::{DataError, Result};

/// Word vectors that were trained elsewhere: files of GloVe and fastText.
///
/// Ids start at 1, in the order of the file; 0 is the unknown word, whose vector is 0 everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    /// The unknown word first.
    words: Vec<String>,
    ids: HashMap<String, u32>,
    numbers: Vec<f32>,
    size: usize,
}

impl WordVectors {
    /// The name of the unknown word.
    pub const UNKNOWN: &'static str = "<unk>";

    /// The vectors of a text file (`.txt`, `.vec`), also packed with gzip: a word and its numbers on each line,
    /// separated by spaces; a first line with the number of words and the size, as fastText writes it, is optional.
    /// At most `limit` words are read, the first ones of the file, which are the most frequent.
    ///
    /// The file is read line by line. A word that occurs again keeps its first vector.
    ///
    /// # Errors
    /// A file that cannot be read or holds no vector; a line with fewer numbers than the others, with something that
    /// is no number, or that is not UTF-8: the error names the line.
    pub fn read(path: impl AsRef<Path>, limit: Option<usize>) -> Result<Self> {
        let path = path.as_ref();
        let cannot_read = |source| DataError::File {
            path: path.to_owned(),
            source,
        };
        let mut lines = open(path).map_err(cannot_read)?;
        let mut vectors = Self {
            words: vec![Self::UNKNOWN.into()],
            ids: HashMap::new(),
            numbers: Vec::new(),
            size: 0,
        };
        let (mut bytes, mut number) = (Vec::new(), 0);
        while limit.is_none_or(|limit| vectors.len() < limit) {
            bytes.clear();
            if lines.read_until(b'\n', &mut bytes).map_err(cannot_read)? == 0 {
                break;
            }
            number += 1;
            let wrong = |problem: String| DataError::Line {
                path: path.to_owned(),
                line: number,
                problem,
            };
            let line = std::str::from_utf8(&bytes);
            let line = line.map_err(|_| wrong("it is not UTF-8; convert the file".into()))?;
            let line = line.trim_end_matches(['\n', '\r', ' ']);
            if line.is_empty() || (number == 1 && is_header(line)) {
                continue;
            }
            vectors.add(line).map_err(wrong)?;
        }
        match vectors.is_empty() {
            true => Err(DataError::Format {
                path: path.to_owned(),
                problem: "it holds no word vector; each line is a word and its numbers".into(),
            }),
            false => Ok(vectors),
        }
    }

    /// The word of a line and its numbers; a word may have spaces in it.
    fn add(&mut self, line: &str) -> std::result::Result<(), String> {
        if self.size == 0 {
            self.size = line.split(' ').count() - 1;
            if self.size == 0 {
                return Err("there are no numbers after the word".into());
            }
            self.numbers = vec![0.0; self.size];
        }
        let mut fields = line.rsplitn(self.size + 1, ' ');
        let mut row = vec![0.0; self.size];
        for (place, slot) in row.iter_mut().enumerate().rev() {
            let field = fields.next().unwrap_or_default();
            let count = self.size - 1 - place;
            let parsed = field
                .parse::<f32>()
                .ok()
                .filter(|number| number.is_finite());
            *slot = match parsed {
                Some(parsed) => parsed,
                // The word itself, or nothing before it.
                None if fields.next().is_none() => {
                    return Err(short(count, self.size));
                }
                None => return Err(format!("{field:?} is not a finite number")),
            };
        }
        let word = fields
            .next()
            .ok_or_else(|| short(self.size - 1, self.size))?;
        if !self.ids.contains_key(word) {
            self.ids.insert(word.to_owned(), self.words.len() as u32);
            self.words.push(word.to_owned());
            self.numbers.extend(row);
        }
        Ok(())
    }

    /// Number of words, without the unknown one.
    pub fn len(&self) -> usize {
        self.words.len() - 1
    }

    /// Whether there is no word; never true for vectors that were read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a vector.
    pub fn size(&self) -> usize {
        self.size
    }

    /// All words in the order of their ids, the unknown one first.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The id of a word; 0 for one that is not there.
    pub fn id(&self, word: &str) -> u32 {
        self.ids.get(word).copied().unwrap_or(0)
    }

    /// The vector of a word.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.ids.get(word).map(|&id| self.row(id as usize))
    }

    fn row(&self, id: usize) -> &[f32] {
        &self.numbers[id * self.size..][..self.size]
    }

    /// All vectors in the order of the ids, `[len + 1, size]` in row-major order.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// The vectors of the tokens of a vocabulary, `[tokens, size]` in row-major order, for the first layer of a model,
    /// and the number of tokens that have one; the others are 0.
    pub fn of_vocab(&self, vocab: &Vocab) -> (Vec<f32>, usize) {
        let mut rows = Vec::with_capacity(vocab.len() * self.size);
        let mut found = 0;
        for token in vocab.tokens() {
            let id = self.id(token) as usize;
            found += usize::from(id > 0);
            rows.extend(self.row(id));
        }
        (rows, found)
    }

    /// The `count` words whose vectors have the largest cosine with that of a word, without the word itself.
    ///
    /// # Errors
    /// A word that is not there, with the nearest spellings.
    pub fn similar(&self, word: &str, count: usize) -> Result<Vec<(&str, f32)>> {
        let vector = self.known(word)?;
        Ok(self.nearest_to(vector, count, &[word]))
    }

    /// The `count` words nearest to `b - a + c`: `a` is to `b` as `c` is to the result (Mikolov et al. 2013). The three
    /// words themselves are left out.
    ///
    /// # Errors
    /// A word that is not there, with the nearest spellings.
    pub fn analogy(&self, a: &str, b: &str, c: &str, count: usize) -> Result<Vec<(&str, f32)>> {
        let [from, to, of] = [self.known(a)?, self.known(b)?, self.known(c)?];
        let sum = from
            .iter()
            .zip(to)
            .zip(of)
            .map(|((from, to), of)| to - from + of);
        Ok(self.nearest_to(&sum.collect::<Vec<f32>>(), count, &[a, b, c]))
    }

    /// The `count` words whose vectors have the largest cosine with a vector.
    pub fn nearest_to(&self, vector: &[f32], count: usize, without: &[&str]) -> Vec<(&str, f32)> {
        let length = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let own = length(vector);
        let cosine = |id: usize| {
            let row = self.row(id);
            let product: f32 = row.iter().zip(vector).map(|(x, y)| x * y).sum();
            product / (length(row) * own).max(1e-9)
        };
        let mut all: Vec<(usize, f32)> = (1..self.words.len()).map(|id| (id, cosine(id))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let named = all
            .into_iter()
            .map(|(id, cosine)| (self.words[id].as_str(), cosine));
        named
            .filter(|(word, _)| !without.contains(word))
            .take(count)
            .collect()
    }

    fn known(&self, word: &str) -> Result<&[f32]> {
        self.get(word).ok_or_else(|| {
            let near = nearest(word, self.words.iter().skip(1).map(String::as_str), 3);
            let advice = match near.is_empty() {
                true => "read more words, or choose another".to_owned(),
                false => format!("the nearest spellings: {}", near.join(", ")),
            };
            DataError::Text {
                problem: format!("no vector for the word {word:?}; {advice}"),
            }
        })
    }
}

fn short(found: usize, size: usize) -> String {
    format!(
        "{found} numbers after the word, but the first line has {size}; the file may be cut off"
    )
}

/// The number of words and the size of a vector.
fn is_header(line: &str) -> bool {
    let fields: Vec<&str> = line.split(' ').collect();
    fields.len() == 2 && fields.iter().all(|field| field.parse::<u64>().is_ok())
}

/// The lines of a file, unpacked if it is packed.
fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(match packed {
        true => {
            let unpacked: Box<dyn Read> = Box::new(MultiGzDecoder::new(file));
            Box::new(BufReader::with_capacity(1 << 16, unpacked))
        }
        false => Box::new(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch;
    use crate::text::VocabConfig;

    /// The numbers that the course prints for the first words of GloVe 6B.50d.
    #[test]
    fn similar_words_and_analogies_are_those_of_the_course() {
        let folder = fetch("glove-6b-50d").unwrap_or_else(|error| panic!("{error}"));
        let path = folder.join("glove.6B.50d.first40k.txt.gz");
        let glove = WordVectors::read(&path, None).unwrap();
        assert_eq!((glove.len(), glove.size()), (40_000, 50));
        assert_eq!(glove.id("beautiful"), 3367);
        for (word, expected) in [
            (
                "chip",
                [("chips", 0.856), ("intel", 0.749), ("electronics", 0.749)],
            ),
            ("baby", [("babies", 0.839), ("boy", 0.800), ("girl", 0.792)]),
            (
                "beautiful",
                [("lovely", 0.921), ("gorgeous", 0.893), ("wonderful", 0.830)],
            ),
        ] {
            let similar = glove.similar(word, 3).unwrap();
            for ((word, cosine), (expected, value)) in similar.iter().zip(expected) {
                assert_eq!(*word, expected);
                assert!((cosine - value).abs() < 6e-4, "{word}: {cosine}");
            }
        }
        for (a, b, c, expected) in [
            ("man", "woman", "son", "daughter"),
            ("beijing", "china", "tokyo", "japan"),
            ("bad", "worst", "big", "biggest"),
            ("do", "did", "go", "went"),
        ] {
            assert_eq!(glove.analogy(a, b, c, 1).unwrap()[0].0, expected);
        }
        let few = WordVectors::read(&path, Some(100)).unwrap();
        assert_eq!(few.words(), &glove.words()[..101]);
        let error = few.similar("beautifull", 1).unwrap_err().to_string();
        assert!(
            error.contains("no vector for the word \"beautifull\""),
            "{error}"
        );
    }

    #[test]
    fn lines_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.vec");
        let read = |text: &[u8], limit| {
            std::fs::write(&path, text).unwrap();
            WordVectors::read(&path, limit).map_err(|error| error.to_string())
        };
        // fastText's first line, a word of two parts, Windows' ends of lines, a word twice.
        let vectors = read(
            b"3 2\r\nthe 1 2\r\nnew york 3 4 \r\nthe 5 6\r\n7 8 9\n",
            None,
        )
        .unwrap();
        assert_eq!(vectors.words(), ["<unk>", "the", "new york", "7"]);
        assert_eq!(vectors.get("new york").unwrap(), [3.0, 4.0]);
        assert_eq!(vectors.get("the").unwrap(), [1.0, 2.0]);
        assert_eq!(vectors.get("york"), None);
        let vocab = Vocab::fit(["7", "cat", "the"], &VocabConfig::default()).unwrap();
        let (rows, found) = vectors.of_vocab(&vocab);
        assert_eq!((rows, found), (vec![0., 0., 8., 9., 0., 0., 1., 2.], 2));

        let error = |text: &[u8]| read(text, None).unwrap_err();
        let short = error(b"the 1 2 3\nof 1 2\n");
        assert!(
            short.contains("line 2: 2 numbers after the word, but the first line has 3"),
            "{short}"
        );
        let cut = error(b"the 1 2 3\nof 1 2 3\nan");
        assert!(cut.contains("line 3: 0 numbers"), "{cut}");
        let text = error(b"the 1 2 3\nof 1 x 3\n");
        assert!(
            text.contains("line 2: \"x\" is not a finite number"),
            "{text}"
        );
        assert!(error(b"the 1 2\n\xff 1 2\n").contains("line 2: it is not UTF-8"));
        assert!(error(b"\n").contains("no word vector"));
        assert!(error(b"the\n").contains("line 1: there are no numbers"));
        // What is beyond the limit is not looked at.
        assert_eq!(read(b"the 1 2\nof x\n", Some(1)).unwrap().len(), 1);
        assert!(WordVectors::read(folder.path().join("none"), None).is_err());
    }
}
